import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { IpRanges } from "../../ipRanges/document";
import type { Notification } from "../../ipRanges/fetch";
import { type BundledRanges, refresh, written } from "../../ipRanges/refresh";

const file = readFileSync(join(__dirname, "..", "..", "ipRanges", "lastKnown.json"), "utf8");

const bundled: IpRanges = {
  syncToken: 1787411825,
  createDate: "2026-08-22-15-17-05",
  services: {
    CLOUD9: { b: ["192.0.2.0/29", "192.0.2.8/29"], a: ["2001:db8::/56"] },
    S3: { a: ["198.51.100.0/24"] },
  },
};
const newer: IpRanges = {
  syncToken: 1787411900,
  createDate: "2026-08-22-15-18-20",
  services: {
    ...bundled.services,
    CLOUD9: { b: ["192.0.2.8/29", "192.0.2.0/29", "192.0.2.16/29"] },
    EC2: { a: ["203.0.113.0/24"] },
    AMAZON: { a: ["203.0.113.0/24"] },
  },
};
const MD5 = "0123456789abcdef0123456789abcdef";

async function run(now: IpRanges, args: string[] = []) {
  const asked: [number, Notification | undefined][] = [];
  const lines: string[] = [];
  let text: string | undefined;
  const failed = await refresh(args, {
    bundled,
    fetchRanges: async (oldest, notified) => {
      asked.push([oldest, notified]);
      return now;
    },
    write: (its) => {
      text = its;
    },
    print: (line) => lines.push(line),
  }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  return { asked, lines, text, failed };
}

describe("the refresh of the bundled ranges", () => {
  it("writes what AWS publishes, without what everybody can rent, in order", async () => {
    const { asked, lines, text, failed } = await run(newer);
    assert.deepEqual([asked, failed], [[[bundled.syncToken, undefined]], undefined]);
    assert.equal(
      text,
      `{
  "source": "https://ip-ranges.amazonaws.com/ip-ranges.json as of 2026-08-22 15:18:20 UTC, fetched over TLS; without the services AMAZON and EC2",
  "syncToken": 1787411900,
  "createDate": "2026-08-22-15-18-20",
  "services": {
    "CLOUD9": {
      "b": ["192.0.2.0/29", "192.0.2.16/29", "192.0.2.8/29"]
    },
    "S3": {
      "a": ["198.51.100.0/24"]
    }
  }
}
`,
    );
    assert.deepEqual(lines, [
      "CLOUD9: 1 ranges more, 1 less",
      "ipRanges/lastKnown.json is of 2026-08-22-15-18-20 now, and was of 2026-08-22-15-17-05. Review it, and deploy it: what it says is trusted where trustedCidrs names the service",
    ]);
  });

  it("writes as the bundled copy is written", () => {
    assert.equal(written(JSON.parse(file) as BundledRanges), file);
  });

  it("holds the document to a notification", async () => {
    const { asked, text } = await run(newer, ["--sync-token", "1787411900", "--md5", MD5]);
    assert.deepEqual(asked, [[bundled.syncToken, { syncToken: 1787411900, md5: MD5 }]]);
    assert.match(text ?? "", /15:18:20 UTC, held to the MD5 of AWS's notification;/);
  });

  const wrong = [
    ["--md5", MD5],
    ["--sync-token", "1787411900"],
    ["--sync-token", "x", "--md5", MD5],
  ];
  for (const args of wrong) {
    it(`fetches nothing by ${args.join(" ")}`, async () => {
      const { asked, text, failed } = await run(newer, args);
      assert.deepEqual([asked, text], [[], undefined]);
      assert.match(failed ?? "", /they should be ten digits and 32 hexadecimal ones$/);
    });
  }

  it("refuses a service most of whose ranges are gone, unless it is meant", async () => {
    const { S3: _, ...services } = newer.services;
    const { text, failed } = await run({ ...newer, services });
    assert.deepEqual(
      [text, failed],
      [
        undefined,
        "more than half of the ranges of S3 are gone in the document of 2026-08-22-15-18-20: if AWS meant that, --accept-shrink takes it",
      ],
    );
    const meant = await run({ ...newer, services }, ["--accept-shrink"]);
    assert.deepEqual(meant.lines.slice(0, 2), [
      "CLOUD9: 1 ranges more, 1 less",
      "S3: 0 ranges more, 1 less",
    ]);
  });

  it("refuses a range that is too wide to be a service's", async () => {
    const services = { ...newer.services, S3: { a: ["0.0.0.0/1"] } };
    const { text, failed } = await run({ ...newer, services });
    assert.equal(text, undefined);
    assert.match(failed ?? "", /gives S3 the range/);
  });
});
