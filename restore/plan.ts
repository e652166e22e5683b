import type { Look } from "../functions/account/look";
import type { Action, CaseSubject } from "../functions/case";
import type { CaseFile } from "./caseFile";
import { groupDrift, type UserNow, userDrift } from "./drift";
import type { Present } from "./present";
import { ownOfAll, type RecordsOwn } from "./recordsOwn";
import { roleAttachedItem, roleDenyItem, roleInlineItem } from "./roles";
import { ruleItems } from "./rules";
import { versionItems, versionOf } from "./versions";

/** What `--only` may name, in the order in which it is given back: what denies goes last. */
export const kinds = [
  "policies",
  "groups",
  "keys",
  "ssh-keys",
  "service-credentials",
  "certificates",
  "password",
  "mfa",
  "rules",
  "boundary",
  "deny",
] as const;
export type Kind = (typeof kinds)[number];

/** One call that gives something back. */
export interface Step {
  /** "keys:bob:AKIA…": as the table shows it and `--only` names it. */
  item: string;
  kind: Kind;
  /** Whose it is: "bob", "group/devs", "sg-…". */
  subject: string;
  /** As IAM policies write it: "iam:AttachUserPolicy". */
  call: string;
  input: Record<string, unknown>;
  why: string;
}

/** What is not given back, and the command that replaces it, where there is one. */
export interface Left {
  item: string;
  why: string;
  command?: string;
}

/** Where the present differs from what the case had left. */
export interface Drift {
  item: string;
  what: string;
}

/** What a restore would do. */
export interface Plan {
  steps: Step[];
  /** Items that are as they were before. */
  there: string[];
  left: Left[];
  drift: Drift[];
  /** The drift that nobody has waved through: with steps to make, it stops the restore. */
  stops: Drift[];
}

/** What the operator asked for. */
export interface Wishes {
  /** Kinds and items; empty: everything. */
  only: string[];
  /** Give back in spite of drift. */
  force: boolean;
  /** The incident was none: what the record itself had given comes back too. */
  falseAlarm: boolean;
}

/** One thing that the case took: how to give it back, and what speaks against it. */
export interface Item {
  item: string;
  kind: Kind;
  subject: string;
  /** Absent: there is no call that gives it back. */
  call?: string;
  input?: Record<string, unknown>;
  why: string;
  /** It is as it was before. */
  there?: boolean;
  /**
   * Why it is left out, unless the operator says otherwise: `attack` by --false-alarm, `named` by
   * naming the item, `kind` by naming its kind or the item.
   */
  held?: { by: "attack" | "named" | "kind"; why: string };
  command?: string;
  drift?: string[];
}

/** What an item's reader knows. */
export interface Context {
  file: CaseFile;
  present: Present;
  own: RecordsOwn;
}

/**
 * What a restore of this case would do: pure, the case and the present state alone decide.
 *
 * Given back is what an action with the outcome `done` took and the state before the incident held.
 * What the record itself had given (its grant, its key, its rules) is the attack, and stays away.
 *
 * @param others cases of the same subjects: what their records had given stays away too.
 */
export function planRestore(
  file: CaseFile,
  present: Present,
  wishes: Wishes,
  others: CaseFile[] = [],
): Plan {
  const own = ownOfAll([file, ...others].map(({ incident }) => incident));
  const context: Context = { file, present, own };
  const done = file.actions.filter(({ outcome }) => outcome === "done");
  const items = distinct([
    ...versionItems(context, done),
    ...done.flatMap((action) => itemsOf(context, action)),
  ]);
  const wanted = items.filter((one) => isWanted(one, wishes));
  const steps = inOrder(wanted.flatMap((one) => stepOf(one, wishes)));
  const drift = [
    ...wanted.flatMap(({ item, drift = [] }) => drift.map((what) => ({ item, what }))),
    ...userDrift(context, done, steps),
  ];
  const relevant = drift.filter((one) => isRelevant(one, steps, wishes));
  return {
    steps,
    there: wanted.filter(({ there }) => there).map(({ item }) => item),
    left: [...wanted.flatMap((one) => leftOf(one, wishes)), ...unmade(context)],
    drift: relevant,
    stops:
      steps.length === 0 || wishes.force
        ? []
        : relevant.filter(({ item }) => !wishes.only.includes(item)),
  };
}

