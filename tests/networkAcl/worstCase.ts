import type { AclEntry } from "../../networkAcl/acl";
import type { BlockRequest } from "../../networkAcl/plan";

const entries: AclEntry[] = Array.from({ length: 20 }, (_, at) => ({
  number: at + 1,
  egress: false,
  action: "allow",
  protocol: "6",
  cidr: `2001:db8:${at.toString(16)}::${at + 1}/128`,
  fromPort: 20,
  toPort: 25,
}));

const pieces = Array.from({ length: 31 }, (_, at) => `2001:db8:${at.toString(16)}::/${48 + at}`);

/** A full ACL without a free number, and 31 sources of IPv6 in the world around them. */
export const worstCase: [AclEntry[], BlockRequest] = [
  entries,
  { sources: [...pieces, "::/0"], keep: ["2001:db8:7::/64"], ports: [22, 2222], most: 60 },
];

/** How long it takes, in milliseconds. */
export function timed(what: () => unknown): number {
  const start = performance.now();
  what();
  return performance.now() - start;
}
