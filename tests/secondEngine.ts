import { createValidatedPolicy, validateIdentityPolicy } from "@cloud-copilot/iam-policy";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { ACCOUNT, captureEverything } from "../drill/program/capture";

// What a deployed role may do, told by an IAM evaluator that knows nothing of the rulebook.

export const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
export const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";

/** An ARN of the account's IAM. */
export const iam = (path: string) => `arn:aws:iam::${ACCOUNT}:${path}`;

/** A role as `pulumi up` would make it. */
export interface DeployedRole {
  name: string;
  document: { Statement: { Resource?: string | string[]; Condition?: object }[] };
  policy: ReturnType<typeof createValidatedPolicy>;
}

/** Every role that can be deployed, by its name without the stack's prefix. */
export async function deployedRoles(): Promise<Map<string, DeployedRole>> {
  const resources = await captureEverything();
  const roles = resources.filter(({ type }) => type === "aws:iam/role:Role");
  const policies = resources.filter(({ type }) => type === "aws:iam/rolePolicy:RolePolicy");
  return new Map(
    roles.map((role) => {
      const document = JSON.parse(policies.find(({ name }) => name === role.name)?.inputs.policy);
      const name = role.name.replace("tourniquet-lab-", "");
      const policy = createValidatedPolicy(document, validateIdentityPolicy);
      return [name, { name, document, policy }];
    }),
  );
}

/**
 * Would IAM allow the role this action on this resource?
 * @param named the policy that the request names, in the call's condition keys.
 */
export async function may(
  { name, policy }: DeployedRole,
  action: string,
  resource: string,
  named: string,
): Promise<boolean> {
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:sts::${ACCOUNT}:assumed-role/tourniquet-lab-${name}/it`,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { "iam:PolicyARN": named, "iam:PermissionsBoundary": named },
      },
      identityPolicies: [{ name, policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  return answer.resultType !== "error" && answer.overallResult === "Allowed";
}
