import type { Action } from "../functions/case";
import { creation, removal } from "../functions/infrastructure/acls";
import {
  changesOf,
  placeOf,
  type StoredBlocks,
  type StoredChange,
  written,
} from "../functions/infrastructure/blocks";
import { type AclChange, type AclEntry, applied, describe, sameEntry } from "../networkAcl/acl";
import { type LiftPlan, planLift } from "../networkAcl/lift";
import type { Context, Item, ItemCall } from "./item";

/**
 * The session block of one network ACL. Whether it stands, and what else blocks the same ACL, is
 * told by what lies at `blocks/` in the case bucket until it is lifted.
 */
export function aclItem(context: Context, action: Action): Item[] {
  const aclId = String(action.input.NetworkAclId);
  const item = { item: `network-acls:${aclId}`, kind: "network-acls" as const, subject: aclId };
  const why = `the case blocked ${aclId}`;
  const { acls = {}, blocks } = context.present;
  const blocked = context.file.subjects.flatMap((one) =>
    one.kind === "networkAcl" && one.aclId === aclId ? [one.block] : [],
  );
  if (blocked.length === 0) return [];
  if (!blocks || "unread" in blocks) {
    return [{ ...item, why: `whether it is still blocked is not known: ${blocks?.unread}` }];
  }
  const entries = acls[aclId];
  const own = blocks.all.find(({ caseId }) => caseId === context.file.id);
  const changes = own ? changesOf([own], aclId) : [];
  if (!entries) {
    if (changes.length === 0) return [{ ...item, why, there: true }];
    const what = `network ACL ${aclId} is not there any more`;
    return [{ ...item, why: what, drift: [what] }];
  }
  const others = blocks.all.filter((one) => one !== own);
  if (!own || changes.length === 0) {
    const made = blocked.flatMap(({ add }) => add);
    return [{ ...item, ...withoutRecord(entries, made, others) }];
  }
  const { calls, drift } = lift(aclId, entries, changes, [...others, own]);
  return [{ ...item, why, there: calls.length === 0, calls, ...(drift.length > 0 && { drift }) }];
}

/** What lies in the bucket once these ACLs' blocks are lifted: only the case's other blocks. */
export function forgetting({ file, present }: Context, lifted: string[]): Item[] {
  const { blocks } = present;
  if (!blocks || "unread" in blocks) return [];
  const own = blocks.all.find(({ caseId }) => caseId === file.id);
  const changes = own?.changes.filter(({ aclId }) => !lifted.includes(aclId)) ?? [];
  if (!own || changes.length === own.changes.length) return [];
  const place = placeOf(blocks.bucket, file.id);
  const isAll = changes.length === 0;
  return [
    {
      item: `network-acls:${place.Key}`,
      kind: "network-acls",
      subject: place.Key,
      call: isAll ? "s3:DeleteObject" : "s3:PutObject",
      input: isAll ? place : { ...place, ...written({ ...own, changes }) },
      why: "it says what is blocked, and when to lift it",
    },
  ];
}

/** The blocks of one ACL, the latest first, as LiftSessionBlock lifts them. */
function lift(aclId: string, entries: AclEntry[], changes: StoredChange[], all: StoredBlocks[]) {
  const calls: ItemCall[] = [];
  const drift: string[] = [];
  let now = entries;
  let standing = changesOf(all, aclId);
  for (const change of [...changes].reverse()) {
    standing = standing.filter((one) => one !== change);
    const plan = planLift(
      now,
      change.block,
      standing.map(({ block }) => block),
    );
    calls.push(...callsOf(aclId, plan));
    drift.push(...driftOf(plan, change.block, now));
    now = applied(now, plan);
  }
  return { calls, drift };
}

/** In the order of LiftSessionBlock: what is kept from a wider deny stays until that has gone. */
function callsOf(aclId: string, { remove, move }: LiftPlan): ItemCall[] {
  const away = (entry: AclEntry, why: string): ItemCall => ({
    call: "ec2:DeleteNetworkAclEntry",
    input: removal(aclId, entry),
    why,
  });
  const inOrder = [
    ...remove.filter(({ action }) => action === "deny"),
    ...remove.filter(({ action }) => action === "allow"),
  ];
  return [
    ...inOrder.map((entry) => away(entry, `the case made ${describe(entry)}`)),
    ...move.flatMap(({ entry, to }): ItemCall[] => [
      {
        call: "ec2:CreateNetworkAclEntry",
        input: creation(aclId, { ...entry, number: to }),
        why: `${describe(entry)} had the number ${to} before`,
      },
      away(entry, `it has the number ${to} again`),
    ]),
  ];
}

/**
 * An entry that is simply gone is what a lift wants. Another one under its number is somebody's, if
 * it is not one that the block had moved, at its number again.
 */
function driftOf({ gone, stay }: LiftPlan, { move }: AclChange, now: AclEntry[]): string[] {
  const isBack = (is: AclEntry) => move.some(({ entry }) => sameEntry(entry, is));
  const edited = gone.flatMap((own) => {
    const is = now.find(({ number, egress }) => number === own.number && egress === own.egress);
    return is && !isBack(is)
      ? [`where the case made ${describe(own)}, there is ${describe(is)}, which is left alone`]
      : [];
  });
  const moved = stay.map(
    ({ entry, to }) =>
      `${describe(entry)}, which the case moved to ${to}, does not get its number back: ` +
      "somebody changed it, took the number, or put an entry between",
  );
  return [...edited, ...moved];
}

/** Lifted, as the bucket has it; what is there all the same is for a person to judge. */
function withoutRecord(entries: AclEntry[], made: AclEntry[], others: StoredBlocks[]) {
  const claimed = others.flatMap(({ changes }) => changes.flatMap(({ block }) => block.add));
  const is = (list: AclEntry[], entry: AclEntry) => list.some((one) => sameEntry(one, entry));
  const left = made.filter((entry) => is(entries, entry) && !is(claimed, entry));
  if (left.length === 0) return { why: "its block is lifted", there: true };
  return {
    why:
      `${left.map(describe).join(", ")}: as the case made it, though its block was lifted, so ` +
      "somebody may have made it since",
  };
}
