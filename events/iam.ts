import { documentMakesAdmin } from "../rulebook/admin";
import type { Answer } from "../rulebook/answer";
import { awsManagedPolicy } from "../rulebook/managedPolicies";
import { hasDeny } from "../rulebook/policyDocument";
import { strangersIn } from "../rulebook/trustPolicy";
import type { Actor } from "./actor";
import type { RecordGrant, Subject } from "./incident";
import { type Fields, fieldsOf, nameIn, textIn } from "./record";

/** The parts of a record that a reader of one event needs. */
export interface Call {
  parameters: Fields;
  response: Fields;
  actor: Actor;
  /** The account that the call was made in. */
  account: string;
}

/** When the owner of a new credential is contained. */
export type NewCredentials = "always" | "admins" | "never";

/** What a record of one event amounts to, before exemptions and settings that name principals. */
export type Reading =
  | {
      /** One; several only where all are keys of owners who are not known. */
      subjects: Subject[];
      because: string;
      /** It is about a credential that is new, so `newCredentials` counts. */
      credential?: true;
      /** Somebody else has the user: that he may be an admin does not excuse it. */
      compromised?: true;
      /** A person named the user, who is contained even where he runs an application. */
      ordered?: true;
      /** The name that the user had before. */
      formerName?: string;
    }
  | {
      ignore: string;
      alert?: string;
      /** The record does not name whose rights the call changed: they may be the caller's. */
      unnamed?: true;
    };

/** Reads the record of one IAM event. */
export type IamReader = (call: Call) => Reading;

/** Every IAM event that may be an incident, and how its record is read. A new event is a new line. */
export const iamEvents: Record<string, IamReader> = {
  AttachUserPolicy: quarantine(userGrant(attachedPolicy)),
  PutUserPolicy: userGrant(inlinePolicy),
  AddUserToGroup: userGrant(membership),
  AttachGroupPolicy: groupGrant(attachedPolicy),
  PutGroupPolicy: groupGrant(inlinePolicy),
  AttachRolePolicy: roleGrant(attachedPolicy),
  PutRolePolicy: roleGrant(inlinePolicy),
  CreateRole: trust("assumeRolePolicyDocument"),
  UpdateAssumeRolePolicy: trust("policyDocument"),
  CreatePolicyVersion: newPolicyVersion,
  SetDefaultPolicyVersion: newDefaultVersion,
  DetachUserPolicy: userLoss,
  DeleteUserPolicy: userLoss,
  RemoveUserFromGroup: userLoss,
  DeleteUserPermissionsBoundary: userLoss,
  PutUserPermissionsBoundary: boundary(userLoss),
  DetachGroupPolicy: groupLoss,
  DeleteGroupPolicy: groupLoss,
  CreateAccessKey: newCredential("an access key", "accessKey"),
  UpdateAccessKey: reactivated(newCredential("an access key", "accessKey")),
  CreateLoginProfile: newCredential("a console password", "loginProfile"),
  UpdateLoginProfile: newCredential("a console password", "loginProfile"),
  UploadSSHPublicKey: newCredential("an SSH key", "sSHPublicKey"),
  UpdateSSHPublicKey: reactivated(newCredential("an SSH key", "sSHPublicKey")),
  CreateServiceSpecificCredential: newCredential(
    "a service-specific credential",
    "serviceSpecificCredential",
  ),
  UpdateServiceSpecificCredential: reactivated(
    newCredential("a service-specific credential", "serviceSpecificCredential"),
  ),
  ResetServiceSpecificCredential: newCredential(
    "a service-specific credential",
    "serviceSpecificCredential",
  ),
  UploadSigningCertificate: newCredential("a signing certificate", "certificate"),
  UpdateSigningCertificate: reactivated(newCredential("a signing certificate", "certificate")),
  EnableMFADevice: mfaDevice,
  UpdateUser: renamedUser,
  UpdateGroup: renamedGroup,
};

/** A grant that a record hands out, and whether the record alone says that it makes an admin. */
interface ReadGrant {
  grant: RecordGrant;
  admin: Answer;
  denies: Answer;
  words: string;
}

type GrantReader = (parameters: Fields) => ReadGrant | undefined;

