import { type Block, readCidr } from "../rulebook/cidr";

/**
 * One rule of a network ACL.
 *
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkAclEntry.html
 */
export interface AclEntry {
  /** 1 to 32766, unique in its direction across both families; the default denies are above. */
  number: number;
  egress: boolean;
  action: "allow" | "deny";
  /** As DescribeNetworkAcls gives it: "-1" for all, "6" for TCP, or another protocol's number. */
  protocol: string;
  /** IPv4 or IPv6. */
  cidr: string;
  /** Of TCP and UDP. */
  fromPort?: number;
  toPort?: number;
  icmp?: { type: number; code: number };
}

/** An entry, as it was, and the number that it gets: the ACL has no other way to make room. */
export interface Move {
  entry: AclEntry;
  to: number;
  /** Another block made the entry, and takes it away when it is lifted. */
  foreign?: true;
}

/** What a block does to one ACL: the moves in this order, one after the other, then the additions. */
export interface AclChange {
  add: AclEntry[];
  move: Move[];
  /** Moves of blocks that were there before, which are undone by whichever is lifted last. */
  inherited?: Move[];
}

/** What a lift does: the removals, then the moves in this order, one after the other. */
export interface AclLift {
  remove: AclEntry[];
  move: Move[];
}

/**
 * The highest number that an entry of one's own may have.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html
 */
export const HIGHEST_NUMBER = 32766;

/** Where an entry's packets come from. No packet carries an IPv4-mapped IPv6 source. */
export function sourceOf({ cidr }: Pick<AclEntry, "cidr">): Block | undefined {
  const [block] = readCidr(cidr) ?? [];
  return block?.family === (cidr.includes(":") ? "ipv6" : "ipv4") ? block : undefined;
}

/**
 * The TCP ports that an entry is about, both ends included. "-1" is about all, whatever it names.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html
 */
export function tcpPortsOf({ protocol, fromPort = 0, toPort = 65535 }: AclEntry): [number, number] {
  if (protocol === "-1") return [0, 65535];
  // An inverted range is about no port.
  return protocol === "6" ? [fromPort, toPort] : [1, 0];
}

/** Is it the same rule, wherever it stands? AWS may spell an IPv6 block in another way. */
export function sameRule(a: AclEntry, b: AclEntry): boolean {
  return ruleOf(a) === ruleOf(b);
}

/** Is it the same rule with the same number? */
export function sameEntry(a: AclEntry, b: AclEntry): boolean {
  return a.number === b.number && sameRule(a, b);
}

function ruleOf(entry: AclEntry): string {
  const { egress, action, protocol, cidr, fromPort, toPort, icmp } = entry;
  const { first, last } = sourceOf(entry) ?? {};
  const source = first === undefined ? cidr : `${first}-${last}`;
  const family = cidr.includes(":");
  return JSON.stringify([egress, action, protocol, family, source, fromPort, toPort, icmp]);
}

/** The entries of both directions in the order in which AWS goes through them. */
export function inOrder(entries: AclEntry[]): AclEntry[] {
  return [...entries].sort(
    (a, b) => Number(a.egress) - Number(b.egress) || a.number - b.number || Number(a.cidr > b.cidr),
  );
}

/** How many inbound entries of one's own the family has that has more: each has the quota to itself. */
export function mostInUse(entries: AclEntry[]): number {
  const own = entries.filter(({ egress, number }) => !egress && number <= HIGHEST_NUMBER);
  const inIpv6 = own.filter(({ cidr }) => cidr.includes(":")).length;
  return Math.max(inIpv6, own.length - inIpv6);
}

/**
 * The entries after a block or a lift, in order.
 *
 * @throws where an entry to remove or to move is not there, or a number is taken: EC2 would refuse.
 */
export function applied(
  entries: AclEntry[],
  { remove = [], move = [], add = [] }: Partial<AclChange & AclLift>,
): AclEntry[] {
  let now = entries;
  const take = (entry: AclEntry) => {
    const left = now.filter((other) => !sameEntry(other, entry));
    if (left.length === now.length) throw new Error(`${describe(entry)} is not in the ACL`);
    now = left;
  };
  const put = (entry: AclEntry) => {
    const { number, egress } = entry;
    const there = now.find((other) => other.number === number && other.egress === egress);
    if (there)
      throw new Error(`${describe(entry)} needs a free number, but ${describe(there)} has it`);
    now = [...now, entry];
  };
  for (const entry of remove) take(entry);
  for (const { entry, to } of move) {
    put({ ...entry, number: to });
    take(entry);
  }
  for (const entry of add) put(entry);
  return inOrder(now);
}

/** An entry as a person reads it: "inbound entry 100 (allow 10.0.0.0/8, protocol -1)". */
export function describe({
  number,
  egress,
  action,
  protocol,
  cidr,
  fromPort,
  toPort,
}: AclEntry): string {
  const ports = fromPort === undefined ? "" : `, ports ${fromPort}-${toPort}`;
  const direction = egress ? "outbound" : "inbound";
  return `${direction} entry ${number} (${action} ${cidr}, protocol ${protocol}${ports})`;
}
