import type { IAMClient } from "@aws-sdk/client-iam";
import type { RecordGrant, UserSubject } from "../../events/incident";
import { type AdminJudgement, type Grant, makesAdmin } from "../../rulebook/admin";
import { type Exemption, exemptionFor } from "../../rulebook/exemptions";
import type { CaseSubject, Mode } from "../case";
import { clientTimes } from "../client";
import { type Cut, isGone } from "../cut";
import {
  boundaryGrant,
  type Credential,
  grantsOf,
  type IamSdk,
  type Look,
  lookAtUser,
  unseen,
} from "./look";

/** What the account branch is told when it is deployed. */
export interface AccountSettings {
  mode: Mode;
  exemptions: Exemption[];
  /** Exact names of users that are never contained. */
  protectedPrincipals: string[];
  /** Name patterns of users that are never locked out: their credentials are rotated instead. */
  applicationUsers: string[];
}

/** What a look at the account needs. */
export interface AccountEye {
  sdk: IamSdk;
  iam: IAMClient;
  /** ARN of the AWS managed policy AWSDenyAll in this partition. */
  denyAll: string;
  settings: AccountSettings;
}

/** What a step that changes the account needs. */
export interface AccountHand extends AccountEye {
  cut: Cut;
}

/** The eye of one Lambda; its client is made once per sandbox. */
export function accountEye(sdk: IamSdk, settings: AccountSettings): AccountEye {
  const iam = new sdk.IAMClient(clientTimes);
  return { sdk, iam, denyAll: process.env.DENY_ALL_ARN ?? "", settings };
}

/** What `firstCut` calls; the grants of the policy and the boundary are conditioned on AWSDenyAll. */
export const firstCutActions = [
  "iam:AttachUserPolicy",
  "iam:PutUserPermissionsBoundary",
  "iam:UpdateAccessKey",
];

/** What `stripUser` calls beside the first cut. */
export const stripActions = [
  "iam:DeleteLoginProfile",
  "iam:DetachUserPolicy",
  "iam:DeleteUserPolicy",
  "iam:RemoveUserFromGroup",
  "iam:UpdateSSHPublicKey",
  "iam:UpdateServiceSpecificCredential",
  "iam:UpdateSigningCertificate",
  "iam:DeactivateMFADevice",
];

/**
 * How often, and after how many milliseconds, what is not there is looked at again: IAM and EC2
 * replicate, so a record may arrive before the state that it tells of.
 * Source: IAM User Guide, "Changes that I make are not always immediately visible",
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
 */
const PATIENCE_MS = [250, 750, 1500];

/**
 * Takes the attacker's power away: AWSDenyAll on the user, and beside it, not after it, the key of
 * the record goes inactive. Nothing is awaited before.
 *
 * @param looked resolves when the user has been looked at, so that the case knows the boundary that
 *   the owner had set before it is replaced.
 * @returns false where there is no such user.
 */
export async function firstCut(
  hand: AccountHand,
  name: string,
  accessKeyId: string | undefined,
  looked: Looked,
): Promise<boolean> {
  const [outcome] = await Promise.all([
    denyEverything(hand, name, looked),
    accessKeyId?.startsWith("AKIA") && deactivate(hand, name, accessKeyId),
  ]);
  return outcome !== "gone";
}

/** Where the user's ten attachments are taken, the boundary denies: no quota protects against it. */
async function denyEverything(hand: AccountHand, name: string, looked: Looked) {
  const attached = await attachDenyAll(hand, name);
  if (attached !== "full" && attached !== "would") return attached;
  const seen = await looked();
  // What only observes is not told that there is no room: it counts.
  if (attached === "would" && !(seen && isFull(seen, hand))) return attached;
  return putDenyAllBoundary(hand, name);
}

/** The look at the user, where it was answered. */
type Looked = () => Promise<Look | undefined>;

/**
 * Managed policies that a user or a role may have, unless AWS has raised it for the account.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const ATTACHMENTS = 10;

/** Are the attachments of a user or a role taken? */
export function isFull({ attached }: { attached: string[] }, { denyAll }: AccountHand): boolean {
  return attached.length >= ATTACHMENTS && !attached.includes(denyAll);
}

/** Tries again while IAM says that the user is not there, before it is believed. */
export async function patiently<T>(attempt: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const delay of PATIENCE_MS) {
    const found = await attempt();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
  return attempt();
}

type UserCase = Extract<CaseSubject, { kind: "user" }>;