/** The same thing may have been taken in several passes. */
function distinct(items: Item[]): Item[] {
  return items.filter(({ item }, index) => items.findIndex((one) => one.item === item) === index);
}

function inOrder(steps: Step[]): Step[] {
  return kinds.flatMap((kind) => steps.filter((step) => step.kind === kind));
}

function isWanted({ item, kind }: Pick<Item, "item" | "kind">, { only }: Wishes): boolean {
  return only.length === 0 || only.includes(kind) || only.includes(item);
}

/** Whoever lifts the deny has to know all that differs; other kinds concern themselves alone. */
function isRelevant({ item }: Drift, steps: Step[], { only }: Wishes): boolean {
  const [kind = "", subject] = item.split(":");
  if (isWanted({ item, kind: kind as Kind }, { only } as Wishes)) return true;
  return steps.some(
    (step) => (step.kind === "deny" || step.kind === "boundary") && step.subject === subject,
  );
}

function isHeld({ item, kind, held }: Item, { only, falseAlarm }: Wishes): boolean {
  if (!held) return false;
  if (held.by === "attack") return !falseAlarm;
  return !only.includes(item) && !(held.by === "kind" && only.includes(kind));
}

function stepOf(one: Item, wishes: Wishes): Step[] {
  const { item, kind, subject, call, input, why } = one;
  if (one.there || !call || !input || isHeld(one, wishes)) return [];
  return [{ item, kind, subject, call, input, why }];
}

function leftOf(one: Item, wishes: Wishes): Left[] {
  const { item, kind, call, there, held, why, command } = one;
  if (there) return [];
  if (held && isHeld(one, wishes)) {
    const way = held.by === "attack" ? "--false-alarm" : `--only ${item}`;
    const does = kind === "deny" ? "takes it off" : "gives it back";
    return [{ item, why: call ? `${held.why} (${way} ${does})` : held.why }];
  }
  return call ? [] : [{ item, why, ...(command && { command }) }];
}

/** What the record itself took or changed, and no action of the case did. */
function unmade({ file: { incident } }: Context): Left[] {
  const { name } = incident.event;
  if (!/^(Detach|Delete|Remove|Update(User|Group)$|PutUserPermissionsBoundary)/.test(name)) {
    return [];
  }
  const why = `the record's own call, ${name}, is not undone: the case does not know what was before it`;
  return [{ item: `record:${name}`, why }];
}

type Reader = (context: Context, action: Action) => Item[];

/** How each call of the responders is taken back. A new call is a new line; a test compares. */
const readers: Record<string, Reader> = {
  "iam:AttachUserPolicy": denyItem,
  "iam:PutUserPermissionsBoundary": boundaryItem,
  "iam:DetachUserPolicy": attachedItem,
  "iam:DeleteUserPolicy": inlineItem,
  "iam:RemoveUserFromGroup": groupItem,
  "iam:UpdateAccessKey": credentialItem("keys", "AccessKeyId", "keys"),
  "iam:UpdateSSHPublicKey": credentialItem("ssh-keys", "SSHPublicKeyId", "sshKeys"),
  "iam:UpdateServiceSpecificCredential": credentialItem(
    "service-credentials",
    "ServiceSpecificCredentialId",
    "serviceCredentials",
  ),
  "iam:UpdateSigningCertificate": credentialItem("certificates", "CertificateId", "certificates"),
  "iam:DeleteAccessKey": deletedKeyItem,
  "iam:DeleteLoginProfile": passwordItem,
  "iam:DeactivateMFADevice": mfaItem,
  "iam:DetachGroupPolicy": groupAttachedItem,
  "iam:DeleteGroupPolicy": groupInlineItem,
  "iam:AttachRolePolicy": roleDenyItem,
  "iam:DetachRolePolicy": roleAttachedItem,
  "iam:DeleteRolePolicy": roleInlineItem,
  "ec2:RevokeSecurityGroupIngress": ruleItems,
  // What an application user was given in place of his old key stays his.
  "iam:CreateAccessKey": () => [],
  "secretsmanager:CreateSecret": () => [],
  "secretsmanager:PutSecretValue": () => [],
};

