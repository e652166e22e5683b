import type { Action } from "../functions/case";
import { plain, sameDocument } from "./document";
import { attack, type Context, type Item } from "./item";
import { policyDrift, versionOf } from "./policies";
import type { Present } from "./present";

/** A managed policy that was attached to a group. */
export function groupAttachedItem(context: Context, action: Action): Item[] {
  const GroupName = String(action.input.GroupName);
  const PolicyArn = String(action.input.PolicyArn);
  const now = context.present.groups[GroupName];
  const held = versionOf(context, PolicyArn)
    ? versionOf(context, PolicyArn)?.held
    : attack(context.own.groupGrants.includes(`attached ${PolicyArn}`)).held;
  return forGroup(now, {
    item: `policies:group/${GroupName}:${PolicyArn}`,
    kind: "policies",
    subject: `group/${GroupName}`,
    call: "iam:AttachGroupPolicy",
    input: { GroupName, PolicyArn },
    why: "it was attached before",
    there: now?.attached.includes(PolicyArn) ?? false,
    ...(held && { held }),
    ...policyDrift(context, PolicyArn, undefined),
  });
}

/** A group's inline policy, by the document that the case kept. */
export function groupInlineItem(context: Context, action: Action): Item[] {
  const GroupName = String(action.input.GroupName);
  const PolicyName = String(action.input.PolicyName);
  const item = {
    item: `policies:group/${GroupName}:inline/${PolicyName}`,
    kind: "policies" as const,
    subject: `group/${GroupName}`,
  };
  const subject = context.file.subjects.find(
    (one) => one.kind === "group" && one.name === GroupName && one.policyName === PolicyName,
  );
  const document = subject?.kind === "group" ? subject.before.document : undefined;
  if (typeof document !== "string") {
    return [{ ...item, why: "the case lacks the policy's document" }];
  }
  const now = context.present.groups[GroupName];
  const is = now?.inline.find((one) => one.name === PolicyName);
  const there = is !== undefined && sameDocument(is.document, document);
  return forGroup(now, {
    ...item,
    call: "iam:PutGroupPolicy",
    input: { GroupName, PolicyName, PolicyDocument: plain(document) },
    why: "the group had it before",
    there,
    ...attack(context.own.groupGrants.includes(`inline ${PolicyName}`)),
    ...(is && !there && { drift: [`inline policy ${PolicyName} is there with another document`] }),
  });
}

function forGroup(now: Present["groups"][string] | undefined, item: Item): Item[] {
  if (now) return [item];
  const { call: _, input: __, ...without } = item;
  const what = `${item.subject} is not there any more`;
  return [{ ...without, why: what, drift: [what] }];
}
