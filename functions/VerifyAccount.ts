import { type TrailSdk, trailLookActions } from "./account/eventHistory";
import { groupStillHas } from "./account/group";
import { type IamSdk, lookActions } from "./account/look";
import { opponentsOf, type Trail } from "./account/opponents";
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
  isDecided,
  joined,
  lookedAgain,
  openCase,
  type Pass,
} from "./case";
import { clientTimes } from "./client";

/** What the handler calls; its role is granted exactly this. It changes nothing. */
export const verifyAccountActions = {
  looks: [
    ...lookActions.users,
    ...lookActions.groups,
    ...lookActions.policies,
    "iam:GetAccessKeyLastUsed",
    "iam:ListEntitiesForPolicy",
    ...trailLookActions,
  ],
  cuts: [] as string[],
  roles: { looks: roleLookActions, cuts: [] as string[] },
};

/** What the handler is told by the owner, and by the stack. */
export interface VerifySettings extends AccountSettings {
  /** Names of the roles of Tourniquet's own Lambdas, exact. */
  ownRoles: string[];
}

/**
 * Looks at what was contained after IAM has settled, and names what is open. Whether there is
 * another pass is the state machine's choice: a look that also cut could not be repeated safely.
 * The last look, where one had found something open, tells who opened it.
 */
export function verifyAccount(sdk: IamSdk, trailSdk: TrailSdk, settings: VerifySettings) {
  const eye = accountEye(sdk, settings);
  const trail: Trail = {
    sdk: trailSdk,
    client: new trailSdk.CloudTrailClient(clientTimes),
    ownRoles: settings.ownRoles,
  };

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const open = await Promise.all(before.subjects.map((subject) => stillOpen(eye, subject)));
    const after = lookedAgain(addToCase(before, [{ open: open.flat() }]));
    if (!isDecided(after)) return after;
    // Where all is closed now, an earlier look had found something open, and none says of whom.
    const contested = before.subjects.filter(
      (_, index) => after.open.length === 0 || open[index]?.length,
    );
    const told = await Promise.all(contested.map((one) => opened(trail, one, after, input)));
    return addToCase(after, [joined(told), { open: after.open }]);
  };
}

async function opened(
  trail: Trail,
  subject: CaseSubject,
  known: Case,
  { incident }: BranchInput,
): Promise<Pass> {
  switch (subject.kind) {
    case "user":
    case "group":
    case "role":
    case "policy":
      return opponentsOf(trail, subject, known, incident);
    default:
      return {};
  }
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
