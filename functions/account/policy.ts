import type { CaseSubject } from "../case";
import { believeGone, listed } from "../listed";
import { sideBySide } from "../sideBySide";
import { spared } from "./spared";
import { type AccountEye, type AccountHand, patiently } from "./user";

type PolicyCase = Extract<CaseSubject, { kind: "policy" }>;

/** What `withdrawPolicy` calls beside the looks. */
export const policyCutActions = ["iam:DetachUserPolicy", "iam:DetachGroupPolicy"];

/** Who has a customer policy attached: nobody where it is gone, since IAM deletes none that is attached. */
export async function holdersOf(eye: AccountEye, arn: string): Promise<PolicyCase["before"]> {
  return (await holdersIfThere(eye, arn)) ?? nobody();
}

function nobody(): PolicyCase["before"] {
  return { users: [], groups: [], roles: [], keepers: [] };
}

/**
 * The same for a policy that a record tells of, which may arrive before IAM shows the policy;
 * undefined where it is not there.
 */
export function holdersOfNew(eye: AccountEye, arn: string) {
  return patiently(() => holdersIfThere(eye, arn));
}

/** `keepers` are users from whom nothing is taken; undefined where there is no such policy. */
async function holdersIfThere(
  { sdk, iam, settings }: AccountEye,
  arn: string,
): Promise<PolicyCase["before"] | undefined> {
  const holders = nobody();
  // An application user is not locked out by losing the grant, so he loses it.
  const keeps = (name: string) => spared(name, { ...settings, applicationUsers: [] }) !== undefined;
  try {
    // Whose boundary it is, is not asked: without the filter IAM names them too.
    const input = { PolicyArn: arn, PolicyUsageFilter: "PermissionsPolicy" } as const;
    for await (const page of sdk.paginateListEntitiesForPolicy({ client: iam }, input)) {
      // Of the three kinds, those that there are; none at all is no answer.
      listed<unknown>(page.PolicyUsers ?? page.PolicyGroups ?? page.PolicyRoles, page);
      for (const { UserName = "" } of page.PolicyUsers ?? []) {
        holders[keeps(UserName) ? "keepers" : "users"].push(UserName);
      }
      holders.groups.push(...(page.PolicyGroups ?? []).map(({ GroupName = "" }) => GroupName));
      holders.roles.push(...(page.PolicyRoles ?? []).map(({ RoleName = "" }) => RoleName));
    }
  } catch (error) {
    await believeGone(error, `policy ${arn}`, itself({ sdk, iam }, arn));
    return undefined;
  }
  return holders;
}

function itself({ sdk, iam }: Pick<AccountEye, "sdk" | "iam">, PolicyArn: string) {
  return () => iam.send(new sdk.GetPolicyCommand({ PolicyArn }));
}

/** Users and roles whose permissions boundary the policy is. */
export async function boundedBy({ sdk, iam }: AccountEye, arn: string) {
  const users: string[] = [];
  const roles: string[] = [];
  const input = { PolicyArn: arn, PolicyUsageFilter: "PermissionsBoundary" } as const;
  try {
    for await (const page of sdk.paginateListEntitiesForPolicy({ client: iam }, input)) {
      listed<unknown>(page.PolicyUsers ?? page.PolicyRoles ?? page.PolicyGroups, page);
      users.push(...(page.PolicyUsers ?? []).map(({ UserName = "" }) => UserName));
      roles.push(...(page.PolicyRoles ?? []).map(({ RoleName = "" }) => RoleName));
    }
  } catch (error) {
    await believeGone(error, `policy ${arn}`, itself({ sdk, iam }, arn));
  }
  return { users, roles };
}

/** The policy leaves every user and group that has it, side by side. */
export async function withdrawPolicy(
  { sdk, iam, cut }: AccountHand,
  arn: string,
  { users, groups }: Pick<PolicyCase["before"], "users" | "groups">,
): Promise<void> {
  await Promise.all([
    sideBySide(users, (UserName) => {
      const command = new sdk.DetachUserPolicyCommand({ UserName, PolicyArn: arn });
      return cut("iam:DetachUserPolicy", `user ${UserName}`, command, () => iam.send(command));
    }),
    sideBySide(groups, (GroupName) => {
      const command = new sdk.DetachGroupPolicyCommand({ GroupName, PolicyArn: arn });
      return cut("iam:DetachGroupPolicy", `group ${GroupName}`, command, () => iam.send(command));
    }),
  ]);
}
