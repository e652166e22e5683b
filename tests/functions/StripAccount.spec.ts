import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import * as iam from "@aws-sdk/client-iam";
import type { Action, CaseSubject, Mode } from "../../functions/case";
import { stripAccount } from "../../functions/StripAccount";
import { cutsIn, fakeSdk, noSuchEntity, refusal, throttled, withEnvironment } from "./fakeSdk";
import {
  ADMIN,
  ALLOW_ALL,
  attached,
  bareUser,
  bothModes,
  caseOf,
  DENY_ALL,
  HARMLESS,
  type IamAnswers,
  incident,
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

const bob: CaseSubject = { kind: "user", name: "bob", accessKeyId: "AKIA1" };
const done: IamAnswers = {
  AttachUserPolicy: {},
  UpdateAccessKey: {},
  DeleteLoginProfile: {},
  DetachUserPolicy: {},
  DeleteUserPolicy: {},
  RemoveUserFromGroup: {},
  UpdateSSHPublicKey: {},
  UpdateServiceSpecificCredential: {},
  UpdateSigningCertificate: {},
  DeactivateMFADevice: {},
  DetachGroupPolicy: {},
  DeleteGroupPolicy: {},
};
/** An admin by every path, who also holds what makes no admin. */
const open: IamAnswers = {
  ...done,
  ...bareUser,
  ListAttachedUserPolicies: attached(ADMIN, READ_ONLY, TEAM),
  GetPolicy: { Policy: { DefaultVersionId: "v1" } },
  GetPolicyVersion: { PolicyVersion: { Document: ALLOW_ALL } },
  ListUserPolicies: { PolicyNames: ["harmless", "own+@=,."] },
  GetUserPolicy: ({ PolicyName }) => ({
    PolicyDocument: PolicyName === "harmless" ? HARMLESS : ALLOW_ALL,
  }),
  ListGroupsForUser: { Groups: [{ GroupName: "admins" }, { GroupName: "readers" }] },
  ListAttachedGroupPolicies: ({ GroupName }) =>
    attached(GroupName === "admins" ? ADMIN : READ_ONLY),
  ListGroupPolicies: { PolicyNames: [] },
  ListAccessKeys: keys("AKIA1", "-AKIA2", "AKIA3"),
  GetLoginProfile: {},
  ListSSHPublicKeys: {
    SSHPublicKeys: [
      { SSHPublicKeyId: "APKA1", Status: "Active" },
      { SSHPublicKeyId: "APKA2", Status: "Inactive" },
    ],
  },
  ListServiceSpecificCredentials: ({ Marker }) =>
    Marker === "more"
      ? { ServiceSpecificCredentials: [{ ServiceSpecificCredentialId: "ACCA2", Status: "Active" }] }
      : {
          ServiceSpecificCredentials: [
            { ServiceSpecificCredentialId: "ACCA1", Status: "Inactive" },
          ],
          IsTruncated: true,
          Marker: "more",
        },
  ListSigningCertificates: { Certificates: [{ CertificateId: "C1", Status: "Active" }] },
  ListMFADevices: { MFADevices: [{ SerialNumber: "arn:mfa" }] },
};
const closed = { ...bareUser, ListAttachedUserPolicies: attached(DENY_ALL, READ_ONLY) };

async function strip(
  subjects: CaseSubject[],
  answers: IamAnswers,
  mode: Mode = "enforce",
  actions: Action[] = [],
) {
  const { sdk, calls } = fakeSdk(iam, "IAMClient", answers);
  const before = caseOf({ subjects, actions, mode, open: ["as the first cut left it"] });
  const trail = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents: { Events: [] } });
  const handler = stripAccount(sdk, trail.sdk, settings(mode));
  const after = await validCase(handler, { incident: incident([]), caseId: "e", case: before });
  return { after, calls };
}