/** A user and what IAM shows of him, under the name that he has now. */
export interface FoundUser {
  name: string;
  look: Look;
}

/**
 * Looks at a user, as far as IAM shows him; one who is gone is sought by his key, since a rename
 * keeps keys and policies.
 * @returns undefined where neither name nor key lead to a user.
 */
export async function seeUser(
  { sdk, iam }: Pick<AccountEye, "sdk" | "iam">,
  { name, accessKeyId }: { name: string; accessKeyId?: string | undefined },
): Promise<FoundUser | undefined> {
  // Of some only the key is known; IAM would refuse to look at an empty name.
  const look = name === "" ? undefined : await lookAtUser(sdk, iam, name);
  if (look) return { name, look };
  const renamed = accessKeyId?.startsWith("AKIA") && (await ownerOfKey(sdk, iam, accessKeyId));
  if (!renamed || renamed === name) return undefined;
  const found = await lookAtUser(sdk, iam, renamed);
  return found && { name: renamed, look: found };
}

/** By what a user of a case is found again: a key that he had stays his when he is renamed. */
export function knownBy({ name, accessKeyId, before }: UserCase) {
  return { name, accessKeyId: accessKeyId ?? before?.keys[0]?.id };
}

/**
 * Looks at a user as `seeUser` does, and at everything.
 * @throws where a part of the look failed.
 */
export async function findUser(
  eye: Pick<AccountEye, "sdk" | "iam">,
  user: { name: string; accessKeyId?: string | undefined },
): Promise<FoundUser | undefined> {
  return whole(await seeUser(eye, user));
}

/** @throws where a part of the look failed, by the name of the first failure. */
export function whole(found: FoundUser | undefined): FoundUser | undefined {
  const [first] = found?.look.failed ?? [];
  if (!found || !first) return found;
  const name = /^\w+/.exec(first.error)?.[0] ?? "LookFailed";
  const sentence = `user ${found.name} could not be looked at whole: ${unseen(found.look).join("; ")}`;
  throw Object.assign(new Error(sentence), {
    name: /^NoSuchEntity/.test(name) ? "LookFailed" : name,
  });
}

/**
 * The user that has the key now; undefined where there is none. The API reference once named
 * NoSuchEntity for a key that nobody has, and names no error today; IAM decides by the owner's ARN,
 * which such a key lacks, so a refusal means the same.
 * Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
 */
async function ownerOfKey(
  sdk: IamSdk,
  iam: IAMClient,
  accessKeyId: string,
): Promise<string | undefined> {
  try {
    const command = new sdk.GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId });
    return (await iam.send(command)).UserName;
  } catch (error) {
    if (isGone(error) || (error as Error).name === "AccessDenied") return undefined;
    throw error;
  }
}

/**
 * Does the look make the record an incident? With a grant in the record, that grant must make the
 * admin, alone or by what it adds; without one, the user must be an admin at all.
 */
export function lookProves(
  { name, look }: FoundUser,
  { grant }: Pick<UserSubject, "grant">,
  exemptions: Exemption[],
): AdminJudgement {
  const grants = notExempt(grantsOf(name, look), exemptions);
  return grantMakesAdmin(grants, boundaryGrant(look), grant, "the user");
}

/** Does the grant make an admin, alone or by what it adds to the others? Without one: do they? */
export function grantMakesAdmin(
  grants: Grant[],
  boundary: Grant | undefined,
  grant: RecordGrant | undefined,
  who: string,
): AdminJudgement {
  const whole = makesAdmin(grants, boundary);
  if (!grant || whole.answer !== "yes") return whole;

  const key = grantKey(grant);
  const isOfRecord = ({ id }: Grant) => belongsTo(id, key);
  const alone = makesAdmin(grants.filter(isOfRecord), boundary);
  if (alone.answer === "yes") return alone;
  const without = makesAdmin(
    grants.filter((one) => !isOfRecord(one)),
    boundary,
  );
  return without.answer === "yes"
    ? { answer: "no", reasons: [`${who} was an admin before this record`], culprits: [] }
    : whole;
}

/** Does the look show the record's grant? Where it failed in part, it may. */
export function showsGrant({ look }: FoundUser, grant: RecordGrant): boolean {
  if (look.failed) return true;
  switch (grant.kind) {
    case "attached":
      return look.attached.includes(grant.policyArn);
    case "inline":
      return look.inline.some(({ name }) => name === grant.policyName);
    case "group":
      return look.groups.some(({ name }) => name === grant.groupName);
  }
}

