import { groupStillHas } from "./account/group";
import { type IamSdk, lookActions } from "./account/look";
import { holdersOf } from "./account/policy";
import { roleLookActions, roleStillOpen } from "./account/role";
import {
  type AccountEye,
  type AccountSettings,
  accountEye,
  knownBy,
  openDoors,
  seeUser,
} from "./account/user";
import {
  addToCase,
  type BranchInput,
  type Case,
  type CaseSubject,
  lookedAgain,
  openCase,
} from "./case";

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
  roles: { looks: roleLookActions, cuts: [] as string[] },
};

/**
 * Looks at what was contained after IAM has settled, and names what is open. Whether there is
 * another pass is the state machine's choice: a look that also cut could not be repeated safely.
 */
export function verifyAccount(sdk: IamSdk, settings: AccountSettings) {
  const eye = accountEye(sdk, settings);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const open = await Promise.all(before.subjects.map((subject) => stillOpen(eye, subject)));
    return lookedAgain(addToCase(before, [{ open: open.flat() }]));
  };
}

async function stillOpen(eye: AccountEye, subject: CaseSubject): Promise<string[]> {
  switch (subject.kind) {
    case "user": {
      const found = await seeUser(eye, knownBy(subject));
      return found ? openDoors(found, eye) : [];
    }
    case "group":
      return groupStillHas(eye, subject);
    case "role":
      return roleStillOpen(eye, subject);
    case "policy": {
      const { users, groups } = await holdersOf(eye, subject.arn);
      return [
        ...users.map((name) => `user ${name} has ${subject.arn}`),
        ...groups.map((name) => `group ${name} has ${subject.arn}`),
      ];
    }
    default:
      return [];
  }
}
