import type { RoleSubject } from "../../events/incident";
import { howToEnd, isReservedArn, revokeSessions } from "../../events/role";
import type { AdminJudgement, Grant } from "../../rulebook/admin";
import { awsManagedPolicy } from "../../rulebook/managedPolicies";
import { servicesIn, strangersIn } from "../../rulebook/trustPolicy";
import type { CaseSubject, Mode, Pass } from "../case";
import { believeGone, noLook } from "../listed";
import { minified } from "./document";
import { all, documentsOf, inlineDocument, policyDocument } from "./look";
import {
  type AccountEye,
  type AccountHand,
  grantMakesAdmin,
  isFull,
  notExempt,
  patiently,
} from "./user";

/** A role as IAM shows it now. Documents are texts as IAM stores them, URL-encoded, but `minified`. */
export interface RoleLook {
  arn: string;
  attached: string[];
  inline: { name: string; document: string }[];
  /** ARN of the permissions boundary. */
  boundary?: string;
  /** Who may assume it. */
  trust: string;
  /** Names of the profiles by which EC2 instances have it. */
  instanceProfiles: string[];
  /** Default versions of the customer policies among the above. */
  documents: { arn: string; document: string }[];
}

type RoleCase = Extract<CaseSubject, { kind: "role" }>;

/** What `lookAtRole` calls beside the looks at policies; granted only with `containRoles`. */
export const roleLookActions = [
  "iam:GetRole",
  "iam:ListAttachedRolePolicies",
  "iam:ListRolePolicies",
  "iam:GetRolePolicy",
  "iam:ListInstanceProfilesForRole",
];

/** What the first cut of a role calls, conditioned on AWSDenyAll; only with `containRoles`. */
export const roleFirstCutActions = ["iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"];

/** What `stripRole` calls beside it. */
export const roleStripActions = ["iam:DetachRolePolicy", "iam:DeleteRolePolicy"];

/**
 * Everything that decides what a role may do and who has it; undefined where there is no such role.
 *
 * @throws LookFailed where an answer is none, or contradicts another one.
 */
export async function lookAtRole(
  { sdk, iam }: Pick<AccountEye, "sdk" | "iam">,
  RoleName: string,
): Promise<RoleLook | undefined> {
  const at = { client: iam };
  const role = { RoleName };
  const itself = iam.send(new sdk.GetRoleCommand(role));
  try {
    const [{ Role }, policies, inline, profiles] = await Promise.all([
      itself,
      all(sdk.paginateListAttachedRolePolicies(at, role), (page) => page.AttachedPolicies),
      inlineOfRole({ sdk, iam }, RoleName),
      all(sdk.paginateListInstanceProfilesForRole(at, role), (page) => page.InstanceProfiles),
    ]);
    if (!Role) throw noLook(`IAM's answer about role ${RoleName} holds no role`);
    const attached = policies.map(({ PolicyArn = "" }) => PolicyArn);
    const boundary = Role.PermissionsBoundary?.PermissionsBoundaryArn;
    const documents = await Promise.all(
      [...new Set([...attached, ...(boundary ? [boundary] : [])])]
        .filter((arn) => !awsManagedPolicy(arn))
        .map(async (arn) => ({ arn, document: await policyDocument(sdk, iam, arn) })),
    );
    return {
      arn: Role.Arn ?? "",
      attached,
      inline,
      ...(boundary && { boundary }),
      trust: minified(Role.AssumeRolePolicyDocument ?? ""),
      instanceProfiles: profiles.map(({ InstanceProfileName = "" }) => InstanceProfileName),
      documents: documents.filter(
        (one): one is RoleLook["documents"][0] => one.document !== undefined,
      ),
    };
  } catch (error) {
    // Whichever call said so, GetRole and a list must say it too.
    const what = `role ${RoleName}`;
    await believeGone(error, what, () => itself);
    await believeGone(error, what, () => sdk.paginateListRolePolicies(at, role).next());
    return undefined;
  }
}

async function inlineOfRole(
  { sdk, iam }: Pick<AccountEye, "sdk" | "iam">,
  RoleName: string,
): Promise<RoleLook["inline"]> {
  const list = () =>
    all(sdk.paginateListRolePolicies({ client: iam }, { RoleName }), (page) => page.PolicyNames);
  return documentsOf(await list(), (name) => {
    const command = new sdk.GetRolePolicyCommand({ RoleName, PolicyName: name });
    return inlineDocument({
      name,
      of: `role ${RoleName}`,
      get: () => iam.send(command),
      list,
    });
  });
}