function attachedPolicy(parameters: Fields): ReadGrant | undefined {
  const policyArn = textIn(parameters, "policyArn");
  if (!policyArn) return undefined;
  const known = awsManagedPolicy(policyArn);
  return {
    grant: { kind: "attached", policyArn },
    admin: known?.admin ?? "unknown",
    denies: known?.denies ?? "unknown",
    words: known ? `the AWS policy ${known.name}` : `the policy ${policyArn}`,
  };
}

function inlinePolicy(parameters: Fields): ReadGrant | undefined {
  const policyName = nameIn(parameters, "policyName");
  if (!policyName) return undefined;
  const { admin, denies } = judged(parameters.policyDocument);
  return {
    grant: { kind: "inline", policyName },
    admin,
    denies,
    words: `the inline policy ${policyName}`,
  };
}

/** An empty document grants nothing that a reader can vouch for: what cannot be read is looked at. */
function judged(document: unknown): { admin: Answer; denies: Answer } {
  return { admin: documentMakesAdmin(document).answer, denies: hasDeny(document) };
}

function membership(parameters: Fields): ReadGrant | undefined {
  const groupName = nameIn(parameters, "groupName");
  if (!groupName) return undefined;
  return {
    grant: { kind: "group", groupName },
    admin: "unknown",
    denies: "unknown",
    words: `the group ${groupName}`,
  };
}

/** Of an inline policy, and of a managed one's new version: a record does not tell what was there. */
const OVERWRITES = "makes nobody an admin, and may have taken the place of a document that denied";

function userGrant(read: GrantReader): IamReader {
  return ({ parameters, actor }) => {
    const name = nameIn(parameters, "userName");
    if (!name) return unnamed("userName", parameters.userName);
    const found = read(parameters);
    if (!found) return unreadable("the grant", parameters.policyArn ?? parameters.policyName);
    if (found.admin === "no" && found.grant.kind !== "inline") {
      return { ignore: `${found.words} makes nobody an admin` };
    }
    return {
      subjects: [
        {
          kind: "user",
          name,
          proved: found.admin === "yes",
          grant: found.grant,
          ...ownKey(name, actor),
        },
      ],
      because: {
        yes: `${found.words} makes user ${name} an admin`,
        unknown: `${found.words} may make user ${name} an admin`,
        no: `${found.words} of user ${name} ${OVERWRITES}`,
      }[found.admin],
    };
  };
}

function groupGrant(read: GrantReader): IamReader {
  return ({ parameters }) => {
    const name = nameIn(parameters, "groupName");
    if (!name) return unnamed("groupName", parameters.groupName);
    const found = read(parameters);
    if (!found) return unreadable("the grant", parameters.policyArn ?? parameters.policyName);
    if (found.admin === "no" && found.grant.kind !== "inline") {
      return { ignore: `${found.words} makes nobody an admin` };
    }
    if (found.grant.kind === "group") return { ignore: "a group has no groups" };
    return {
      subjects: [
        {
          kind: "group",
          name,
          grant: found.grant,
          proved: found.admin === "yes",
          denies: found.denies !== "no",
        },
      ],
      because:
        found.admin === "no"
          ? `${found.words} of group ${name} ${OVERWRITES}`
          : `${found.words} ${found.admin === "yes" ? "makes" : "may make"} the members of group ${name} admins`,
    };
  };
}

function roleGrant(read: GrantReader): IamReader {
  return ({ parameters }) => {
    const name = nameIn(parameters, "roleName");
    if (!name) return unreadable("roleName", parameters.roleName);
    const found = read(parameters);
    if (!found) return unreadable("the grant", parameters.policyArn ?? parameters.policyName);
    if (found.admin === "no") return { ignore: `${found.words} makes nobody an admin` };
    if (found.grant.kind === "group") return { ignore: "a role has no groups" };
    const proved = found.admin === "yes";
    return {
      subjects: [{ kind: "role", name, proved, grant: found.grant }],
      because: `${found.words} ${proved ? "makes" : "may make"} role ${name} an admin`,
    };
  };
}

/**
 * Who may assume a role. A trust policy that cannot be read is looked at: CloudTrail leaves out what
 * is too large. One with a condition that may keep strangers out is whole in the record, so a look
 * would find no more: a person decides.
 */
