import {
  type AclChange,
  type AclEntry,
  type AclLift,
  describe,
  inOrder,
  type Move,
  sameEntry,
  sameRule,
  sourceOf,
} from "./acl";
import { movesInOrder } from "./numbers";
import { distinct, entriesNow, movesOf, sameBlock, type Traced, traced } from "./trace";

export interface LiftPlan extends AclLift {
  /** Entries of the block that are not there, where they would be. */
  gone: AclEntry[];
  /** The same, as the block made them. */
  goneOf: AclEntry[];
  /** Moves of the block that cannot be undone, and nobody else will undo. */
  stay: Move[];
  /** Is an entry where moves that the block knows took it, or others took it since? */
  isDisplaced: boolean;
  /** What was changed meanwhile, and stays as it is, as sentences. */
  notes: string[];
}

const NOTHING: LiftPlan = {
  remove: [],
  move: [],
  gone: [],
  goneOf: [],
  stay: [],
  isDisplaced: false,
  notes: [],
};

/**
 * Takes a block off its ACL: its entries go where number and all fields are as they were made, and
 * what was moved gets its number back where it is as it was moved, the number is free, and nothing
 * that matters to it has come between. Where a later block needs it where it is, that one has
 * inherited the move, and gives the number back when it is lifted.
 *
 * A block that another case shares stays, until that one's is lifted. A block that was made in part,
 * or lifted in part, is lifted as well. Of two entries of the ACL that
 * say the same, one may be left at the other one's number once three blocks have moved them: nothing
 * but the number tells them apart.
 *
 * @param entries of both directions.
 * @param all the other blocks on this ACL that are not lifted yet, the oldest first.
 */
export function planLift(entries: AclEntry[], block: AclChange, all: AclChange[] = []): LiftPlan {
  if (all.some((one) => sameBlock(one, block))) return NOTHING;
  const others = distinct(all);
  const made = entriesNow(entries, block, others);
  const isMade = (entry: AclEntry) => made.some((own) => sameEntry(own, entry));
  const moves = [...(block.inherited ?? []), ...block.move];
  const turns = inTurn(block, others);
  const allMoves = movesOf(turns);
  const known = moves.map((one) => JSON.stringify(one));
  const isKnown = (one: Move) => known.includes(JSON.stringify(one));
  const { copies, move, rest } = movedBack(
    inOrder(entries.filter((entry) => !entry.egress && !isMade(entry))),
    moves,
    turns.flatMap((one, at) => (one === block ? [] : traced(entries, one, turns.slice(at + 1)))),
  );
  const gone = made.filter((own) => !entries.some((entry) => sameEntry(own, entry)));
  const passedOn = others.flatMap(({ inherited = [] }) =>
    inherited.map((one) => JSON.stringify(one)),
  );
  const stay = block.move.filter((one) => {
    const back = [one.entry.number, ...earlierNumbers(one.entry, moves)];
    const isBack = rest.some((entry) => back.includes(entry.number) && sameRule(entry, one.entry));
    return !isBack && !one.foreign && !passedOn.includes(JSON.stringify(one));
  });
  return {
    remove: [...entries.filter(isMade), ...copies],
    move,
    gone,
    goneOf: block.add.filter((_, at) => gone.includes(made[at] as AclEntry)),
    stay,
    isDisplaced: rest.some((entry) => stepsBack(entry, allMoves).some(isKnown)),
    notes: [
      ...gone.map(
        (entry) => `${describe(entry)} is not there any more: somebody removed or changed it`,
      ),
      ...stay.map(
        ({ entry, to }) =>
          `${describe(entry)}, which the block moved to ${to}, does not get its number back: ` +
          "somebody changed it, took the number, or put an entry between",
      ),
    ],
  };
}

/** An entry that is there: its number now, and the earlier ones that it may get back, last first. */
interface Moved {
  entry: AclEntry;
  number: number;
  earlier: number[];
}

