import {
  ADDRESS_BITS,
  type Block,
  cidrsOf,
  type Family,
  families,
  ofFamily,
  type Range,
  readCidr,
  subtract,
  writeCidr,
} from "../rulebook/cidr";
import {
  type AclChange,
  type AclEntry,
  HIGHEST_NUMBER,
  inOrder,
  type Move,
  sameEntry,
  sourceOf,
} from "./acl";
import { count, cover, DENY, type Piece, pieces, piecesWithin, type Segment } from "./cover";
import { type Field, fieldOf, segmentsAt } from "./field";
import { freeBetween, makeRoom, movesInOrder, type Place } from "./numbers";
import { distinct, entriesNow, movesOf, sameBlock } from "./trace";

/** An inbound block of TCP. */
export interface BlockRequest {
  /** CIDRs whose packets are to be denied, */
  sources: string[];
  /** but for these: trusted, let in by another rule, the VPC's own. */
  keep: string[];
  /** The TCP ports that carry SSH. */
  ports: number[];
  /** Entries of one's own that the ACL takes, in each family and direction. */
  most?: number;
}

export interface BlockPlan extends AclChange {
  /** What could not be blocked, as sentences. */
  notes: string[];
}

/**
 * The quota is 20 rules one way, in each family, and the default deny is one of them. It can be
 * raised, to 40.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-nacls
 */
export const MOST_ENTRIES = 19;

/**
 * The fewest entries that deny TCP to the ports from the sources but for `keep`, and change nothing
 * for any other packet, neither now nor when the blocks of others are gone.
 *
 * An entry that allows is among them only where packets that the ACL allows are kept out of a wider
 * deny; what the ACL denies already gets no entry. New entries stand directly before the first one
 * that allows what is to be blocked; where no number is free there, further ahead, and where that
 * takes more entries, others are moved.
 *
 * Where the quota is too small, as many addresses are blocked as can be, never one more than asked,
 * and a note names the others.
 *
 * @param entries of both directions, the default denies included or not.
 * @param all the blocks on this ACL that are not lifted yet, the oldest first.
 * @param standing of these, one whose entries count as if they stayed.
 */
export function planBlock(
  entries: AclEntry[],
  request: BlockRequest,
  all: AclChange[] = [],
  standing?: AclChange,
): BlockPlan {
  const others = distinct(all);
  const { sources, keep, ports, most = MOST_ENTRIES } = request;
  const inbound = inOrder(entries.filter(({ egress }) => !egress));
  const foreign = others.flatMap((other, at) =>
    standing && sameBlock(other, standing)
      ? []
      : [entriesNow(entries, other, others.slice(at + 1))],
  );
  const places: Place[] = inbound
    .filter(({ number }) => number <= HIGHEST_NUMBER)
    .map((entry) => ({ entry, number: entry.number, was: entry.number }));

  // Three blocks that move each other's entries could not all be lifted without a trace.
  const fixed = others.length > 1 ? foreign.flat() : [];
  const mayMove = ({ entry, was }: Place) =>
    was === undefined || !fixed.some((one) => sameEntry(one, { ...entry, number: was }));

  const notes = [...unreadable(sources, "is not blocked"), ...unreadable(keep, "is not kept")];
  const wanted = read(sources);
  const kept = read(keep);
  const sshPorts = [...new Set(ports)].sort((a, b) => a - b);
  for (const family of families) {
    const blocked = subtract(ofFamily(wanted, family), ofFamily(kept, family));
    if (blocked.length === 0) continue;
    for (const field of fieldsOf(inbound, { family, sshPorts, blocked, foreign })) {
      const used = places.filter(({ entry }) => sourceOf(entry)?.family === family).length;
      const room = Math.max(0, most - used);
      const missed = place(places, { field, family, room, mayMove });
      // What the blocks of others deny now is open once these are lifted.
      if (!missed) notes.push(missedNote(field, family, blocked, NO_NUMBER));
      else if (missed.length > 0)
        notes.push(missedNote(field, family, missed, usedUp(most, family)));
    }
  }
  return { ...changeOf(places, foreign.flat(), others), notes };
}

/**
 * The ranges of ports that take the fewest entries, with the ports between them where those are
 * denied anyway.
 */
function fieldsOf(inbound: AclEntry[], request: Parameters<typeof fieldOf>[1]): Field[] {
  const { sshPorts, family } = request;
  interface Plan {
    cost: number;
    fields: Field[];
  }
  const best: Plan[] = [{ cost: 0, fields: [] }];
  const priced = (from: number, to: number): Plan | undefined => {
    const field = fieldOf(inbound, { ...request, sshPorts: sshPorts.slice(from, to) });
    if (field.latest === undefined) return { cost: 0, fields: [] };
    const segments = segmentsAt(field, field.latest);
    if (segments.some(({ may }) => may === 0)) return undefined;
    return { cost: count(cover(segments, family)), fields: [field] };
  };
  for (let to = 1; to <= sshPorts.length; to++) {
    for (let from = to - 1; from >= 0; from--) {
      const before = best[from] as Plan;
      const last = priced(from, to);
      // What cannot be said of some of the ports cannot be said of more of them.
      if (last === undefined) break;
      const cost = before.cost + last.cost;
      if (cost >= (best[to]?.cost ?? Number.POSITIVE_INFINITY)) continue;
      best[to] = { cost, fields: [...before.fields, ...last.fields] };
    }
  }
  return best.at(-1)?.fields ?? [];
}

