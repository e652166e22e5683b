import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Block,
  cidrsOf,
  coverInternet,
  type Family,
  largePublicParts,
  mayCompleteWorld,
  merge,
  type Range,
  readCidr,
  subtract,
} from "../../rulebook/cidr";

/** A block in short: "ipv4 0a000000-0affffff". */
function show({ family, first, last }: Block): string {
  const digits = family === "ipv4" ? 8 : 32;
  const hex = (value: bigint) => value.toString(16).padStart(digits, "0");
  return `${family} ${hex(first)}-${hex(last)}`;
}

const WORLD4 = "ipv4 00000000-ffffffff";
const WORLD6 = `ipv6 ${"0".repeat(32)}-${"f".repeat(32)}`;

const readable: [cidr: string, blocks: string[]][] = [
  ["10.0.0.0/8", ["ipv4 0a000000-0affffff"]],
  ["10.1.2.3/8", ["ipv4 0a000000-0affffff"]],
  ["203.0.113.7/32", ["ipv4 cb007107-cb007107"]],
  [" 10.0.0.0/8 ", ["ipv4 0a000000-0affffff"]],
  ["128.0.0.0/1", ["ipv4 80000000-ffffffff"]],
  ["0.0.0.0/0", [WORLD4]],
  ["8.8.8.8/0", [WORLD4]],
  ["0.0.0.0/00", [WORLD4]],
  ["1/0", [WORLD4]],
  ["::/0", [WORLD6]],
  ["0000::/0", [WORLD6]],
  ["ff:ff:ff:ff:ff:ff:ff:ff/0", [WORLD6]],
  ["::ffff:0.0.0.0/0", [WORLD6]],
  ["/0", [WORLD4, WORLD6]],
  ["the world/0", [WORLD4, WORLD6]],
  [`${"1".repeat(100_000)}/0`, [WORLD4, WORLD6]],
  ["::ffff:0.0.0.0/96", [WORLD4]],
  ["::ffff:0:0/96", [WORLD4]],
  ["::ffff:128.0.0.0/97", ["ipv4 80000000-ffffffff"]],
  [
    "::ffff:0:0/95",
    [`ipv6 ${"0".repeat(20)}fffe${"0".repeat(8)}-${"0".repeat(20)}${"f".repeat(12)}`],
  ],
  ["2001:DB8::1/32", [`ipv6 20010db8${"0".repeat(24)}-20010db8${"f".repeat(24)}`]],
];

const unreadable: [what: string, cidr: unknown][] = [
  ["an address without a length", "72.21.210.165"],
  ["a port instead of a length", "250.250.250.1:8451"],
  ["a length beyond the family's", "1.2.3.4/33"],
  ["a length beyond IPv6's", "::/129"],
  ["a negative length", "1.2.3.4/-1"],
  ["a netmask", "10.0.0.0/255.0.0.0"],
  ["two lengths", "10.0.0.0/8/8"],
  ["an octet too large", "256.0.0.0/8"],
  ["an octal octet, which ipaddr.js reads as 8.0.0.0", "010.0.0.0/8"],
  ["a hexadecimal octet, which ipaddr.js reads", "0x7f.0.0.1/8"],
  ["one part, which ipaddr.js reads as 0.0.0.10", "10/8"],
  ["three parts, which ipaddr.js reads", "10.0.0/24"],
  ["a zone", "fe80::1%eth0/64"],
  ["what is not known yet", "unknown"],
  ["nothing", ""],
  ["a text longer than any CIDR", `${"1".repeat(100)}.0.0.0/8`],
  ["a number", 10],
  ["null", null],
];

describe("readCidr", () => {
  for (const [cidr, blocks] of readable) {
    it(`reads ${cidr.slice(0, 40)}`, () => assert.deepEqual(readCidr(cidr)?.map(show), blocks));
  }
  for (const [what, cidr] of unreadable) {
    it(`does not guess at ${what}`, () => assert.equal(readCidr(cidr), undefined));
  }
  it("never throws", () => {
    fc.assert(fc.property(fc.anything(), (cidr) => void readCidr(cidr)));
    const nearly = fc.stringMatching(/^[0-9a-f:./%x]{0,70}$/);
    fc.assert(fc.property(nearly, (cidr) => void readCidr(cidr)));
  });
});

describe("coverInternet", () => {
  const cases: [name: string, cidrs: string[], family: Family, expected: boolean][] = [
    ["all of it", ["0.0.0.0/0"], "ipv4", true],
    ["two halves", ["0.0.0.0/1", "128.0.0.0/1"], "ipv4", true],
    ["one half", ["0.0.0.0/1"], "ipv4", false],
    ["all but multicast and reserved", ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"], "ipv4", true],
    ["all but one address", missingOne(), "ipv4", false],
    ["IPv6 unicast", ["2000::/3"], "ipv6", true],
    ["IPv6 unicast in halves", ["2000::/4", "3000::/4"], "ipv6", true],
    ["half of IPv6 unicast", ["2000::/4"], "ipv6", false],
    ["all of IPv6 but unicast", ["::/3", "4000::/2", "8000::/1"], "ipv6", false],
    ["the other family", ["::/0"], "ipv4", false],
    ["nothing", [], "ipv4", false],
  ];
  for (const [name, cidrs, family, expected] of cases) {
    it(`${expected}: ${name}`, () =>
      assert.equal(coverInternet(cidrs.flatMap(blocks), family), expected));
  }

  const ipv4NeverPublic = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
  ];
  for (const cidr of ipv4NeverPublic) {
    it(`does not miss ${cidr}, but misses the address after it`, () => {
      const [hole] = blocks(cidr);
      assert.ok(hole);
      assert.ok(coverInternet(without([hole]), "ipv4"));
      // After 240.0.0.0/4 there is none; the one before it is multicast: 8.8.8.8 stands for both.
      const after = hole.last + 1n;
      const [dns] = blocks("8.8.8.8/32");
      const next = after < 0xe0000000n ? { ...hole, first: after, last: after } : (dns ?? hole);
      assert.equal(coverInternet(without([hole, next]), "ipv4"), false);
    });
  }
});

