import type { Action, CaseSubject } from "../functions/case";
import { plain, sameDocument } from "./document";
import { groupDrift, type UserNow } from "./drift";
import {
  attack,
  type Context,
  heldForOwner,
  type Item,
  isDenyAll,
  LATER,
  NO_BEFORE,
  unlessBefore,
} from "./item";
import { policyDrift, versionOf } from "./policies";

type UserCase = Extract<CaseSubject, { kind: "user" | "applicationUser" }>;

function userOf({ file }: Context, name: string): UserCase | undefined {
  return file.subjects.find(
    (one): one is UserCase =>
      (one.kind === "user" || one.kind === "applicationUser") && one.name === name,
  );
}

/** A user's action: his name in the case, his state before, and how he is now. */
export function userIn(context: Context, { input }: Action) {
  const name = String(input.UserName);
  const subject = userOf(context, name);
  const now: UserNow = context.present.users[name] ?? undefined;
  // What a look did not show is not what was not there: such a look decides nothing by itself.
  const before = subject?.before?.failed ? undefined : subject?.before;
  return { name, subject, before, now, UserName: now?.name ?? name };
}

/** A user who is gone has nothing that could be given back; his drift says so. */
export function forUser(now: UserNow, item: Item): Item[] {
  const { call: _, input: __, ...without } = item;
  return [now ? item : { ...without, why: "the user is not there any more" }];
}

/**
 * AWSDenyAll that the owner had attached is left as it was. Attaching is idempotent, and the look
 * of a proved incident runs beside it, so there the look cannot tell whose it is; whoever made the
 * incident's call himself was not denied then.
 * Source: IAM API Reference, AttachUserPolicy, Errors: none says that it is attached already,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html
 */
export function denyItem(context: Context, action: Action): Item[] {
  const { name, before, now, UserName } = userIn(context, action);
  const { PolicyArn } = action.input;
  if (!isDenyAll(PolicyArn)) return [];
  const { incident } = context.file;
  const listed = before?.attached.includes(String(PolicyArn));
  const beside = incident.subjects.some(
    (one) => one.kind === "user" && one.name === name && one.proved,
  );
  const held = !before
    ? NO_BEFORE
    : listed && incident.actor.userName !== name
      ? beside
        ? "the case's look ran beside the first cut and lists AWSDenyAll: whose it is, CloudTrail tells"
        : "it was attached before this case, by its owner or by an earlier case: left as it was"
      : undefined;
  const has = now?.look.attached.includes(String(PolicyArn));
  return forUser(now, {
    item: `deny:${name}`,
    kind: "deny",
    subject: name,
    call: "iam:DetachUserPolicy",
    input: { UserName, PolicyArn },
    why: "the case attached it",
    there: now !== undefined && !has,
    ...(held && { held: { by: "named", why: held } }),
    ...heldForOwner(context, `user ${name}`),
  });
}

/** The boundary that a user had before AWSDenyAll took its place. */
export function boundaryItem(context: Context, action: Action): Item[] {
  const { name, before, now, UserName } = userIn(context, action);
  const { event } = context.file.incident;
  const item = { item: `boundary:${name}`, kind: "boundary" as const, subject: name };
  const there = now !== undefined && now.look.boundary !== action.input.PermissionsBoundary;
  if (!before || /UserPermissionsBoundary$/.test(event.name)) {
    const why = "which boundary the user had before the incident, the case does not know";
    const command = `aws iam put-user-permissions-boundary --user-name ${UserName} --permissions-boundary ARN, or delete-user-permissions-boundary`;
    return [{ ...item, why, command, there }];
  }
  if (isDenyAll(before.boundary)) {
    return [{ ...item, why: "AWSDenyAll was the boundary before: left as it was", there: false }];
  }
  return forUser(now, {
    ...item,
    ...(before.boundary
      ? {
          call: "iam:PutUserPermissionsBoundary",
          input: { UserName, PermissionsBoundary: before.boundary },
          why: "the boundary that the owner had set",
        }
      : {
          call: "iam:DeleteUserPermissionsBoundary",
          input: { UserName },
          why: "there was no boundary before",
        }),
    there,
  });
}

/** A managed policy that was attached to a user. */
export function attachedItem(context: Context, action: Action): Item[] {
  const { name, before, now, UserName } = userIn(context, action);
  const PolicyArn = String(action.input.PolicyArn);
  const ofPolicy = versionOf(context, PolicyArn);
  const held = ofPolicy
    ? ofPolicy.held
    : (attack(context.own.userGrants.includes(`attached ${PolicyArn}`)).held ??
      unlessBefore(before, before?.attached.includes(PolicyArn)).held);
  const document = before?.documents.find(({ arn }) => arn === PolicyArn)?.document;
  return forUser(now, {
    item: `policies:${name}:${PolicyArn}`,
    kind: "policies",
    subject: name,
    call: "iam:AttachUserPolicy",
    input: { UserName, PolicyArn },
    why: "it was attached before",
    there: now?.look.attached.includes(PolicyArn) ?? false,
    ...(held && { held }),
    ...policyDrift(context, PolicyArn, ofPolicy ? undefined : document),
  });
}

/** A user's inline policy, by the document that the case kept. */
export function inlineItem(context: Context, action: Action): Item[] {
  const { name, before, now, UserName } = userIn(context, action);
  const PolicyName = String(action.input.PolicyName);
  const item = {
    item: `policies:${name}:inline/${PolicyName}`,
    kind: "policies" as const,
    subject: name,
  };
  const found = before?.inline.find((one) => one.name === PolicyName);
  if (!found) {
    const why = before ? LATER : "the case lacks the state before, and with it the document";
    return [{ ...item, why }];
  }
  const is = now?.look.inline.find((one) => one.name === PolicyName);
  const there = is !== undefined && sameDocument(is.document, found.document);
  return forUser(now, {
    ...item,
    call: "iam:PutUserPolicy",
    input: { UserName, PolicyName, PolicyDocument: plain(found.document) },
    why: "the user had it before",
    there,
    ...attack(context.own.userGrants.includes(`inline ${PolicyName}`)),
    ...(is && !there && { drift: [`inline policy ${PolicyName} is there with another document`] }),
  });
}

/** A user's place in a group. */
export function groupItem(context: Context, action: Action): Item[] {
  const { name, before, now, UserName } = userIn(context, action);
  const GroupName = String(action.input.GroupName);
  const was = before?.groups.find((group) => group.name === GroupName);
  const held =
    attack(context.own.userGrants.includes(`group ${GroupName}`)).held ??
    unlessBefore(before, was !== undefined).held;
  const drift = was ? groupDrift(context, was) : [];
  return forUser(now, {
    item: `groups:${name}:${GroupName}`,
    kind: "groups",
    subject: name,
    call: "iam:AddUserToGroup",
    input: { UserName, GroupName },
    why: "the user was a member before",
    there: now?.look.groups.some((group) => group.name === GroupName) ?? false,
    ...(held && { held }),
    ...(drift.length > 0 && { drift }),
  });
}
