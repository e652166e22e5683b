import assert from "node:assert/strict";
import type { Incident, Subject } from "../../events/incident";
import type { Action, BranchInput, Case, Mode } from "../../functions/case";
import { caseComplaints } from "../../restore/caseFile";
import type { Exemption } from "../../rulebook/exemptions";
import { type Answers, type Call, cutsIn, noSuchEntity } from "./fakeSdk";

export type IamAnswers = Answers<typeof import("@aws-sdk/client-iam")>;

export const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
export const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
export const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
/** A customer policy with a path. */
export const TEAM = "arn:aws:iam::123456789012:policy/team/blue/Ops";
export const KEY = "AKIA0000000000000001";
export const ALLOW_ALL = document("*");
export const HARMLESS = document("s3:GetObject");

/** Every name is one that IAM allows. */
export const userNames = ["bob", "bob@corp.example+x=1,_-", "n".repeat(64)];

/** URL-encoded, as IAM gives it. */
function document(Action: string): string {
  const Statement = { Effect: "Allow", Action, Resource: "*" };
  return encodeURIComponent(JSON.stringify({ Version: "2012-10-17", Statement }));
}

/** The look at a user with no permission, no key and no password. */
export const bareUser = {
  GetUser: { User: {} },
  ListAttachedUserPolicies: { AttachedPolicies: [] },
  ListUserPolicies: { PolicyNames: [] },
  ListGroupsForUser: { Groups: [] },
  ListAccessKeys: { AccessKeyMetadata: [] },
  ListSSHPublicKeys: { SSHPublicKeys: [] },
  ListServiceSpecificCredentials: { ServiceSpecificCredentials: [] },
  ListSigningCertificates: { Certificates: [] },
  ListMFADevices: { MFADevices: [] },
  GetLoginProfile: noSuchEntity,
} satisfies IamAnswers;

/** The look that finds nobody. */
export const nobody = {
  ...bareUser,
  GetUser: noSuchEntity,
  ListAttachedUserPolicies: noSuchEntity,
  ListUserPolicies: noSuchEntity,
  ListGroupsForUser: noSuchEntity,
  ListAccessKeys: noSuchEntity,
} satisfies IamAnswers;

export const bareLook = {
  attached: [] as string[],
  inline: [],
  groups: [],
  keys: [],
  password: false,
  sshKeys: [],
  serviceCredentials: [],
  certificates: [],
  mfaDevices: [],
  documents: [],
};

export function settings(mode: Mode = "enforce", exemptions: Exemption[] = []) {
  const users = { protectedPrincipals: ["break-glass"], applicationUsers: ["app-*"] };
  const roles = { trustedActors: [], stackRoles: [], containRoles: false };
  return { mode, exemptions, ...users, ...roles };
}

export function attached(...arns: string[]) {
  return { AttachedPolicies: arns.map((PolicyArn) => ({ PolicyArn })) };
}

/** Keys as ListAccessKeys lists them; an id that begins with "-" is inactive. */
export function keys(...ids: string[]) {
  return {
    AccessKeyMetadata: ids.map((id) => ({
      AccessKeyId: id.replace("-", ""),
      Status: id.startsWith("-") ? ("Inactive" as const) : ("Active" as const),
    })),
  };
}

/** One answer for one user, another for all others. */
export function only<T, U>(name: string, his: T, others: U) {
  return ({ UserName }: { UserName: string | undefined }) => (UserName === name ? his : others);
}

export function incident(subjects: Subject[], over: Partial<Incident> = {}): Incident {
  return {
    decision: "EmergencyActionAccount",
    reason: "the record says so",
    subjects,
    actor: { type: "IAMUser", arn: "arn:aws:iam::123456789012:user/mallory", userName: "mallory" },
    event: {
      id: "0f8fad5b-d9cb-469f-a165-70867728950e",
      name: "AttachUserPolicy",
      source: "iam.amazonaws.com",
      time: "2026-06-01T12:00:00Z",
      region: "us-east-1",
      account: "123456789012",
      address: "203.0.113.7",
    },
    record: {},
    ...over,
  };
}

export function caseOf(over: Partial<Case> = {}): Case {
  const none = { subjects: [], actions: [], notes: [], alerts: [], open: [] };
  return { id: "execution-1", mode: "enforce", ...none, round: 0, quiet: 0, ...over };
}

/**
 * A handler's answer, which must be a case that can be read back: as RecordCase writes it, beside
 * its incident, and as schema/case.schema.json has it.
 */
export async function validCase(
  handler: (input: BranchInput & { case: Case }) => Promise<Case>,
  input: BranchInput,
): Promise<Case> {
  const after = await handler(input as BranchInput & { case: Case });
  const written = JSON.parse(JSON.stringify({ ...after, incident: input.incident }));
  assert.deepEqual(caseComplaints(written), []);
  return after;
}

/** What a case says that was done, as the calls were: the service's name and the times left out. */
export function callsOf(actions: Action[]): Call[] {
  return actions.map(({ call, input }) => [call.replace(/^\w+:/, ""), input]);
}

/** Actions in short: "done iam:AttachUserPolicy user bob". */
export function told(actions: Action[]): string[] {
  return actions.map(({ outcome, call, subject }) => `${outcome} ${call} ${subject}`);
}

/** What both modes come to, to be compared: what was called, and what would have been. */
export async function bothModes(run: (mode: Mode) => Promise<{ after: Case; calls: Call[] }>) {
  const [enforced, observed] = [await run("enforce"), await run("observe")];
  const sorted = (calls: Call[]) => calls.map((one) => JSON.stringify(one)).sort();
  return {
    changed: cutsIn(observed.calls),
    outcomes: [...new Set(observed.after.actions.map(({ outcome }) => outcome))],
    called: sorted(cutsIn(enforced.calls)),
    would: sorted(callsOf(observed.after.actions)),
  };
}
