import fc from "fast-check";
import type { AclEntry } from "../../networkAcl/acl";
import type { BlockRequest } from "../../networkAcl/plan";

const V4 = [
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.0.0.0/16",
  "10.0.128.0/17",
  "128.0.0.0/1",
  "10.0.0.7/32",
];
const V6 = ["::/0", "2000::/3", "2001:db8::/32", "2001:db8::/56", "2001:db8::1/128"];

const anywhere = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), fc.nat({ max: 32 }))
  .map(([one, two, bits]) => canonical([one, two, 0, 1], bits));

const cidr = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...V4) },
  { weight: 2, arbitrary: fc.constantFrom(...V6) },
  { weight: 2, arbitrary: anywhere },
);

function canonical(bytes: number[], bits: number): string {
  const kept = bytes.map((byte, at) => {
    const own = Math.min(8, Math.max(0, bits - 8 * at));
    return byte & (256 - 2 ** (8 - own));
  });
  return `${kept.join(".")}/${bits}`;
}

const ports = fc.constantFrom([22, 22], [0, 65535], [20, 25], [80, 80], [1024, 65535], [23, 2221]);

const rule = fc
  .tuple(
    fc.constantFrom("allow" as const, "deny" as const),
    fc.constantFrom("-1", "6", "17"),
    cidr,
    ports,
  )
  .map(([action, protocol, source, [fromPort, toPort]]) => {
    const fields = { egress: false, action, protocol, cidr: source };
    return protocol === "-1" ? fields : { ...fields, fromPort, toPort };
  });

/** Close together, with or without room in front, and where the numbers end. */
const number = fc.oneof(
  fc.integer({ min: 1, max: 14 }),
  fc.integer({ min: 1, max: 40 }).map((hundred) => hundred * 100),
  fc.integer({ min: 32755, max: 32766 }),
);

const DEFAULTS: AclEntry[] = [
  { number: 32767, egress: false, action: "deny", protocol: "-1", cidr: "0.0.0.0/0" },
  { number: 32768, egress: false, action: "deny", protocol: "-1", cidr: "::/0" },
  { number: 32767, egress: true, action: "deny", protocol: "-1", cidr: "0.0.0.0/0" },
  { number: 100, egress: true, action: "allow", protocol: "-1", cidr: "0.0.0.0/0" },
];

/** The entries of an ACL, its outbound ones and default denies among them. */
export const acl = fc
  .uniqueArray(fc.tuple(number, rule), { maxLength: 12, selector: ([one]) => one })
  .map((rules) => [...rules.map(([one, fields]) => ({ number: one, ...fields })), ...DEFAULTS]);

export const request: fc.Arbitrary<BlockRequest> = fc.record({
  sources: fc.array(cidr, { minLength: 1, maxLength: 4 }),
  keep: fc.array(cidr, { maxLength: 4 }),
  ports: fc.constantFrom([22], [22, 2222], [22, 23], [2222, 22]),
  most: fc.constantFrom(19, 19, 19, 12, 39),
});

const NARROW = [
  "10.0.0.0/30",
  "10.0.0.0/31",
  "10.0.0.2/31",
  "10.0.0.0/32",
  "10.0.0.1/32",
  "10.0.0.2/32",
  "10.0.0.3/32",
];

/** Everything that an entry may say of four addresses and of the world around them, for SSH. */
export const smallPieces: AclEntry[] = ["0.0.0.0/0", ...NARROW].flatMap((source) =>
  (["allow", "deny"] as const).map((action) => ({
    number: 1,
    egress: false,
    action,
    protocol: "6",
    cidr: source,
    fromPort: 22,
    toPort: 22,
  })),
);

/** ACLs and requests about four addresses, small enough to try all lists of entries. */
export const small: fc.Arbitrary<{ entries: AclEntry[]; asked: BlockRequest }> = fc.record({
  entries: fc
    .array(fc.constantFrom(...smallPieces), { minLength: 1, maxLength: 4 })
    .map((rules) => rules.map((one, at) => ({ ...one, number: 100 * (at + 1) }))),
  asked: fc.record({
    sources: fc.array(fc.constantFrom("0.0.0.0/0", ...NARROW), { minLength: 1, maxLength: 3 }),
    keep: fc.array(fc.constantFrom(...NARROW), { maxLength: 3 }),
    ports: fc.constant<number[]>([22]),
  }),
});
