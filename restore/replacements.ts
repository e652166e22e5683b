import type { IpPermission } from "@aws-sdk/client-ec2";
import type { Action, Replacing } from "../functions/case";
import { ruleKey, rulesOf } from "../functions/infrastructure/permission";
import type { Context, Item } from "./item";
import { takingsOf } from "./taken";

/**
 * The rules that were added in the place of others which the case did not come to take, to be
 * revoked. Those of rules that it took come with these: see `ruleItems`.
 */
export function replacementItems(context: Context, { input }: Action): Item[] {
  const groupId = String(input.GroupId);
  const taken = takingsOf(context.file)
    .map(({ action }) => action)
    .filter(
      ({ call, outcome, input }) =>
        call === "ec2:RevokeSecurityGroupIngress" &&
        outcome !== "failed" &&
        input.GroupId === groupId,
    )
    .flatMap(({ input }) => input.SecurityGroupRuleIds as string[]);
  return replacementsOf(
    context,
    groupId,
    ({ insteadOf }) => !taken.includes(insteadOf),
    (id) => ({ by: "named", why: `the case did not take ${id}, which it stands for` }),
  );
}

/**
 * The rules that were added in the place of others, to be revoked: they go when what they stand for
 * comes back, and stay where it stays away.
 *
 * @param which of them.
 * @param heldOf why the rule of this id does not come back.
 */
export function replacementsOf(
  context: Context,
  groupId: string,
  which: (one: Replacing) => boolean,
  heldOf: (id: string) => Item["held"],
): Item[] {
  const now = context.present.securityGroups[groupId] ?? [];
  const added = addedTo(context, groupId);
  const replaced = groupSubject(context, groupId)?.replaced ?? [];
  return replaced.filter(which).map(({ id, insteadOf }): Item => {
    const is = now.find((one) => one.SecurityGroupRuleId === id);
    const held = heldOf(insteadOf);
    return {
      item: `replacements:${groupId}:${id}`,
      kind: "replacements",
      subject: groupId,
      call: "ec2:RevokeSecurityGroupIngress",
      input: { GroupId: groupId, SecurityGroupRuleIds: [id] },
      why: `it was added in place of ${insteadOf}`,
      there: !is,
      ...(held && { held }),
      ...(is &&
        !added.includes(ruleKey(is)) && {
          drift: [`${id} is another rule than the case had added`],
        }),
    };
  });
}

/** The group as the case has it. */
export function groupSubject({ file }: Context, groupId: string) {
  return file.subjects.flatMap((one) =>
    one.kind === "securityGroup" && one.groupId === groupId ? [one] : [],
  )[0];
}

/** What the case asked EC2 to add, by the rules' keys. */
function addedTo({ file }: Context, groupId: string): string[] {
  return file.actions
    .filter(
      ({ call, input }) =>
        call === "ec2:AuthorizeSecurityGroupIngress" && input.GroupId === groupId,
    )
    .flatMap(({ input }) => (input.IpPermissions as IpPermission[]).flatMap(rulesOf))
    .map(ruleKey);
}
