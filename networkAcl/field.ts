import { ADDRESS_BITS, type Family, type Range, within } from "../rulebook/cidr";
import { type AclEntry, sameEntry, sourceOf, tcpPortsOf } from "./acl";
import { ALLOW, DENY, NOTHING, type Segment } from "./cover";

/** What decides a packet, now or when the blocks of others are gone: an entry, by its position. */
interface Decider {
  position: number;
  action: "allow" | "deny";
}

/** Neighbouring addresses that the same entries match, with what decides on each group of ports. */
interface Stripe extends Range {
  cells: { blocked: boolean; deciders: Decider[] }[];
}

/** The packets of one family to a range of TCP ports, as one ACL decides on them. */
export interface Field {
  ports: [from: number, to: number];
  /** The inbound entries that are about such packets, in the order in which they count. */
  entries: AclEntry[];
  stripes: Stripe[];
  /** What must be denied comes before the entry of this position; undefined: all of it is denied. */
  latest: number | undefined;
}

export interface FieldRequest {
  family: Family;
  /** The ports from the first to the last of these, both included. */
  sshPorts: number[];
  /** The sources that are to be blocked, of this family. */
  blocked: Range[];
  /** The entries that other blocks made: each block's go together when it is lifted. */
  foreign: AclEntry[][];
}

export function fieldOf(inbound: AclEntry[], request: FieldRequest): Field {
  const { family, sshPorts, blocked, foreign } = request;
  const ports: Field["ports"] = [Math.min(...sshPorts), Math.max(...sshPorts)];
  const entries = inbound.filter((entry) => {
    const [from, to] = tcpPortsOf(entry);
    return sourceOf(entry)?.family === family && from <= ports[1] && to >= ports[0];
  });
  const known = entries.map((entry, position) => ({
    source: sourceOf(entry) as Range,
    ports: tcpPortsOf(entry),
    decider: { position, action: entry.action },
    block: foreign.findIndex((made) => made.some((one) => sameEntry(one, entry))),
  }));
  const starts = portStarts(ports, sshPorts, known);
  const stripes = split(family, [...blocked, ...known.map(({ source }) => source)]).map((range) => {
    const isBlocked = within(range, blocked);
    const matching = known.filter(({ source }) => within(range, [source]));
    const cells = starts.map((port) => {
      const hit = matching.filter(({ ports: [from, to] }) => from <= port && port <= to);
      const own = hit.findIndex(({ block }) => block < 0);
      // While a block is there, its first entry that matches decides before all others of its own.
      const reached = (own < 0 ? hit : hit.slice(0, own + 1)).filter(
        ({ block }, at) => block < 0 || hit.findIndex((one) => one.block === block) === at,
      );
      const deciders = reached.map(({ decider }) => decider);
      // What no entry matches is denied.
      if (own < 0) deciders.push({ position: Number.POSITIVE_INFINITY, action: "deny" });
      return { blocked: isBlocked && sshPorts.includes(port), deciders };
    });
    return { ...range, cells };
  });
  const allowing = stripes.flatMap(({ cells }) =>
    cells
      .filter(isOpen)
      .flatMap(({ deciders }) => deciders.filter(({ action }) => action === "allow")),
  );
  const latest = allowing.length
    ? Math.min(...allowing.map(({ position }) => position))
    : undefined;
  return { ports, entries, stripes, latest };
}

type Cell = Stripe["cells"][number];

/** Is it to be blocked, and allowed as soon as the blocks of others are gone? */
function isOpen({ blocked, deciders }: Cell): boolean {
  return blocked && deciders.at(-1)?.action === "allow";
}

/**
 * What entries before a position may say of each source, with every packet of this field decided as
 * before, or denied where it is to be blocked: now, and when the blocks of others are gone.
 */
export function segmentsAt(field: Field, position: number): Segment[] {
  return field.stripes.map(({ first, last, cells }) => {
    const may = cells.reduce((all, cell) => all & sayable(cell, position), NOTHING | DENY | ALLOW);
    return { first, last, may };
  });
}

function sayable(cell: Cell, position: number): number {
  if (isOpen(cell)) return DENY;
  // What an entry before decides never gets here.
  const behind = cell.deciders.filter((decider) => decider.position >= position);
  const isAll = (one: "allow" | "deny") => behind.every(({ action }) => action === one);
  return NOTHING | (isAll("deny") || cell.blocked ? DENY : 0) | (isAll("allow") ? ALLOW : 0);
}

/** The first of each group of ports that the entries and the request treat alike. */
function portStarts(
  [first, last]: Field["ports"],
  sshPorts: number[],
  known: { ports: [number, number] }[],
): number[] {
  const ends = known.flatMap(({ ports: [from, to] }) => [from, to + 1]);
  const starts = [first, ...sshPorts.flatMap((port) => [port, port + 1]), ...ends];
  return unique(starts.filter((port) => port >= first && port <= last));
}

/** The whole family, cut where one of the ranges begins or ends. */
function split(family: Family, ranges: Range[]): Range[] {
  const end = 1n << BigInt(ADDRESS_BITS[family]);
  const starts = unique([0n, ...ranges.flatMap(({ first, last }) => [first, last + 1n]), end]);
  return starts.slice(0, -1).map((first, at) => ({ first, last: (starts[at + 1] as bigint) - 1n }));
}

function unique<T extends number | bigint>(values: T[]): T[] {
  return [...new Set(values)].sort((a, b) => Number(a > b) - Number(a < b));
}
