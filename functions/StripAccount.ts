import type { CloudTrailClient } from "@aws-sdk/client-cloudtrail";
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
import { addToCase, type BranchInput, type Case, type CaseSubject, openCase } from "./case";
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

/**
 * Takes every way in that a look still finds: keys, password, admin paths, and the first cut where
 * it is missing. Permissions that do not make an admin stay. Runs once per cold start and returns
 * the handler; running it twice is harmless.
 */
export function stripAccount(sdk: IamSdk, trailSdk: TrailSdk, settings: AccountSettings) {
  const eye = accountEye(sdk, settings);
  const trail = new trailSdk.CloudTrailClient(clientTimes);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const actions: Case["actions"] = [];
    const hand = { ...eye, cut: cutting(settings.mode, actions, before.actions) };
    const sessions = sessionsOfRoles(trailSdk, trail, before);
    const stripped = await sideBySide(before.subjects, (one) =>
      Promise.allSettled([strip(hand, one, before)]),
    );
    const settled = stripped.flat();
    const failed = settled.find((one) => one.status === "rejected");
    if (failed && actions.length === 0) throw failed.reason;
    const open = settled.flatMap((one) =>
      one.status === "rejected" ? [String(one.reason)] : one.value,
    );
    return addToCase(before, [{ open, alerts: await sessions }], actions);
  };
}

/** Once a case, beside the calls that take away. */
async function sessionsOfRoles(sdk: TrailSdk, trail: CloudTrailClient, known: Case) {
  if (known.round > 0) return [];
  const users = known.subjects.filter((one) => one.kind === "user");
  const found = await Promise.all(
    users.map(({ name, accessKeyId, before }) => {
      const ids = [
        ...(before?.keys ?? []).map(({ id }) => id),
        ...(accessKeyId ? [accessKeyId] : []),
      ];
      return roleSessionsOf(sdk, trail, name, [...new Set(ids)]);
    }),
  );
  return found.flat();
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
