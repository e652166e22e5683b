import type {
  GroupSubject,
  Incident,
  PolicySubject,
  Subject,
  UserSubject,
} from "../events/incident";
import { documentMakesAdmin, makesAdmin } from "../rulebook/admin";
import { type Former, formerOf, isFreed, madeAdminsBefore, mayHaveDenied } from "./account/former";
import {
  groupCutActions,
  groupGrantDocument,
  groupGrantIsAdmin,
  membersOf,
  takeFromGroup,
} from "./account/group";
import {
  boundaryGrant,
  grantsOf,
  type IamSdk,
  lookActions,
  policyDocument,
  unseen,
} from "./account/look";
import { boundedBy, holdersOfNew, policyCutActions, withdrawPolicy } from "./account/policy";
import { containRole, roleFirstCutActions, roleLookActions } from "./account/role";
import { spared } from "./account/spared";
import {
  type AccountHand,
  type AccountSettings,
  accountEye,
  type FoundUser,
  findUser,
  firstCut,
  firstCutActions,
  lookProves,
  patiently,
  seeUser,
  showsGrant,
  whole,
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
import { cutting, textOf } from "./cut";
import { sideBySide } from "./sideBySide";

/**
 * What the handler calls; its role is granted exactly this, the cuts only in `enforce`, and what
 * concerns roles only with `containRoles`.
 */
export const emergencyActionAccountActions = {
  looks: [
    ...lookActions.users,
    ...lookActions.groups,
    ...lookActions.policies,
    "iam:GetAccessKeyLastUsed",
    "iam:GetGroup",
    "iam:ListEntitiesForPolicy",
    "iam:ListPolicyVersions",
  ],
  cuts: [...new Set([...firstCutActions, ...groupCutActions, ...policyCutActions])],
  roles: { looks: roleLookActions, cuts: roleFirstCutActions },
};

/**
 * The account branch's first cut. Where the record proves the incident nothing is awaited before
 * it; where the owner must be an admin first, the look is parallel calls, then the cut.
 *
 * Runs once per cold start and returns the handler. A look that fails is thrown, to be retried by
 * the state machine; a cut that fails is in the case's `open`, for the next pass.
 */
export function emergencyActionAccount(sdk: IamSdk, settings: AccountSettings) {
  const eye = accountEye(sdk, settings);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const actions: Case["actions"] = [];
    const errors: unknown[] = [];
    const hand = { ...eye, cut: cutting(settings.mode, actions, before.actions), errors };
    const passes = await containAll(hand, input.incident);
    // Asked again, what was cut would be taken for the state before.
    const isCut = actions.some(({ outcome }) => outcome === "done");
    if (errors.length > 0 && !isCut) throw errors[0];
    return addToCase(before, passes, actions);
  };
}

interface Hand extends AccountHand {
  /** What was thrown: by whom is in the passes. */
  errors: unknown[];
}

/** Contains each, side by side; a look at one that fails takes nobody else out of the case. */
function each<One>(
  { errors }: Hand,
  ones: One[],
  nameOf: (one: One) => string,
  take: (one: One) => Promise<Pass>,
): Promise<Pass[]> {
  return sideBySide(ones, (one) =>
    take(one).catch((error): Pass => {
      errors.push(error);
      return { undecided: [`${nameOf(one)} was not judged: ${textOf(error)}`] };
    }),
  );
}

/**
 * The subjects side by side. The caller of a proved incident is one more of them; otherwise he is
 * contained once a look has made an incident of it, and not twice.
 */
async function containAll(hand: Hand, { actor, subjects }: Incident): Promise<Pass[]> {
  const waits = (one: Subject) => "caller" in one && !one.proved;
  const all = (some: Subject[]) =>
    each(hand, some, titleOf, (subject) => contain(hand, subject, actor.userName));
  const passes = await all(subjects.filter((one) => !waits(one)));
  const taken = passes.flatMap((one) => one.subjects ?? []);
  if (taken.length === 0) return passes;
  const isTaken = (one: Subject) =>
    taken.some((known) => known.kind === one.kind && nameIn(known) === nameIn(one));
  const callers = subjects.filter((one) => waits(one) && !isTaken(one));
  return [...passes, ...(await all(callers))];
}

function titleOf(subject: Subject): string {
  if (subject.kind === "policy") return `policy ${subject.arn}`;
  const name = nameIn(subject) || ("accessKeyId" in subject && `of key ${subject.accessKeyId}`);
  return `${subject.kind} ${name || ""}`.trim();
}

