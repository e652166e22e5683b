import type { PolicySubject } from "../../events/incident";
import { documentMakesAdmin } from "../../rulebook/admin";
import type { CaseSubject } from "../case";
import { isGone } from "../cut";
import { listed } from "../listed";
import { policyDocument } from "./look";
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
    if (!isGone(error)) throw error;
    return undefined;
  }
  return holders;
}

/**
 * Was the policy an admin's before its default version changed? The record does not name the former
 * default, and IAM keeps no history of it: the newest other version stands for it.
 */
export async function wasAdminBefore(
  { sdk, iam }: AccountEye,
  subject: PolicySubject,
): Promise<boolean> {
  const versions: { id: string; created: number }[] = [];
  try {
    const pages = sdk.paginateListPolicyVersions({ client: iam }, { PolicyArn: subject.arn });
    for await (const page of pages) {
      for (const { VersionId = "", IsDefaultVersion, CreateDate } of listed(page.Versions, page)) {
        if (IsDefaultVersion || VersionId === subject.versionId) continue;
        versions.push({ id: VersionId, created: CreateDate?.getTime() ?? 0 });
      }
    }
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
  const former = versions.sort((a, b) => b.created - a.created)[0];
  if (!former) return false;
  const document = await policyDocument(sdk, iam, subject.arn, former.id);
  return documentMakesAdmin(document).answer === "yes";
}

/** The policy leaves every user and group that has it, side by side. */
export async function withdrawPolicy(
  { sdk, iam, cut }: AccountHand,
  arn: string,
  { users, groups }: Pick<PolicyCase["before"], "users" | "groups">,
): Promise<void> {
  await Promise.all([
    ...users.map((UserName) => {
      const command = new sdk.DetachUserPolicyCommand({ UserName, PolicyArn: arn });
      return cut("iam:DetachUserPolicy", `user ${UserName}`, command, () => iam.send(command));
    }),
    ...groups.map((GroupName) => {
      const command = new sdk.DetachGroupPolicyCommand({ GroupName, PolicyArn: arn });
      return cut("iam:DetachGroupPolicy", `group ${GroupName}`, command, () => iam.send(command));
    }),
  ]);
}
