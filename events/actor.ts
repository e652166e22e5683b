import { matchesExactly } from "../rulebook/policyDocument";
import { fieldsOf, nameIn, textIn } from "./record";

/** Who made the call: `userIdentity`, in words. */
export interface Actor {
  /** CloudTrail's type: IAMUser, AssumedRole, Root, AWSService, … or "unknown"; "Operator" for a person's order. */
  type: string;
  /** The principal's ARN; a role session's is that of the session. */
  arn: string;
  /** Where the actor is an IAM user. */
  userName?: string;
  /** The key that signed the call. */
  accessKeyId?: string;
  /** Where the actor is a role session: the role's ARN, which the session cannot choose. */
  roleArn?: string;
  /** The AWS service that passed the call on, e.g. "cloudformation.amazonaws.com". */
  invokedBy?: string;
}

/**
 * Reads `userIdentity`. Never throws; what is missing is "unknown" or left out.
 *
 * Source: CloudTrail User Guide, "CloudTrail userIdentity element",
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
 */
export function readActor(userIdentity: unknown): Actor {
  const identity = fieldsOf(userIdentity);
  const issuer = fieldsOf(fieldsOf(identity.sessionContext).sessionIssuer);
  const type = textIn(identity, "type") ?? "unknown";
  const userName = type === "IAMUser" ? nameIn(identity, "userName") : undefined;
  const roleArn = textIn(issuer, "arn");
  const accessKeyId = textIn(identity, "accessKeyId");
  const invokedBy = textIn(identity, "invokedBy");
  return {
    type,
    arn: textIn(identity, "arn") ?? "unknown",
    ...(userName && { userName }),
    ...(accessKeyId && { accessKeyId }),
    ...(type === "AssumedRole" && roleArn && { roleArn }),
    ...(invokedBy && { invokedBy }),
  };
}

/**
 * Does one of the ARN patterns (`*`, `?`, whole ARN) name this actor? Case counts, as in IAM's own ARNs.
 * A role session is named by its role's ARN or by its own.
 */
export function isNamedBy(actor: Actor, arnPatterns: string[]): boolean {
  const arns = [actor.arn, actor.roleArn].filter((arn) => arn !== undefined && arn !== "unknown");
  return arnPatterns.some((pattern) => arns.some((arn) => matchesExactly(pattern, arn as string)));
}

/**
 * Is it a session of one of Tourniquet's own roles? A role's name is unique in its account, and the
 * session cannot choose it.
 *
 * @param ownRoles names, exact.
 */
export function isOwnRole({ type, roleArn }: Actor, ownRoles: string[]): boolean {
  const name = roleArn?.split("/").at(-1);
  return type === "AssumedRole" && name !== undefined && ownRoles.includes(name);
}

/** "IAM user bob", "role session arn:…": the actor as a sentence names him. */
export function describeActor(actor: Actor): string {
  if (actor.userName) return `IAM user ${actor.userName}`;
  if (actor.type === "Root") return "the root user";
  if (actor.type === "Operator") return "a person";
  if (actor.type === "AssumedRole") return `role session ${actor.arn}`;
  return actor.arn === "unknown" ? (actor.invokedBy ?? "an unknown caller") : actor.arn;
}