function trust(field: "assumeRolePolicyDocument" | "policyDocument"): IamReader {
  return ({ parameters, account }) => {
    const name = nameIn(parameters, "roleName");
    if (!name) return unreadable("roleName", parameters.roleName);
    const { answer, strangers } = strangersIn(parameters[field], account);
    const lets = (verb: string) =>
      `the trust policy of role ${name} ${verb} ${strangers.join(", ") || "a stranger"} in`;
    if (answer === "no") return { ignore: `the trust policy of role ${name} lets no stranger in` };
    if (answer === "unknown" && strangers.length > 0) {
      const alert = `Role ${name} was not touched: ${lets("lets")}, under conditions of which it is not known whether they keep strangers out. Look at it yourself.`;
      return { ignore: `${lets("may let")}, by its conditions`, alert };
    }
    const proved = answer === "yes";
    return {
      subjects: [{ kind: "role", name, proved }],
      because: lets(proved ? "lets" : "may let"),
    };
  };
}

function newPolicyVersion({ parameters, response }: Call): Reading {
  const arn = textIn(parameters, "policyArn");
  if (!arn) return unnamed("policyArn", parameters.policyArn);
  if (!isTrue(parameters.setAsDefault)) {
    return { ignore: `the new version of ${arn} is not its default` };
  }
  const { admin } = judged(parameters.policyDocument);
  const versionId = textIn(fieldsOf(response.policyVersion), "versionId");
  return {
    subjects: [{ kind: "policy", arn, proved: admin === "yes", ...(versionId && { versionId }) }],
    because:
      admin === "no"
        ? `the new default version of ${arn} ${OVERWRITES}`
        : `the new default version of ${arn} ${admin === "yes" ? "makes" : "may make"} admins`,
  };
}

function newDefaultVersion({ parameters }: Call): Reading {
  const arn = textIn(parameters, "policyArn");
  if (!arn) return unnamed("policyArn", parameters.policyArn);
  const versionId = textIn(parameters, "versionId");
  return {
    subjects: [{ kind: "policy", arn, proved: false, ...(versionId && { versionId }) }],
    because: `another version of ${arn} is its default now`,
  };
}

/**
 * AWS attaches a policy of this name to the user whose key it found in public, and opens a support
 * case; it denies a part only. Whoever attaches it says the same, so the caller does not matter.
 * Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html
 */
const QUARANTINE = /^arn:aws(-[a-z]+)*:iam::aws:policy\/AWSCompromisedKeyQuarantine(V\d+)?$/;

function quarantine(read: IamReader): IamReader {
  return (call) => {
    const name = nameIn(call.parameters, "userName");
    if (!name || !QUARANTINE.test(textIn(call.parameters, "policyArn") ?? "")) return read(call);
    return {
      subjects: [{ kind: "user", name, proved: true }],
      because: `user ${name} is quarantined, as AWS does with a user whose key is public`,
      compromised: true,
    };
  };
}

/** Under a boundary that makes nobody an admin there is none, whatever else the user has. */
function boundary(read: IamReader): IamReader {
  return (call) => {
    const known = awsManagedPolicy(textIn(call.parameters, "permissionsBoundary") ?? "");
    return known?.admin === "no"
      ? { ignore: `the boundary ${known.name} makes nobody an admin` }
      : read(call);
  };
}

/**
 * A call that changed the rights of nobody knows whom: CloudTrail leaves out parameters that are too
 * large, which white space makes of any policy. The caller may have meant himself, or a group or a
 * policy of his: a look at him decides. Undefined where no IAM user made the call.
 */
export function callerInstead(eventName: string, actor: Actor): Reading | undefined {
  const { type, userName: name } = actor;
  if (type !== "IAMUser" || !name) return undefined;
  return {
    subjects: [{ kind: "user", name, proved: false, ...ownKey(name, actor) }],
    because: `the record of ${eventName} does not tell whose rights it changed, and user ${name}, who made the call, may have given them to himself`,
  };
}

/** The key with which an IAM user changed himself: it is the record's. */
function ownKey(name: string, { userName, accessKeyId }: Actor) {
  return userName === name && accessKeyId ? { accessKeyId } : {};
}

