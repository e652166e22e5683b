import type { RoleSubject, Subject } from "../events/incident";
import type { RoleLook } from "../functions/account/role";
import type { Action } from "../functions/case";
import { plain, sameDocument } from "./document";
import { attack, type Context, heldForOwner, type Item, isDenyAll, NO_BEFORE } from "./item";

/** AWSDenyAll that the owner had attached before is left as it was, where the look came first. */
export function roleDenyItem(context: Context, action: Action): Item[] {
  const { RoleName, PolicyArn, before, now, proved, opened } = roleIn(context, action);
  const why = proved
    ? "the case's look ran beside the first cut and lists AWSDenyAll: whose it is, CloudTrail tells"
    : "it was attached before this case: left as it was";
  const held = before ? (before.attached.includes(PolicyArn) ? why : undefined) : NO_BEFORE;
  return forRole(now, {
    item: `deny:role/${RoleName}`,
    kind: "deny",
    subject: `role/${RoleName}`,
    call: "iam:DetachRolePolicy",
    input: { RoleName, PolicyArn },
    why: "the case attached it",
    there: now !== undefined && !now.attached.includes(PolicyArn),
    ...(held && { held: { by: "named", why: held } }),
    ...heldForOwner(context, `role ${RoleName}`),
    ...trustDrift(before, now, opened),
  });
}

/** The boundary that a role had before AWSDenyAll took its place; the case's look came first. */
export function roleBoundaryItem(context: Context, action: Action): Item[] {
  const { RoleName, before, now, opened } = roleIn(context, action);
  const item = {
    item: `boundary:role/${RoleName}`,
    kind: "boundary" as const,
    subject: `role/${RoleName}`,
  };
  if (!before) {
    const why = "which boundary the role had before the incident, the case does not know";
    const command = `aws iam put-role-permissions-boundary --role-name ${RoleName} --permissions-boundary ARN, or delete-role-permissions-boundary`;
    return [{ ...item, why, command, there: now !== undefined && !isDenyAll(now.boundary) }];
  }
  const { boundary } = before;
  if (isDenyAll(boundary)) {
    return [{ ...item, why: "AWSDenyAll was the boundary before: left as it was" }];
  }
  const call = boundary
    ? { call: "iam:PutRolePermissionsBoundary", input: { RoleName, PermissionsBoundary: boundary } }
    : { call: "iam:DeleteRolePermissionsBoundary", input: { RoleName } };
  const others = now && now.boundary !== boundary && !isDenyAll(now.boundary);
  const { drift = [] } = trustDrift(before, now, opened);
  const differs = [
    ...drift,
    ...(others
      ? [`the role's boundary is ${now.boundary ?? "gone"}, which neither it nor the case had set`]
      : []),
  ];
  return forRole(now, {
    ...item,
    ...call,
    why: boundary ? "the boundary that the owner had set" : "there was no boundary before",
    there: now !== undefined && now.boundary === boundary,
    ...(differs.length > 0 && { drift: differs }),
  });
}

/** A responder takes from a role what the record gave it, and nothing else. */
export function roleAttachedItem(context: Context, action: Action): Item[] {
  const { RoleName, PolicyArn, now } = roleIn(context, action);
  return forRole(now, {
    item: `policies:role/${RoleName}:${PolicyArn}`,
    kind: "policies",
    subject: `role/${RoleName}`,
    call: "iam:AttachRolePolicy",
    input: { RoleName, PolicyArn },
    why: "the role had it",
    there: now?.attached.includes(PolicyArn) ?? false,
    ...attack(true),
  });
}

/** A role's inline policy, by the document that the case kept. */
export function roleInlineItem(context: Context, action: Action): Item[] {
  const { RoleName, PolicyName, before, now } = roleIn(context, action);
  const document = before?.inline.find(({ name }) => name === PolicyName)?.document;
  const item = {
    item: `policies:role/${RoleName}:inline/${PolicyName}`,
    kind: "policies" as const,
    subject: `role/${RoleName}`,
  };
  if (document === undefined) return [{ ...item, why: "the case lacks the policy's document" }];
  const PolicyDocument = plain(document);
  return forRole(now, {
    ...item,
    call: "iam:PutRolePolicy",
    input: { RoleName, PolicyName, PolicyDocument },
    why: "the role had it",
    there: now?.inline.some(({ name }) => name === PolicyName) ?? false,
    ...attack(true),
  });
}

function roleIn({ file, present }: Context, { input }: Action) {
  const RoleName = String(input.RoleName);
  const subject = file.subjects.find((one) => one.kind === "role" && one.name === RoleName);
  const { subjects } = file.incident;
  const isRole = (one: Subject): one is RoleSubject => one.kind === "role" && one.name === RoleName;
  return {
    RoleName,
    PolicyArn: String(input.PolicyArn),
    PolicyName: String(input.PolicyName),
    before: subject?.kind === "role" ? subject.before : undefined,
    now: present.roles?.[RoleName] ?? undefined,
    opened: subjects.some((one) => isRole(one) && !one.grant && !one.caller),
    proved: subjects.some((one) => isRole(one) && one.proved),
  };
}

/**
 * Who may assume the role is not for a restore to change. Where the record opened it, it must have
 * been closed by hand; otherwise it must be as the case saw it.
 */
function trustDrift(
  before: RoleLook | undefined,
  now: RoleLook | undefined,
  opened: boolean,
): Pick<Item, "drift"> {
  if (!before || !now) return {};
  const same = sameDocument(before.trust, now.trust);
  if (same !== opened) return {};
  const what = opened
    ? "the role's trust policy is still the one that the record set: take the strangers out of it first"
    : "the role's trust policy is not the one that the case saw";
  return { drift: [what] };
}

function forRole(now: RoleLook | undefined, item: Item): Item[] {
  if (now) return [item];
  const { call: _, input: __, ...without } = item;
  const what = "the role is not there any more";
  return [{ ...without, why: what, drift: [what] }];
}
