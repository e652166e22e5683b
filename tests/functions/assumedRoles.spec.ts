import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import * as iam from "@aws-sdk/client-iam";
import { revokeSessions } from "../../events/role";
import type { Action, Case, CaseSubject } from "../../functions/case";
import { type StripSettings, stripAccount } from "../../functions/StripAccount";
import {
  type Answers,
  cutsIn,
  fakeSdk,
  inTurn,
  noSuchEntity,
  refusal,
  throttled,
  withEnvironment,
} from "./fakeSdk";
import {
  ADMIN,
  attached,
  bareUser,
  bothModes,
  caseOf,
  DENY_ALL,
  HARMLESS,
  type IamAnswers,
  incident,
  READ_ONLY,
  settings,
  TEAM,
  told,
  validCase,
} from "./given";

const ACCOUNT = "123456789012";
const bob: CaseSubject = { kind: "user", name: "bob" };
const deny = (RoleName: string) => ["AttachRolePolicy", { RoleName, PolicyArn: DENY_ALL }];
const arnOf = (role: string, account = ACCOUNT) => `arn:aws:iam::${account}:role/${role}`;

/** Bob is closed, and the roles are there, each with a policy of its own. */
const there: IamAnswers = {
  ...bareUser,
  ListAttachedUserPolicies: attached(DENY_ALL),
  GetRole: ({ RoleName }) => ({
    Role: { Arn: arnOf(`team/${RoleName}`), AssumeRolePolicyDocument: HARMLESS },
  }),
  ListAttachedRolePolicies: attached(READ_ONLY),
  ListRolePolicies: { PolicyNames: ["own"] },
  GetRolePolicy: { PolicyDocument: HARMLESS },
  ListInstanceProfilesForRole: { InstanceProfiles: [{ InstanceProfileName: "machines" }] },
  AttachRolePolicy: {},
};

/** That bob assumed the role, as CloudTrail has it. */
function assumed(roleArn: string) {
  const record = {
    userIdentity: { type: "IAMUser", userName: "bob" },
    recipientAccountId: ACCOUNT,
    requestParameters: { roleArn, roleSessionName: "it" },
    responseElements: { credentials: { accessKeyId: `ASIA-${roleArn}` } },
  };
  return {
    EventId: roleArn,
    EventName: "AssumeRole",
    CloudTrailEvent: JSON.stringify(record),
  };
}

type LookupEvents = NonNullable<Answers<typeof cloudtrail>["LookupEvents"]>;

function history(...roles: string[]): LookupEvents {
  return ({ LookupAttributes }) => ({
    Events: LookupAttributes?.[0]?.AttributeKey === "Username" ? roles.map(assumed) : [],
  });
}

async function strip(
  LookupEvents: LookupEvents,
  {
    answers = {},
    over = {},
    known = {},
  }: { answers?: IamAnswers; over?: Partial<StripSettings>; known?: Partial<Case> } = {},
) {
  const { sdk, calls } = fakeSdk(iam, "IAMClient", { ...there, ...answers });
  const trail = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents });
  const handler = stripAccount(sdk, trail.sdk, { ...settings(), containRoles: true, ...over });
  const before = caseOf({ subjects: [bob], ...known });
  const after = await validCase(handler, { incident: incident([]), caseId: "e", case: before });
  return { after, calls, asked: trail.calls };
}

/** What is said of it is said once, whatever else there is. */
function session(role: string): RegExp {
  return new RegExp(
    `^User bob had assumed role ${role}: its session it lasts until an unknown time`,
  );
}