function nameIn(subject: Subject | CaseSubject): string | undefined {
  return "name" in subject ? subject.name : undefined;
}

function contain(hand: Hand, subject: Subject, actor: string | undefined): Promise<Pass> {
  switch (subject.kind) {
    case "user":
      if (subject.caller) return containCaller(hand, subject);
      if (subject.proved) return cutUser(hand, subject);
      return subject.grant?.kind === "inline"
        ? containOverwritten(hand, subject)
        : lookThenCut(hand, subject);
    case "group":
      return containGroup(hand, subject, actor);
    case "policy":
      return containPolicy(hand, subject, actor);
    case "role":
      return containRole(hand, subject);
    default:
      throw new Error(
        `EmergencyActionAccount contains users, groups, policies and roles, got ${subject.kind}`,
      );
  }
}

/** The first cut, and beside it the look that the case needs. */
async function cutUser(hand: AccountHand, user: UserSubject): Promise<Pass> {
  const { name, accessKeyId } = user;
  // Started before the look, so that no look's request is signed and sent ahead of it.
  const look: { begun?: Promise<FoundUser | Error | undefined> } = {};
  const cutting = firstCut(hand, name, accessKeyId, async () => {
    const seen = await look.begun;
    return seen instanceof Error ? undefined : seen?.look;
  });
  look.begun = seeUser(hand, user).catch((error: Error) => error);
  const cut = await cutting;
  const seen = await look.begun;
  if (cut && !(seen instanceof Error)) {
    return { subjects: [userCase(user, seen)], notes: seen ? notesOn(seen) : [] };
  }
  if (cut) {
    const note = `The look at user ${name} failed, so the case lacks its state before: ${seen}`;
    return { subjects: [userCase(user, undefined)], notes: [note] };
  }
  const found = await patiently(async () => {
    const now = await seeUser(hand, user);
    const there = now && (await firstCut(hand, now.name, accessKeyId, async () => now.look));
    return there ? now : undefined;
  });
  return found ? contained(user, found) : gone(user);
}

async function lookThenCut(hand: AccountHand, user: UserSubject): Promise<Pass> {
  const found = await seeGrant(hand, user);
  if (!found) return gone(user);
  if (user.always) return cutFound(hand, user, found);
  const judgement = lookProves(found, user, hand.settings.exemptions);
  if (judgement.answer === "yes") {
    await firstCut(hand, found.name, user.accessKeyId, async () => found.look);
    return contained(user, found, judgement.reasons);
  }
  if (judgement.answer === "unknown") {
    whole(found);
    const unsure = `Whether user ${found.name} is an admin could not be told: ${judgement.reasons.join("; ")}`;
    return { alerts: [unsure] };
  }
  return { notes: [`User ${found.name} is no admin by this: nothing was done`] };
}

/**
 * Looks until the record's grant shows, or patience is at its end: it was taken away again then, or
 * IAM takes its time.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html (eventual consistency)
 */
async function seeGrant(hand: AccountHand, user: UserSubject): Promise<FoundUser | undefined> {
  let last: FoundUser | undefined;
  const found = await patiently(async () => {
    last = await seeUser(hand, user);
    return last && (!user.grant || showsGrant(last, user.grant)) ? last : undefined;
  });
  return found ?? last;
}

/**
 * The owner of a key that is known to be stolen: he is cut whatever he may do. An exemption permits
 * to be an admin, not to be robbed.
 */
async function cutFound(hand: AccountHand, user: UserSubject, found: FoundUser): Promise<Pass> {
  const untouched = spared(found.name, { ...hand.settings, exemptions: [] });
  if (untouched) return untouched;
  await firstCut(hand, found.name, user.accessKeyId, async () => found.look);
  return contained(user, found);
}

function contained(user: UserSubject, found: FoundUser, reasons: string[] = []): Pass {
  return { subjects: [userCase(user, found)], notes: [...reasons, ...notesOn(found)] };
}

/** What a person should know of the look: what it did not show, and a boundary that cut anyway. */
function notesOn(found: FoundUser): string[] {
  const hidden = unseen(found.look).join("; ");
  const lacks = `The case lacks a part of user ${found.name}'s state before: ${hidden}`;
  return [...(hidden ? [lacks] : []), ...boundaryNotes(found)];
}

function userCase(user: UserSubject, found: FoundUser | undefined): CaseSubject {
  return {
    kind: "user",
    name: found?.name ?? user.name,
    ...(user.accessKeyId && { accessKeyId: user.accessKeyId }),
    ...(found && { before: found.look }),
  };
}

