import { type AclChange, type AclEntry, type Move, sameEntry } from "./acl";

/** Is it one block, which two cases share? */
export function sameBlock(one: AclChange, other: AclChange): boolean {
  return blockText(one) === blockText(other);
}

function blockText({ add, move, inherited = [] }: AclChange): string {
  return JSON.stringify([add, move, inherited]);
}

/** Each block once, whoever shares it. */
export function distinct(blocks: AclChange[]): AclChange[] {
  const texts = blocks.map(blockText);
  return blocks.filter((_, at) => texts.indexOf(texts[at] as string) === at);
}

/**
 * The moves of these blocks, the oldest first, in the order in which they were made; what a later one
 * inherited from an earlier one is told once. Two moves that read the same may both have been made:
 * one entry of two that say the same has taken the other one's former number.
 */
export function movesOf(changes: AclChange[]): Move[] {
  const moves: Move[] = [];
  for (const { inherited = [], move } of distinct(changes))
    moves.push(...without(inherited, moves), ...move);
  return moves;
}

/** An entry of a block, where it is now, and the numbers that it had before. */
export interface Traced {
  entry: AclEntry;
  earlier: number[];
}

/**
 * Where a block's entries are now, in the order of `add`. A block that has been lifted since may have
 * moved them too, which those after it have inherited, or its lift may have moved them back.
 *
 * @param entries of the ACL, in which one that is at none of its places is said to be at the last.
 * @param others the other blocks that are not lifted, the oldest first.
 */
export function traced(entries: AclEntry[], block: AclChange, others: AclChange[]): Traced[] {
  const moves = without(movesOf(others), [...(block.inherited ?? []), ...block.move]);
  return block.add.map((made) => {
    const places = [made];
    for (const { entry, to } of moves) {
      const [now] = places as [AclEntry];
      if (sameEntry(entry, now)) places.unshift({ ...now, number: to });
    }
    const isThere = (place: AclEntry) => entries.some((one) => sameEntry(one, place));
    const at = Math.max(0, places.findIndex(isThere));
    const earlier = places.slice(at + 1).map(({ number }) => number);
    return { entry: places[at] as AclEntry, earlier };
  });
}

/** The entries alone. */
export function entriesNow(entries: AclEntry[], block: AclChange, others: AclChange[]): AclEntry[] {
  return traced(entries, block, others).map(({ entry }) => entry);
}

/** The moves but for the others, each of which takes one away. */
function without(moves: Move[], others: Move[]): Move[] {
  const left = others.map((one) => JSON.stringify(one));
  return moves.filter((one) => {
    const at = left.indexOf(JSON.stringify(one));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