/**
 * Puts the new entries among the others.
 * @returns the sources that stay as they were for want of room; undefined where nothing was put, since
 *   what would have to move must stay.
 */
function place(
  places: Place[],
  {
    field,
    family,
    room,
    mayMove,
  }: { field: Field; family: Family; room: number; mayMove: (place: Place) => boolean },
): Range[] | undefined {
  const latest = field.latest as number;
  const at = (position: number) => places.find(({ entry }) => entry === field.entries[position]);
  const put = (list: Piece[], position: number) => {
    const before = at(position) as Place;
    const low = at(position - 1)?.number ?? 0;
    const numbers = freeBetween(places, low, before.number, list.length);
    if (numbers.length < list.length) return false;
    for (const [index, piece] of list.entries()) {
      const entry = entryOf(piece, field, family);
      places.push({ entry, number: numbers[index] as number });
    }
    return true;
  };
  const putAhead = (most: number) => {
    for (let ahead = latest - 1; ahead >= 0; ahead--) {
      const further = segmentsAt(field, ahead);
      // Where nothing may be said of a source, no entry can stand so far ahead.
      if (further.some(({ may }) => may === 0)) return false;
      const more = cover(further, family);
      // Still further ahead it takes no fewer.
      if (count(more) > most) return false;
      if (put(pieces(more), ahead)) return true;
    }
    return false;
  };

  const segments = segmentsAt(field, latest);
  const whole = pieces(cover(segments, family));
  const isWhole = whole.length <= room;
  const list = isWhole ? whole : piecesWithin(cover(segments, family), room);
  if (put(list, latest)) return missedBy(list, segments, family);
  // Others are moved rather than that entries are used up.
  if (isWhole && putAhead(whole.length)) return [];
  const low = at(latest - 1)?.number ?? 0;
  if (makeRoom(places, at(latest) as Place, low, { wanted: list.length, mayMove })) {
    put(list, latest);
    return missedBy(list, segments, family);
  }
  return isWhole && putAhead(room) ? [] : undefined;
}

function entryOf({ action, first, bits }: Piece, { ports }: Field, family: Family) {
  const [fromPort, toPort] = ports;
  const cidr = writeCidr(family, first, bits);
  return { egress: false, action, protocol: "6", cidr, fromPort, toPort };
}

/** What must be denied and is not, by a list of which the first piece that matches counts. */
function missedBy(list: Piece[], segments: Segment[], family: Family): Range[] {
  const said: Range[] = [];
  const denied: Range[] = [];
  for (const { action, first, bits } of list) {
    const range = { first, last: first + (1n << BigInt(ADDRESS_BITS[family] - bits)) - 1n };
    if (action === "deny") denied.push(...subtract([range], said));
    said.push(range);
  }
  const wanted = segments.filter(({ may }) => may === DENY);
  return subtract(wanted, denied);
}

function changeOf(places: Place[], foreign: AclEntry[], others: AclChange[]): AclChange {
  const add = places
    .filter(({ was }) => was === undefined)
    .map(({ entry, number }) => ({ ...entry, number }));
  const move = places.flatMap(({ entry, number, was }): Move[] => {
    if (was === undefined || was === number) return [];
    const before = { ...entry, number: was };
    const isForeign = foreign.some((one) => sameEntry(one, before));
    return [{ entry: before, to: number, ...(isForeign && { foreign: true }) }];
  });
  const inherited = movesOf(others);
  return {
    add: inOrder(add),
    move: movesInOrder(move),
    ...(inherited.length > 0 && { inherited }),
  };
}

function read(cidrs: string[]): Block[] {
  return cidrs.flatMap((cidr) => readCidr(cidr) ?? []);
}

function unreadable(cidrs: string[], effect: string): string[] {
  return cidrs
    .filter((cidr) => readCidr(cidr) === undefined)
    .map((cidr) => `${JSON.stringify(cidr)} ${effect} in the network ACL: it is no CIDR`);
}

const NO_NUMBER =
  "no number is free where it would count, and entries that other blocks made stay where they are";

function usedUp(most: number, family: Family): string {
  const name = family === "ipv4" ? "IPv4" : "IPv6";
  return `it may have ${most} inbound ${name} entries of one's own, and they are used up`;
}

function missedNote(
  { ports: [from, to] }: Field,
  family: Family,
  missed: Range[],
  why: string,
): string {
  const ports = from === to ? `${from}` : `${from} to ${to}`;
  const sources = cidrsOf(family, missed).join(", ");
  return `TCP ${ports} from ${sources} is not blocked in the network ACL: ${why}`;
}
