import { ADDRESS_BITS, type Family, type Range } from "../rulebook/cidr";

/**
 * What may be said of a source by the entries to come: nothing, so that the entries behind them
 * decide as before, deny or allow. A segment's `may` is a sum of these bits.
 */
export const NOTHING = 1;
export const DENY = 2;
export const ALLOW = 4;

/** Neighbouring addresses of which the same may be said. */
export interface Segment extends Range {
  may: number;
}

/** An aligned block of addresses, said to be denied or allowed. */
export interface Piece {
  action: "deny" | "allow";
  first: bigint;
  /** Leading bits that are fixed. */
  bits: number;
}

/** What is said of a block by the piece around it, as an index: nothing, deny, allow. */
type Said = 0 | 1 | 2;
type Costs = [nothing: number, deny: number, allow: number];

/** A block of addresses with the cheapest way to say what must be said of it. */
export interface Cover {
  first: bigint;
  bits: number;
  /** Addresses that must be denied. */
  denied: bigint;
  /** The price of what is below, by what is said here: Infinity where that may not be said. */
  below: Costs;
  /** The same where a piece of the block's own may come first, by what the piece around it says. */
  costs: Costs;
  halves?: [Cover, Cover];
}

/** Fewest pieces first; among as many, those that allow least. */
const PRICE: Costs = [0, 1000, 1001];

/**
 * The fewest pieces that say of every address what may be said of it, by a dynamic programme over
 * the tree of blocks (that of R. Draves et al., "Constructing Optimal IP Routing Tables", 1999,
 * https://www.microsoft.com/en-us/research/publication/constructing-optimal-ip-routing-tables/).
 *
 * @param segments the whole family, in ascending order.
 */
export function cover(segments: Segment[], family: Family): Cover {
  const joined: Segment[] = [];
  for (const segment of segments) {
    const open = joined.at(-1);
    if (open?.may === segment.may) open.last = segment.last;
    else joined.push({ ...segment });
  }
  return blockOf(joined, ADDRESS_BITS[family], { first: 0n, bits: 0 }, 0);
}

function blockOf(
  segments: Segment[],
  width: number,
  { first, bits }: { first: bigint; bits: number },
  at: number,
): Cover {
  const size = 1n << BigInt(width - bits);
  const { last, may } = segments[at] as Segment;
  if (last >= first + size - 1n) {
    const said = (bit: number) => ((may & bit) === 0 ? Number.POSITIVE_INFINITY : 0);
    const below: Costs = [said(NOTHING), said(DENY), said(ALLOW)];
    return { first, bits, denied: may === DENY ? size : 0n, below, costs: costsOf(below) };
  }
  const middle = first + size / 2n;
  let next = at;
  while ((segments[next] as Segment).last < middle) next++;
  const left = blockOf(segments, width, { first, bits: bits + 1 }, at);
  const right = blockOf(segments, width, { first: middle, bits: bits + 1 }, next);
  const both = (said: Said) => left.costs[said] + right.costs[said];
  const below: Costs = [both(0), both(1), both(2)];
  const denied = left.denied + right.denied;
  return { first, bits, denied, below, costs: costsOf(below), halves: [left, right] };
}

function costsOf(below: Costs): Costs {
  const own = Math.min(PRICE[1] + below[1], PRICE[2] + below[2]);
  return [Math.min(below[0], own), Math.min(below[1], own), Math.min(below[2], own)];
}

/** How many pieces it takes. */
export function count({ costs }: Cover): number {
  return Math.floor(costs[0] / PRICE[1]);
}

/** The pieces, the narrower before the wider that holds it: the first that matches counts. */
export function pieces(block: Cover, around: Said = 0): Piece[] {
  const cost = block.costs[around];
  // The narrowest pieces of the fewest: what need not be named is not.
  if (cost === block.below[around]) return under(block, around);
  const own: Said = cost === PRICE[1] + block.below[1] ? 1 : 2;
  const { first, bits } = block;
  return [...under(block, own), { action: own === 1 ? "deny" : "allow", first, bits }];
}

function under({ halves, below }: Cover, said: Said): Piece[] {
  return below[said] === 0 ? [] : (halves ?? []).flatMap((half) => pieces(half, said));
}

/** As many addresses as `most` pieces can deny, or nearly: the halves that fit, the larger first. */
export function piecesWithin(block: Cover, most: number): Piece[] {
  if (count(block) <= most) return pieces(block);
  if (most === 0 || !block.halves) return [];
  const fits = (half: Cover) => Number(count(half) <= most);
  const [one, other] = block.halves;
  const otherFirst =
    fits(other) - fits(one) ||
    Number(other.denied > one.denied) - Number(other.denied < one.denied);
  const [before, after] = otherFirst > 0 ? [other, one] : [one, other];
  const taken = piecesWithin(before, most);
  return [...taken, ...piecesWithin(after, most - taken.length)];
}