/** The calls that a restore knows how to take back, or to leave. */
export const knownCalls = Object.keys(readers);

function itemsOf(context: Context, action: Action): Item[] {
  const reader = Object.hasOwn(readers, action.call) ? readers[action.call] : undefined;
  if (reader) return reader(context, action);
  const why = `restore does not know ${action.call} on ${action.subject}: undo it by hand`;
  return [
    { item: `policies:${action.subject}:${action.call}`, kind: "policies", subject: "", why },
  ];
}

type UserCase = Extract<CaseSubject, { kind: "user" | "applicationUser" }>;

function userOf({ file }: Context, name: string): UserCase | undefined {
  return file.subjects.find(
    (one): one is UserCase =>
      (one.kind === "user" || one.kind === "applicationUser") && one.name === name,
  );
}

/** A user's action: his name in the case, his state before, and how he is now. */
function userIn(context: Context, { input }: Action) {
  const name = String(input.UserName);
  const subject = userOf(context, name);
  const now: UserNow = context.present.users[name] ?? undefined;
  return { name, subject, before: subject?.before, now, UserName: now?.name ?? name };
}

const NO_BEFORE = "the case lacks the state before, so whether it was there is not known";
const LATER = "it came after the case's first look, so it was not there before";

/** Held where the case's look does not say that it was there before the incident. */
function unlessBefore(before: Look | undefined, had: boolean | undefined): Pick<Item, "held"> {
  if (!before) return { held: { by: "named", why: NO_BEFORE } };
  return had ? {} : { held: { by: "named", why: LATER } };
}

const ATTACK = "the record itself gave it: it is the attack";

function attack(is: boolean): Pick<Item, "held"> {
  return is ? { held: { by: "attack", why: ATTACK } } : {};
}

/** A user who is gone has nothing that could be given back; his drift says so. */
function forUser(now: UserNow, item: Item): Item[] {
  const { call: _, input: __, ...without } = item;
  return [now ? item : { ...without, why: "the user is not there any more" }];
}

function isDenyAll(arn: unknown): boolean {
  return /^arn:[^:]+:iam::aws:policy\/AWSDenyAll$/.test(String(arn));
}

/**
 * AWSDenyAll that the owner had attached is left as it was. Attaching is idempotent, and the look
 * of a proved incident runs beside it, so there the look cannot tell whose it is; whoever made the
 * incident's call himself was not denied then.
 * Source: IAM API Reference, AttachUserPolicy, Errors: none says that it is attached already,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html
 */
function denyItem(context: Context, action: Action): Item[] {
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
  });
}

