import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fetchIpRanges, readNotification } from "../../ipRanges/fetch";

const entry = (field: string, cidr: string) => ({ [field]: cidr, region: "r", service: "CLOUD9" });
const text = JSON.stringify({
  syncToken: "1787411825",
  createDate: "2026-08-22-15-17-05",
  prefixes: [entry("ip_prefix", "192.0.2.0/29")],
  ipv6_prefixes: [entry("ipv6_prefix", "2001:db8::/56")],
});
const token = 1787411825;
const md5 = createHash("md5").update(text).digest("hex");
const other = "0".repeat(32);

describe("the fetching of AWS's document", () => {
  let server: Server;
  let url: string;
  let answer: RequestListener;

  before(async () => {
    server = createServer((request, response) => answer(request, response));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    answer = (_, response) => response.end(text);
  });
  after(() => server.close());

  it("gives what is published", async () => {
    const ranges = await fetchIpRanges(token, undefined, url);
    assert.deepEqual(ranges, {
      syncToken: token,
      createDate: "2026-08-22-15-17-05",
      services: { CLOUD9: { r: ["192.0.2.0/29", "2001:db8::/56"] } },
    });
  });

  it("refuses a document that is older than the one known", async () => {
    await assert.rejects(fetchIpRanges(token + 1, undefined, url), /older than the 1787411826/);
  });

  it("holds it to the notification's MD5, unless it is newer than the notification", async () => {
    const notified = (syncToken: number, sum: string) =>
      fetchIpRanges(0, { syncToken, md5: sum }, url);
    assert.equal((await notified(token, md5.toUpperCase())).syncToken, token);
    await assert.rejects(notified(token, other), /the notification says 0000/);
    await assert.rejects(notified(token + 1, other), /the notification says 0000/);
    assert.equal((await notified(token - 1, other)).syncToken, token);
  });

  it("follows no redirect", async () => {
    answer = ({ url: path }, response) => {
      if (path === "/elsewhere") response.end(text);
      else response.writeHead(302, { location: "/elsewhere" }).end();
    };
    await assert.rejects(fetchIpRanges(0, undefined, url), /fetch failed/);
  });

  it("takes an answer of 200 alone", async () => {
    answer = (_, response) => response.writeHead(403).end(text);
    await assert.rejects(fetchIpRanges(0, undefined, url), /answered 403/);
  });

  it("stops reading what is too long", async () => {
    answer = (_, response) => {
      const piece = Buffer.alloc(1_000_000, " ");
      const more = () => {
        while (!response.destroyed) if (!response.write(piece)) return;
      };
      response.on("drain", more);
      more();
    };
    await assert.rejects(fetchIpRanges(0, undefined, url), /longer than 26000000 bytes/);
  });

  it("reads AWS's notification, and nothing else", () => {
    const said = { "create-time": "x", synctoken: "1787411825", md5, url: "https://evil.example" };
    assert.deepEqual(readNotification(JSON.stringify(said)), { syncToken: token, md5 });
    for (const wrong of ["", "null", "{}", JSON.stringify({ ...said, md5: "x" }), undefined]) {
      assert.equal(readNotification(wrong), undefined);
    }
  });
});
