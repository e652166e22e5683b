import type { GroupSubject } from "../../events/incident";
import { documentMakesAdmin } from "../../rulebook/admin";
import { awsManagedPolicy } from "../../rulebook/managedPolicies";
import type { CaseSubject } from "../case";
import { believeGone, listed, noLook } from "../listed";
import { attachedToGroup, inlineOfGroupNamed, policyDocument } from "./look";
import type { AccountEye, AccountHand } from "./user";

type GroupCase = Extract<CaseSubject, { kind: "group" }>;

/** What `takeFromGroup` calls. */
export const groupCutActions = ["iam:DetachGroupPolicy", "iam:DeleteGroupPolicy"];

/** Names of a group's members; none where the group is gone. */
export async function membersOf({ sdk, iam }: AccountEye, group: string): Promise<string[]> {
  const members: string[] = [];
  try {
    for await (const page of sdk.paginateGetGroup({ client: iam }, { GroupName: group })) {
      members.push(...listed(page.Users, page).map(({ UserName = "" }) => UserName));
    }
  } catch (error) {
    const second = () =>
      sdk.paginateListGroupPolicies({ client: iam }, { GroupName: group }).next();
    await believeGone(error, `group ${group}`, second);
  }
  return members;
}

/** The document of the record's grant as it stands now; undefined where the grant is gone. */
export async function groupGrantDocument(
  { sdk, iam }: AccountEye,
  { name, grant }: Pick<GroupSubject, "name" | "grant">,
): Promise<string | undefined> {
  if (grant?.kind === "attached") {
    const { policyArn } = grant;
    if (awsManagedPolicy(policyArn)) return undefined;
    const document = await policyDocument(sdk, iam, policyArn);
    if (document === undefined && (await attachedToGroup(sdk, iam, name)).includes(policyArn)) {
      throw noLook(`AWS says that ${policyArn} is not there, and shows it on group ${name}`);
    }
    return document;
  }
  if (grant?.kind !== "inline") return undefined;
  return inlineOfGroupNamed(sdk, iam, name, grant.policyName);
}

/** Does a document that a group was given make its members admins? What is gone does not. */
export function groupGrantIsAdmin(document: string | undefined): boolean {
  return document !== undefined && documentMakesAdmin(document).answer === "yes";
}

/** Takes the grant away from the group; its members keep everything else. */
export async function takeFromGroup(hand: AccountHand, group: GroupCase): Promise<void> {
  const { sdk, iam, cut } = hand;
  const GroupName = group.name;
  const subject = `group ${group.name}`;
  if (group.policyArn) {
    const command = new sdk.DetachGroupPolicyCommand({ GroupName, PolicyArn: group.policyArn });
    await cut("iam:DetachGroupPolicy", subject, command, () => iam.send(command));
  }
  if (group.policyName) {
    const command = new sdk.DeleteGroupPolicyCommand({ GroupName, PolicyName: group.policyName });
    await cut("iam:DeleteGroupPolicy", subject, command, () => iam.send(command));
  }
}

/** Is the grant that was taken on the group again (or still)? In words; empty where it is not. */
export async function groupStillHas(eye: AccountEye, group: GroupCase): Promise<string[]> {
  if (group.policyArn) {
    const attached = await attachedToGroup(eye.sdk, eye.iam, group.name);
    return attached.includes(group.policyArn) ? [`group ${group.name} has ${group.policyArn}`] : [];
  }
  if (!group.policyName) return [];
  const document = await groupGrantDocument(eye, {
    name: group.name,
    grant: { kind: "inline", policyName: group.policyName },
  });
  return document === undefined
    ? []
    : [`group ${group.name} has inline policy ${group.policyName}`];
}
