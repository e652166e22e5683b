import { sameName } from "../rulebook/names";
import { matchesExactly } from "../rulebook/policyDocument";
import type { RoleSubject } from "./incident";

/** What the owner's settings say about roles. */
export interface RoleSettings {
  /** ARN patterns of principals; a role that one of them names is never contained. */
  trustedActors: string[];
  /** Names of every role of the stack, exact: none of them is contained. */
  stackRoles: string[];
  /** Contain roles; otherwise they are alerts. */
  containRoles: boolean;
}

/**
 * Why a role that a record concerns is left alone, and what a person hears of it; undefined: it is
 * not. An alert only where the record itself proves the incident, or every change of a role by its
 * owner would be one.
 */
export function roleLeftAlone(
  { name, proved }: Pick<RoleSubject, "name" | "proved">,
  because: string,
  { trustedActors, stackRoles, containRoles }: RoleSettings,
): { why: string; alert?: string } | undefined {
  if (stackRoles.some((one) => sameName(one, name))) {
    const alert = `Role ${name} is Tourniquet's own and was not contained, although ${because}: undo it at once.`;
    return { why: `${name} is a role of Tourniquet's own`, alert };
  }
  if (trustedActors.some((pattern) => namesRole(pattern, name))) {
    const alert = `Role ${name} is in trustedActors and was not contained, although ${because}: look at it yourself.`;
    return { why: `role ${name} is in trustedActors`, alert };
  }
  if (containRoles) return undefined;
  const how = isReservedName(name) ? howToEnd(name) : "To contain it, attach AWSDenyAll to it.";
  const alert = `Role ${name} was not touched, since containRoles is off, although ${because}. ${how}`;
  return { why: "containRoles is off", ...(proved && { alert }) };
}

/**
 * A record names a role without its path, so the path in a pattern does not count; and as the caller
 * spelled it, so the case of a whole name does not count either.
 */
function namesRole(pattern: string, name: string): boolean {
  const [, kind, role] = /:(role|assumed-role)\/(.+)$/.exec(pattern) ?? [];
  if (!kind || !role) return false;
  const last = kind === "role" ? role.split("/").at(-1) : role.split("/")[0];
  if (last === undefined) return false;
  return /[*?]/.test(last) ? matchesExactly(last, name) : sameName(last, name);
}

/**
 * Only AWS changes these roles, and it names them so; whether a role is one, its path tells. In any
 * case: the caller chooses how a record spells it.
 * Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html,
 * https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
 */
export function isReservedName(name: string): boolean {
  return /^(AWSServiceRoleFor|AWSReservedSSO_)/i.test(name);
}

/** Does the ARN have a path that only AWS makes roles under? */
export function isReservedArn(arn: string): boolean {
  return /:role\/(aws-service-role|aws-reserved)\//.test(arn);
}

/**
 * How a person ends the sessions of a role that nobody but AWS may change.
 * Sources: https://docs.aws.amazon.com/singlesignon/latest/userguide/end-active-sessions.html,
 * https://docs.aws.amazon.com/singlesignon/latest/userguide/prereqs-revoking-user-permissions.html,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
 */
export function howToEnd(nameOrArn: string): string {
  if (/aws-service-role\/|^AWSServiceRoleFor/i.test(nameOrArn)) {
    return "It is a service's own: no session of it can be revoked, only the service can change it.";
  }
  return (
    "It belongs to IAM Identity Center: there, disable the user's access and delete his active " +
    "sessions, which stops new ones; one that is under way ends by a Deny with the condition " +
    "identitystore:UserId in the permission set's inline policy or in a service control policy."
  );
}

/**
 * The command that ends every session that a role has now, as the console's "Revoke sessions" does.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
 */
export function revokeSessions(name: string): string {
  const policy =
    '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],' +
    '"Condition":{"DateLessThan":{"aws:TokenIssueTime":"\'$(date -u +%Y-%m-%dT%H:%M:%SZ)\'"}}}]}';
  return (
    `aws iam put-role-policy --role-name ${name} --policy-name AWSRevokeOlderSessions ` +
    `--policy-document '${policy}'`
  );
}