/**
 * Contains a role: AWSDenyAll on it, which ends what its sessions may do too. Nothing is awaited
 * before where the record proves the incident; otherwise a look decides. Who may assume it is not
 * changed: that call could let somebody in.
 */
export async function containRole(hand: AccountHand, role: RoleSubject): Promise<Pass> {
  const { name, alertOnly } = role;
  if (alertOnly) return { alerts: [alertOnly] };
  if (!role.proved) return lookThenCut(hand, role);
  const look: { begun?: Promise<RoleLook | Error | undefined> } = {};
  const cutting = denyRole(hand, name, async () => {
    const seen = await look.begun;
    return seen instanceof Error ? undefined : seen;
  });
  look.begun = lookAtRole(hand, name).catch((error: Error) => error);
  const [outcome, seen] = await Promise.all([cutting, look.begun]);
  // A role that was made a moment ago may not be there yet.
  if (outcome === "gone") return lookThenCut(hand, role);
  if (!(seen instanceof Error)) return contained(hand, role, seen);
  const note = `The look at role ${name} failed, so the case lacks its state before: ${seen}`;
  return { ...contained(hand, role, undefined), notes: [note] };
}

async function lookThenCut(hand: AccountHand, role: RoleSubject): Promise<Pass> {
  const { name, caller } = role;
  const found = await patiently(() => lookAtRole(hand, name));
  if (!found) return { notes: [`Role ${name} is not there (any more): nothing to contain`] };
  const judgement = caller || role.proved ? PROVED : roleProves(hand, found, role);
  if (judgement.answer === "no") {
    return { notes: [`Role ${name} is no danger by this: nothing was done`] };
  }
  if (isReservedArn(found.arn)) {
    const why = judgement.reasons.map((reason) => `, although ${reason}`).join("");
    return { alerts: [`Role ${name} was not contained${why}. ${howToEnd(found.arn)}`] };
  }
  if (judgement.answer === "unknown") {
    const unsure = `Whether role ${name} is a danger could not be told: ${judgement.reasons.join("; ")}`;
    return { alerts: [unsure] };
  }
  await denyRole(hand, name, async () => found);
  return { ...contained(hand, role, found), notes: judgement.reasons };
}

type Judgement = Pick<AdminJudgement, "answer" | "reasons">;
const PROVED: Judgement = { answer: "yes", reasons: [] };

function roleProves({ settings }: AccountEye, found: RoleLook, role: RoleSubject): Judgement {
  const { name, grant } = role;
  if (grant) {
    const grants = notExempt(roleGrants(name, found), settings.exemptions);
    return grantMakesAdmin(grants, roleBoundary(found), grant, `role ${name}`);
  }
  const { answer, strangers } = strangersIn(found.trust, accountIn(found.arn));
  return {
    answer,
    reasons: [
      `role ${name} may be assumed by ${strangers.join(", ") || "whom, its trust policy does not tell"}`,
    ],
  };
}

function accountIn(arn: string): string {
  return arn.split(":")[4] ?? "";
}

/** A role's grants in the rulebook's terms. */
function roleGrants(name: string, look: RoleLook): Grant[] {
  const path = `role ${name}`;
  return [
    ...look.attached.map((arn) => ({
      id: `attached ${arn}`,
      path: `${path} → ${arn.split("/").at(-1)}`,
      policyArn: arn,
      document: documentIn(look, arn),
    })),
    ...look.inline.map((policy) => ({
      id: `inline ${policy.name}`,
      path: `${path} → inline policy ${policy.name}`,
      document: policy.document,
    })),
  ];
}

function roleBoundary(look: RoleLook): Grant | undefined {
  const { boundary } = look;
  if (!boundary) return undefined;
  const document = documentIn(look, boundary);
  return { id: "boundary", path: "permissions boundary", policyArn: boundary, document };
}

function documentIn({ documents }: RoleLook, arn: string): string {
  return documents.find((one) => one.arn === arn)?.document ?? "unknown";
}

function contained(
  { settings }: AccountEye,
  role: RoleSubject,
  before: RoleLook | undefined,
): Pass {
  const { name, grant } = role;
  const subject: RoleCase = {
    kind: "role",
    name,
    ...(grant?.kind === "attached" && { policyArn: grant.policyArn }),
    ...(grant?.kind === "inline" && { policyName: grant.policyName }),
    ...(before && { before }),
  };
  return { subjects: [subject], alerts: [whatStops(settings.mode, role, before)] };
}