/** Whether a Deny or a boundary went, only a look can tell; a detached AWS policy tells it itself. */
function userLoss({ parameters, actor }: Call): Reading {
  const name = nameIn(parameters, "userName");
  if (!name) return unnamed("userName", parameters.userName);
  const harmless = deniesNothing(parameters);
  if (harmless) return { ignore: harmless };
  return {
    subjects: [{ kind: "user", name, proved: false, ...ownKey(name, actor) }],
    because: `user ${name} lost a policy, a group or a boundary that may have denied him admin rights`,
  };
}

function groupLoss({ parameters }: Call): Reading {
  const name = nameIn(parameters, "groupName");
  if (!name) return unnamed("groupName", parameters.groupName);
  const harmless = deniesNothing(parameters);
  if (harmless) return { ignore: harmless };
  return {
    subjects: [{ kind: "group", name, proved: false, denies: false }],
    because: `group ${name} lost a policy that may have denied its members admin rights`,
  };
}

function deniesNothing(parameters: Fields): string | undefined {
  const known = awsManagedPolicy(textIn(parameters, "policyArn") ?? "");
  return known?.denies === "no" ? `the AWS policy ${known.name} denied nothing` : undefined;
}

/**
 * The owner of a credential: named by the parameters, else by the response, else the caller (for a
 * key of one's own CloudTrail's parameters are null).
 */
function newCredential(words: string, responseField: string): IamReader {
  return ({ parameters, response, actor }) => {
    const made = fieldsOf(response[responseField]);
    const name = nameIn(parameters, "userName") ?? nameIn(made, "userName") ?? actor.userName;
    if (!name) {
      if (actor.type !== "Root")
        return unreadable("the owner of the credential", parameters.userName);
      return {
        ignore: `the root user has ${words} of his own now`,
        alert:
          `The root user made ${words} for himself. No API of this account can take it away. ` +
          "Sign in as root and delete it; in a member account the organization's management " +
          "account can, by sts:AssumeRoot with the task policy IAMDeleteRootUserCredentials.",
      };
    }
    const accessKeyId = textIn(made, "accessKeyId") ?? textIn(parameters, "accessKeyId");
    return {
      subjects: [{ kind: "user", name, proved: false, ...(accessKeyId && { accessKeyId }) }],
      because: `user ${name} has ${words} that is new or switched on again`,
      credential: true,
    };
  };
}

/** An update concerns us only where it switches something on. */
function reactivated(read: IamReader): IamReader {
  return (call) => {
    const status = call.parameters.status;
    return status === "Inactive" || status === "Expired"
      ? { ignore: `the credential is ${status.toLowerCase()} now` }
      : read(call);
  };
}

function mfaDevice({ parameters, actor }: Call): Reading {
  const name = nameIn(parameters, "userName") ?? actor.userName;
  if (!name) return unreadable("userName", parameters.userName);
  if (name === actor.userName) {
    return {
      ignore: `user ${name} enabled an MFA device for himself`,
      alert: `User ${name} enabled an MFA device for himself. If he did not, somebody else holds it now.`,
    };
  }
  return {
    subjects: [{ kind: "user", name, proved: false }],
    because: `user ${name} has an MFA device that somebody else enabled`,
    credential: true,
  };
}

/** Keys, policies and memberships move along with a name. */
function renamedUser({ parameters, actor }: Call): Reading {
  const name = nameIn(parameters, "newUserName");
  if (!name) return { ignore: "the user keeps its name" };
  const formerName = nameIn(parameters, "userName") ?? "";
  return {
    subjects: [{ kind: "user", name, proved: false, ...ownKey(formerName, actor) }],
    formerName,
    because: `a user is called ${name} now, and its keys and policies with it`,
    credential: true,
  };
}

function renamedGroup({ parameters }: Call): Reading {
  const name = nameIn(parameters, "newGroupName");
  if (!name) return { ignore: "the group keeps its name" };
  return {
    subjects: [{ kind: "group", name, proved: false, denies: false }],
    because: `a group is called ${name} now, and its policies and members with it`,
    credential: true,
  };
}

/** CloudTrail writes booleans; a trimmed or replayed record may hold their text. */
function isTrue(value: unknown): boolean {
  return value === true || value === "true";
}

function unreadable(what: string, value: unknown): { ignore: string } {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : typeof value;
  return { ignore: `the record does not name ${what} in a way that IAM allows: ${shown}` };
}

function unnamed(what: string, value: unknown): Reading {
  return { ...unreadable(what, value), unnamed: true };
}
