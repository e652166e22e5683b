import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import * as ec2Sdk from "@aws-sdk/client-ec2";
import * as s3Sdk from "@aws-sdk/client-s3";
import { createValidatedPolicy, validateIdentityPolicy } from "@cloud-copilot/iam-policy";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import fc from "fast-check";
import { classify, type IncidentSettings } from "../../events/classify";
import type { Incident } from "../../events/incident";
import { type Action, type Case, MOST_ROUNDS, type Mode } from "../../functions/case";
import { emergencyActionAccount } from "../../functions/EmergencyActionAccount";
import { stripAccount } from "../../functions/StripAccount";
import { verifyAccount } from "../../functions/VerifyAccount";
import { apply, send } from "../../restore/apply";
import { type CaseFile, readCaseText } from "../../restore/caseFile";
import { type Plan, planRestore } from "../../restore/plan";
import { lookAtPresent } from "../../restore/present";
import { fakeSdk, withEnvironment, withoutWaiting } from "../functions/fakeSdk";
import { ADMIN, DENY_ALL, READ_ONLY, settings } from "../functions/given";
import {
  ALLOW_ALL,
  type Attack,
  attack,
  attackIn,
  DENIES_ALL,
  FILLERS,
  managedDocument,
  USERS,
  worlds,
} from "./accounts";
import {
  ACCOUNT,
  activeCredentials,
  differences,
  InMemoryIam,
  itemsOf,
  type World,
  type WorldUser,
} from "./world";

// Whatever the account looks like and whatever the attacker does to it, the containment keeps what
// it promises. Nothing here knows how the responders do it: what a user may do is asked of a second
// engine, and what changed is read from the account.

/** How many accounts; more with PROPERTY_RUNS=5000. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 150);

const LATER = "2026-06-01T12:00:00.000Z";

interface Given {
  world: World;
  /** Made one after the other, before anybody answers the first. */
  attacks: Attack[];
  newCredentials: IncidentSettings["newCredentials"];
  containRoles: boolean;
  slow: boolean;
}

const given = (mostAttacks: number): fc.Arbitrary<Given> =>
  fc.record({
    world: worlds,
    attacks: fc.array(attack, { minLength: 1, maxLength: mostAttacks }),
    newCredentials: fc.constantFrom<IncidentSettings["newCredentials"]>(
      "always",
      "admins",
      "never",
    ),
    containRoles: fc.boolean(),
    slow: fc.boolean(),
  });

/** The state machine's way through the account branch, without its waits. */
async function contain(
  iam: InMemoryIam,
  incident: Incident,
  mode: Mode,
  containRoles: boolean,
): Promise<Case> {
  const told = { ...settings(mode), containRoles };
  const first = emergencyActionAccount(iam.sdk, told);
  const trail = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents: { Events: [] } });
  const strip = stripAccount(iam.sdk, trail.sdk, told);
  const verify = verifyAccount(iam.sdk, trail.sdk, { ...told, ownRoles: [] });
  const input = { incident, caseId: "execution-1" };

  let state = await first(input);
  if (state.subjects.length + state.open.length === 0) return state;
  state = await strip({ ...input, case: state });
  if (mode === "observe") return state;
  for (;;) {
    state = await verify({ ...input, case: state });
    if (state.open.length > 0 && state.round >= MOST_ROUNDS) return state;
    if (state.open.length > 0) state = await strip({ ...input, case: state });
    else if (state.quiet >= 2) return state;
  }
}

/** An incident that took the account branch, and its case when that ended. */
interface Answered {
  incident: Incident;
  case: Case;
}

interface Attacked {
  /** The account before the attacks, after them, and after the containment. */
  before: World;
  attacked: World;
  contained: World;
  answered: Answered[];
  iam: InMemoryIam;
}

/** Attacks and their containment, one after the other; undefined where none could be made. */
async function run(
  { world, attacks, newCredentials, containRoles, slow }: Given,
  mode: Mode = "enforce",
): Promise<Attacked | undefined> {
  const iam = new InMemoryIam(JSON.parse(JSON.stringify(world)));
  iam.now = LATER;
  const events: unknown[] = [];
  for (const one of attacks) {
    const event = await attackIn(iam, one);
    if (event) events.push(event);
  }
  if (events.length === 0) return undefined;
  const attacked = structuredClone(iam.world);
  iam.slow = slow;
  const answered: Answered[] = [];
  for (const event of events) {
    const told = { ...incidentSettings, newCredentials, containRoles };
    const incident = classify(event, told, LATER);
    if (incident.decision !== "EmergencyActionAccount") continue;
    answered.push({ incident, case: await contain(iam, incident, mode, containRoles) });
  }
  return { before: world, attacked, contained: structuredClone(iam.world), answered, iam };
}