describe("roles that a contained user had assumed", () => {
  withEnvironment({ DENY_ALL_ARN: DENY_ALL, AWS_REGION: "eu-west-1" });

  it("are denied, are subjects of the case, and what stops is told", async () => {
    const answers: IamAnswers = {
      ListAttachedRolePolicies: attached(TEAM),
      GetPolicy: { Policy: { DefaultVersionId: "v1" } },
      GetPolicyVersion: { PolicyVersion: { Document: HARMLESS } },
    };
    const { after, calls } = await strip(history(arnOf("team/worker")), { answers });
    assert.deepEqual(cutsIn(calls), [deny("worker")]);
    assert.deepEqual(after.subjects, [
      bob,
      {
        kind: "role",
        name: "worker",
        before: {
          arn: arnOf("team/worker"),
          attached: [TEAM],
          inline: [{ name: "own", document: "" }],
          trust: HARMLESS,
          instanceProfiles: ["machines"],
          documents: [],
        },
      },
    ]);
    assert.equal(after.alerts.length, 2);
    assert.match(String(after.alerts[0]), session("worker"));
    assert.equal(
      after.alerts[1],
      "Role worker is denied everything now: EC2 instances with the profile machines; every session that it has can do nothing as it. " +
        `Before you lift that, end its sessions: ${revokeSessions("worker")}`,
    );
    assert.deepEqual([after.notes, after.open], [[], []]);
  });

  it("are left alone without the setting, and asked for once", async () => {
    const over = { containRoles: false };
    const first = await strip(history(arnOf("worker")), { over });
    assert.deepEqual([cutsIn(first.calls), first.after.subjects], [[], [bob]]);
    assert.equal(first.after.alerts.length, 1);
    assert.match(String(first.after.alerts[0]), session("worker"));
    const later = await strip(history(arnOf("worker")), { over, known: { round: 1 } });
    assert.deepEqual([later.asked, later.after.alerts], [[], []]);
  });

  const kept: [string, string, Partial<StripSettings>, string][] = [
    [
      "Tourniquet's own",
      arnOf("worker"),
      { stackRoles: ["worker"] },
      "worker is a role of Tourniquet's own",
    ],
    [
      "one in trustedActors",
      arnOf("team/worker"),
      { trustedActors: ["arn:aws:iam::*:role/work*"] },
      "role worker is in trustedActors",
    ],
    [
      "one that is exempt",
      arnOf("worker"),
      {
        exemptions: [
          {
            rule: "admin-user",
            subject: "role/worker",
            owner: "ops",
            reason: "it deploys",
            expires: "2999-01-01",
          },
        ],
      },
      "it is exempt until 2999-01-01 by ops",
    ],
    [
      "another account's",
      arnOf("worker", "210987654321"),
      {},
      `${arnOf("worker", "210987654321")} is another account's`,
    ],
  ];
  for (const [who, arn, over, why] of kept) {
    it(`keep their sessions, and a person hears of it: ${who}`, async () => {
      const { after, calls } = await strip(history(arn), { over });
      assert.deepEqual([cutsIn(calls), after.subjects, after.open], [[], [bob], []]);
      assert.equal(
        after.alerts.at(-1),
        `Role worker was not contained, although user bob, who is contained, had assumed it: ${why}`,
      );
    });
  }

  it("keep their sessions where nobody but AWS may change the role", async () => {
    const Arn = arnOf("aws-reserved/sso.amazonaws.com/worker");
    const answers: IamAnswers = { GetRole: { Role: { Arn } } };
    const { after, calls } = await strip(history(Arn), { answers });
    assert.deepEqual([cutsIn(calls), after.subjects], [[], [bob]]);
    assert.match(String(after.alerts.at(-1)), /^Role worker was not contained\. It belongs to IAM/);
  });

  it("are denied once, whoever of the contained users had assumed them", async () => {
    const eve: CaseSubject = { kind: "user", name: "eve" };
    const { after, calls } = await strip(history(arnOf("worker")), {
      known: { subjects: [bob, eve] },
    });
    assert.deepEqual(cutsIn(calls), [deny("worker")]);
    const who = after.alerts.filter((one) => / had assumed role /.test(one));
    assert.deepEqual(
      who.map((one) => one.slice(0, 8)),
      ["User bob", "User eve"],
    );
  });

  it("are left to their own pass where they are subjects already", async () => {
    const worker: CaseSubject = { kind: "role", name: "worker", policyArn: ADMIN };
    const answers = { ListAttachedRolePolicies: attached(DENY_ALL) };
    const known = { subjects: [bob, worker] };
    const { after, calls } = await strip(history(arnOf("worker")), { answers, known });
    assert.deepEqual([cutsIn(calls), after.subjects], [[], [bob, worker]]);
  });

  it("are subjects where the look fails, and denied by the next pass", async () => {
    const { after, calls } = await strip(history(arnOf("worker")), {
      answers: { GetRole: throttled },
    });
    const error = "ThrottlingException: Rate exceeded";
    const worker: CaseSubject = { kind: "role", name: "worker" };
    assert.deepEqual([cutsIn(calls), after.subjects], [[], [bob, worker]]);
    assert.deepEqual(after.open, [`role worker could not be looked at: ${error}`]);
    assert.deepEqual(after.notes, [
      `The look at role worker failed, so the case lacks its state before: ${error}`,
    ]);
    const again = await strip(history(arnOf("worker")), { known: { ...after, round: 1 } });
    assert.deepEqual(cutsIn(again.calls), [deny("worker")]);
    assert.deepEqual(again.after.alerts, after.alerts);
  });

  it("are open where the deny fails, and nothing to do where the role is gone", async () => {
    const AttachRolePolicy = refusal("AccessDenied");
    const failed = await strip(history(arnOf("worker")), { answers: { AttachRolePolicy } });
    assert.deepEqual(failed.after.open, [
      "iam:AttachRolePolicy on role worker: AccessDenied: said the service",
    ]);
    assert.equal(failed.after.subjects.length, 2);
    const nowhere = {
      GetRole: noSuchEntity,
      ListAttachedRolePolicies: noSuchEntity,
      ListRolePolicies: noSuchEntity,
      ListInstanceProfilesForRole: noSuchEntity,
    };
    const gone = await strip(history(arnOf("worker")), { answers: nowhere });
    assert.deepEqual([cutsIn(gone.calls), gone.after.subjects, gone.after.open], [[], [bob], []]);
    assert.deepEqual(gone.after.notes, ["Role worker is not there (any more): nothing to contain"]);
  }).timeout(10_000);

  it("are denied in a later pass where CloudTrail shows them then, and told of then", async () => {
    const answers = { ListAttachedRolePolicies: attached(DENY_ALL) };
    const first = await strip(history(arnOf("worker")));
    const again = { ...assumed(arnOf("worker")), EventId: "again" };
    const late = [assumed(arnOf("worker")), again, assumed(arnOf("deployer"))];
    const shown: LookupEvents = ({ LookupAttributes }) => ({
      Events: LookupAttributes?.[0]?.AttributeKey === "Username" ? late : [],
    });
    const { after, calls } = await strip(shown, { answers, known: { ...first.after, round: 1 } });
    assert.deepEqual(cutsIn(calls), [deny("deployer")]);
    assert.deepEqual(
      after.subjects.map((one) => "name" in one && one.name),
      ["bob", "worker", "deployer"],
    );
    const added = after.alerts.slice(first.after.alerts.length);
    assert.equal(added.length, 2);
    assert.match(String(added[0]), session("deployer"));
    assert.match(String(added[1]), /^Role deployer is denied everything now: /);
  });

  it("are called by nobody in observe, which lists what enforce calls", async () => {
    const full = attached(...Array.from({ length: 10 }, (_, index) => `${READ_ONLY}${index}`));
    const answers: IamAnswers = {
      ListAttachedRolePolicies: ({ RoleName }) =>
        RoleName === "full" ? full : attached(READ_ONLY),
      AttachRolePolicy: ({ RoleName }) =>
        RoleName === "full" ? refusal("LimitExceededException") : {},
      PutRolePermissionsBoundary: {},
      GetPolicy: { Policy: { DefaultVersionId: "v1" } },
      GetPolicyVersion: { PolicyVersion: { Document: HARMLESS } },
    };
    const roles = history(arnOf("worker"), arnOf("full"));
    const run = (mode: "enforce" | "observe", actions: Action[] = []) =>
      strip(roles, { answers, over: { mode }, known: { mode, actions } });
    const both = await bothModes(run);
    assert.deepEqual([both.changed, both.outcomes], [[], ["would"]]);
    assert.deepEqual(both.would, both.called);
    const { after } = await run("observe");
    assert.deepEqual(told(after.actions).sort(), [
      "would iam:AttachRolePolicy role full",
      "would iam:AttachRolePolicy role worker",
      "would iam:PutRolePermissionsBoundary role full",
    ]);
    assert.match(
      String(after.alerts.at(-1)),
      /^Role full would be denied everything: .*; every session that it has could do nothing as it\. /,
    );
    assert.deepEqual((await run("observe", after.actions)).after.actions, after.actions);
  });

  it("keep nothing from being taken where CloudTrail fails", async () => {
    const { after } = await strip(inTurn(throttled));
    assert.deepEqual([after.open, after.subjects], [[], [bob]]);
    assert.match(after.alerts.join(), /^Which roles user bob had assumed could not be looked up/);
  });
});