describe("StripAccount", () => {
  withEnvironment({ DENY_ALL_ARN: DENY_ALL });

  for (const UserName of userNames) {
    it(`takes every way in from ${UserName}, and leaves what makes no admin`, async () => {
      const { after, calls } = await strip([{ kind: "user", name: UserName }], open);

      const inactive = (AccessKeyId: string) => ({ UserName, AccessKeyId, Status: "Inactive" });
      assert.deepEqual(cutsIn(calls), [
        ["AttachUserPolicy", { UserName, PolicyArn: DENY_ALL }],
        ["UpdateAccessKey", inactive("AKIA1")],
        ["UpdateAccessKey", inactive("AKIA3")],
        ["DeleteLoginProfile", { UserName }],
        ["UpdateSSHPublicKey", { UserName, SSHPublicKeyId: "APKA1", Status: "Inactive" }],
        [
          "UpdateServiceSpecificCredential",
          { UserName, ServiceSpecificCredentialId: "ACCA2", Status: "Inactive" },
        ],
        ["UpdateSigningCertificate", { UserName, CertificateId: "C1", Status: "Inactive" }],
        ["DetachUserPolicy", { UserName, PolicyArn: ADMIN }],
        ["DetachUserPolicy", { UserName, PolicyArn: TEAM }],
        ["DeleteUserPolicy", { UserName, PolicyName: "own+@=,." }],
        ["RemoveUserFromGroup", { UserName, GroupName: "admins" }],
        ["DeactivateMFADevice", { UserName, SerialNumber: "arn:mfa" }],
      ]);
      assert.equal(after.actions.length, 12);
      assert.deepEqual([after.open, after.round], [[], 0]);
    });
  }

  for (const call of Object.keys(done).slice(0, 10)) {
    it(`does everything else where ${call} fails, and names it open`, async () => {
      const failing = { ...open, [call]: refusal("ServiceFailureException") };
      const { after, calls } = await strip([bob], failing);

      const failed = after.actions.filter(({ outcome }) => outcome === "failed");
      assert.equal(cutsIn(calls).length, 12);
      assert.deepEqual([...new Set(failed.map((one) => one.call))], [`iam:${call}`]);
      assert.deepEqual(
        after.open,
        failed.map(
          ({ subject }) => `iam:${call} on ${subject}: ServiceFailureException: said the service`,
        ),
      );
    });
  }

  it("finds nothing to do where all is closed, and what is gone is not open", async () => {
    assert.deepEqual(cutsIn((await strip([bob], closed)).calls), []);
    const GetAccessKeyLastUsed = noSuchEntity;
    assert.deepEqual((await strip([bob], { ...nobody, GetAccessKeyLastUsed })).after.open, []);

    const { after } = await strip([bob], { ...open, DeleteLoginProfile: noSuchEntity });
    assert.ok(told(after.actions).includes("gone iam:DeleteLoginProfile user bob"));
    assert.deepEqual(after.open, []);
  });

  it("strips one who was renamed, by his key", async () => {
    const { calls } = await strip([bob], {
      ...done,
      ...bareUser,
      GetUser: only("bob", noSuchEntity, { User: {} }),
      GetAccessKeyLastUsed: { UserName: "robert" },
    });
    assert.deepEqual(cutsIn(calls), [
      ["AttachUserPolicy", { UserName: "robert", PolicyArn: DENY_ALL }],
    ]);
  });

  for (const look of Object.keys(bareUser)) {
    it(`takes what it sees where ${look} is throttled, and names that open`, async () => {
      const { after } = await strip([bob], { ...open, [look]: throttled });
      const { after: whole } = await strip([bob], open);
      const lost = whole.actions.length - after.actions.length;
      assert.ok(after.actions.length > 0 && lost <= 3, `${lost} calls fewer`);
      assert.deepEqual(after.open, [
        `user bob: iam:${look} failed: ThrottlingException: Rate exceeded`,
      ]);
    });
  }

  it("throws where no look is answered, and where others were stripped names it open", async () => {
    const eve: CaseSubject = { kind: "user", name: "eve" };
    const slow = Object.fromEntries(
      Object.entries(bareUser).map(([look, answer]) => [look, only("bob", throttled, answer)]),
    );

    await assert.rejects(strip([bob], { ...done, ...slow }), throttled);
    const { after } = await strip([bob, eve], { ...done, ...slow });
    assert.deepEqual(told(after.actions), ["done iam:AttachUserPolicy user eve"]);
    assert.deepEqual(after.open, ["ThrottlingException: Rate exceeded"]);
  });

  it("takes from a group and from a policy's holders what is there again", async () => {
    const group = { kind: "group", name: "devs", before: { members: [] } } as const;
    const subjects: CaseSubject[] = [
      { ...group, policyArn: ADMIN, before: { members: [] } },
      { ...group, policyName: "p", before: { members: [] } },
      { kind: "policy", arn: TEAM, before: { users: [], groups: [], roles: [], keepers: [] } },
    ];
    const there = {
      ...done,
      ListAttachedGroupPolicies: attached(ADMIN),
      GetGroupPolicy: { PolicyDocument: ALLOW_ALL },
      ListEntitiesForPolicy: { PolicyUsers: [{ UserName: "bob" }] },
    };
    const { calls } = await strip(subjects, there);
    assert.deepEqual(cutsIn(calls).sort(), [
      ["DeleteGroupPolicy", { GroupName: "devs", PolicyName: "p" }],
      ["DetachGroupPolicy", { GroupName: "devs", PolicyArn: ADMIN }],
      ["DetachUserPolicy", { UserName: "bob", PolicyArn: TEAM }],
    ]);

    const away = {
      ListAttachedGroupPolicies: attached(READ_ONLY),
      GetGroupPolicy: noSuchEntity,
      ListGroupPolicies: { PolicyNames: [] },
      ListEntitiesForPolicy: noSuchEntity,
      GetPolicy: noSuchEntity,
    };
    assert.deepEqual(cutsIn((await strip(subjects, away)).calls), []);
  });

  it("reports no leave in observe from a group that would have lost its grant", async () => {
    const member = { ...open, ...bareUser, ListGroupsForUser: { Groups: [{ GroupName: "devs" }] } };
    const observed = async (call: string, input: Record<string, unknown>, answers: IamAnswers) => {
      const before: Action = {
        call,
        subject: "group devs",
        input,
        outcome: "would",
        at: "2026-06-01T12:00:00Z",
      };
      const { after } = await strip([bob], { ...member, ...answers }, "observe", [before]);
      return told(after.actions.slice(1));
    };
    const managed = { ListAttachedGroupPolicies: attached(ADMIN) };
    const inline: IamAnswers = {
      ListAttachedGroupPolicies: attached(),
      ListGroupPolicies: { PolicyNames: ["p"] },
      GetGroupPolicy: { PolicyDocument: ALLOW_ALL },
    };
    const denied = ["would iam:AttachUserPolicy user bob"];
    const detached = { GroupName: "devs", PolicyArn: ADMIN };
    const deleted = { GroupName: "devs", PolicyName: "p" };
    assert.deepEqual(await observed("iam:DetachGroupPolicy", detached, managed), denied);
    assert.deepEqual(await observed("iam:DeleteGroupPolicy", deleted, inline), denied);
    for (const other of [{ GroupName: "ops" }, { PolicyArn: TEAM }]) {
      assert.deepEqual(
        await observed("iam:DetachGroupPolicy", { ...detached, ...other }, managed),
        [...denied, "would iam:RemoveUserFromGroup user bob"],
      );
    }
  });

  it("calls nothing in observe, lists what enforce calls, and lists it once", async () => {
    const both = await bothModes((mode) => strip([bob], open, mode));
    assert.deepEqual([both.changed, both.outcomes], [[], ["would"]]);
    assert.deepEqual(both.would, both.called);

    const { after } = await strip([bob], open, "observe");
    const again = await strip([bob], open, "observe", after.actions);
    assert.deepEqual(again.after.actions, after.actions);
  });
});
