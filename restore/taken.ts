import type { Look } from "../functions/account/look";
import type { Action, CaseSubject } from "../functions/case";
import type { CaseFile } from "./caseFile";

/** A call by which a case took something, or may have. */
export interface Taking {
  action: Action;
  /** Why the case's own word is not enough, in words. Absent: the call was answered, and is `done`. */
  doubt?: string;
}

/**
 * What the case took, the undoubted first: what is `done`, and further what the state before held and
 * a call of the case was to take, whatever came of it. A function that was stopped in the middle
 * leaves no word of what it did, and its next run finds that `gone`; an answer that never came has
 * `failed`. Whether it went, the present tells.
 */
export function takingsOf(file: CaseFile): Taking[] {
  const tried = (outcome: Action["outcome"]) =>
    file.actions.filter((one) => one.outcome === outcome);
  return [
    ...tried("done").map((action) => ({ action })),
    ...tried("gone")
      .filter((action) => heldBefore(file, action))
      .map((action) => ({ action, doubt: "the case found it gone, as its own second try does" })),
    ...tried("failed")
      .filter((action) => PUTS.test(action.call) || heldBefore(file, action))
      .map((action) => ({ action, doubt: `the case's call had failed: ${action.error}` })),
    ...unnoted(file).map((action) => ({ action, doubt: BROKE_OFF })),
    ...shared(file).map((action) => ({ action })),
  ];
}

const BROKE_OFF = "the case broke off before it had told what it took";

/** What the case puts on a subject, so that nothing of the kind was there before. */
const PUTS = /^iam:(Attach(User|Role)Policy|Put(User|Role)PermissionsBoundary)$/;

/**
 * The calls that contain a user, for all that he had before: where no look came after them, they may
 * have been made without a word in the case.
 */
function unnoted({ mode, round, subjects, actions }: CaseFile): Action[] {
  if (mode !== "enforce" || round > 0) return [];
  const known = new Set(actions.map(({ call, input }) => `${call} ${JSON.stringify(input)}`));
  return subjects
    .flatMap((one) => (one.kind === "user" && one.before ? callsOn(one.name, one.before) : []))
    .filter(({ call, input }) => !known.has(`${call} ${JSON.stringify(input)}`));
}

/** The blocks that the case found made for another one, and shares without a call of its own. */
function shared({ mode, subjects, actions }: CaseFile): Action[] {
  if (mode !== "enforce") return [];
  const known = actions.map(({ input }) => input.NetworkAclId);
  return subjects
    .flatMap((one) => (one.kind === "networkAcl" && one.block.add.length > 0 ? [one.aclId] : []))
    .filter((aclId, at, all) => !known.includes(aclId) && all.indexOf(aclId) === at)
    .map((aclId) => ({
      call: "ec2:CreateNetworkAclEntry",
      subject: aclId,
      input: { NetworkAclId: aclId },
      outcome: "done",
      at: "",
    }));
}

function callsOn(UserName: string, before: Look): Action[] {
  const call = (name: string, input: object): Action => ({
    call: `iam:${name}`,
    subject: `user ${UserName}`,
    input: { UserName, ...input },
    outcome: "failed",
    at: "",
  });
  const off = (name: string, field: string, list: { id: string; status: string }[]) =>
    list
      .filter(({ status }) => status === "Active")
      .map(({ id }) => call(name, { [field]: id, Status: "Inactive" }));
  return [
    ...before.attached.map((PolicyArn) => call("DetachUserPolicy", { PolicyArn })),
    ...before.inline.map(({ name }) => call("DeleteUserPolicy", { PolicyName: name })),
    ...before.groups.map(({ name }) => call("RemoveUserFromGroup", { GroupName: name })),
    ...off("UpdateAccessKey", "AccessKeyId", before.keys),
    ...off("UpdateSSHPublicKey", "SSHPublicKeyId", before.sshKeys),
    ...off(
      "UpdateServiceSpecificCredential",
      "ServiceSpecificCredentialId",
      before.serviceCredentials,
    ),
    ...off("UpdateSigningCertificate", "CertificateId", before.certificates),
    ...(before.password ? [call("DeleteLoginProfile", {})] : []),
    ...before.mfaDevices.map((SerialNumber) => call("DeactivateMFADevice", { SerialNumber })),
  ];
}

/** Did the subject have, before the incident, what the call takes? */
function heldBefore({ subjects }: CaseFile, { call, input }: Action): boolean {
  return subjects.some((subject) => heldBy(subject, call, input));
}

function heldBy(subject: CaseSubject, call: string, input: Action["input"]): boolean {
  switch (subject.kind) {
    case "user":
    case "applicationUser":
      return (
        input.UserName === subject.name &&
        subject.before !== undefined &&
        userHeld(subject.before, call, input)
      );
    case "role":
      return (
        input.RoleName === subject.name &&
        ((subject.before?.attached.includes(String(input.PolicyArn)) ?? false) ||
          named(subject.before?.inline ?? [], input.PolicyName))
      );
    case "group":
      return (
        input.GroupName === subject.name &&
        input.UserName === undefined &&
        (input.PolicyArn ?? input.PolicyName) === (subject.policyArn ?? subject.policyName)
      );
    case "policy":
      return (
        input.PolicyArn === subject.arn &&
        (subject.before.users.includes(String(input.UserName)) ||
          subject.before.groups.includes(String(input.GroupName)))
      );
    case "securityGroup":
      return call === "ec2:RevokeSecurityGroupIngress" && input.GroupId === subject.groupId;
    case "networkAcl":
      return input.NetworkAclId === subject.aclId;
    default:
      return false;
  }
}

function userHeld(before: Look, call: string, input: Action["input"]): boolean {
  const active = (list: { id: string; status: string }[], field: string) =>
    list.some(({ id, status }) => id === input[field] && status === "Active");
  switch (call) {
    case "iam:DetachUserPolicy":
      return before.attached.includes(String(input.PolicyArn));
    case "iam:DeleteUserPolicy":
      return named(before.inline, input.PolicyName);
    case "iam:RemoveUserFromGroup":
      return named(before.groups, input.GroupName);
    case "iam:UpdateAccessKey":
      return active(before.keys, "AccessKeyId");
    case "iam:UpdateSSHPublicKey":
      return active(before.sshKeys, "SSHPublicKeyId");
    case "iam:UpdateServiceSpecificCredential":
      return active(before.serviceCredentials, "ServiceSpecificCredentialId");
    case "iam:UpdateSigningCertificate":
      return active(before.certificates, "CertificateId");
    case "iam:DeleteAccessKey":
      return before.keys.some(({ id }) => id === input.AccessKeyId);
    case "iam:DeleteLoginProfile":
      return before.password;
    case "iam:DeactivateMFADevice":
      return before.mfaDevices.includes(String(input.SerialNumber));
    default:
      return false;
  }
}

function named(list: { name: string }[], name: unknown): boolean {
  return list.some((one) => one.name === name);
}
