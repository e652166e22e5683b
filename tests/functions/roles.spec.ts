import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import * as iam from "@aws-sdk/client-iam";
import type { RoleSubject, UserSubject } from "../../events/incident";
import type { CaseSubject } from "../../functions/case";
import { emergencyActionAccount } from "../../functions/EmergencyActionAccount";
import { stripAccount } from "../../functions/StripAccount";
import { verifyAccount } from "../../functions/VerifyAccount";
import { cutsIn, fakeSdk, refusal, withEnvironment } from "./fakeSdk";
import {
  ADMIN,
  attached,
  bareUser,
  caseOf,
  DENY_ALL,
  HARMLESS,
  type IamAnswers,
  incident,
  READ_ONLY,
  settings,
  validCase,
} from "./given";

const worker: RoleSubject = { kind: "role", name: "worker", proved: true };
const grant = { kind: "attached", policyArn: ADMIN } as const;
const deny = ["AttachRolePolicy", { RoleName: "worker", PolicyArn: DENY_ALL }];
const bareRole = { Arn: "arn:aws:iam::123456789012:role/worker" };
const bare: IamAnswers = {
  GetRole: { Role: bareRole },
  ListAttachedRolePolicies: { AttachedPolicies: [] },
  ListRolePolicies: { PolicyNames: [] },
  ListInstanceProfilesForRole: { InstanceProfiles: [] },
  AttachRolePolicy: {},
  DetachRolePolicy: {},
  DeleteRolePolicy: {},
};

