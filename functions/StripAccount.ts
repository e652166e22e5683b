import type { CloudTrailClient } from "@aws-sdk/client-cloudtrail";
import type { RoleSettings } from "../events/role";
import { type Assumed, containAssumed } from "./account/assumedRoles";
import { type TrailSdk, trailLookActions } from "./account/eventHistory";
import { groupCutActions, groupStillHas, takeFromGroup } from "./account/group";
import { type IamSdk, lookActions } from "./account/look";
import { holdersOf, withdrawPolicy } from "./account/policy";
import { roleFirstCutActions, roleLookActions, roleStripActions, stripRole } from "./account/role";
import { roleSessionsOf } from "./account/roleSessions";
import { asCut, asIfTaken } from "./account/taken";
import {
  type AccountHand,
  type AccountSettings,
  accountEye,
  firstCutActions,
  hiddenFrom,
  knownBy,
  seeUser,
  stripActions,
  stripUser,
} from "./account/user";
import {
  addToCase,
  type BranchInput,
  type Case,
  type CaseSubject,
  joined,
  openCase,
  type Pass,
} from "./case";
import { clientTimes } from "./client";
import { cutting } from "./cut";
import { sideBySide } from "./sideBySide";

/**
 * What the handler calls; its role is granted exactly this, the cuts only in `enforce`, and what
 * concerns roles only with `containRoles`.
 */
export const stripAccountActions = {
  looks: [
    ...lookActions.users,
    ...lookActions.groups,
    ...lookActions.policies,
    "iam:GetAccessKeyLastUsed",
    "iam:ListEntitiesForPolicy",
    ...trailLookActions,
  ],
  cuts: [...firstCutActions, ...stripActions, ...groupCutActions],
  roles: { looks: roleLookActions, cuts: [...roleFirstCutActions, ...roleStripActions] },
};

/** What the handler is told by the owner, and by the stack. */
export interface StripSettings extends AccountSettings, RoleSettings {}

/**
 * Takes every way in that a look still finds: keys, password, admin paths, and the first cut where
 * it is missing. Permissions that do not make an admin stay. Runs once per cold start and returns
 * the handler; running it twice is harmless.
 */
export function stripAccount(sdk: IamSdk, trailSdk: TrailSdk, settings: StripSettings) {
  const eye = accountEye(sdk, settings);
  const trail = new trailSdk.CloudTrailClient(clientTimes);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const actions: Case["actions"] = [];
    const hand = { ...eye, cut: cutting(settings.mode, actions, before.actions) };
    const [stripped, assumed] = await Promise.all([
      sideBySide(before.subjects, (one) => Promise.allSettled([strip(hand, one, before)])),
      sessionsOfRoles({ ...hand, trailSdk, trail }, before, settings),
    ]);
    const settled = stripped.flat();
    const failed = settled.find((one) => one.status === "rejected");
    if (failed && actions.length === 0) throw failed.reason;
    const open = settled.flatMap((one) =>
      one.status === "rejected" ? [String(one.reason)] : one.value,
    );
    return addToCase(before, [{ open }, assumed], actions);
  };
}

/**
 * Beside the calls that take away. A person hears of them once a case; by `containRoles` every pass
 * looks, since CloudTrail may be late, and tells of the roles that it is the first to find.
 */
async function sessionsOfRoles(
  hand: AccountHand & { trailSdk: TrailSdk; trail: CloudTrailClient },
  known: Case,
  settings: StripSettings,
): Promise<Pass> {
  const isFirst = known.round === 0;
  if (!isFirst && !settings.containRoles) return {};
  const users = known.subjects.filter((one) => one.kind === "user");
  const found = await Promise.all(
    users.map(async ({ name, accessKeyId, before }) => {
      const ids = [
        ...(before?.keys ?? []).map(({ id }) => id),
        ...(accessKeyId ? [accessKeyId] : []),
      ];
      const { roles, unsure } = await roleSessionsOf(hand.trailSdk, hand.trail, name, [
        ...new Set(ids),
      ]);
      return { assumed: roles.map((role): Assumed => ({ user: name, role })), unsure };
    }),
  );
  const assumed = found.flatMap((one) => one.assumed);
  const contained = settings.containRoles
    ? await containAssumed(hand, assumed, known, settings)
    : {};
  const isNew = ({ role }: Assumed) =>
    contained.subjects?.some((one) => one.kind === "role" && one.name === role.role);
  const told = isFirst ? assumed : assumed.filter(isNew);
  const alerts = told.map(({ role }) => role.sentence);
  const unsure = isFirst ? found.flatMap((one) => one.unsure) : [];
  return joined([{ alerts: [...alerts, ...unsure] }, contained]);
}

/** @returns what a look did not show, in words. */
async function strip(hand: AccountHand, subject: CaseSubject, known: Case): Promise<string[]> {
  if (subject.kind === "user") {
    const seen = known.round === 0 ? asCut(subject, known.actions, hand) : undefined;
    const found = seen ?? (await seeUser(hand, knownBy(subject)));
    if (!found) return [];
    await stripUser(hand, { ...found, look: asIfTaken(found.look, known.actions) });
    return hiddenFrom(found);
  }
  if (subject.kind === "group" && (await groupStillHas(hand, subject)).length > 0) {
    await takeFromGroup(hand, subject);
  }
  if (subject.kind === "role") await stripRole(hand, subject);
  if (subject.kind === "policy") {
    await withdrawPolicy(hand, subject.arn, await holdersOf(hand, subject.arn));
  }
  return [];
}