/** What somebody reported, or a record proves, was somewhere: a person looks where it is now. */
function gone({ name, accessKeyId, reported, proved }: UserSubject): Pass {
  const who = name === "" ? `The owner of key ${accessKeyId}` : `User ${name}`;
  const text = `${who} is not there (any more): nothing to contain`;
  return reported || proved ? { alerts: [text] } : { notes: [text] };
}

/** A boundary is not looked at before the cut; where it had cut the rights anyway, say so. */
function boundaryNotes(found: FoundUser): string[] {
  const boundary = boundaryGrant(found.look);
  if (!boundary || makesAdmin(grantsOf(found.name, found.look), boundary).answer !== "no")
    return [];
  return [`The boundary ${boundary.policyArn} had cut the rights of user ${found.name} anyway`];
}

const NOTHING: Pass = {};

/** The caller: who gains by his own change, or by `containActor` whoever did it to somebody else. */
async function containCaller(hand: AccountHand, caller: UserSubject): Promise<Pass> {
  return spared(caller.name, hand.settings) ?? cutUser(hand, caller);
}

/** A user whom a look brought up, where the look makes him an admin. */
async function containMember(hand: AccountHand, name: string, always?: true): Promise<Pass> {
  if (always) return lookThenCut(hand, { kind: "user", name, proved: false, always });
  const untouched = spared(name, hand.settings);
  if (!untouched) return lookThenCut(hand, { kind: "user", name, proved: false });
  const found = await findUser(hand, { name });
  const admin = found && lookProves(found, {}, []).answer !== "no";
  return admin ? untouched : NOTHING;
}

async function containGroup(
  hand: Hand,
  group: GroupSubject,
  actor: string | undefined,
): Promise<Pass> {
  const { grant, name } = group;
  const [members, document] = await Promise.all([
    membersOf(hand, name),
    groupGrantDocument(hand, group),
  ]);
  if (members.length === 0) {
    return { notes: [`Group ${name} has no members, so nobody is an admin by it`] };
  }
  if (!grant || group.denies) return containMembers(hand, members, group.always);
  if (!group.proved && !groupGrantIsAdmin(document)) {
    const text = `What group ${name} was given makes nobody an admin`;
    const freed =
      grant.kind === "inline"
        ? await lookAtMembers(hand, members, `inline policy ${grant.policyName} of group ${name}`)
        : NOTHING;
    return joined([{ notes: [text] }, freed]);
  }
  const subject: Extract<CaseSubject, { kind: "group" }> = {
    kind: "group",
    name,
    ...(grant.kind === "attached" && { policyArn: grant.policyArn }),
    ...(grant.kind === "inline" && { policyName: grant.policyName }),
    before: { members, ...(document !== undefined && { document }) },
  };
  const gains = actor !== undefined && members.includes(actor);
  const [self] = await Promise.all([
    containSelf(hand, gains ? actor : undefined),
    takeFromGroup(hand, subject),
  ]);
  return joined([{ subjects: [subject] }, self]);
}

async function containMembers(hand: Hand, names: string[], always?: true): Promise<Pass> {
  const passes = await each(
    hand,
    names,
    (name) => `user ${name}`,
    (name) => containMember(hand, name, always),
  );
  return joined(passes);
}

/** The caller, where he is one of those who gained by what he did. */
async function containSelf(hand: Hand, name: string | undefined): Promise<Pass> {
  const take = (self: string) => containCaller(hand, { kind: "user", name: self, proved: true });
  return joined(await each(hand, name ? [name] : [], (self) => `user ${self}`, take));
}

