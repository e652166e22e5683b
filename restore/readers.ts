import type { Action } from "../functions/case";
import type { notRestorable } from "../functions/restorable";
import { aclItem } from "./acls";
import { credentialItem, deletedKeyItem, mfaItem, passwordItem } from "./credentials";
import { groupAttachedItem, groupInlineItem } from "./groups";
import type { Context, Item, Reader } from "./item";
import { replacementItems } from "./replacements";
import { roleAttachedItem, roleBoundaryItem, roleDenyItem, roleInlineItem } from "./roles";
import { ruleItems } from "./rules";
import { attachedItem, boundaryItem, denyItem, groupItem, inlineItem } from "./users";

/** What cannot come back: each with the command that replaces it. */
const replaced: Record<(typeof notRestorable)[number], Reader> = {
  "iam:DeleteAccessKey": deletedKeyItem,
  "iam:DeleteLoginProfile": passwordItem,
  "iam:DeactivateMFADevice": mfaItem,
};

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
  ...replaced,
  "iam:DetachGroupPolicy": groupAttachedItem,
  "iam:DeleteGroupPolicy": groupInlineItem,
  "iam:AttachRolePolicy": roleDenyItem,
  "iam:PutRolePermissionsBoundary": roleBoundaryItem,
  "iam:DetachRolePolicy": roleAttachedItem,
  "iam:DeleteRolePolicy": roleInlineItem,
  "ec2:RevokeSecurityGroupIngress": ruleItems,
  "ec2:AuthorizeSecurityGroupIngress": replacementItems,
  "ec2:CreateNetworkAclEntry": aclItem,
  "ec2:DeleteNetworkAclEntry": aclItem,
  // What an application user was given in place of his old key stays his.
  "iam:CreateAccessKey": () => [],
  "secretsmanager:CreateSecret": () => [],
  "secretsmanager:PutSecretValue": () => [],
};

/** The calls that a restore knows how to take back, or to leave. */
export const knownCalls = Object.keys(readers);

/** What one action of the case took. */
export function itemsOf(context: Context, action: Action): Item[] {
  const reader = Object.hasOwn(readers, action.call) ? readers[action.call] : undefined;
  if (reader) return reader(context, action);
  const why = `restore does not know ${action.call} on ${action.subject}: undo it by hand`;
  return [
    { item: `policies:${action.subject}:${action.call}`, kind: "policies", subject: "", why },
  ];
}