/** Whoever has the role stands still: a person decides how long that may be. */
function whatStops(
  mode: Mode,
  { name, grant, caller }: RoleSubject,
  before: RoleLook | undefined,
): string {
  const services = servicesIn(before?.trust);
  const profiles = before?.instanceProfiles ?? [];
  const users = [
    ...(services.length > 0 ? [`the services ${services.join(", ")}`] : []),
    ...(profiles.length > 0 ? [`EC2 instances with the profile ${profiles.join(", ")}`] : []),
    "every session that it has",
  ];
  const stops =
    mode === "observe"
      ? `Role ${name} would be denied everything: ${users.join("; ")} could do nothing as it.`
      : `Role ${name} is denied everything now: ${users.join("; ")} can do nothing as it.`;
  if (grant) return stops;
  if (caller) return `${stops} Before you lift that, end its sessions: ${revokeSessions(name)}`;
  return `${stops} Who may assume it was not changed: take the strangers out of its trust policy before you lift that.`;
}

/** The first cut again where it is missing, and the record's grant; the grant makes room for it. */
export async function stripRole(hand: AccountHand, role: RoleCase): Promise<void> {
  const found = await lookAtRole(hand, role.name);
  if (!found) return;
  await takeGrant(hand, role, found);
  if (!isDenied(found, hand)) await denyRole(hand, role.name, async () => found);
}

function isDenied({ attached, boundary }: RoleLook, { denyAll }: AccountEye): boolean {
  return attached.includes(denyAll) || boundary === denyAll;
}

/** What a look still finds open on a role that should be contained, in words. */
export function roleDoors(eye: AccountEye, role: RoleCase, found: RoleLook | undefined): string[] {
  if (!found) return [];
  const { attached, inline } = found;
  const { name, policyArn, policyName } = role;
  const has = (one: { name: string }) => one.name === policyName;
  return [
    ...(isDenied(found, eye) ? [] : [`role ${name} has no AWSDenyAll`]),
    ...(policyArn && attached.includes(policyArn) ? [`role ${name} has ${policyArn}`] : []),
    ...(inline.some(has) ? [`role ${name} has inline policy ${policyName}`] : []),
  ];
}

async function takeGrant(
  { sdk, iam, cut }: AccountHand,
  { name: RoleName, policyArn: PolicyArn, policyName: PolicyName }: RoleCase,
  { attached, inline }: RoleLook,
): Promise<void> {
  const subject = `role ${RoleName}`;
  if (PolicyArn && attached.includes(PolicyArn)) {
    const command = new sdk.DetachRolePolicyCommand({ RoleName, PolicyArn });
    await cut("iam:DetachRolePolicy", subject, command, () => iam.send(command));
  }
  if (PolicyName && inline.some(({ name }) => name === PolicyName)) {
    const command = new sdk.DeleteRolePolicyCommand({ RoleName, PolicyName });
    await cut("iam:DeleteRolePolicy", subject, command, () => iam.send(command));
  }
}

/**
 * Where the role's attachments are taken (ten, unless AWS raised the quota), the boundary denies: no
 * quota protects against it.
 * Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html
 *
 * @param looked resolves when the role has been looked at, so that the case knows the boundary that
 *   the owner had set before it is replaced.
 */
async function denyRole(
  hand: AccountHand,
  name: string,
  looked: () => Promise<RoleLook | undefined>,
) {
  const attached = await attachDenyAll(hand, name);
  if (attached !== "full" && attached !== "would") return attached;
  const seen = await looked();
  // What only observes is not told that there is no room: it counts.
  if (attached === "would" && !(seen && isFull(seen, hand))) return attached;
  return putDenyAllBoundary(hand, name);
}

function attachDenyAll({ sdk, iam, cut, denyAll }: AccountHand, RoleName: string) {
  const command = new sdk.AttachRolePolicyCommand({ RoleName, PolicyArn: denyAll });
  return cut("iam:AttachRolePolicy", `role ${RoleName}`, command, () => iam.send(command));
}

function putDenyAllBoundary({ sdk, iam, cut, denyAll }: AccountHand, RoleName: string) {
  const command = new sdk.PutRolePermissionsBoundaryCommand({
    RoleName,
    PermissionsBoundary: denyAll,
  });
  return cut("iam:PutRolePermissionsBoundary", `role ${RoleName}`, command, () =>
    iam.send(command),
  );
}