const incidentSettings = {
  ...settings(),
  sshPorts: [22],
  trustedCidrs: [],
  newCredentials: "admins" as const,
  guardDutySeverity: 7,
  trustedActors: [],
  ownRoles: [],
  stackRoles: [],
  containActor: false,
  containRoles: false,
};

/** Calls that an admin may make, and some that others may. */
const POWERS: [action: string, resource: string][] = [
  ["iam:AttachUserPolicy", `arn:aws:iam::${ACCOUNT}:user/somebody`],
  ["ec2:TerminateInstances", `arn:aws:ec2:us-east-1:${ACCOUNT}:instance/i-1`],
];
const CALLS: typeof POWERS = [
  ...POWERS,
  ["s3:GetObject", "arn:aws:s3:::books/2026.csv"],
  ["ec2:DescribeInstances", "*"],
  ["iam:ListUsers", "*"],
];

/** A user of his own with no permission and no credential. */
const nobody: WorldUser = {
  attached: [],
  inline: {},
  groups: [],
  keys: {},
  password: false,
  sshKeys: {},
  serviceCredentials: {},
  certificates: {},
  mfaDevices: [],
};

const quiet: World = {
  users: Object.fromEntries(USERS.map((name) => [name, nobody])),
  groups: { devs: { attached: [], inline: {} }, ops: { attached: [], inline: {} } },
  roles: { ci: { attached: [], inline: {} } },
  policies: {},
  made: {},
};

/** What the properties have found once, and what is drawn too seldom: tried first. */
const examples: [Given][] = [
  [
    {
      // No room for AWSDenyAll, and the grant that goes makes none: the boundary has to deny.
      world: {
        ...quiet,
        roles: {
          ci: { attached: [...FILLERS, READ_ONLY, "arn:aws:iam::aws:policy/Filler8"], inline: {} },
        },
      },
      attacks: [{ event: "PutRolePolicy", numbers: [0], document: ALLOW_ALL, actor: "root" }],
      newCredentials: "admins",
      containRoles: true,
      slow: false,
    },
  ],
  [
    {
      world: quiet,
      attacks: [{ event: "AttachRolePolicy", numbers: [0], document: "", actor: "root" }],
      newCredentials: "admins",
      containRoles: true,
      slow: true,
    },
  ],
  [
    {
      // bob is contained, and the next call makes an admin of eve: one answer is not enough.
      world: quiet,
      attacks: [
        { event: "order", numbers: [0], document: "", actor: "root" },
        { event: "AttachUserPolicy", numbers: [1, 0], document: "", actor: "root" },
      ],
      newCredentials: "admins",
      containRoles: false,
      slow: false,
    },
  ],
  // A group is given an admin policy, by somebody else and by a member.
  ...(["root", "eve"] as const).map((actor): [Given] => [
    {
      world: { ...quiet, users: { ...quiet.users, eve: { ...nobody, groups: ["devs"] } } },
      attacks: [{ event: "AttachGroupPolicy", numbers: [0, 0], document: "", actor }],
      newCredentials: "admins",
      containRoles: false,
      slow: false,
    },
  ]),
  [
    {
      // bob leaves devs for its admin policy, and the Deny that kept his own grant down stays there.
      world: {
        ...quiet,
        users: { ...quiet.users, bob: { ...nobody, inline: { p: ALLOW_ALL }, groups: ["devs"] } },
        groups: { ...quiet.groups, devs: { attached: [ADMIN], inline: { q: DENIES_ALL } } },
      },
      attacks: [{ event: "order", numbers: [0], document: "", actor: "root" }],
      newCredentials: "admins",
      containRoles: false,
      slow: false,
    },
  ],
];

const answered = new Map<string, Promise<boolean>>();