describe("roles in the account branch", () => {
  withEnvironment({ DENY_ALL_ARN: DENY_ALL });

  async function contain(subjects: (RoleSubject | UserSubject)[], answers: IamAnswers = bare) {
    const { sdk, calls } = fakeSdk(iam, "IAMClient", answers);
    const handler = emergencyActionAccount(sdk, settings());
    const after = await validCase(handler, { incident: incident(subjects), caseId: "e" });
    return { after, calls };
  }

  it("cuts a proved role before any look", async () => {
    const { after, calls } = await contain([{ ...worker, grant }]);
    assert.deepEqual(calls[0], deny);
    assert.deepEqual([cutsIn(calls), after.open], [[deny], []]);
    const [subject] = after.subjects;
    assert.ok(subject?.kind === "role");
    assert.equal(subject.policyArn, ADMIN);
    assert.match(after.alerts.join(), /Role worker is denied everything now: every session/);
  });

  it("denies by the boundary where the attachments are full, once the owner's is known", async () => {
    const full = (boundary: { now: string }): IamAnswers => ({
      ...bare,
      // Slower than the cut: the owner's boundary must be read before it is replaced.
      GetRole: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const PermissionsBoundary = { PermissionsBoundaryArn: boundary.now };
        return { Role: { ...bareRole, PermissionsBoundary } };
      },
      AttachRolePolicy: refusal("LimitExceededException"),
      PutRolePermissionsBoundary: ({ PermissionsBoundary }) => {
        boundary.now = String(PermissionsBoundary);
        return {};
      },
    });
    const bound = [
      "PutRolePermissionsBoundary",
      { RoleName: "worker", PermissionsBoundary: DENY_ALL },
    ];
    const bob: UserSubject = { kind: "user", name: "bob", proved: false };
    const caller: RoleSubject = { ...worker, proved: false, caller: true };
    const bobIsAdmin = { ...bareUser, ListAttachedUserPolicies: attached(ADMIN) };
    const passes = [
      await contain([worker], full({ now: ADMIN })),
      await contain([bob, caller], {
        ...bobIsAdmin,
        AttachUserPolicy: {},
        ...full({ now: ADMIN }),
      }),
    ];
    for (const { after, calls } of passes) {
      assert.deepEqual(cutsIn(calls).slice(-2), [deny, bound]);
      const role = after.subjects.find(({ kind }) => kind === "role");
      assert.ok(role?.kind === "role");
      assert.equal(role.before?.boundary, ADMIN);
    }
  });

  it("looks at a role that is not proved, and leaves what the look finds harmless", async () => {
    const PolicyArn = "arn:aws:iam::123456789012:policy/x";
    const asked = { ...worker, proved: false, grant: { ...grant, policyArn: PolicyArn } };
    const { after, calls } = await contain([asked], {
      ...bare,
      ListAttachedRolePolicies: attached(PolicyArn),
      GetPolicy: { Policy: { DefaultVersionId: "v1" } },
      GetPolicyVersion: { PolicyVersion: { Document: HARMLESS } },
    });
    assert.deepEqual([cutsIn(calls), after.subjects], [[], []]);
  });

  it("does not contain a caller where nothing else was", async () => {
    const bob: UserSubject = { kind: "user", name: "bob", proved: false };
    const caller: RoleSubject = { ...worker, proved: false, caller: true };
    const none = await contain([bob, caller], { ...bare, ...bareUser });
    assert.deepEqual(cutsIn(none.calls), []);
    const both = await contain([bob, caller], {
      ...bare,
      ...bareUser,
      ListAttachedUserPolicies: attached(ADMIN),
      AttachUserPolicy: {},
    });
    assert.deepEqual(cutsIn(both.calls), [
      ["AttachUserPolicy", { UserName: "bob", PolicyArn: DENY_ALL }],
      deny,
    ]);
  });

  it("spares a calling user who is protected", async () => {
    const bob: UserSubject = { kind: "user", name: "bob", proved: true };
    const caller: UserSubject = { ...bob, name: "break-glass", caller: true };
    const { after, calls } = await contain([bob, caller], { ...bareUser, AttachUserPolicy: {} });
    assert.deepEqual(cutsIn(calls), [
      ["AttachUserPolicy", { UserName: "bob", PolicyArn: DENY_ALL }],
    ]);
    assert.match(after.alerts.join(), /break-glass is protected and was not contained/);
  });

  const known: CaseSubject = { kind: "role", name: "worker", policyArn: ADMIN };

  it("strips the record's grant, and denies where that is missing", async () => {
    const answers = { ...bare, ListAttachedRolePolicies: attached(ADMIN, READ_ONLY) };
    const { sdk, calls } = fakeSdk(iam, "IAMClient", answers);
    const trail = fakeSdk(cloudtrail, "CloudTrailClient", {});
    const before = caseOf({ subjects: [known] });
    await stripAccount(
      sdk,
      trail.sdk,
      settings(),
    )({
      incident: incident([]),
      caseId: "e",
      case: before,
    });
    assert.deepEqual(cutsIn(calls), [
      ["DetachRolePolicy", { RoleName: "worker", PolicyArn: ADMIN }],
      deny,
    ]);
  });

  it("verifies that it is denied, and that the grant is gone", async () => {
    const look = async (...arns: string[]) => {
      const answers = { ...bare, ListAttachedRolePolicies: attached(...arns) };
      const { sdk } = fakeSdk(iam, "IAMClient", answers);
      const trail = fakeSdk(cloudtrail, "CloudTrailClient", {});
      const before = caseOf({ subjects: [known] });
      const input = { incident: incident([]), caseId: "e", case: before };
      return (await verifyAccount(sdk, trail.sdk, { ...settings(), ownRoles: [] })(input)).open;
    };
    assert.deepEqual(await look(ADMIN), [
      "role worker has no AWSDenyAll",
      `role worker has ${ADMIN}`,
    ]);
    assert.deepEqual(await look(DENY_ALL), []);
  });

  it("leaves a role alone that the boundary denies, and finds it closed", async () => {
    const PermissionsBoundary = { PermissionsBoundaryArn: DENY_ALL };
    const answers = { ...bare, GetRole: { Role: { ...bareRole, PermissionsBoundary } } };
    const { sdk, calls } = fakeSdk(iam, "IAMClient", answers);
    const trail = fakeSdk(cloudtrail, "CloudTrailClient", {});
    const input = { incident: incident([]), caseId: "e", case: caseOf({ subjects: [known] }) };
    await stripAccount(sdk, trail.sdk, settings())(input);
    assert.deepEqual(cutsIn(calls), []);
    assert.deepEqual(
      (await verifyAccount(sdk, trail.sdk, { ...settings(), ownRoles: [] })(input)).open,
      [],
    );
  });
});
