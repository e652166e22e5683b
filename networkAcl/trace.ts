import { type AclChange, type AclEntry, type Move, sameEntry } from "./acl";

/**
 * The moves of these blocks, the oldest first, in the order in which they were made; what a later one
 * inherited from an earlier one is told once. Two moves that read the same may both have been made:
 * one entry of two that say the same has taken the other one's former number.
 */
export function movesOf(changes: AclChange[]): Move[] {
  const moves: Move[] = [];
  for (const { inherited = [], move } of changes) moves.push(...without(inherited, moves), ...move);
  return moves;
}

/**
 * Where an entry that a block made is now. A block that has been lifted since may have moved it too:
 * the ones after it have inherited that.
 *
 * @param others the other blocks that are not lifted, the oldest first.
 */
export function movedSince(block: AclChange, others: AclChange[]): (entry: AclEntry) => AclEntry {
  const moves = without(movesOf(others), [...(block.inherited ?? []), ...block.move]);
  return (entry) => {
    let now = entry;
    for (const { entry: was, to } of moves) {
      if (sameEntry(was, now)) now = { ...now, number: to };
    }
    return now;
  };
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
