import assert from "node:assert/strict";
import * as iam from "@aws-sdk/client-iam";
import type { Subject, UserSubject } from "../../events/incident";
import type { Mode } from "../../functions/case";
import { emergencyActionAccount } from "../../functions/EmergencyActionAccount";
import type { Exemption } from "../../rulebook/exemptions";
import {
  cutsIn,
  fakeSdk,
  inTurn,
  noSuchEntity,
  refusal,
  throttled,
  withEnvironment,
  withoutWaiting,
} from "./fakeSdk";
import {
  ADMIN,
  ALLOW_ALL,
  attached,
  bareLook,
  bareUser,
  bothModes,
  DENY_ALL,
  HARMLESS,
  type IamAnswers,
  incident,
  KEY,
  keys,
  nobody,
  only,
  READ_ONLY,
  settings,
  TEAM,
  told,
  userNames,
  validCase,
} from "./given";

const bob: UserSubject = { kind: "user", name: "bob", proved: true };
const DENY_EVERYTHING = encodeURIComponent(
  JSON.stringify({ Statement: { Effect: "Deny", Action: "*", Resource: "*" } }),
);
const asked: UserSubject = { ...bob, proved: false };
const cuts = { AttachUserPolicy: {}, UpdateAccessKey: {} };
const deny = (UserName: string) => ["AttachUserPolicy", { UserName, PolicyArn: DENY_ALL }];
const off = (UserName: string) => [
  "UpdateAccessKey",
  { UserName, AccessKeyId: KEY, Status: "Inactive" },
];

async function contain(
  subjects: Subject[],
  answers: IamAnswers,
  {
    mode = "enforce",
    actor = "mallory",
    exemptions = [],
  }: { mode?: Mode; actor?: string; exemptions?: Exemption[] } = {},
) {
  const { sdk, calls } = fakeSdk(iam, "IAMClient", answers);
  const handler = emergencyActionAccount(sdk, settings(mode, exemptions));
  const given = incident(subjects, { actor: { type: "IAMUser", arn: "a", userName: actor } });
  const after = await validCase(handler, { incident: given, caseId: "execution-1" });
  return { after, calls };
}