/** Would IAM allow it to whom these documents are given? Few documents: most was asked before. */
function allows(
  documents: string[],
  boundary: string | undefined,
  [action, resource]: (typeof POWERS)[number],
): Promise<boolean> {
  const distinct = [...new Set(documents)].sort();
  const key = JSON.stringify([distinct, boundary, action]);
  const known = answered.get(key) ?? simulated(distinct, boundary, action, resource);
  answered.set(key, known);
  return known;
}

async function simulated(
  documents: string[],
  boundary: string | undefined,
  action: string,
  resource: string,
): Promise<boolean> {
  const policy = (text: string, at: number) => ({
    name: `p${at}`,
    policy: createValidatedPolicy(JSON.parse(text), validateIdentityPolicy),
  });
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${ACCOUNT}:user/him`,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { "aws:MultiFactorAuthPresent": "true" },
      },
      identityPolicies: documents.map(policy),
      ...(boundary && { permissionBoundaryPolicies: [policy(boundary, 0)] }),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  assert.notEqual(answer.resultType, "error", JSON.stringify(answer));
  return answer.resultType !== "error" && answer.overallResult === "Allowed";
}

function textOf({ policies }: World, arn: string): string {
  const policy = policies[arn];
  return policy?.versions[policy.isDefault] ?? managedDocument(arn);
}

/** What a user may do of these calls, by the second engine. */
async function allowedTo(world: World, name: string, calls = CALLS): Promise<string[]> {
  const user = world.users[name];
  if (!user) return [];
  const groups = user.groups.flatMap((group) => world.groups[group] ?? []);
  return allowedBy(world, [user, ...groups], user.boundary, calls);
}

/** The same of a role. */
async function allowedToRole(world: World, name: string, calls = CALLS): Promise<string[]> {
  const role = world.roles[name];
  return role ? allowedBy(world, [role], role.boundary, calls) : [];
}

async function allowedBy(
  world: World,
  holders: Pick<WorldUser, "attached" | "inline">[],
  limit: string | undefined,
  calls: typeof CALLS,
): Promise<string[]> {
  const documents = holders.flatMap(({ attached, inline }) => [
    ...attached.map((arn) => textOf(world, arn)),
    ...Object.values(inline),
  ]);
  const boundary = limit && textOf(world, limit);
  const asked = calls.map(async (call) =>
    (await allows(documents, boundary, call)) ? [call[0]] : [],
  );
  return (await Promise.all(asked)).flat();
}

const subjectsOf = ({ answered }: Attacked) => answered.flatMap((one) => one.case.subjects);

function containedUsers(ran: Attacked): string[] {
  return [...new Set(subjectsOf(ran).flatMap((one) => (one.kind === "user" ? [one.name] : [])))];
}

describe("the containment of random accounts", function () {
  this.timeout(Math.max(60_000, RUNS * 400));
  withoutWaiting();
  withEnvironment({ AWS_REGION: "us-east-1", DENY_ALL_ARN: DENY_ALL });

  const always = (what: (ran: Attacked, given: Given) => Promise<void>, mostAttacks = 3) =>
    fc.assert(
      fc.asyncProperty(given(mostAttacks), async (one) => {
        const ran = await run(one);
        if (ran) await what(ran, one);
      }),
      {
        numRuns: RUNS,
        examples: examples.filter(([{ attacks }]) => attacks.length <= mostAttacks),
      },
    );

  /** Of the attacks that take the account branch. */
  const holds = (what: (ran: Attacked, given: Given) => Promise<void>) =>
    always(async (ran, one) => {
      if (ran.answered.length > 0) await what(ran, one);
    });

  /** Of one attack alone: of several cases, each tells what it found when its turn came. */
  const holdsOfOne = (what: (ran: Attacked & Answered, given: Given) => Promise<void>) =>
    always(async (ran, one) => {
      const [first] = ran.answered;
      if (first) await what({ ...ran, ...first }, one);
    }, 1);

  it("ends with nothing open, and leaves the users of the case nothing", () =>
    holds(async (ran) => {
      for (const one of ran.answered) assert.deepEqual(one.case.open, []);
      for (const name of containedUsers(ran)) {
        assert.deepEqual(await allowedTo(ran.contained, name), [], `user ${name}`);
        assert.deepEqual(activeCredentials(ran.contained, name), []);
      }
      for (const one of subjectsOf(ran)) {
        if (one.kind !== "role") continue;
        assert.deepEqual(await allowedToRole(ran.contained, one.name), [], `role ${one.name}`);
      }
    }));

  it("leaves nobody what the attack made him: an admin", () =>
    always(async (ran, { attacks }) => {
      if (ran.answered.some((one) => one.case.alerts.length > 0) || heldBack(ran)) return;
      const isRenamed = attacks.some(({ event }) => event === "UpdateUser");
      for (const name of Object.keys(ran.contained.users)) {
        const isNew = ran.before.users[name] === undefined;
        if (/^(app-|break-glass)/.test(name) || (isNew && isRenamed)) continue;
        const powers = await allowedTo(ran.contained, name, POWERS);
        if (powers.length === 0) continue;
        assert.notDeepEqual(await allowedTo(ran.before, name, POWERS), [], `user ${name}`);
      }
    }));

  it("takes from nobody else what the incident was not about", () =>
    holds(async (ran) => {
      const allowed = subjectsOf(ran).map((one): RegExp => {
        if (one.kind === "user") return pattern(`\\S+:${literal(one.name)}(:.*)?`);
        if (one.kind === "policy") return pattern(`policies:[^:]+:${literal(one.arn)}`);
        if (one.kind !== "group" && one.kind !== "role")
          throw new Error(`a case about ${one.kind}`);
        const grant = one.policyArn ?? `inline/${one.policyName}`;
        const name = literal(`${one.kind}/${one.name}`);
        const taken = `policies:${name}:${literal(grant)}`;
        return pattern(one.kind === "role" ? `${taken}|(deny|boundary):${name}` : taken);
      });
      const changed = Object.keys(differences(ran.attacked, ran.contained));
      assert.deepEqual(
        changed.filter((item) => !allowed.some((one) => one.test(item))),
        [],
      );
    }));

  it("takes from a user the permissions that make an admin, and no other", () =>
    holds(async (ran) => {
      const policies = subjectsOf(ran).flatMap((one) => (one.kind === "policy" ? one.arn : []));
      for (const name of containedUsers(ran)) {
        for (const [item, documents] of Object.entries(grantsOf(ran.attacked, name))) {
          if (Object.hasOwn(grantsOf(ran.contained, name), item)) continue;
          if (policies.some((arn) => item.endsWith(arn))) continue;
          const alone = await Promise.all(
            documents.flatMap((text) => POWERS.map((call) => allows([text], undefined, call))),
          );
          assert.ok(alone.includes(true), `${item} of ${name} made no admin`);
        }
      }
    }));

  it("changes nothing when the events come again", () =>
    holds(async (ran, { containRoles }) => {
      const again: Case[] = [];
      for (const { incident } of ran.answered) {
        again.push(await contain(ran.iam, incident, "enforce", containRoles));
      }
      const changed = Object.keys(differences(ran.contained, ran.iam.world));
      // Where the ten attachments were taken the boundary denied, and the strip has made room since.
      const denies = (item: string) => ran.contained.users[item.slice(5)]?.boundary === DENY_ALL;
      assert.deepEqual(
        changed.filter((item) => !(item.startsWith("deny:") && denies(item))),
        [],
      );
      assert.deepEqual(
        again.flatMap(({ open }) => open),
        [],
      );
    }));

  it("observed, changes nothing and tells the calls that enforcing makes", () =>
    holdsOfOne(async (ran, one) => {
      const observed = await run(one, "observe");
      const [seenThen] = observed?.answered ?? [];
      assert.ok(observed && seenThen);
      assert.deepEqual(differences(observed.attacked, observed.contained), {});
      const groups = ran.case.subjects.flatMap((one) => (one.kind === "group" ? one.name : []));
      const leaves = ({ call, input }: Action) =>
        call === "iam:RemoveUserFromGroup" && groups.includes(String(input.GroupName));
      const told = {
        ...ran.case,
        actions: ran.case.actions.filter((one) => !leaves(one)),
      };
      // A caller who is a member leaves the group too, as long as the group has its grant.
      const seen = {
        ...seenThen.case,
        actions: seenThen.case.actions.filter((one) => !leaves(one)),
      };
      assert.deepEqual(callsIn(seen), callsIn(told));
    }));

  it("is given back as it was before the attack, save what the plan lists", () =>
    holdsOfOne(async (ran, { attacks: [{ event } = { event: "" }] }) => {
      const { plan, left } = await restored(ran, false);
      // A name stays as the attack changed it: the plan says so, and lists all else by the new one.
      const before = /^Update(User|Group)$/.test(event) ? ran.attacked : ran.before;
      const attacksOwn = differences(before, ran.attacked);
      // What the attack did stays only where the containment left it, or the plan says so.
      const kept = itemsOf(ran.contained);
      const listed = left.includes(`record:${event}`);
      const isAttacks = (item: string, is: string | undefined) =>
        attacksOwn[item] !== undefined &&
        attacksOwn[item][1] === is &&
        (listed || kept[item] === is);
      const unexplained = Object.entries(differences(before, ran.iam.world)).filter(
        ([item, [, is]]) => !left.includes(item) && !isAttacks(item, is),
      );
      assert.deepEqual(unexplained, [], JSON.stringify(plan, null, 1));
    }));

  it("is given back as it was after the attack where that was a false alarm", () =>
    holdsOfOne(async (ran) => {
      const { plan, left } = await restored(ran, true);
      const unexplained = Object.entries(differences(ran.attacked, ran.iam.world)).filter(
        // A policy's former default comes back even so.
        ([item]) => !left.includes(item) && !item.startsWith("default:"),
      );
      assert.deepEqual(unexplained, [], JSON.stringify(plan, null, 1));
    }));
});

/**
 * Did the attack write over a document that held somebody back, by a Deny or as his boundary? Whom
 * that sets free is not sought: the incident of a document is what it grants. One that is taken away
 * altogether is another matter.
 */
function heldBack({ before, attacked }: Attacked): boolean {
  const bounds = Object.values(before.users).map(({ boundary }) => boundary);
  const changed = Object.entries(differences(before, attacked));
  return changed.some(([item, [was = "", is]]) => {
    if (is === undefined) return false;
    const arn = /^default:(.*)/.exec(item)?.[1];
    if (arn === undefined) return was.includes('"Deny"');
    return bounds.includes(arn) || textOf(before, arn).includes('"Deny"');
  });
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const pattern = (text: string) => new RegExp(`^(${text})$`);

/** The documents of each permission that a user has, by the items of a restore. */
function grantsOf(world: World, name: string): Record<string, string[]> {
  const user = world.users[name];
  if (!user) return {};
  const inGroup = (group: string) => {
    const { attached = [], inline = {} } = world.groups[group] ?? {};
    return [...attached.map((arn) => textOf(world, arn)), ...Object.values(inline)];
  };
  return Object.fromEntries([
    ...user.attached.map((arn) => [`policies:${name}:${arn}`, [textOf(world, arn)]]),
    ...Object.entries(user.inline).map(([one, text]) => [`policies:${name}:inline/${one}`, [text]]),
    ...user.groups.map((group) => [`groups:${name}:${group}`, inGroup(group)]),
  ]);
}

/** What a case's calls were, each once, in an order of their own. */
function callsIn({ actions }: Case): string[] {
  return [...new Set(actions.map(({ call, input }) => `${call} ${JSON.stringify(input)}`))].sort();
}

/** Restores a case as the command does, twice, and checks that nothing stood in the way. */
async function restored(
  { case: ended, incident, iam }: Attacked & Answered,
  falseAlarm: boolean,
): Promise<{ plan: Plan; left: string[] }> {
  const file: CaseFile = readCaseText(JSON.stringify({ ...ended, incident }), "the case");
  const eye = {
    iamSdk: iam.sdk,
    iam: new iam.sdk.IAMClient({}),
    ec2Sdk,
    ec2: new ec2Sdk.EC2Client({}),
    shelf: { sdk: s3Sdk, s3: new s3Sdk.S3Client({}) },
  };
  const wishes = { only: [], force: false, falseAlarm };
  const plan = planRestore(file, await lookAtPresent(eye, file), wishes);
  assert.deepEqual(plan.stops, []);
  const outcomes = await apply(
    plan.steps,
    (step) => send(eye, step),
    () => {},
  );
  assert.deepEqual(
    outcomes.filter(({ outcome }) => outcome !== "done"),
    [],
  );
  const once = structuredClone(iam.world);
  const again = planRestore(file, await lookAtPresent(eye, file), wishes);
  await apply(
    again.steps,
    (step) => send(eye, step),
    () => {},
  );
  assert.deepEqual(differences(once, iam.world), {});
  return { plan, left: plan.left.map(({ item }) => item) };
}
