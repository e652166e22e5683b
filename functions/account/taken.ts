import type { Action } from "../case";
import type { Look } from "./look";

/**
 * A look as it would be, had the calls on groups that `observe` only noted been made: a member whose
 * group lost its grant does not leave the group too.
 */
export function asIfTaken(look: Look, actions: Action[]): Look {
  const taken = (call: string, group: string, key: string, value: string) =>
    actions.some(
      (one) =>
        one.outcome === "would" &&
        one.call === call &&
        one.input.GroupName === group &&
        one.input[key] === value,
    );
  const groups = look.groups.map((group) => ({
    ...group,
    attached: group.attached.filter(
      (arn) => !taken("iam:DetachGroupPolicy", group.name, "PolicyArn", arn),
    ),
    inline: group.inline.filter(
      ({ name }) => !taken("iam:DeleteGroupPolicy", group.name, "PolicyName", name),
    ),
  }));
  return { ...look, groups };
}