async function containPolicy(
  hand: Hand,
  policy: PolicySubject,
  actor: string | undefined,
): Promise<Pass> {
  const { arn } = policy;
  const [holders, bounded, former, document] = await Promise.all([
    holdersOfNew(hand, arn),
    boundedBy(hand, arn),
    formerOf(hand, policy),
    policy.proved ? undefined : policyDocument(hand.sdk, hand.iam, arn),
  ]);
  if (!holders) {
    // A record that proves an admin's policy, and no such policy: that is for a person to look at.
    const text = `Policy ${arn} is not there (any more): nobody to take it from`;
    return policy.proved ? { alerts: [text] } : { notes: [text] };
  }
  const makes = policy.proved || documentMakesAdmin(document).answer === "yes";
  const already = makes && madeAdminsBefore(former);
  const takes = makes && !already;
  const concerned = mayHaveDenied(former);
  const members =
    holders.groups.length > 0 && (concerned || (takes && actor))
      ? (await Promise.all(holders.groups.map((group) => membersOf(hand, group)))).flat()
      : [];
  const having = [...holders.users, ...holders.keepers, ...members];
  const self = takes && actor && having.includes(actor) ? actor : undefined;
  const others = [...new Set([...bounded.users, ...(concerned ? having : [])])];
  // Looked at before anything is taken: a look that fails is asked again, and the case stays whole.
  const asked = others.filter((name) => name !== self);
  const found = await sideBySide(asked, (name) => findUser(hand, { name }));

  const roles = [...bounded.roles, ...(concerned && !takes ? holders.roles : [])];
  return joined([
    ...(await Promise.all([
      containSelf(hand, self),
      ...found.map((one) => containFreed(hand, one, arn, former, takes)),
      takes ? takePolicy(hand, arn, holders) : leftPolicy(arn, already),
    ])),
    {
      alerts: roles.map(
        (role) => `Role ${role} is no longer denied or bounded by ${arn} as before: look at it`,
      ),
    },
  ]);
}

function leftPolicy(arn: string, already: boolean): Pass {
  return already
    ? { alerts: [`${arn} made admins before this record: nothing was taken`] }
    : { notes: [`The default version of ${arn} makes nobody an admin`] };
}

async function takePolicy(
  hand: AccountHand,
  arn: string,
  holders: Extract<CaseSubject, { kind: "policy" }>["before"],
): Promise<Pass> {
  await withdrawPolicy(hand, arn, holders);
  const alerts = [
    ...holders.roles.map((role) => `Role ${role} has ${arn} and was not touched: look at it`),
    ...holders.keepers.map(
      (name) => `User ${name} keeps ${arn}, being protected or exempt: look at him`,
    ),
  ];
  const nobody = holders.users.length + holders.groups.length === 0;
  return { subjects: nobody ? [] : [{ kind: "policy", arn, before: holders }], alerts };
}

/** A user whom a policy's former version, attached or as his boundary, kept from being an admin. */
async function containFreed(
  hand: AccountHand,
  found: FoundUser | undefined,
  arn: string,
  former: Former,
  taken: boolean,
): Promise<Pass> {
  if (!found) return NOTHING;
  const { name } = found;
  const freed = isFreed(found, arn, former, taken, hand.settings.exemptions);
  if (freed === "no") return NOTHING;
  const untouched = spared(name, hand.settings);
  if (untouched) return untouched;
  if (freed === "unknown") {
    return {
      alerts: [
        `Whether a former version of ${arn} kept user ${name} from being an admin could not be told: look at him`,
      ],
    };
  }
  await firstCut(hand, name, undefined, async () => found.look);
  const note = `A version of ${arn} that is not its default any more kept user ${name} from being an admin`;
  return { subjects: [userCase({ kind: "user", name, proved: false }, found)], notes: [note] };
}

/**
 * A user who was given an inline policy that the record does not prove: it may have taken the place
 * of one that denied. Of that IAM keeps nothing, so where he is an admin whatever the new one says a
 * person hears of it, and a standing admin is not contained by a harmless edit.
 */
async function containOverwritten(hand: AccountHand, user: UserSubject): Promise<Pass> {
  const found = await patiently(() => findUser(hand, user));
  if (!found) return gone(user);
  const gains = lookProves(found, user, hand.settings.exemptions);
  if (gains.answer === "yes") {
    await firstCut(hand, found.name, user.accessKeyId, async () => found.look);
    return contained(user, found, gains.reasons);
  }
  return standing(hand, found, "his inline policy") ?? noAdmin(found.name);
}

function noAdmin(name: string): Pass {
  return { notes: [`User ${name} is no admin by this: nothing was done`] };
}

/** What a person hears of an admin whom a document that was overwritten may have denied it. */
function standing(hand: AccountHand, found: FoundUser, document: string): Pass | undefined {
  const { answer } = lookProves(found, {}, hand.settings.exemptions);
  if (answer === "no") return undefined;
  const may = answer === "yes" ? "is" : "may be";
  return {
    alerts: [
      `User ${found.name} ${may} an admin, and whether ${document} denied it to him before could not be told: look at him`,
    ],
  };
}

async function lookAtMembers(hand: AccountHand, names: string[], document: string): Promise<Pass> {
  const found = await sideBySide(names, (name) => findUser(hand, { name }));
  return joined(found.map((one) => (one && standing(hand, one, document)) ?? NOTHING));
}
