/** Who stands behind an access key. */
export interface Principal {
  kind: "root" | "user" | "role";
  /** "root", the user's name or the role's name. */
  name: string;
  /** Roles: the session's name. */
  session?: string;
  /** Temporary credentials: when they were made, ISO 8601. */
  issued?: string;
  /** The session policy that AssumeRole was given: it can only narrow. */
  sessionPolicy?: string;
}

/** The principal's ARN as userIdentity and refusals give it. */
export function principalArn(principal: Principal, accountId: string, userArn?: string): string {
  if (principal.kind === "root") return `arn:aws:iam::${accountId}:root`;
  if (principal.kind === "user") {
    return userArn ?? `arn:aws:iam::${accountId}:user/${principal.name}`;
  }
  return `arn:aws:sts::${accountId}:assumed-role/${principal.name}/${principal.session}`;
}
