import type { Directory, Identity } from "./directory";
import { type Principal, principalArn } from "./principal";
import type { Params, Request } from "./wire";

type Context = Record<string, string | string[]>;

/** Where the drill's callers seem to call from: an address of RFC 5737, for documentation. */
export const SOURCE_ADDRESS = "198.51.100.7";

/**
 * The condition keys of a request. Keys that an action does not know, the evaluator drops itself.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
 * and reference_policies_iam-condition-keys.html
 */
export function conditionContext(
  request: Request,
  principal: Principal,
  account: { accountId: string; region: string; directory: Directory; effective: Directory },
): Context {
  const { accountId, region, directory, effective } = account;
  const now = new Date();
  const identity = identityOf(principal, effective);
  const context: Context = {
    "aws:CurrentTime": now.toISOString(),
    "aws:EpochTime": String(Math.floor(now.getTime() / 1000)),
    "aws:PrincipalAccount": accountId,
    "aws:PrincipalArn": principal.federated
      ? principalArn(principal, accountId)
      : (identity?.arn ?? principalArn(principal, accountId)),
    "aws:PrincipalIsAWSService": "false",
    "aws:PrincipalType": principalType(principal),
    "aws:RequestedRegion": region,
    "aws:SecureTransport": "true",
    "aws:SourceIp": SOURCE_ADDRESS,
    "aws:ViaAWSService": String(request.via !== undefined),
    "aws:userid": userId(principal, identity, accountId),
    ...tags("aws:PrincipalTag", identity),
  };
  if (principal.kind === "user" && !principal.federated) context["aws:username"] = principal.name;
  if (principal.issued) {
    context["aws:TokenIssueTime"] = principal.issued;
    context["aws:MultiFactorAuthPresent"] = String(principal.mfa === true);
  }
  // Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
  if (request.via) context["kms:ViaService"] = `${request.via}.${region}.amazonaws.com`;
  const prefix = new URL(request.path, "http://s3").searchParams.get("prefix");
  // Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
  if (request.service === "s3" && prefix !== null) context["s3:prefix"] = prefix;
  return request.service === "iam"
    ? { ...context, ...iamContext(request.params, directory) }
    : context;
}

function principalType({ kind, federated }: Principal): string {
  if (federated) return "FederatedUser";
  return kind === "role" ? "AssumedRole" : "User";
}

/** Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
function userId(principal: Principal, identity: Identity | undefined, accountId: string): string {
  if (principal.federated) return `${accountId}:${principal.federated}`;
  return principal.session ? `${identity?.id}:${principal.session}` : (identity?.id ?? "");
}

function iamContext(params: Params, directory: Directory): Context {
  const target =
    directory.users.get(String(params.UserName)) ?? directory.roles.get(String(params.RoleName));
  const boundary = params.PermissionsBoundary ?? target?.boundary;
  return {
    ...(typeof params.PolicyArn === "string" && { "iam:PolicyARN": params.PolicyArn }),
    ...(typeof boundary === "string" && { "iam:PermissionsBoundary": boundary }),
    ...tags("iam:ResourceTag", target),
    ...tags("aws:ResourceTag", target),
  };
}

function identityOf(principal: Principal, directory: Directory): Identity | undefined {
  if (principal.kind === "user") return directory.users.get(principal.name);
  return directory.roles.get(principal.name);
}

function tags(prefix: string, identity: Identity | undefined): Context {
  const entries = Object.entries(identity?.tags ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [`${prefix}/${key}`, value]));
}
