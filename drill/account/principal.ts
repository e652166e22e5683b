/** Who stands behind an access key. */
export interface Principal {
  kind: "root" | "user" | "role";
  /** "root", the user's name or the role's name. */
  name: string;
  /** Roles: the session's name. */
  session?: string;
  /** Temporary credentials: when they were made, ISO 8601. */
  issued?: string;
  /** The session policy that AssumeRole or GetFederationToken was given: it can only narrow. */
  sessionPolicy?: string;
  /** GetFederationToken: the name of the federated user whom the user speaks for. */
  federated?: string;
  /** GetSessionToken was given a code of the user's MFA device. */
  mfa?: boolean;
}

/** The principal's ARN as userIdentity and refusals give it. */
export function principalArn(principal: Principal, accountId: string, userArn?: string): string {
  if (principal.federated) return `arn:aws:sts::${accountId}:federated-user/${principal.federated}`;
  if (principal.kind === "root") return `arn:aws:iam::${accountId}:root`;
  if (principal.kind === "user") {
    return userArn ?? `arn:aws:iam::${accountId}:user/${principal.name}`;
  }
  return `arn:aws:sts::${accountId}:assumed-role/${principal.name}/${principal.session}`;
}
