import { type TrailSdk, trailLookActions } from "./account/eventHistory";
import { groupStillHas } from "./account/group";
import { type IamSdk, lookActions } from "./account/look";
import { opponentsOf, type Trail } from "./account/opponents";
import { holdersOf } from "./account/policy";
import { lookAtRole, roleDoors, roleLookActions } from "./account/role";
import {
  type AccountEye,
  type AccountSettings,
  accountEye,
  knownBy,
  openDoors,
  seeUser,
} from "./account/user";
import { roleAfter, userAfter } from "./after";
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
  subjectKey,
} from "./case";
import { clientTimes } from "./client";
import { sideBySide } from "./sideBySide";

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
 * The last look, where one had found something open, tells who opened it. What a look saw is the
 * case's state after.
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
    const seen = await sideBySide(before.subjects, (subject) => lookAgain(eye, subject));
    const after = lookedAgain(addToCase(before, seen));
    if (!isDecided(after)) return after;
    // Where all is closed now, an earlier look had found something open, and none says of whom.
    const contested = before.subjects.filter(
      (_, index) => after.open.length === 0 || seen[index]?.open.length,
    );
    const told = await sideBySide(contested, (one) => opened(trail, one, after, input));
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

/** What is open of a subject, in words, and how it is now. */
interface Seen {
  open: string[];
  after?: Pass["after"];
}

async function lookAgain(eye: AccountEye, subject: CaseSubject): Promise<Seen> {
  const key = subjectKey(subject);
  switch (subject.kind) {
    case "user": {
      const found = await seeUser(eye, knownBy(subject));
      return { open: found ? openDoors(found, eye) : [], after: { [key]: userAfter(found?.look) } };
    }
    case "group": {
      const open = await groupStillHas(eye, subject);
      return { open, after: { [key]: { granted: open.length > 0 } } };
    }
    case "role": {
      const found = await lookAtRole(eye, subject.name);
      return { open: roleDoors(eye, subject, found), after: { [key]: roleAfter(found) } };
    }
    case "policy": {
      const holders = await holdersOf(eye, subject.arn);
      const open = [
        ...holders.users.map((name) => `user ${name} has ${subject.arn}`),
        ...holders.groups.map((name) => `group ${name} has ${subject.arn}`),
      ];
      return { open, after: { [key]: holders } };
    }
    default:
      return { open: [] };
  }
}
