import assert from "node:assert/strict";
import { bundledRanges } from "../../ipRanges/bundled";
import {
  isSuspiciousShrink,
  notPublished,
  publishedCidrs,
  rangesName,
  readIpRanges,
  readRangesOf,
} from "../../ipRanges/document";
import { mayCompleteWorld, readCidr } from "../../rulebook/cidr";

const entry = (field: string, cidr: string, region = "us-east-1", service = "CLOUD9") => ({
  [field]: cidr,
  region,
  service,
  network_border_group: region,
});
const whole = {
  syncToken: "1787411825",
  createDate: "2026-08-22-15-17-05",
  prefixes: [
    entry("ip_prefix", "192.0.2.0/29"),
    entry("ip_prefix", "192.0.2.8/29", "eu-west-1"),
    entry("ip_prefix", "192.0.2.0/29"),
    entry("ip_prefix", "198.51.100.0/24", "GLOBAL", "EC2"),
  ],
  ipv6_prefixes: [entry("ipv6_prefix", "2001:db8::/56")],
};
const read = (over: object = {}) => readIpRanges(JSON.stringify({ ...whole, ...over }));

describe("AWS's document of address ranges", () => {
  it("is read into services and regions, with both families", () => {
    assert.deepEqual(read(), {
      syncToken: 1787411825,
      createDate: "2026-08-22-15-17-05",
      services: {
        CLOUD9: {
          "us-east-1": ["192.0.2.0/29", "192.0.2.0/29", "2001:db8::/56"],
          "eu-west-1": ["192.0.2.8/29"],
        },
        EC2: { GLOBAL: ["198.51.100.0/24"] },
      },
    });
  });

  it("gives a service's CIDRs in a region or in all, each once, IPv4 first", () => {
    const of = (region?: string) =>
      publishedCidrs(read(), { service: "CLOUD9", ...(region && { region }) });
    assert.deepEqual(of("us-east-1"), ["192.0.2.0/29", "2001:db8::/56"]);
    assert.deepEqual(of(), ["192.0.2.0/29", "192.0.2.8/29", "2001:db8::/56"]);
  });

  const broken: [name: string, text: string, said: RegExp][] = [
    ["no JSON", "<html>", /no JSON object: it begins with "<html>"/],
    ["a list", "null", /no JSON object/],
    ["no token", JSON.stringify({ ...whole, syncToken: "soon" }), /syncToken "soon"/],
    ["no date", JSON.stringify({ ...whole, createDate: 1 }), /createDate 1/],
    ["no IPv6", JSON.stringify({ ...whole, ipv6_prefixes: [] }), /no list of ipv6_prefix/],
    ["no IPv4", JSON.stringify({ ...whole, prefixes: {} }), /no list of ip_prefix/],
    ["an empty entry", JSON.stringify({ ...whole, prefixes: [null] }), /has the entry null/],
    [
      "a service that is a prototype",
      JSON.stringify({
        ...whole,
        prefixes: [entry("ip_prefix", "192.0.2.0/29", "us-east-1", "__proto__")],
      }),
      /has the entry/,
    ],
  ];
  for (const [name, text, said] of broken) {
    it(`is refused with ${name}`, () => {
      assert.throws(() => readIpRanges(text), { name: "IpRangesUnusable", message: said });
    });
  }

  it("opens nothing to the world, and to no text that is no CIDR", () => {
    for (const cidr of ["0.0.0.0/0", "3.0.0.0/8", "::/0", "192.0.2.0"]) {
      const ranges = read({ prefixes: [entry("ip_prefix", cidr)] });
      assert.throws(() => publishedCidrs(ranges, { service: "CLOUD9" }), /narrower than \/8/, cidr);
    }
  });

  it("says what may have been meant where a service or region is not published", () => {
    const ranges = read();
    const cases: [service: string, region: string | undefined, said: RegExp | undefined][] = [
      ["CLOUD9", undefined, undefined],
      ["CLOUD9", "eu-west-1", undefined],
      ["CLOUD9", "eu-west-2", /"eu-west-2": near it are eu-west-1/],
      ["cloud9", undefined, /service "cloud9": near it are CLOUD9/],
      ["nothing", undefined, /there are CLOUD9, EC2/],
      ["toString", undefined, /no ranges of a service/],
      ["CLOUD9", "toString", /no ranges of CLOUD9/],
      ["EC2", undefined, /every customer/],
      ["AMAZON", undefined, /every customer/],
    ];
    for (const [service, region, said] of cases) {
      const wrong = notPublished(ranges, { service, ...(region && { region }) });
      if (said) assert.match(String(wrong), said);
      else assert.equal(wrong, undefined);
    }
  });

  it("shrinks suspiciously when more than half is gone", () => {
    const before = ["a", "b", "c", "d"];
    assert.deepEqual(
      [before, ["c", "d", "e"], ["d", "e", "f", "g"], []].map((now) =>
        isSuspiciousShrink(before, now),
      ),
      [false, false, true, true],
    );
    assert.equal(isSuspiciousShrink([], ["a"]), false);
  });

  it("is named as settings write it", () => {
    const names = ["aws:CLOUD9", "aws:CLOUD9:us-east-1"];
    assert.deepEqual(
      names.map(readRangesOf).map((of) => of && rangesName(of)),
      names,
    );
    assert.deepEqual(["aws:", "aws:A:", "A", "aws:A:b:c"].map(readRangesOf), [
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("has a bundled copy, with source and date, whose ranges are all narrow", () => {
    const { source, createDate } = require("../../ipRanges/lastKnown.json");
    const at = new Date(bundledRanges.syncToken * 1000).toISOString();
    assert.ok(source.includes(`${at.slice(0, 10)} ${at.slice(11, 19)} UTC`));
    assert.equal(createDate, at.slice(0, 19).replaceAll(/[T:]/g, "-"));
    const all = Object.values(bundledRanges.services).flatMap((regions) => Object.values(regions));
    const bad = all.flat().filter((cidr) => !readCidr(cidr) || mayCompleteWorld(cidr));
    assert.deepEqual(bad, []);
  });
});
