import type { Action, CaseSubject } from "../case";
import type { Look } from "./look";
import type { AccountEye, FoundUser } from "./user";

type UserCase = Extract<CaseSubject, { kind: "user" }>;

/**
 * The user as the first pass saw him, less what it has taken since: the case's look is acted on
 * without another one. What the attacker has done in between, the next look finds.
 *
 * @returns undefined where the case has no look that shows everything.
 */
export function asCut(
  { name, before }: UserCase,
  actions: Action[],
  { denyAll }: Pick<AccountEye, "denyAll">,
): FoundUser | undefined {
  if (!before || before.failed) return undefined;
  const made = (call: string, key: string, value: string) =>
    isMade(actions, ["done", "would"], call, { UserName: name, [key]: value });
  const denied = made("iam:AttachUserPolicy", "PolicyArn", denyAll);
  const bounded = made("iam:PutUserPermissionsBoundary", "PermissionsBoundary", denyAll);
  const look = {
    ...before,
    attached: denied ? [...new Set([...before.attached, denyAll])] : before.attached,
    ...(bounded && { boundary: denyAll }),
    keys: before.keys.map((key) =>
      made("iam:UpdateAccessKey", "AccessKeyId", key.id) ? { ...key, status: "Inactive" } : key,
    ),
  };
  return { name, look: withoutGroups(look, actions, ["done", "would"]) };
}

/**
 * A look as it would be, had the calls on groups that `observe` only noted been made: a member whose
 * group lost its grant does not leave the group too.
 */
export function asIfTaken(look: Look, actions: Action[]): Look {
  return withoutGroups(look, actions, ["would"]);
}

function withoutGroups(look: Look, actions: Action[], outcomes: Action["outcome"][]): Look {
  const taken = (call: string, GroupName: string, key: string, value: string) =>
    isMade(actions, outcomes, call, { GroupName, [key]: value });
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

function isMade(
  actions: Action[],
  outcomes: Action["outcome"][],
  call: string,
  input: Record<string, string>,
): boolean {
  return actions.some(
    (one) =>
      outcomes.includes(one.outcome) &&
      one.call === call &&
      Object.entries(input).every(([key, value]) => one.input[key] === value),
  );
}
