import { groupStillHas } from "./account/group";
import { type IamSdk, lookActions } from "./account/look";
import { holdersOf } from "./account/policy";
import { type AccountHand, findUser, openDoors } from "./account/user";
import { addToCase, type BranchInput, type Case, type CaseSubject, openCase } from "./case";
import { cutting } from "./cut";
import type { AccountSettings } from "./EmergencyActionAccount";

/** What the handler calls; its role is granted exactly this. It changes nothing. */
export const verifyAccountActions = {
  looks: [
    ...lookActions.users,
    ...lookActions.groups,
    ...lookActions.policies,
    "iam:GetAccessKeyLastUsed",
    "iam:ListEntitiesForPolicy",
  ],
  cuts: [] as string[],
};

/**
 * Looks at what was contained after IAM has settled, and names what is open. Whether there is
 * another pass is the state machine's choice: a look that also cut could not be repeated safely.
 */
export function verifyAccount(sdk: IamSdk, settings: AccountSettings) {
  const iam = new sdk.IAMClient({});

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const hand: AccountHand = {
      sdk,
      iam,
      cut: cutting("observe", []),
      denyAll: process.env.DENY_ALL_ARN ?? "",
      exemptions: settings.exemptions,
    };
    const open = await Promise.all(before.subjects.map((subject) => stillOpen(hand, subject)));
    return { ...addToCase(before, { open: open.flat() }), round: before.round + 1 };
  };
}

async function stillOpen(hand: AccountHand, subject: CaseSubject): Promise<string[]> {
  switch (subject.kind) {
    case "user": {
      const found = await findUser(hand, subject);
      return found ? openDoors(found, hand) : [];
    }
    case "group":
      return groupStillHas(hand, subject);
    case "policy": {
      const { users, groups } = await holdersOf(hand, subject.arn);
      return [
        ...users.map((name) => `user ${name} has ${subject.arn}`),
        ...groups.map((name) => `group ${name} has ${subject.arn}`),
      ];
    }
    default:
      return [];
  }
}
