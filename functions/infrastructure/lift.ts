import type { AclChange, AclLift } from "../../networkAcl/acl";
import { type LiftPlan, planLift } from "../../networkAcl/lift";
import { isGone } from "../cut";
import { type Acl, type AclHand, aclIfThere, aclOf, isChanged, unblock } from "./acls";
import {
  type BlockStore,
  changesOf,
  readBlocks,
  removeBlocks,
  type StoredBlocks,
  type StoredChange,
  soonOver,
  writeBlocks,
} from "./blocks";

/** What a lift came to, in sentences. */
export interface Lifted {
  notes: string[];
  /** What is still blocked. */
  open: string[];
  /** What is still written down. */
  left: StoredBlocks;
}

/**
 * Lifts the blocks of one case, the latest first: its own entries go and no others, and what it
 * moved gets its number back. What others still block stays blocked.
 *
 * Others may be blocked or lifted at the same moment, so where something is not as it was, all is
 * read again once the entries are off. A move that another block keeps from being undone stays
 * written down, for a sweep.
 *
 * @param all the blocks of every case, these included.
 * @param changes whether calls change anything: in `observe` the blocks stay written down.
 */
export async function liftBlocks(
  hand: AclHand,
  store: BlockStore,
  all: StoredBlocks[],
  own: StoredBlocks,
  changes: boolean,
): Promise<Lifted> {
  const [notes, open]: [string[], string[]] = [[], []];
  let left = own;
  for (const change of [...own.changes].reverse()) {
    const rest = { ...left, changes: left.changes.filter((one) => one !== change) };
    let others = othersOf(all, rest);
    let one = await liftOne(hand, change, others, changes);
    if (changes && one.isDone && one.plan && isOdd(one.plan)) {
      others = othersOf((await readBlocks(store)).blocks, rest);
      const block = { ...change.block, add: one.plan.goneOf };
      one = await liftOne(hand, { ...change, block }, others, changes);
    }
    const { plan, isDone } = one;
    if (!plan) notes.push(`${change.aclId} is not there any more: nothing to lift`);
    if (!isDone) {
      open.push(`${change.aclId} is still blocked for tcp ${change.request.ports.join(", ")}`);
    } else if (changes && plan?.isDisplaced && isHindered(change, others)) {
      left = { ...left, changes: left.changes.map((was) => (was === change ? moves(was) : was)) };
      continue;
    } else left = rest;
    notes.push(...(plan?.notes ?? []).map((note) => `${change.aclId}: ${note}`));
  }
  if (!changes) return { notes, open, left: own };
  if (left.changes.length === 0) await removeBlocks(store, own.caseId);
  else await writeBlocks(store, left);
  return { notes, open, left };
}

function isOdd({ gone, isDisplaced }: LiftPlan): boolean {
  return isDisplaced || gone.length > 0;
}

/** @returns no plan where the ACL is gone, and whether all of the plan was done. */
async function liftOne(
  hand: AclHand,
  { aclId, block }: StoredChange,
  others: StoredBlocks[],
  changes: boolean,
): Promise<{ plan?: LiftPlan; isDone: boolean }> {
  const acl = await aclNow(hand, aclId);
  if (!acl) return { isDone: true };
  const standing = changesOf(others, aclId).map((one) => one.block);
  const plan = planLift(acl.entries, block, standing);
  return { plan, isDone: await isLifted(hand, acl, plan, changes) };
}

function othersOf(all: StoredBlocks[], rest: StoredBlocks): StoredBlocks[] {
  return all.map((one) => (one.caseId === rest.caseId ? rest : one));
}

/** A block of which the entries are off: what is left is to give numbers back. */
function moves({ request, block, ...change }: StoredChange): StoredChange {
  return { ...change, request: { ...request, sources: [] }, block: { ...block, add: [] } };
}

/** Does another block stand in the way, and does none that stands for longer know what to undo? */
function isHindered({ aclId, block }: StoredChange, others: StoredBlocks[]): boolean {
  const soon = soonOver();
  const standing = others.flatMap((one) =>
    changesOf([one], aclId).map((change) => ({ ...change.block, until: one.until })),
  );
  const knows = ({ inherited = [] }: AclChange) => {
    const told = inherited.map((one) => JSON.stringify(one));
    return block.move.every((one) => told.includes(JSON.stringify(one)));
  };
  return (
    standing.some(({ add }) => add.length > 0) &&
    !standing.some((one) => one.until > soon && knows(one))
  );
}

async function isLifted(hand: AclHand, acl: Acl, plan: AclLift, changes: boolean) {
  if (!(await unblock(hand, acl, plan))) return false;
  return !changes || isChanged(hand, acl.id, plan);
}

async function aclNow(hand: AclHand, id: string): Promise<Acl | undefined> {
  try {
    return await aclOf(hand, id);
  } catch (error) {
    if (!isGone(error)) throw error;
    // With the block's record gone too, nobody would find its entries.
    return aclIfThere(hand, id);
  }
}
