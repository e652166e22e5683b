import type { AclLift } from "../../networkAcl/acl";
import { planLift } from "../../networkAcl/plan";
import { isGone } from "../cut";
import { type Acl, type AclHand, aclOf, isChanged, unblock } from "./acls";
import { type BlockStore, changesOf, removeBlocks, type StoredBlocks, writeBlocks } from "./blocks";

/** What a lift came to, in sentences. */
export interface Lifted {
  notes: string[];
  /** What is still blocked. */
  open: string[];
}

/**
 * Lifts the blocks of one case, the latest first: its own entries go and no others, and what it
 * moved gets its number back. What others still block stays blocked.
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
  const lifted: Lifted = { notes: [], open: [] };
  let left = own;
  for (const change of [...own.changes].reverse()) {
    const rest = { ...left, changes: left.changes.filter((one) => one !== change) };
    const others = changesOf(
      all.map((one) => (one.caseId === own.caseId ? rest : one)),
      change.aclId,
    );
    const acl = await aclNow(hand, change.aclId);
    if (!acl) lifted.notes.push(`${change.aclId} is not there any more: nothing to lift`);
    const plan =
      acl &&
      planLift(
        acl.entries,
        change.block,
        others.map(({ block }) => block),
      );
    lifted.notes.push(...(plan?.notes ?? []).map((note) => `${change.aclId}: ${note}`));
    if (!acl || !plan || (await isLifted(hand, acl, plan, changes))) left = rest;
    else
      lifted.open.push(
        `${change.aclId} is still blocked for tcp ${change.request.ports.join(", ")}`,
      );
  }
  if (!changes) return lifted;
  if (left.changes.length === 0) await removeBlocks(store, own.caseId);
  else await writeBlocks(store, left);
  return lifted;
}

async function isLifted(hand: AclHand, acl: Acl, plan: AclLift, changes: boolean) {
  if (!(await unblock(hand, acl, plan))) return false;
  return !changes || isChanged(hand, acl.id, plan);
}

async function aclNow(hand: AclHand, id: string): Promise<Acl | undefined> {
  try {
    return await aclOf(hand, id);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