function boundaryItem(context: Context, action: Action): Item[] {
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

function attachedItem(context: Context, action: Action): Item[] {
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

/** A customer policy that is gone, or says something else than the case saw. */
function policyDrift(
  { present }: Context,
  arn: string,
  document: string | undefined,
): Pick<Item, "drift"> {
  const now = present.policies[arn];
  if (now === null) return { drift: [`the policy ${arn} is not there any more`] };
  if (!now || document === undefined) return {};
  return sameDocument(now.document, document)
    ? {}
    : { drift: [`the default version of ${arn} is not the one that the case saw`] };
}

/** IAM gives documents URL-encoded, and takes them plain. */
export function plain(document: string): string {
  try {
    return decodeURIComponent(document);
  } catch {
    return document;
  }
}

export function sameDocument(one: string, other: string): boolean {
  const read = (text: string) => {
    try {
      return JSON.stringify(JSON.parse(plain(text)));
    } catch {
      return text;
    }
  };
  return read(one) === read(other);
}

function inlineItem(context: Context, action: Action): Item[] {
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

function groupItem(context: Context, action: Action): Item[] {
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

type CredentialList = "keys" | "sshKeys" | "serviceCredentials" | "certificates";

function credentialItem(kind: Kind, field: string, list: CredentialList): Reader {
  return (context, action) => {
    const { name, subject, before, now, UserName } = userIn(context, action);
    const id = String(action.input[field]);
    const { actor } = context.file.incident;
    const status = before?.[list].find((one) => one.id === id)?.status;
    // A look beside the first cut may see the caller's own key switched off already.
    const wasActive = status === "Active" || (status !== undefined && actor.accessKeyId === id);
    const is = now?.look[list].find((one) => one.id === id);
    const ofRecord = context.own.credentials.includes(id);
    const drift = credentialDrift(id, ofRecord, now, is?.status);
    const application =
      subject?.kind === "applicationUser"
        ? { by: "kind" as const, why: "the application has a new key in its secret" }
        : undefined;
    const held =
      attack(ofRecord).held ??
      application ??
      unlessBefore(before, wasActive).held ??
      (actor.accessKeyId === id ? undefined : madeLater(context, now?.made[id]).held);
    return forUser(is || ofRecord ? now : undefined, {
      item: `${kind}:${name}:${id}`,
      kind,
      subject: name,
      call: action.call,
      input: { UserName, [field]: id, Status: "Active" },
      why:
        actor.accessKeyId === id
          ? "it was active before; it signed the incident's call, so a new one is better"
          : "it was active before",
      there: !ofRecord && is?.status === "Active",
      ...(held && { held }),
      ...(drift.length > 0 && { drift }),
    }).map((one) => (now && !is && !ofRecord ? { ...one, why: `${id} was deleted` } : one));
  };
}

/** The record's own must stay away; every other one must still be there. */
function credentialDrift(
  id: string,
  ofRecord: boolean,
  now: UserNow,
  status: string | undefined,
): string[] {
  if (ofRecord) return status === "Active" ? [`${id}, which the record made, is active again`] : [];
  return now && status === undefined ? [`${id} is not there any more`] : [];
}

/**
 * A burst of calls is contained by its first events; the record of a later one, a new key say, then
 * finds nothing to do and leaves no case. Its key is told by its age.
 */
function madeLater({ file }: Context, made: string | undefined): Pick<Item, "held"> {
  const { time } = file.incident.event;
  // CloudTrail's times are whole seconds.
  if (made === undefined || !(Date.parse(made) >= Date.parse(time))) return {};
  return { held: { by: "named", why: `it was made at ${made}, and the incident was at ${time}` } };
}

function deletedKeyItem(context: Context, action: Action): Item[] {
  const { name, before, UserName } = userIn(context, action);
  const id = String(action.input.AccessKeyId);
  // What is not in the state before is a replacement that could not be stored.
  if (!before?.keys.some((key) => key.id === id)) return [];
  const why = "it was deleted to make room for the replacement; a deleted key does not come back";
  const command = `aws iam create-access-key --user-name ${UserName}`;
  return [{ item: `keys:${name}:${id}`, kind: "keys", subject: name, why, command }];
}

function passwordItem(context: Context, action: Action): Item[] {
  const { name, now, UserName } = userIn(context, action);
  const item = { item: `password:${name}`, kind: "password" as const, subject: name };
  const { event } = context.file.incident;
  if (event.name === "CreateLoginProfile" && context.own.users.includes(name)) {
    return [{ ...item, why: ATTACK }];
  }
  return [
    {
      ...item,
      why: "a deleted password does not come back",
      command: `aws iam create-login-profile --user-name ${UserName} --password-reset-required --password "$PASSWORD"`,
      there: now?.look.password === true,
    },
  ];
}

/**
 * Source: IAM API Reference, EnableMFADevice: two codes in a row,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html
 */
function mfaItem(context: Context, action: Action): Item[] {
  const { name, now, UserName } = userIn(context, action);
  const serial = String(action.input.SerialNumber);
  return [
    {
      item: `mfa:${name}:${serial}`,
      kind: "mfa",
      subject: name,
      why: "only who holds the device can enable it again, with two codes in a row",
      command: `aws iam enable-mfa-device --user-name ${UserName} --serial-number ${serial} --authentication-code1 CODE --authentication-code2 NEXT_CODE`,
      there: now?.look.mfaDevices.includes(serial) ?? false,
    },
  ];
}

function groupAttachedItem(context: Context, action: Action): Item[] {
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

function groupInlineItem(context: Context, action: Action): Item[] {
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
