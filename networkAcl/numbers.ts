import { type AclEntry, HIGHEST_NUMBER, type Move } from "./acl";

/** A place among the inbound entries. `was` is its number before, and absent from a new one. */
export interface Place {
  entry: Omit<AclEntry, "number">;
  number: number;
  was?: number;
}

/** The highest free numbers between two, neither included, in ascending order; `most` of them. */
export function freeBetween(places: Place[], low: number, high: number, most: number): number[] {
  const taken = places.map(({ number }) => number);
  const free: number[] = [];
  for (let number = high - 1; number > low && free.length < most; number--) {
    if (!taken.includes(number)) free.unshift(number);
  }
  return free;
}

/**
 * Frees the `wanted` numbers below a place by moving what has them: upwards, or downwards where the
 * numbers end or something must stay. The order of the places stays as it is, and no more of them
 * move than must.
 *
 * @returns false where it would have to move what must stay; then nothing has moved.
 */
export function makeRoom(
  places: Place[],
  before: Place,
  low: number,
  { wanted, mayMove }: { wanted: number; mayMove: (place: Place) => boolean },
): boolean {
  const free = freeBetween(places, low, before.number, wanted).length;
  const above = places.filter(({ number }) => number >= before.number);
  const raised = shifted(above, before.number + wanted - free);
  // The same, seen from the other end.
  const below = places.filter(({ number }) => number < before.number);
  const mirrored = below.map((place) => ({ place, number: HIGHEST_NUMBER + 1 - place.number }));
  const lowered = new Map<Place, number>();
  for (const [{ place }, number] of shifted(mirrored, HIGHEST_NUMBER + 2 - before.number + wanted))
    lowered.set(place, HIGHEST_NUMBER + 1 - number);
  const isPossible = (numbers: Map<Place, number>) =>
    [...numbers].every(
      ([place, number]) => number > 0 && number <= HIGHEST_NUMBER && mayMove(place),
    );
  const isRoomBelow = before.number > wanted;
  if (isPossible(raised)) move(raised);
  else if (isRoomBelow && isPossible(lowered)) move(lowered);
  else return false;
  return true;
}

/** The new numbers of those that have to move for the first to be `from`, and no two to be the same. */
function shifted<T extends { number: number }>(places: T[], from: number): Map<T, number> {
  const numbers = new Map<T, number>();
  let next = from;
  for (const place of [...places].sort((a, b) => a.number - b.number)) {
    if (place.number >= next) break;
    numbers.set(place, next++);
  }
  return numbers;
}

function move(numbers: Map<Place, number>): void {
  for (const [place, number] of numbers) place.number = number;
}

/** The moves in an order in which each finds its number free, given that none passes another. */
export function movesInOrder(moves: Move[]): Move[] {
  const down = moves.filter(({ entry, to }) => to < entry.number);
  const up = moves.filter(({ entry, to }) => to > entry.number);
  return [...down.sort((a, b) => a.to - b.to), ...up.sort((a, b) => b.to - a.to)];
}