describe("EmergencyActionAccount", () => {
  withEnvironment({ DENY_ALL_ARN: DENY_ALL });
  const waits = withoutWaiting();

  describe("with a user whom the record proves", () => {
    for (const name of userNames) {
      it(`cuts ${name} with deny-all and key before any look is sent or answered`, async () => {
        let sent = () => {};
        const cut = new Promise<void>((resolve) => {
          sent = resolve;
        });
        const { after, calls } = await contain([{ ...bob, name, accessKeyId: KEY }], {
          ...cuts,
          ...bareUser,
          UpdateAccessKey: () => {
            sent();
            return {};
          },
          ListAccessKeys: () => cut.then(() => keys(KEY)),
        });

        const looks = Object.keys(bareUser).sort();
        assert.deepEqual(calls.slice(0, 2), [deny(name), off(name)]);
        assert.deepEqual(
          calls
            .slice(2)
            .map(([call]) => call)
            .sort(),
          looks,
        );
        assert.ok(
          calls.slice(2).every(([, input]) => "UserName" in input && input.UserName === name),
        );
        const before = { ...bareLook, keys: [{ id: KEY, status: "Active" }] };
        assert.deepEqual(after.subjects, [{ kind: "user", name, accessKeyId: KEY, before }]);
        assert.deepEqual(after.open, []);
      });
    }

    it("leaves a session's key alone, which IAM cannot switch off", async () => {
      const { calls } = await contain([{ ...bob, accessKeyId: "ASIA1" }], { ...cuts, ...bareUser });
      assert.deepEqual(cutsIn(calls), [deny("bob")]);
    });

    it("goes on after a call that failed, and names it open", async () => {
      const AttachUserPolicy = refusal("ServiceFailureException", "try again");
      const answers = { ...cuts, ...bareUser, AttachUserPolicy };
      const { after } = await contain(
        [
          { ...bob, accessKeyId: KEY },
          { ...bob, name: "eve" },
        ],
        answers,
      );

      const failed = (name: string) =>
        `iam:AttachUserPolicy on user ${name}: ServiceFailureException: try again`;
      assert.deepEqual(told(after.actions).sort(), [
        "done iam:UpdateAccessKey user bob",
        "failed iam:AttachUserPolicy user bob",
        "failed iam:AttachUserPolicy user eve",
      ]);
      assert.deepEqual(after.open, [failed("bob"), failed("eve")]);
    });

    it("denies by the boundary where ten policies are attached, once the owner's is known", async () => {
      const owners = "arn:aws:iam::123456789012:policy/owners";
      const { after, calls } = await contain([bob], {
        ...cuts,
        ...bareUser,
        GetUser: { User: { PermissionsBoundary: { PermissionsBoundaryArn: owners } } },
        GetPolicy: { Policy: { DefaultVersionId: "v1" } },
        GetPolicyVersion: { PolicyVersion: { Document: HARMLESS } },
        AttachUserPolicy: refusal("LimitExceededException", "ten are attached"),
        PutUserPermissionsBoundary: {},
      });
      const names = calls.map(([name]) => name);
      assert.ok(names.indexOf("GetUser") < names.indexOf("PutUserPermissionsBoundary"));
      assert.deepEqual(cutsIn(calls), [
        deny("bob"),
        ["PutUserPermissionsBoundary", { UserName: "bob", PermissionsBoundary: DENY_ALL }],
      ]);
      assert.deepEqual(told(after.actions), [
        "full iam:AttachUserPolicy user bob",
        "done iam:PutUserPermissionsBoundary user bob",
      ]);
      const [subject] = after.subjects;
      assert.equal(subject?.kind === "user" && subject.before?.boundary, owners);
    });

    it("contains all the same where the look beside the cut is throttled", async () => {
      const { after } = await contain([bob], { ...cuts, ...bareUser, GetUser: throttled });

      assert.deepEqual(told(after.actions), ["done iam:AttachUserPolicy user bob"]);
      const failed = [{ call: "iam:GetUser", error: "ThrottlingException: Rate exceeded" }];
      const [subject] = after.subjects;
      assert.deepEqual(subject?.kind === "user" && subject.before?.failed, failed);
      assert.match(
        after.notes.join(),
        /state before: iam:GetUser failed: ThrottlingException: Rate/,
      );
    });

    it("contains all the same where no look is answered at all", async () => {
      const slow = Object.fromEntries(Object.keys(bareUser).map((look) => [look, throttled]));
      const { after } = await contain([bob], { ...cuts, ...slow });

      assert.deepEqual(told(after.actions), ["done iam:AttachUserPolicy user bob"]);
      assert.deepEqual(after.subjects, [{ kind: "user", name: "bob" }]);
      assert.match(
        after.notes.join(),
        /lacks its state before: ThrottlingException: Rate exceeded$/,
      );
    });

    it("cuts again where IAM does not know the user yet", async () => {
      const AttachUserPolicy = inTurn<object>(noSuchEntity, noSuchEntity, {});
      const { after } = await contain([bob], { ...bareUser, AttachUserPolicy });

      assert.deepEqual(told(after.actions), [
        "gone iam:AttachUserPolicy user bob",
        "gone iam:AttachUserPolicy user bob",
        "done iam:AttachUserPolicy user bob",
      ]);
      assert.deepEqual([after.open, after.subjects.length, waits], [[], 1, [250]]);
    });

    it("finds one who was renamed by the key of the record", async () => {
      const bobOnly = only("bob", noSuchEntity, {});
      const { after, calls } = await contain([{ ...bob, accessKeyId: KEY }], {
        ...bareUser,
        GetUser: only("bob", noSuchEntity, { User: {} }),
        AttachUserPolicy: bobOnly,
        UpdateAccessKey: bobOnly,
        GetAccessKeyLastUsed: { UserName: "robert" },
      });

      assert.deepEqual(cutsIn(calls), [deny("bob"), off("bob"), deny("robert"), off("robert")]);
      assert.deepEqual(after.subjects, [
        { kind: "user", name: "robert", accessKeyId: KEY, before: bareLook },
      ]);
    });

    it("says so where nobody is there, after three waits", async () => {
      const { after } = await contain([bob], { ...nobody, AttachUserPolicy: noSuchEntity });

      assert.deepEqual(waits, [250, 750, 1500]);
      assert.deepEqual([after.subjects, after.open], [[], []]);
      assert.deepEqual(after.alerts, ["User bob is not there (any more): nothing to contain"]);
    });
  });

  describe("with the owner of a key that is known to be stolen", () => {
    const owner: UserSubject = {
      kind: "user",
      name: "",
      proved: false,
      accessKeyId: KEY,
      always: true,
      reported: true,
    };

    it("finds him by the key, and cuts him whatever he may do", async () => {
      const GetAccessKeyLastUsed = { UserName: "bob" };
      const exempt = {
        rule: "admin-user" as const,
        subject: "bob",
        owner: "ops",
        reason: "r",
        expires: "2999-01-01",
      };
      const answers = { ...cuts, ...bareUser, GetAccessKeyLastUsed };
      const { calls } = await contain([owner], answers, { exemptions: [exempt] });
      assert.deepEqual(calls[0], ["GetAccessKeyLastUsed", { AccessKeyId: KEY }]);
      assert.deepEqual(cutsIn(calls), [deny("bob"), off("bob")]);
    });

    it("spares one who is protected, with an alert", async () => {
      const GetAccessKeyLastUsed = { UserName: "break-glass" };
      const { after, calls } = await contain([owner], { ...bareUser, GetAccessKeyLastUsed });
      assert.deepEqual(cutsIn(calls), []);
      assert.equal(after.alerts.length, 1);
    });

    it("alerts where nobody has the key", async () => {
      const { after } = await contain([owner], { GetAccessKeyLastUsed: noSuchEntity });
      assert.deepEqual(after.alerts, [
        `The owner of key ${KEY} is not there (any more): nothing to contain`,
      ]);
    });
  });

  describe("with a user who must be looked at", () => {
    const grant = { kind: "attached", policyArn: TEAM } as const;
    const versioned = { GetPolicy: { Policy: { DefaultVersionId: "v2" } } };
    const team = (Document: string): IamAnswers => ({
      ...versioned,
      ListAttachedUserPolicies: attached(TEAM),
      GetPolicyVersion: { PolicyVersion: { Document } },
    });
    const exemption = {
      owner: "o",
      reason: "r",
      rule: "admin-user",
      expires: "2999-01-01",
    } as const;
    const cases: [
      name: string,
      answers: IamAnswers,
      cut: boolean,
      said: RegExp,
      exempt?: boolean,
    ][] = [
      ["an admin by the record", team(ALLOW_ALL), true, /Ops/],
      ["no admin", team(HARMLESS), false, /^User bob is no admin by this: nothing was done$/],
      ["an admin by exemption", team(ALLOW_ALL), false, /nothing was done$/, true],
      [
        "an admin before the record",
        { ...team(ALLOW_ALL), ListAttachedUserPolicies: attached(READ_ONLY, ADMIN) },
        false,
        /nothing was done$/,
      ],
      [
        "a policy that cannot be read",
        { ...team(""), GetPolicy: noSuchEntity },
        false,
        /^Whether user bob is an admin could not be told: /,
      ],
    ];
    for (const [name, answers, cut, said, exempt] of cases) {
      it(`${cut ? "cuts" : "leaves"} ${name}, and says so`, async () => {
        const exemptions = exempt ? [{ ...exemption, subject: TEAM }] : [];
        const look = { ...cuts, ...bareUser, ...answers };
        const { after, calls } = await contain([{ ...asked, grant }], look, { exemptions });

        assert.deepEqual(cutsIn(calls), cut ? [deny("bob")] : []);
        assert.equal(after.subjects.length, cut ? 1 : 0);
        assert.match([...after.notes, ...after.alerts].join(), said);
      });
    }

    it("looks again where the user is not there yet", async () => {
      const GetUser = inTurn<object>(noSuchEntity, noSuchEntity, { User: {} });
      const ListAttachedUserPolicies = inTurn<object>(noSuchEntity, noSuchEntity, attached(ADMIN));
      const { calls } = await contain([asked], {
        ...cuts,
        ...bareUser,
        GetUser,
        ListAttachedUserPolicies,
      });
      assert.deepEqual([cutsIn(calls), waits], [[deny("bob")], [250, 750]]);
    });

    const rights = ["GetUser", "ListAttachedUserPolicies", "ListUserPolicies", "ListGroupsForUser"];
    it("waits for the record's grant to show, and judges what shows in the end", async () => {
      const grant = { kind: "attached", policyArn: TEAM } as const;
      const ListAttachedUserPolicies = inTurn<object>(attached(), attached(), attached(TEAM));
      const document = { PolicyVersion: { Document: ALLOW_ALL } };
      const GetPolicy = { Policy: { DefaultVersionId: "v1" } };
      const answers = { ...cuts, ...bareUser, GetPolicy, GetPolicyVersion: document };
      const late = await contain([{ ...asked, grant }], { ...answers, ListAttachedUserPolicies });
      assert.deepEqual(cutsIn(late.calls), [deny("bob")]);
      assert.deepEqual(waits, [250, 750]);

      const gone = await contain([{ ...asked, grant }], answers);
      assert.deepEqual(cutsIn(gone.calls), []);
    });

    it("asks twice for a policy of which IAM says once that it is not there", async () => {
      const grant = { kind: "attached", policyArn: TEAM } as const;
      const { calls } = await contain([{ ...asked, grant }], {
        ...cuts,
        ...bareUser,
        ListAttachedUserPolicies: attached(TEAM),
        GetPolicy: inTurn<object>(noSuchEntity, { Policy: { DefaultVersionId: "v1" } }),
        GetPolicyVersion: inTurn<object>(noSuchEntity, {
          PolicyVersion: { Document: ALLOW_ALL },
        }),
      });
      assert.deepEqual(cutsIn(calls), [deny("bob")]);
    });

    for (const look of rights) {
      const inlineAdmin = {
        ListUserPolicies: { PolicyNames: ["all"] },
        GetUserPolicy: { PolicyDocument: ALLOW_ALL },
      };

      const message = `user bob could not be looked at whole: iam:${look} failed: ThrottlingException: Rate exceeded`;
      const answers = {
        ...cuts,
        ...bareUser,
        ...(look === "GetUser" && inlineAdmin),
        [look]: only("bob", throttled, bareUser[look as keyof typeof bareUser]),
      };

      it(`throws a throttled ${look} where nobody was cut, to be asked again`, async () => {
        await assert.rejects(contain([asked], answers), { name: "ThrottlingException", message });
      });

      it(`keeps the others' cuts in the case of a throttled ${look}, and who was not judged`, async () => {
        const { after, calls } = await contain([asked, { ...bob, name: "eve" }], answers);
        assert.deepEqual(cutsIn(calls), [deny("eve")]);
        assert.deepEqual(
          after.subjects.map((one) => "name" in one && one.name),
          ["eve"],
        );
        assert.deepEqual(after.undecided, [
          `user bob was not judged: ThrottlingException: ${message}`,
        ]);
      });
    }

    for (const look of Object.keys(bareUser).filter((one) => !rights.includes(one))) {
      it(`needs no ${look} to see an admin`, async () => {
        const ListAttachedUserPolicies = attached(ADMIN);
        const answers = { ...cuts, ...bareUser, ListAttachedUserPolicies, [look]: throttled };
        const { after, calls } = await contain([asked], answers);
        assert.deepEqual(cutsIn(calls), [deny("bob")]);
        assert.match(after.notes.join(), new RegExp(`lacks a part .*: iam:${look} failed`));
      });
    }
  });

  describe("with an inline policy that makes nobody an admin", () => {
    const grant = { kind: "inline", policyName: "own" } as const;
    const before = "denied it to him before could not be told: look at him";
    const own = (Document: string) => ({
      ListUserPolicies: { PolicyNames: ["own"] },
      GetUserPolicy: { PolicyDocument: Document },
    });

    it("leaves a standing admin, with an alert, and a reader without one", async () => {
      for (const [policy, alerts] of [
        [ADMIN, [`User bob is an admin, and whether his inline policy ${before}`]],
        [READ_ONLY, []],
      ] as const) {
        const { after, calls } = await contain([{ ...asked, grant }], {
          ...cuts,
          ...bareUser,
          ...own(HARMLESS),
          ListAttachedUserPolicies: attached(policy),
        });
        assert.deepEqual([cutsIn(calls), after.subjects, after.alerts], [[], [], alerts]);
      }
    });

    it("contains whom it makes an admin by what else he has", async () => {
      const answers = { ...cuts, ...bareUser, ...own(ALLOW_ALL) };
      const { after, calls } = await contain([{ ...asked, grant }], answers);
      assert.deepEqual([cutsIn(calls), after.subjects.length], [[deny("bob")], 1]);
    });

    it("alerts of the admins among a group's members", async () => {
      const devs = { kind: "group", name: "devs", grant, proved: false, denies: false } as const;
      const { after, calls } = await contain([devs], {
        ...cuts,
        ...bareUser,
        GetGroup: { Users: [{ UserName: "bob" }, { UserName: "eve" }] },
        GetGroupPolicy: { PolicyDocument: HARMLESS },
        ListAttachedUserPolicies: only("eve", attached(ADMIN), attached()),
      });
      assert.deepEqual(cutsIn(calls), []);
      assert.deepEqual(after.alerts, [
        `User eve is an admin, and whether inline policy own of group devs ${before}`,
      ]);
    });
  });

  describe("with a group", () => {
    const grant = { kind: "attached", policyArn: ADMIN } as const;
    const devs = { kind: "group", name: "devs", grant, proved: true, denies: false } as const;
    const detach = ["DetachGroupPolicy", { GroupName: "devs", PolicyArn: ADMIN }];
    const members = (...names: string[]) => ({ Users: names.map((UserName) => ({ UserName })) });
    const answers = {
      ...cuts,
      ...bareUser,
      GetGroup: members("bob", "eve"),
      DetachGroupPolicy: {},
      DeleteGroupPolicy: {},
    };

    it("takes the grant and leaves the members", async () => {
      const { after, calls } = await contain([devs], answers);
      const before = { members: ["bob", "eve"] };
      assert.deepEqual(calls, [["GetGroup", { GroupName: "devs" }], detach]);
      assert.deepEqual(after.subjects, [{ kind: "group", name: "devs", policyArn: ADMIN, before }]);
    });

    it("contains the actor too, where he gains by it, whatever fails", async () => {
      const failing = { ...answers, DetachGroupPolicy: refusal("ServiceFailureException") };
      const { after, calls } = await contain([devs], failing, { actor: "eve" });
      assert.deepEqual(cutsIn(calls), [deny("eve"), detach]);
      assert.deepEqual(after.open, [
        "iam:DetachGroupPolicy on group devs: ServiceFailureException: said the service",
      ]);
    });

    for (const [document, taken] of [
      [ALLOW_ALL, true],
      [HARMLESS, false],
    ] as const) {
      it(`${taken ? "takes" : "leaves"} an inline policy that must be looked at`, async () => {
        const inline = { kind: "inline", policyName: "p+@=,." } as const;
        const asksFor = { ...devs, grant: inline, proved: false };
        const GetGroupPolicy = { PolicyDocument: document };
        const { after, calls } = await contain([asksFor], { ...answers, GetGroupPolicy });
        const gone = ["DeleteGroupPolicy", { GroupName: "devs", PolicyName: "p+@=,." }];
        assert.deepEqual(cutsIn(calls), taken ? [gone] : []);
        const none = ["What group devs was given makes nobody an admin"];
        assert.deepEqual(after.notes, taken ? [] : none);
      });
    }

    it("leaves a protected actor, and says so", async () => {
      const GetGroup = members("break-glass");
      const { after, calls } = await contain(
        [devs],
        { ...answers, GetGroup },
        { actor: "break-glass" },
      );
      assert.deepEqual(cutsIn(calls), [detach]);
      assert.match(after.alerts.join(), /^User break-glass is protected and was not contained/);
    });

    it("contains the admins among the members where the policy also denies", async () => {
      const ListAttachedUserPolicies = only("bob", attached(), attached(ADMIN));
      const GetGroup = members("bob", "eve", "break-glass", "app-1");
      const { after, calls } = await contain([{ ...devs, denies: true }], {
        ...answers,
        GetGroup,
        ListAttachedUserPolicies,
      });
      assert.deepEqual(cutsIn(calls), [deny("eve")]);
      assert.deepEqual(
        after.alerts.map((one) => one.split(" and ")[0]),
        ["User break-glass is protected", "User app-1 runs an application"],
      );
    });

    it("contains its members, admins or not, where the record is enough, but those who are spared", async () => {
      const GetGroup = members("bob", "break-glass", "app-1");
      const renamed = { kind: "group", name: "devs", proved: false, denies: false } as const;
      const { after, calls } = await contain([{ ...renamed, always: true }], {
        ...answers,
        GetGroup,
      });
      assert.deepEqual(cutsIn(calls), [deny("bob")]);
      assert.deepEqual(
        after.subjects.map((one) => [one.kind, "name" in one && one.name]),
        [["user", "bob"]],
      );
      assert.equal(after.alerts.length, 2);
    });

    it("says that nobody is an admin by an empty group", async () => {
      const { after, calls } = await contain([devs], { ...answers, GetGroup: members() });
      assert.deepEqual(cutsIn(calls), []);
      assert.deepEqual(after.notes, ["Group devs has no members, so nobody is an admin by it"]);
    });
  });

  describe("with a policy", () => {
    const policy = { kind: "policy", arn: TEAM, versionId: "v3", proved: true } as const;
    const holders = {
      PolicyUsers: [{ UserName: "bob" }, { UserName: "break-glass" }],
      PolicyGroups: [{ GroupName: "devs" }],
      PolicyRoles: [{ RoleName: "ci" }],
    };
    const bounded = (...names: string[]) => ({
      PolicyUsers: names.map((UserName) => ({ UserName })),
    });
    const detached = [
      ["DetachUserPolicy", { UserName: "bob", PolicyArn: TEAM }],
      ["DetachGroupPolicy", { GroupName: "devs", PolicyArn: TEAM }],
    ];
    const versions = (former: string, oldest: string = former): IamAnswers => ({
      ...cuts,
      ...bareUser,
      GetGroup: { Users: [{ UserName: "eve" }] },
      ListEntitiesForPolicy: ({ PolicyUsageFilter }) =>
        PolicyUsageFilter === "PermissionsBoundary" ? bounded() : holders,
      ListPolicyVersions: {
        Versions: [
          { VersionId: "v1", CreateDate: new Date(1) },
          { VersionId: "v2", CreateDate: new Date(2) },
          { VersionId: "v3", CreateDate: new Date(3), IsDefaultVersion: true },
        ],
      },
      GetPolicyVersion: ({ VersionId }) => ({
        PolicyVersion: {
          Document: { v1: oldest, v2: former }[VersionId ?? ""] ?? ALLOW_ALL,
        },
      }),
      DetachUserPolicy: noSuchEntity,
      DetachGroupPolicy: {},
    });

    it("alerts where the record proves a policy that is not there, after patience", async () => {
      const gone = {
        ...versions(HARMLESS),
        ListEntitiesForPolicy: noSuchEntity,
        GetPolicy: noSuchEntity,
      };
      const { after, calls } = await contain([policy], gone);
      assert.deepEqual(cutsIn(calls), []);
      assert.deepEqual(after.alerts, [
        `Policy ${TEAM} is not there (any more): nobody to take it from`,
      ]);
    });

    it("throws where IAM shows the policy and says that it is not there", async () => {
      const contradicted = {
        ...versions(HARMLESS),
        ListEntitiesForPolicy: noSuchEntity,
        GetPolicy: { Policy: { DefaultVersionId: "v1" } },
      };
      await assert.rejects(contain([policy], contradicted), {
        message: `AWS says that policy ${TEAM} is not there, and shows it`,
      });
    });

    it("takes it from users and groups, and alerts of roles", async () => {
      const { after, calls } = await contain([policy], versions(HARMLESS));
      assert.deepEqual(cutsIn(calls), [
        ["DetachUserPolicy", { UserName: "bob", PolicyArn: TEAM }],
        ["DetachGroupPolicy", { GroupName: "devs", PolicyArn: TEAM }],
      ]);
      assert.deepEqual(told(after.actions), [
        "gone iam:DetachUserPolicy user bob",
        "done iam:DetachGroupPolicy group devs",
      ]);
      assert.deepEqual(after.open, []);
      assert.deepEqual(after.alerts, [
        `Role ci has ${TEAM} and was not touched: look at it`,
        `User break-glass keeps ${TEAM}, being protected or exempt: look at him`,
      ]);
    });

    it("looks again where IAM does not show it yet", async () => {
      const there = inTurn<object>(noSuchEntity, noSuchEntity, holders);
      const { calls } = await contain([policy], {
        ...versions(HARMLESS),
        GetPolicy: noSuchEntity,
        ListEntitiesForPolicy: ({ PolicyUsageFilter }) =>
          PolicyUsageFilter === "PermissionsBoundary" ? bounded() : there(),
      });
      assert.deepEqual(waits, [250, 750]);
      assert.deepEqual(
        cutsIn(calls).map(([name]) => name),
        ["DetachUserPolicy", "DetachGroupPolicy"],
      );
    });

    it("takes it where any version that may have been the default made no admin", async () => {
      const gap = (id: string) => ({ VersionId: id, IsDefaultVersion: id === "v3" });
      for (const answers of [
        versions(ALLOW_ALL, HARMLESS),
        versions(ALLOW_ALL, "?"),
        { ...versions(ALLOW_ALL), ListPolicyVersions: { Versions: ["v2", "v3"].map(gap) } },
        { ...versions(ALLOW_ALL), ListPolicyVersions: { Versions: [gap("v3")] } },
      ]) {
        const { calls } = await contain([policy], answers);
        assert.deepEqual(cutsIn(calls), detached);
      }
    });

    for (const [actor, gains] of [
      ["bob", true],
      ["eve", true],
      ["mallory", false],
    ] as const) {
      it(`${gains ? "contains" : "leaves"} the caller ${actor}, who ${gains ? "gains" : "does not gain"} by it`, async () => {
        const { after, calls } = await contain([policy], versions(HARMLESS), { actor });
        assert.deepEqual(cutsIn(calls), gains ? [deny(actor), ...detached] : detached);
        assert.deepEqual(
          after.subjects.map(({ kind }) => kind),
          gains ? ["user", "policy"] : ["policy"],
        );
      });
    }

    describe("whose new version denies nothing", () => {
      const harmless = { ...policy, proved: false };
      const admins = (former: string, oldest = former): IamAnswers => ({
        ...versions(former, oldest),
        GetPolicy: { Policy: { DefaultVersionId: "v3" } },
        GetPolicyVersion: ({ VersionId }) => ({
          PolicyVersion: { Document: { v1: oldest, v2: former }[VersionId ?? ""] ?? HARMLESS },
        }),
        ListAttachedUserPolicies: only("bob", attached(ADMIN, TEAM), attached(READ_ONLY)),
      });
      const roles = [`Role ci is no longer denied or bounded by ${TEAM} as before: look at it`];

      it("looks at nobody where it never denied and is nobody's boundary", async () => {
        const { after, calls } = await contain([harmless], admins(HARMLESS));
        assert.deepEqual(
          calls.filter(([name]) => /User|Group|Attach|Detach/.test(name)),
          [],
        );
        assert.deepEqual(after.notes, [`The default version of ${TEAM} makes nobody an admin`]);
        assert.deepEqual([after.subjects, after.alerts], [[], []]);
      });

      for (const [where, answers] of [
        ["the newest", admins(DENY_EVERYTHING, HARMLESS)],
        ["an older one, never mind which was made since", admins(HARMLESS, DENY_EVERYTHING)],
      ] as const) {
        it(`contains an admin whom ${where} kept from it`, async () => {
          const { after, calls } = await contain([harmless], answers);
          assert.deepEqual(cutsIn(calls), [deny("bob")]);
          assert.deepEqual(
            after.subjects.map((one) => [one.kind, "name" in one && one.name]),
            [["user", "bob"]],
          );
          assert.deepEqual(after.alerts, roles);
        });
      }

      it("spares who is protected, with an alert", async () => {
        const { after, calls } = await contain([harmless], {
          ...admins(DENY_EVERYTHING),
          ListAttachedUserPolicies: only("break-glass", attached(ADMIN, TEAM), attached()),
        });
        assert.deepEqual(cutsIn(calls), []);
        assert.match(after.alerts.join(), /User break-glass is protected and was not contained/);
      });

      it("alerts of an admin where versions were deleted", async () => {
        const Versions = [{ VersionId: "v3", IsDefaultVersion: true }];
        const { after, calls } = await contain([harmless], {
          ...admins(HARMLESS),
          ListPolicyVersions: { Versions },
        });
        assert.deepEqual(cutsIn(calls), []);
        assert.deepEqual(after.alerts, [
          `Whether a former version of ${TEAM} kept user bob from being an admin could not be told: look at him`,
          ...roles,
        ]);
      });

      it("contains an admin whose boundary it was, and alerts of a role's", async () => {
        const { after, calls } = await contain([policy], {
          ...versions(HARMLESS),
          GetPolicy: { Policy: { DefaultVersionId: "v3" } },
          ListEntitiesForPolicy: ({ PolicyUsageFilter }) =>
            PolicyUsageFilter === "PermissionsBoundary"
              ? { ...bounded("eve"), PolicyRoles: [{ RoleName: "ops" }] }
              : { PolicyUsers: [], PolicyGroups: [], PolicyRoles: [] },
          GetUser: { User: { PermissionsBoundary: { PermissionsBoundaryArn: TEAM } } },
          ListAttachedUserPolicies: attached(ADMIN),
        });
        assert.deepEqual(cutsIn(calls), [deny("eve")]);
        assert.deepEqual(after.alerts, [roles[0]?.replace("ci", "ops")]);
      });
    });

    it("takes nothing where its former default made admins already", async () => {
      const { after, calls } = await contain([policy], versions(ALLOW_ALL));
      assert.deepEqual(cutsIn(calls), []);
      assert.deepEqual(after.alerts, [`${TEAM} made admins before this record: nothing was taken`]);
    });
  });

  it("calls nothing in observe, and lists what enforce calls", async () => {
    const everything = {
      ...cuts,
      ...bareUser,
      GetGroup: { Users: [{ UserName: "mallory" }] },
      DetachGroupPolicy: {},
    };
    const grant = { kind: "attached", policyArn: ADMIN } as const;
    const group = { kind: "group", name: "devs", grant, proved: true, denies: false } as const;
    const subjects = [{ ...bob, accessKeyId: KEY }, group];
    const both = await bothModes((mode) => contain(subjects, everything, { mode }));

    assert.deepEqual([both.changed, both.outcomes, both.would.length], [[], ["would"], 4]);
    assert.deepEqual(both.would, both.called);
  });

  it("refuses a subject of another branch", async () => {
    const subject = { kind: "securityGroup", groupId: "sg-1", rules: [] } as const;
    const wrong = { ...subject, rules: [] };
    await assert.rejects(
      contain([wrong], {}),
      /users, groups, policies and roles, got securityGroup/,
    );
  });
});