/** A record's grant as the ids of a look's grants begin. */
export function grantKey(grant: RecordGrant): string {
  switch (grant.kind) {
    case "attached":
      return `attached ${grant.policyArn}`;
    case "inline":
      return `inline ${grant.policyName}`;
    case "group":
      return `group ${grant.groupName}`;
  }
}

/** Is the id this grant's, or that of something within it? */
function belongsTo(id: string, key: string): boolean {
  return id === key || id.startsWith(`${key} `);
}

/** A grant by an exempt policy or group is none that makes an admin. */
export function notExempt(grants: Grant[], exemptions: Exemption[]): Grant[] {
  const now = new Date().toISOString();
  return grants.filter(({ id, policyArn }) => {
    const group = /^group (\S+) /.exec(id)?.[1];
    const names = [...(policyArn ? [policyArn] : []), ...(group ? [`group/${group}`] : [])];
    return exemptionFor(exemptions, "admin-user", names, now).exemption === undefined;
  });
}

/** The grants that make the user an admin once AWSDenyAll and the boundary are lifted again. */
export function adminGrants(
  { name, look }: FoundUser,
  { denyAll, settings }: Pick<AccountEye, "denyAll" | "settings">,
): AdminJudgement {
  const grants = grantsOf(name, look).filter(({ policyArn }) => policyArn !== denyAll);
  return untilNoneIsLeft(notExempt(grants, settings.exemptions));
}

/** A user leaves a group whole, and loses a Deny of the group's with it: what is left is asked again. */
function untilNoneIsLeft(grants: Grant[]): AdminJudgement {
  // Of a grant that could not be read it is not believed that it denies.
  const found = makesAdmin(grants, undefined, "allow");
  if (found.culprits.length === 0) return found;
  const groups = found.culprits.flatMap((id) => /^group \S+/.exec(id)?.[0] ?? []);
  const rest = grants.filter(
    ({ id }) => !found.culprits.includes(id) && !groups.some((group) => belongsTo(id, group)),
  );
  const more = untilNoneIsLeft(rest);
  return {
    answer: found.answer,
    reasons: [...found.reasons, ...(more.culprits.length > 0 ? more.reasons : [])],
    culprits: [...found.culprits, ...more.culprits],
  };
}

function isDenied({ attached, boundary }: Look, { denyAll }: AccountEye): boolean {
  return attached.includes(denyAll) || boundary === denyAll;
}

/** What a look at a user did not show, in words. */
export function hiddenFrom({ name, look }: FoundUser): string[] {
  return unseen(look).map((one) => `user ${name}: ${one}`);
}

/** What a look still finds open on a user who should be contained, in words. */
export function openDoors(found: FoundUser, eye: AccountEye): string[] {
  const { name, look } = found;
  const admin = adminGrants(found, eye);
  const unshown = look.failed?.some(({ call }) => call === "iam:ListAttachedUserPolicies");
  return [
    ...hiddenFrom(found),
    ...(unshown || isDenied(look, eye) ? [] : [`user ${name} has no AWSDenyAll`]),
    ...active(look.keys).map((id) => `user ${name} has the active key ${id}`),
    ...(look.password ? [`user ${name} has a console password`] : []),
    ...active(look.sshKeys).map((id) => `user ${name} has the active SSH key ${id}`),
    ...active(look.serviceCredentials).map(
      (id) => `user ${name} has the active service-specific credential ${id}`,
    ),
    ...active(look.certificates).map((id) => `user ${name} has the active certificate ${id}`),
    ...look.mfaDevices.map((serial) => `user ${name} has the MFA device ${serial}`),
    ...(admin.answer === "yes" ? admin.reasons : []),
  ];
}

/**
 * Everything that a look finds open, taken side by side; the MFA devices last, since until then they
 * keep out whoever has but a key or a password.
 */
export async function stripUser(hand: AccountHand, found: FoundUser): Promise<void> {
  const { name, look } = found;
  const { culprits } = adminGrants(found, hand);
  await Promise.all([
    !isDenied(look, hand) && denyEverything(hand, name, async () => look),
    ...active(look.keys).map((id) => deactivate(hand, name, id)),
    look.password && deletePassword(hand, name),
    ...switchOff(hand, name, look),
    ...takeGrants(hand, name, look, culprits),
  ]);
  await Promise.all(look.mfaDevices.map((serial) => removeDevice(hand, name, serial)));
}