describe("mayCompleteWorld", () => {
  const cases: [cidr: string, expected: boolean][] = [
    ["0.0.0.0/0", true],
    ["0.0.0.0/1", true],
    ["8.0.0.0/8", true],
    ["8.0.0.0/9", false],
    ["10.0.0.0/7", true],
    ["10.0.0.0/8", false],
    ["100.0.0.0/8", true],
    ["240.0.0.0/4", false],
    ["224.0.0.0/3", false],
    ["203.0.113.0/24", false],
    ["::/0", true],
    ["2600::/12", true],
    ["2600::/16", true],
    ["2600::/17", false],
    ["2001:db8::/32", false],
    ["fc00::/7", false],
    ["::/3", false],
    ["::ffff:8.0.0.0/104", true],
    ["unknown", true],
    ["pl-1234", true],
  ];
  for (const [cidr, expected] of cases) {
    it(`${expected}: ${cidr}`, () => assert.equal(mayCompleteWorld(cidr), expected));
  }
});

describe("largePublicParts", () => {
  it("joins narrow blocks, and leaves out what is trusted", () => {
    const halves = ["8.0.0.0/9", "8.128.0.0/9"].flatMap(blocks);
    assert.deepEqual(largePublicParts(halves, []), ["ipv4"]);
    assert.deepEqual(largePublicParts(halves, blocks("8.0.0.0/10")), []);
    assert.deepEqual(largePublicParts(blocks("::/0"), []), ["ipv6"]);
  });
});

describe("ranges", () => {
  const range = fc
    .tuple(fc.bigInt(0n, 40n), fc.bigInt(0n, 8n))
    .map(([first, more]): Range => ({ first, last: first + more }));
  const ranges = fc.array(range, { maxLength: 8 });
  const points = Array.from({ length: 50 }, (_, at) => BigInt(at));
  const inside = (among: Range[]) => (point: bigint) =>
    among.some(({ first, last }) => first <= point && point <= last);

  it("merged hold the same addresses, in order, with a gap between each two", () => {
    fc.assert(
      fc.property(ranges, (given) => {
        const merged = merge(given);
        assert.deepEqual(points.filter(inside(merged)), points.filter(inside(given)));
        merged.slice(1).forEach(({ first }, at) => {
          assert.ok(first > (merged[at]?.last ?? 0n) + 1n);
        });
      }),
    );
  });

  it("subtracted hold the addresses of the first that are in none of the second", () => {
    fc.assert(
      fc.property(ranges, ranges, (given, taken) => {
        assert.deepEqual(
          points.filter(inside(subtract(given, taken))),
          points.filter((point) => inside(given)(point) && !inside(taken)(point)),
        );
      }),
    );
  });
});

function blocks(cidr: string): Block[] {
  return readCidr(cidr) ?? [];
}

/** All of IPv4 without these. */
function without(holes: Range[]): Block[] {
  const world: Range = { first: 0n, last: 0xffffffffn };
  return subtract([world], holes).map((range) => ({ family: "ipv4", ...range }));
}

/** All of IPv4 but 0.0.0.0/0's one address 8.8.8.8, in 32 blocks. */
function missingOne(): string[] {
  const missing = 0x08080808;
  return Array.from({ length: 32 }, (_, at) => {
    const bits = at + 1;
    const flipped = (missing ^ (2 ** (32 - bits))) >>> 0;
    const octets = [24, 16, 8, 0].map((shift) => (flipped >>> shift) & 255);
    return `${octets.join(".")}/${bits}`;
  });
}

describe("ranges written as CIDRs", () => {
  it("are the fewest that hold them", () => {
    const range = (first: bigint, last: bigint) => ({ first, last });
    assert.deepEqual(cidrsOf("ipv4", [range(1n, 6n), range(7n, 8n)]), [
      "0.0.0.1/32",
      "0.0.0.2/31",
      "0.0.0.4/30",
      "0.0.0.8/32",
    ]);
    assert.deepEqual(cidrsOf("ipv4", [range(0n, (1n << 32n) - 1n)]), ["0.0.0.0/0"]);
    assert.deepEqual(cidrsOf("ipv6", [range(0n, (1n << 128n) - 1n)]), ["::/0"]);
    assert.deepEqual(cidrsOf("ipv6", [range(1n << 125n, (1n << 126n) - 1n)]), ["2000::/3"]);
  });
});