/** A block among the others, the oldest first. What has inherited its moves is later. */
function inTurn(block: AclChange, others: AclChange[]): AclChange[] {
  const own = block.move.map((one) => JSON.stringify(one));
  const later = others.findIndex(({ inherited = [] }) =>
    inherited.some((one) => own.includes(JSON.stringify(one))),
  );
  return later < 0 ? [...others, block] : others.toSpliced(later, 0, block);
}

function movedBack(inbound: AclEntry[], moves: Move[], foreign: Traced[]) {
  const all = inbound.map((entry): Moved => {
    const earlier = earlierNumbers(entry, moves);
    const made = foreign.find((one) => sameEntry(one.entry, entry));
    // What says the same had other numbers before another block made this one.
    const own = made ? earlier.filter((number) => made.earlier.includes(number)) : earlier;
    return { entry, number: entry.number, earlier: own };
  });
  // A move is a new entry and a removal: where it ended between them, the old entry is still there.
  // One that another block made there says the same by chance, and so does one that was moved away
  // from where it is now: the owner had two.
  const isTwin = (entry: AclEntry) => moves.some(({ entry: was }) => sameEntry(was, entry));
  const copies = all.filter(
    ({ entry, earlier }) =>
      !isTwin(entry) &&
      all.some(
        (other) =>
          other.earlier.length === 0 &&
          !foreign.some((made) => sameEntry(made.entry, other.entry)) &&
          earlier.includes(other.number) &&
          sameRule(other.entry, entry),
      ),
  );
  const left = all.filter((one) => !copies.includes(one));
  const goDown = left.filter(({ number, earlier }) => earlier.some((to) => to < number));
  const goUp = left.filter((one) => !goDown.includes(one)).reverse();
  for (const one of [...goDown, ...goUp]) {
    const to = one.earlier.findLast((number) => canMove(one, number, left));
    if (to !== undefined) one.number = to;
  }
  return {
    copies: copies.map(({ entry }) => entry),
    move: movesInOrder(
      left.flatMap(({ entry, number }): Move[] =>
        number === entry.number ? [] : [{ entry, to: number }],
      ),
    ),
    rest: left.map(({ entry, number }) => ({ ...entry, number })),
  };
}

function earlierNumbers(entry: AclEntry, moves: Move[]): number[] {
  return stepsBack(entry, moves).map(({ entry: { number } }) => number);
}

/** The moves that brought an entry where it is, the last one first. */
function stepsBack(entry: AclEntry, moves: Move[]): Move[] {
  const steps: Move[] = [];
  let now = entry;
  for (const one of [...moves].reverse()) {
    if (!sameEntry({ ...one.entry, number: one.to }, now)) continue;
    now = one.entry;
    steps.push(one);
  }
  return steps;
}

/** Is the number free, and does nothing between decide packets of this entry in another way? */
function canMove({ entry, number }: Moved, to: number, all: Moved[]): boolean {
  const [low, high] = [Math.min(to, number), Math.max(to, number)];
  return !all.some((other) => {
    if (other.number === to) return true;
    const isBetween = other.number > low && other.number < high;
    return isBetween && other.entry.action !== entry.action && overlap(other.entry, entry);
  });
}

/** May one packet match both? */
function overlap(a: AclEntry, b: AclEntry): boolean {
  const [one, other] = [sourceOf(a), sourceOf(b)];
  if (one === undefined || other === undefined) return false;
  return (
    one.family === other.family &&
    one.first <= other.last &&
    other.first <= one.last &&
    protocolsMeet(a, b)
  );
}

function protocolsMeet(a: AclEntry, b: AclEntry): boolean {
  if (a.protocol === "-1" || b.protocol === "-1") return true;
  if (a.protocol !== b.protocol) return false;
  const { fromPort: from = 0, toPort: to = 65535 } = a;
  const { fromPort = 0, toPort = 65535 } = b;
  return from <= toPort && fromPort <= to;
}