/** Removes the grants named by their ids from a user: policies from him, him from groups. */
export function takeGrants(
  { sdk, iam, cut }: Pick<AccountHand, "sdk" | "iam" | "cut">,
  name: string,
  look: Pick<Look, "attached" | "inline" | "groups">,
  ids: string[],
): Promise<unknown>[] {
  const subject = `user ${name}`;
  const UserName = name;
  const attached = look.attached.filter((arn) => ids.includes(`attached ${arn}`));
  const inline = look.inline.filter((policy) => ids.includes(`inline ${policy.name}`));
  const groups = look.groups.filter((group) =>
    ids.some((id) => belongsTo(id, `group ${group.name}`)),
  );
  return [
    ...attached.map((PolicyArn) => {
      const command = new sdk.DetachUserPolicyCommand({ UserName, PolicyArn });
      return cut("iam:DetachUserPolicy", subject, command, () => iam.send(command));
    }),
    ...inline.map((policy) => {
      const command = new sdk.DeleteUserPolicyCommand({ UserName, PolicyName: policy.name });
      return cut("iam:DeleteUserPolicy", subject, command, () => iam.send(command));
    }),
    ...groups.map((group) => {
      const command = new sdk.RemoveUserFromGroupCommand({ UserName, GroupName: group.name });
      return cut("iam:RemoveUserFromGroup", subject, command, () => iam.send(command));
    }),
  ];
}

function active(credentials: Credential[]): string[] {
  return credentials.filter(({ status }) => status === "Active").map(({ id }) => id);
}

/** SSH keys, service-specific credentials and signing certificates; the status is a literal. */
function switchOff(
  { sdk, iam, cut }: AccountHand,
  UserName: string,
  { sshKeys, serviceCredentials, certificates }: Look,
): Promise<unknown>[] {
  const subject = `user ${UserName}`;
  const Status = "Inactive";
  return [
    ...active(sshKeys).map((SSHPublicKeyId) => {
      const command = new sdk.UpdateSSHPublicKeyCommand({ UserName, SSHPublicKeyId, Status });
      return cut("iam:UpdateSSHPublicKey", subject, command, () => iam.send(command));
    }),
    ...active(serviceCredentials).map((ServiceSpecificCredentialId) => {
      const input = { UserName, ServiceSpecificCredentialId, Status } as const;
      const command = new sdk.UpdateServiceSpecificCredentialCommand(input);
      return cut("iam:UpdateServiceSpecificCredential", subject, command, () => iam.send(command));
    }),
    ...active(certificates).map((CertificateId) => {
      const command = new sdk.UpdateSigningCertificateCommand({ UserName, CertificateId, Status });
      return cut("iam:UpdateSigningCertificate", subject, command, () => iam.send(command));
    }),
  ];
}

/** A device cannot be switched off, only taken from its user; he has to enroll it again. */
function removeDevice({ sdk, iam, cut }: AccountHand, UserName: string, SerialNumber: string) {
  const command = new sdk.DeactivateMFADeviceCommand({ UserName, SerialNumber });
  return cut("iam:DeactivateMFADevice", `user ${UserName}`, command, () => iam.send(command));
}

function attachDenyAll({ sdk, iam, cut, denyAll }: AccountHand, name: string) {
  const command = new sdk.AttachUserPolicyCommand({ UserName: name, PolicyArn: denyAll });
  return cut("iam:AttachUserPolicy", `user ${name}`, command, () => iam.send(command));
}

function putDenyAllBoundary({ sdk, iam, cut, denyAll }: AccountHand, name: string) {
  const input = { UserName: name, PermissionsBoundary: denyAll };
  const command = new sdk.PutUserPermissionsBoundaryCommand(input);
  return cut("iam:PutUserPermissionsBoundary", `user ${name}`, command, () => iam.send(command));
}

/** The status is a literal: this role could switch a key on, this text cannot. */
export function deactivate(
  { sdk, iam, cut }: Pick<AccountHand, "sdk" | "iam" | "cut">,
  name: string,
  id: string,
) {
  const command = new sdk.UpdateAccessKeyCommand({
    UserName: name,
    AccessKeyId: id,
    Status: "Inactive",
  });
  return cut("iam:UpdateAccessKey", `user ${name}`, command, () => iam.send(command));
}

/** A password cannot be switched off, only deleted; it is not restorable. */
export function deletePassword(
  { sdk, iam, cut }: Pick<AccountHand, "sdk" | "iam" | "cut">,
  name: string,
) {
  const command = new sdk.DeleteLoginProfileCommand({ UserName: name });
  return cut("iam:DeleteLoginProfile", `user ${name}`, command, () => iam.send(command));
}
