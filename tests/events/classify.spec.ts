import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import fc from "fast-check";
import { classify, type IncidentSettings, watchedEvents } from "../../events/classify";
import type { Decision, Subject } from "../../events/incident";

const NOW = "2026-06-01T12:00:00Z";
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const DENY = "arn:aws:iam::aws:policy/AWSDenyAll";
const DOCUMENT = { Statement: { Effect: "Allow", Action: "*", Resource: "*" } };
const HARMLESS = { Statement: { Effect: "Allow", Action: "s3:Get*", Resource: "*" } };
const MALLORY = {
  type: "IAMUser",
  userName: "mallory",
  arn: "arn:aws:iam::123456789012:user/mallory",
  accessKeyId: "AKIAMALLORY000000000",
};
const PIPELINE = {
  type: "AssumedRole",
  arn: "arn:aws:sts::123456789012:assumed-role/pipeline/run-7",
  sessionContext: { sessionIssuer: { arn: "arn:aws:iam::123456789012:role/ci/pipeline" } },
};

const defaults: IncidentSettings = {
  sshPorts: [22],
  trustedCidrs: [],
  newCredentials: "admins",
  guardDutySeverity: 7,
  applicationUsers: ["app-*"],
  protectedPrincipals: ["break-glass"],
  trustedActors: [],
  exemptions: [],
  ownRoles: ["tourniquet-lab-StripAccount"],
  stackRoles: ["tourniquet-lab-Report"],
  containActor: false,
  containRoles: false,
};

type Fields = Record<string, unknown>;

function iam(eventName: string, requestParameters: unknown, rest: Fields = {}) {
  return {
    eventSource: "iam.amazonaws.com",
    eventName,
    userIdentity: MALLORY,
    requestParameters,
    ...rest,
  };
}

const SOMEWHERE = { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } };

function trustDocument(Principal: unknown, Condition?: object) {
  const Statement = { Effect: "Allow", Principal, Action: "sts:AssumeRole", Condition };
  return JSON.stringify({ Statement });
}

function created(Principal: unknown) {
  const parameters = { roleName: "r", assumeRolePolicyDocument: trustDocument(Principal) };
  return iam("CreateRole", parameters, { recipientAccountId: "123456789012" });
}

function trust(Principal: unknown, Condition?: object) {
  const policyDocument = trustDocument(Principal, Condition);
  const parameters = { roleName: "r", policyDocument };
  return iam("UpdateAssumeRolePolicy", parameters, { recipientAccountId: "123456789012" });
}

function ec2(eventName: string, requestParameters: unknown, responseElements: unknown = null) {
  const eventSource = "ec2.amazonaws.com";
  return { eventSource, eventName, userIdentity: MALLORY, requestParameters, responseElements };
}

function judge(record: unknown, settings: Partial<IncidentSettings> = {}) {
  return classify({ detail: record }, { ...defaults, ...settings }, NOW);
}

function fixture(file: string): Fields {
  const folder = path.join(__dirname, "..", "fixtures", "events");
  return JSON.parse(fs.readFileSync(path.join(folder, file), "utf8"));
}

describe("the records that AWS wrote", () => {
  const wanted: [file: string, decision: Decision][] = [
    ["AddUserToGroup-elastic-beats.json", "EmergencyActionAccount"],
    ["AttachRolePolicy-stratus-persistence-iam-create-backdoor-role.json", "Ignore"],
    ["AttachUserPolicy-invictus.json", "EmergencyActionAccount"],
    ["AttachUserPolicy-stratus-persistence-iam-create-admin-user.json", "EmergencyActionAccount"],
    ["AuthorizeSecurityGroupIngress-invictus-2.json", "EmergencyActionInfrastructure"],
    ["AuthorizeSecurityGroupIngress-invictus.json", "Ignore"],
    [
      "AuthorizeSecurityGroupIngress-stratus-exfiltration-ec2-security-group-open-port-22-ingress.json",
      "EmergencyActionInfrastructure",
    ],
    ["CreateAccessKey-invictus-2.json", "EmergencyActionAccount"],
    ["CreateAccessKey-invictus.json", "EmergencyActionAccount"],
    ["CreateAccessKey-panther-aws_root_access_key_created.json", "Ignore"],
    ["CreateLoginProfile-invictus-2.json", "EmergencyActionAccount"],
    ["CreateLoginProfile-invictus.json", "EmergencyActionAccount"],
    ["CreateNetworkInterface-invictus-2.json", "EmergencyActionInfrastructure"],
    ["CreateNetworkInterface-invictus.json", "EmergencyActionInfrastructure"],
    ["CreateSecurityGroup-invictus.json", "Ignore"],
    ["CreateUser-invictus-2.json", "Ignore"],
    ["DeleteLoginProfile-invictus-ERROR.json", "Ignore"],
    ["DeleteLoginProfile-stratus-persistence-iam-create-user-login-profile.json", "Ignore"],
    ["DetachUserPolicy-invictus.json", "Ignore"],
    ["ModifyInstanceAttribute-SHAPE.json", "EmergencyActionInfrastructure"],
    ["ModifyInstanceAttribute-invictus.json", "Ignore"],
    ["ModifyNetworkInterfaceAttribute-SHAPE.json", "EmergencyActionInfrastructure"],
    ["ModifySecurityGroupRules-SHAPE.json", "Ignore"],
    ["PutRolePolicy-invictus.json", "Ignore"],
    ["RevokeSecurityGroupIngress-invictus.json", "Ignore"],
    ["RunInstances-invictus.json", "EmergencyActionInfrastructure"],
    [
      "RunInstances-panther-aws_ec2_vulnerable_xz_image_launched.json",
      "EmergencyActionInfrastructure",
    ],
    ["UpdateAssumeRolePolicy-invictus.json", "Ignore"],
    [
      "UpdateLoginProfile-stratus-privilege-escalation-iam-update-user-login-profile.json",
      "EmergencyActionAccount",
    ],
  ];
  for (const [file, decision] of wanted) {
    it(`${decision}: ${file}`, () => assert.equal(judge(fixture(file)).decision, decision));
  }

  it("are all here, but for whole events of other services", () => {
    const folder = path.join(__dirname, "..", "fixtures", "events");
    const records = fs
      .readdirSync(folder)
      .filter((f) => f.endsWith(".json") && !f.includes("ENVELOPE"));
    assert.deepEqual(
      wanted.map(([file]) => file),
      records.sort(),
    );
  });

  it("prove the rule ids that the response has", () => {
    const [subject] = judge(fixture("AuthorizeSecurityGroupIngress-invictus-2.json")).subjects;
    assert.ok(subject?.kind === "securityGroup");
    assert.deepEqual(
      subject.rules.map(({ id }) => id),
      ["sgr-0a11552a7d225f5c7"],
    );
  });
});

describe("every IAM event", () => {
  const user = { userName: "bob" };
  const look = { kind: "user", name: "bob", proved: false };
  const cases: [name: string, record: Fields, subject: Partial<Subject> | "Ignore"][] = [
    [
      "a managed admin policy",
      iam("AttachUserPolicy", { ...user, policyArn: ADMIN }),
      { kind: "user", proved: true },
    ],
    [
      "a harmless AWS policy",
      iam("AttachUserPolicy", { ...user, policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }),
      "Ignore",
    ],
    [
      "a customer policy",
      iam("AttachUserPolicy", { ...user, policyArn: "arn:aws:iam::123456789012:policy/x" }),
      { kind: "user", proved: false },
    ],
    ["no policy", iam("AttachUserPolicy", user), "Ignore"],
    ["no user", iam("AttachUserPolicy", { policyArn: ADMIN }), "Ignore"],
    [
      "an inline admin policy as text",
      iam("PutUserPolicy", { ...user, policyName: "p", policyDocument: JSON.stringify(DOCUMENT) }),
      { kind: "user", proved: true },
    ],
    [
      "an inline admin policy, URL-encoded",
      iam("PutUserPolicy", {
        ...user,
        policyName: "p",
        policyDocument: encodeURIComponent(JSON.stringify(DOCUMENT)),
      }),
      { kind: "user", proved: true },
    ],
    [
      "an inline admin policy as object",
      iam("PutUserPolicy", { ...user, policyName: "p", policyDocument: DOCUMENT }),
      { kind: "user", proved: true },
    ],
    [
      "a harmless inline policy",
      iam("PutUserPolicy", { ...user, policyName: "p", policyDocument: HARMLESS }),
      { kind: "user", proved: false, grant: { kind: "inline", policyName: "p" } },
    ],
    [
      "an inline policy that cannot be read",
      iam("PutUserPolicy", { ...user, policyName: "p", policyDocument: "{" }),
      { kind: "user", proved: false },
    ],
    ["an inline policy without a name", iam("PutUserPolicy", user), "Ignore"],
    [
      "a group joined",
      iam("AddUserToGroup", { ...user, groupName: "g" }),
      { kind: "user", grant: { kind: "group", groupName: "g" } },
    ],
    ["no group joined", iam("AddUserToGroup", user), "Ignore"],
    [
      "a group's admin policy",
      iam("AttachGroupPolicy", { groupName: "g", policyArn: ADMIN }),
      { kind: "group", proved: true, denies: false },
    ],
    [
      "a group's inline policy that denies too",
      iam("PutGroupPolicy", {
        groupName: "g",
        policyName: "p",
        policyDocument: {
          Statement: [DOCUMENT.Statement, { Effect: "Deny", Action: "s3:*", Resource: "*" }],
        },
      }),
      { kind: "group", denies: true },
    ],
    [
      "a group's harmless policy",
      iam("PutGroupPolicy", { groupName: "g", policyName: "p", policyDocument: HARMLESS }),
      { kind: "group", name: "g", proved: false },
    ],
    ["a group's policy without a group", iam("PutGroupPolicy", { policyName: "p" }), "Ignore"],
    ["a group's policy without a name", iam("PutGroupPolicy", { groupName: "g" }), "Ignore"],
    [
      "a default policy version",
      iam(
        "CreatePolicyVersion",
        { policyArn: "arn:x", setAsDefault: true, policyDocument: DOCUMENT },
        { responseElements: { policyVersion: { versionId: "v2" } } },
      ),
      { kind: "policy", proved: true, versionId: "v2" },
    ],
    [
      "a default policy version, unreadable",
      iam("CreatePolicyVersion", { policyArn: "arn:x", setAsDefault: "true", policyDocument: "{" }),
      { kind: "policy", proved: false },
    ],
    [
      "a harmless default version",
      iam("CreatePolicyVersion", {
        policyArn: "arn:x",
        setAsDefault: true,
        policyDocument: HARMLESS,
      }),
      { kind: "policy", arn: "arn:x", proved: false },
    ],
    [
      "a version that is not the default",
      iam("CreatePolicyVersion", { policyArn: "arn:x", policyDocument: DOCUMENT }),
      "Ignore",
    ],
    ["a version of no policy", iam("CreatePolicyVersion", {}), "Ignore"],
    [
      "another default version",
      iam("SetDefaultPolicyVersion", { policyArn: "arn:x", versionId: "v1" }),
      { kind: "policy", versionId: "v1" },
    ],
    ["another default version of nothing", iam("SetDefaultPolicyVersion", {}), "Ignore"],
    [
      "a customer policy detached",
      iam("DetachUserPolicy", { ...user, policyArn: "arn:aws:iam::123456789012:policy/x" }),
      look as Partial<Subject>,
    ],
    [
      "AWSDenyAll detached",
      iam("DetachUserPolicy", { ...user, policyArn: "arn:aws:iam::aws:policy/AWSDenyAll" }),
      look as Partial<Subject>,
    ],
    [
      "an AWS policy detached that denied nothing",
      iam("DetachUserPolicy", { ...user, policyArn: ADMIN }),
      "Ignore",
    ],
    [
      "an inline policy removed",
      iam("DeleteUserPolicy", { ...user, policyName: "p" }),
      look as Partial<Subject>,
    ],
    ["nobody's inline policy removed", iam("DeleteUserPolicy", {}), "Ignore"],
    [
      "a group left",
      iam("RemoveUserFromGroup", { ...user, groupName: "g" }),
      look as Partial<Subject>,
    ],
    ["a boundary removed", iam("DeleteUserPermissionsBoundary", user), look as Partial<Subject>],
    ["a boundary put", iam("PutUserPermissionsBoundary", user), look as Partial<Subject>],
    [
      "a boundary put that makes an admin itself",
      iam("PutUserPermissionsBoundary", { ...user, permissionsBoundary: ADMIN }),
      look as Partial<Subject>,
    ],
    [
      "a customer's boundary put",
      iam("PutUserPermissionsBoundary", {
        ...user,
        permissionsBoundary: "arn:aws:iam::123456789012:policy/x",
      }),
      look as Partial<Subject>,
    ],
    [
      "a boundary put that makes nobody an admin",
      iam("PutUserPermissionsBoundary", {
        ...user,
        permissionsBoundary: "arn:aws:iam::aws:policy/ReadOnlyAccess",
      }),
      "Ignore",
    ],
    [
      "one's own boundary removed",
      iam("DeleteUserPermissionsBoundary", { userName: "mallory" }),
      { kind: "user", name: "mallory", accessKeyId: MALLORY.accessKeyId },
    ],
    [
      "one's own Deny removed",
      iam("DeleteUserPolicy", { userName: "mallory", policyName: "p" }),
      { kind: "user", name: "mallory", accessKeyId: MALLORY.accessKeyId },
    ],
    [
      "a group's policy detached",
      iam("DetachGroupPolicy", { groupName: "g", policyArn: "arn:aws:iam::123456789012:policy/x" }),
      { kind: "group", proved: false },
    ],
    [
      "a group's AWS policy detached",
      iam("DetachGroupPolicy", { groupName: "g", policyArn: ADMIN }),
      "Ignore",
    ],
    [
      "a group's inline policy removed",
      iam("DeleteGroupPolicy", { groupName: "g" }),
      { kind: "group", proved: false },
    ],
    ["no group's inline policy removed", iam("DeleteGroupPolicy", {}), "Ignore"],
    [
      "a key",
      iam("CreateAccessKey", user, {
        responseElements: { accessKey: { accessKeyId: "AKIA1", userName: "bob" } },
      }),
      { kind: "user", name: "bob", accessKeyId: "AKIA1" },
    ],
    [
      "a key for oneself, parameters null",
      iam("CreateAccessKey", null, { responseElements: { accessKey: { accessKeyId: "AKIA1" } } }),
      { kind: "user", name: "mallory", accessKeyId: "AKIA1" },
    ],
    [
      "a key switched on",
      iam("UpdateAccessKey", { ...user, status: "Active", accessKeyId: "AKIA1" }),
      { kind: "user", accessKeyId: "AKIA1" },
    ],
    ["a key switched off", iam("UpdateAccessKey", { ...user, status: "Inactive" }), "Ignore"],
    ["a password", iam("CreateLoginProfile", user), { kind: "user", name: "bob" }],
    ["a changed password", iam("UpdateLoginProfile", user), { kind: "user", name: "bob" }],
    [
      "an SSH key",
      iam("UploadSSHPublicKey", null, { responseElements: { sSHPublicKey: { userName: "bob" } } }),
      { kind: "user", name: "bob" },
    ],
    [
      "an SSH key switched on",
      iam("UpdateSSHPublicKey", { ...user, status: "Active" }),
      { kind: "user" },
    ],
    ["a service's credential", iam("CreateServiceSpecificCredential", user), { kind: "user" }],
    [
      "a service's credential switched off",
      iam("UpdateServiceSpecificCredential", { ...user, status: "Expired" }),
      "Ignore",
    ],
    ["a service's credential reset", iam("ResetServiceSpecificCredential", user), { kind: "user" }],
    ["a certificate", iam("UploadSigningCertificate", user), { kind: "user" }],
    [
      "a certificate switched on",
      iam("UpdateSigningCertificate", { ...user, status: "Active" }),
      { kind: "user" },
    ],
    [
      "an MFA device for somebody else",
      iam("EnableMFADevice", user),
      { kind: "user", name: "bob" },
    ],
    ["an MFA device for nobody", iam("EnableMFADevice", {}, { userIdentity: PIPELINE }), "Ignore"],
    [
      "a user's new name",
      iam("UpdateUser", { ...user, newUserName: "rob" }),
      { kind: "user", name: "rob" },
    ],
    [
      "one's own new name",
      iam("UpdateUser", { userName: "mallory", newUserName: "m" }),
      { kind: "user", accessKeyId: MALLORY.accessKeyId },
    ],
    ["a user's new path", iam("UpdateUser", { ...user, newPath: "/x/" }), "Ignore"],
    [
      "a group's new name",
      iam("UpdateGroup", { groupName: "g", newGroupName: "h" }),
      { kind: "group", name: "h" },
    ],
    ["a group's new path", iam("UpdateGroup", { groupName: "g" }), "Ignore"],
    [
      "a role's admin policy",
      iam("AttachRolePolicy", { roleName: "worker", policyArn: ADMIN }),
      {
        kind: "role",
        name: "worker",
        proved: true,
        grant: { kind: "attached", policyArn: ADMIN },
      },
    ],
    [
      "a role's customer policy",
      iam("AttachRolePolicy", {
        roleName: "worker",
        policyArn: "arn:aws:iam::123456789012:policy/x",
      }),
      { kind: "role", name: "worker", proved: false },
    ],
    ["a role's AWSDenyAll", iam("AttachRolePolicy", { roleName: "r", policyArn: DENY }), "Ignore"],
    ["no role", iam("AttachRolePolicy", { policyArn: ADMIN }), "Ignore"],
    [
      "an admin policy on a role that is named as AWS names its own",
      iam("AttachRolePolicy", { roleName: "AWSReservedSSO_Admin_0", policyArn: ADMIN }),
      { kind: "role", proved: false },
    ],
    [
      "a role's inline admin policy",
      iam("PutRolePolicy", { roleName: "r", policyName: "p", policyDocument: DOCUMENT }),
      { kind: "role", name: "r", proved: true, grant: { kind: "inline", policyName: "p" } },
    ],
    [
      "a role's harmless inline policy",
      iam("PutRolePolicy", { roleName: "r", policyName: "p", policyDocument: HARMLESS }),
      "Ignore",
    ],
    ["a trust in another account", trust({ AWS: "210987654321" }), { kind: "role", proved: true }],
    ["a trust in everybody", trust("*"), { kind: "role", name: "r", proved: true }],
    ["a trust in the own account", trust({ AWS: "123456789012" }), "Ignore"],
    ["a trust in a service", trust({ Service: "ec2.amazonaws.com" }), "Ignore"],
    [
      "a trust policy that cannot be read",
      iam("UpdateAssumeRolePolicy", { roleName: "r", policyDocument: "?" }),
      { kind: "role", name: "r", proved: false },
    ],
    ["a trust policy of no role", iam("UpdateAssumeRolePolicy", {}), "Ignore"],
    ["a new role for everybody", created("*"), { kind: "role", name: "r", proved: true }],
    ["a new role of a service", created({ Service: "ec2.amazonaws.com" }), "Ignore"],
    [
      "a new role whose trust policy was left out",
      iam("CreateRole", { roleName: "r" }),
      { kind: "role", name: "r", proved: false },
    ],
    ["a trust in somebody from somewhere", trust({ AWS: "210987654321" }, SOMEWHERE), "Ignore"],
  ];
  for (const [name, record, wanted] of cases) {
    it(name, () => {
      const { decision, subjects } = judge(record, { containRoles: true });
      if (wanted === "Ignore") return assert.equal(decision, "Ignore");
      assert.equal(decision, "EmergencyActionAccount");
      const [subject] = subjects;
      assert.deepEqual({ ...subject, ...wanted }, subject);
    });
  }

  it("is in the table above", () => {
    const named = cases.map(([, record]) => record.eventName);
    assert.deepEqual(
      watchedEvents["iam.amazonaws.com"]?.filter((name) => !named.includes(name)),
      [],
    );
  });
});

describe("roles", () => {
  for (const containRoles of [true, false]) {
    it(`let in somebody whom a condition may keep out: an alert, containRoles ${containRoles}`, () => {
      const record = trust({ AWS: "210987654321" }, SOMEWHERE);
      const { decision, reason, alert } = judge(record, { containRoles });
      assert.deepEqual(
        { decision, reason, alert },
        {
          decision: "Ignore",
          reason: "the trust policy of role r may let 210987654321 in, by its conditions",
          alert:
            "Role r was not touched: the trust policy of role r lets 210987654321 in, under conditions of which it is not known whether they keep strangers out. Look at it yourself.",
        },
      );
    });
  }

  it("let strangers in from the start: an alert where containRoles is off", () => {
    const { decision, alert } = judge(created({ AWS: "210987654321" }), { containRoles: false });
    assert.equal(decision, "Ignore");
    assert.equal(
      alert,
      "Role r was not touched, since containRoles is off, although the trust policy of role r lets 210987654321 in. To contain it, attach AWSDenyAll to it.",
    );
  });

  const admin = (roleName: string) => iam("AttachRolePolicy", { roleName, policyArn: ADMIN });
  const because = "the AWS policy AdministratorAccess makes role worker an admin";

  it("are an alert where containRoles is off", () => {
    const { decision, reason, alert } = judge(admin("worker"));
    assert.deepEqual([decision, reason], ["Ignore", `${because}; containRoles is off`]);
    assert.equal(
      alert,
      `Role worker was not touched, since containRoles is off, although ${because}. To contain it, attach AWSDenyAll to it.`,
    );
  });

  it("are no alert where only a look could tell, and containRoles is off", () => {
    const policyArn = "arn:aws:iam::123456789012:policy/x";
    const { decision, alert } = judge(iam("AttachRolePolicy", { roleName: "worker", policyArn }));
    assert.deepEqual([decision, alert], ["Ignore", undefined]);
  });

  it("of Identity Center come with the way to end its sessions", () => {
    const { alert } = judge(admin("AWSReservedSSO_Admin_0123456789abcdef"));
    assert.match(
      String(alert),
      /Identity Center.*delete his active sessions.*identitystore:UserId/,
    );
  });

  for (const containRoles of [true, false]) {
    it(`of Tourniquet's own are refused, containRoles ${containRoles}`, () => {
      const { decision, alert } = judge(admin("tourniquet-lab-Report"), { containRoles });
      assert.equal(decision, "Ignore");
      assert.match(String(alert), /tourniquet-lab-Report is Tourniquet's own.*undo it at once/);
    });
  }

  for (const pattern of [
    "arn:aws:iam::123456789012:role/ci/worker",
    "arn:aws:iam::123456789012:role/work*",
    "arn:aws:sts::123456789012:assumed-role/worker/run-7",
  ]) {
    it(`named by ${pattern} are refused`, () => {
      const settings = { containRoles: true, trustedActors: [pattern] };
      const { decision, alert } = judge(admin("worker"), settings);
      assert.equal(decision, "Ignore");
      assert.match(String(alert), /worker is in trustedActors/);
    });
  }

  it("are contained where trustedActors names a user of that name", () => {
    const trustedActors = ["arn:aws:iam::123456789012:user/worker"];
    const { decision } = judge(admin("worker"), { containRoles: true, trustedActors });
    assert.equal(decision, "EmergencyActionAccount");
  });

  it("are exempt by role/NAME", () => {
    const exemption = { owner: "o", reason: "r", expires: "2026-12-31" };
    const exemptions = [{ ...exemption, rule: "admin-user" as const, subject: "role/worker" }];
    const { decision, reason } = judge(admin("worker"), { containRoles: true, exemptions });
    assert.deepEqual([decision, /exempt until 2026-12-31/.test(reason)], ["Ignore", true]);
  });
});

describe("the caller, with containActor", () => {
  const bob = iam("AttachUserPolicy", { userName: "bob", policyArn: ADMIN });
  const { userName: name, accessKeyId } = MALLORY;
  const callers = (record: unknown, settings: Partial<IncidentSettings> = {}) =>
    judge(record, { containActor: true, ...settings }).subjects.slice(1);
  const worker = { ...PIPELINE, arn: PIPELINE.arn.replace("pipeline/run-7", "pipeline/run-8") };

  it("is a subject that is cut at once where the record proves it", () => {
    const caller = { kind: "user", name, proved: true, caller: true, accessKeyId };
    assert.deepEqual(callers(bob), [caller]);
  });

  it("waits for the look where the record proves nothing, or the subject is no user", () => {
    const caller = { kind: "user", name, proved: false, caller: true, accessKeyId };
    assert.deepEqual(callers(iam("CreateAccessKey", { userName: "bob" })), [caller]);
    assert.deepEqual(callers(iam("AttachGroupPolicy", { groupName: "devs", policyArn: ADMIN })), [
      caller,
    ]);
  });

  it("has no key to cut where a session signed", () => {
    const userIdentity = { ...MALLORY, accessKeyId: "ASIAMALLORY000000000" };
    const caller = { kind: "user", name, proved: true, caller: true };
    assert.deepEqual(callers({ ...bob, userIdentity }), [caller]);
  });

  it("is none without the setting, by root, by a service, or where he is the subject", () => {
    assert.deepEqual(callers(bob, { containActor: false }), []);
    assert.deepEqual(callers({ ...bob, userIdentity: { type: "Root", arn: "r" } }), []);
    assert.deepEqual(callers({ ...bob, userIdentity: { type: "AWSService" } }), []);
    assert.deepEqual(callers(iam("AttachUserPolicy", { userName: name, policyArn: ADMIN })), []);
    assert.deepEqual(callers(iam("UpdateUser", { userName: name, newUserName: "eve" })), []);
  });

  it("is the role of a session, by containRoles", () => {
    const role = { kind: "role", name: "pipeline", proved: true, caller: true };
    assert.deepEqual(callers({ ...bob, userIdentity: worker }, { containRoles: true }), [role]);
  });

  it("is an alert with role, session and command, without containRoles", () => {
    const [role, ...more] = callers({ ...bob, userIdentity: worker });
    assert.ok(role?.kind === "role" && more.length === 0);
    assert.match(
      String(role.alertOnly),
      /^Session run-8 of role pipeline made the call, and was not ended, since containRoles is off\. .*aws iam put-role-policy --role-name pipeline --policy-name AWSRevokeOlderSessions .*"DateLessThan":\{"aws:TokenIssueTime"/,
    );
  });

  it("is an alert, where his role is Identity Center's or Tourniquet's own", () => {
    const by = (arn: string) => {
      const userIdentity = { ...worker, sessionContext: { sessionIssuer: { arn } } };
      const [role] = callers({ ...bob, userIdentity }, { containRoles: true });
      return role?.kind === "role" ? String(role.alertOnly) : "";
    };
    const path = "arn:aws:iam::123456789012:role";
    assert.match(
      by(`${path}/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_0`),
      /was not ended\. It belongs to IAM Identity Center/,
    );
    assert.match(by(`${path}/tourniquet-lab-Report`), /Tourniquet's own and was not contained/);
  });

  it("is an alert in the other branches, where the record proves it", () => {
    const app = judge(iam("CreateAccessKey", { userName: "app-shop" }), { containActor: true });
    assert.equal(app.subjects.length, 1);
    assert.match(String(app.alert), /mallory was not contained.*npm run contain -- user mallory/);
  });
});

describe("EC2 events", () => {
  const items = (...list: unknown[]) => ({ items: list });
  const range = (cidrIp: string, port: unknown = 22) => ({
    ipProtocol: "tcp",
    fromPort: port,
    toPort: port,
    ipRanges: items({ cidrIp }),
  });
  const modified = (rule: unknown) =>
    ec2("ModifySecurityGroupRules", {
      ModifySecurityGroupRulesRequest: { GroupId: "sg-1", SecurityGroupRule: rule },
    });
  const open = { CidrIpv4: "0.0.0.0/0", IpProtocol: "tcp", FromPort: 22, ToPort: 22 };
  const authorize = (parameters: Fields, response?: unknown) =>
    ec2("AuthorizeSecurityGroupIngress", { groupId: "sg-1", ...parameters }, response);
  const cases: [name: string, record: unknown, rules: number | "Ignore"][] = [
    [
      "the long form without a response",
      authorize({ ipPermissions: items(range("0.0.0.0/0")) }),
      0,
    ],
    ["ports as text", authorize({ ipPermissions: items(range("0.0.0.0/0", "22")) }), 0],
    [
      "IPv6",
      authorize({
        ipPermissions: items({ ipProtocol: "-1", ipv6Ranges: items({ cidrIpv6: "::/0" }) }),
      }),
      0,
    ],
    [
      "the flat form",
      authorize({
        ipPermissions: {},
        ipProtocol: "tcp",
        fromPort: 22,
        toPort: 22,
        cidrIp: "0.0.0.0/0",
      }),
      0,
    ],
    ["an office", authorize({ ipPermissions: items(range("203.0.113.0/24")) }), "Ignore"],
    ["half the internet", authorize({ ipPermissions: items(range("0.0.0.0/1")) }), 0],
    [
      "a prefix list",
      authorize({
        ipPermissions: items({
          ipProtocol: "tcp",
          fromPort: 22,
          toPort: 22,
          prefixListIds: items({ prefixListId: "pl-1" }),
        }),
      }),
      0,
    ],
    [
      "a security group",
      authorize({
        ipPermissions: items({
          ipProtocol: "tcp",
          fromPort: 22,
          toPort: 22,
          groups: items({ groupId: "sg-2" }),
        }),
      }),
      "Ignore",
    ],
    [
      "by name only",
      {
        ...authorize({
          groupId: undefined,
          groupName: "web",
          ipPermissions: items(range("0.0.0.0/0")),
        }),
      },
      0,
    ],
    [
      "no group",
      authorize({ groupId: undefined, ipPermissions: items(range("0.0.0.0/0")) }),
      "Ignore",
    ],
    ["one modified rule", modified({ SecurityGroupRuleId: "sgr-1", SecurityGroupRule: open }), 1],
    [
      "several modified rules",
      modified([
        { SecurityGroupRuleId: "sgr-1", SecurityGroupRule: open },
        {
          SecurityGroupRuleId: "sgr-2",
          SecurityGroupRule: { ...open, Description: "x", CidrIpv4: "10.0.0.0/8" },
        },
      ]),
      1,
    ],
    [
      "a modified rule that tells no source",
      modified({
        SecurityGroupRuleId: "sgr-1",
        SecurityGroupRule: { IpProtocol: 6, FromPort: 22, ToPort: 22 },
      }),
      0,
    ],
    [
      "a modified rule from a group",
      modified({
        SecurityGroupRuleId: "sgr-1",
        SecurityGroupRule: { ...open, CidrIpv4: undefined, ReferencedGroupId: "sg-2" },
      }),
      "Ignore",
    ],
    [
      "a rule without protocol",
      modified({
        SecurityGroupRuleId: "sgr-1",
        SecurityGroupRule: { CidrIpv6: "::/0", IpProtocol: {} },
      }),
      0,
    ],
    [
      "a stored rule of the other direction",
      authorize(
        {},
        {
          securityGroupRuleSet: items({ isEgress: true, ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" }),
        },
      ),
      "Ignore",
    ],
    [
      "a response that lacks the open rule",
      authorize(
        { ipPermissions: items(range("0.0.0.0/0")) },
        {
          securityGroupRuleSet: items({
            securityGroupRuleId: "sgr-1",
            ipProtocol: "tcp",
            fromPort: 80,
            toPort: 80,
            cidrIpv6: "::/0",
          }),
        },
      ),
      0,
    ],
  ];
  for (const [name, record, wanted] of cases) {
    it(name, () => {
      const { decision, subjects } = judge(record);
      if (wanted === "Ignore") return assert.equal(decision, "Ignore");
      assert.equal(decision, "EmergencyActionInfrastructure");
      assert.ok(subjects[0]?.kind === "securityGroup");
      assert.equal(subjects[0].rules.length, wanted);
    });
  }

  it("a rule from a prefix list in trustedCidrs is none, and one beside it counts", () => {
    const from = (...prefixListIds: string[]) =>
      ec2("AuthorizeSecurityGroupIngress", {
        groupId: "sg-1",
        ipPermissions: {
          items: [
            {
              ipProtocol: "tcp",
              fromPort: 22,
              toPort: 22,
              prefixListIds: { items: prefixListIds.map((prefixListId) => ({ prefixListId })) },
            },
          ],
        },
      });
    const trusting = { trustedLists: ["pl-1"] };
    assert.equal(judge(from("pl-1"), trusting).decision, "Ignore");
    assert.equal(judge(from("pl-1", "pl-2"), trusting).decision, "EmergencyActionInfrastructure");
    assert.equal(judge(from("pl-1")).decision, "EmergencyActionInfrastructure");
  });

  const changed = (name: string, request: object) =>
    ec2(`${name}ManagedPrefixList`, { [`${name}ManagedPrefixListRequest`]: request });
  const world = { Cidr: "0.0.0.0/0", tag: 1 };
  const listed: [name: string, record: object, expected: object | RegExp][] = [
    [
      "one entry, which stands alone",
      changed("Modify", { PrefixListId: "pl-1", AddEntry: world }),
      { adds: ["0.0.0.0/0"] },
    ],
    [
      "pieces that are large only together",
      changed("Modify", {
        PrefixListId: "pl-1",
        AddEntry: [{ Cidr: "8.0.0.0/9" }, { Cidr: "8.128.0.0/9" }],
      }),
      { adds: ["8.0.0.0/9", "8.128.0.0/9"] },
    ],
    [
      "an entry that cannot be read",
      changed("Modify", { PrefixListId: "pl-1", AddEntry: { Cidr: 7 } }),
      { adds: ["unknown"] },
    ],
    [
      "the form of most records",
      ec2("ModifyManagedPrefixList", {
        prefixListId: "pl-1",
        addEntries: items({ cidr: "::/0" }),
      }),
      { adds: ["::/0"] },
    ],
    [
      "a new list, which its answer names",
      ec2(
        "CreateManagedPrefixList",
        { CreateManagedPrefixListRequest: { Entry: world } },
        { CreateManagedPrefixListResponse: { prefixList: { prefixListId: "pl-1" } } },
      ),
      { adds: ["0.0.0.0/0"] },
    ],
    [
      "a former version",
      ec2("RestoreManagedPrefixListVersion", { prefixListId: "pl-1", previousVersion: 3 }),
      { adds: [], version: 3 },
    ],
    [
      "an office",
      changed("Modify", { PrefixListId: "pl-1", AddEntry: { Cidr: "203.0.113.0/24" } }),
      /no large part/,
    ],
    [
      "entries that only go",
      changed("Modify", { PrefixListId: "pl-1", RemoveEntry: world }),
      /no large part/,
    ],
    ["no list named", ec2("RestoreManagedPrefixListVersion", {}), /names no prefix list/],
  ];
  for (const [name, record, expected] of listed) {
    it(`a changed prefix list: ${name}`, () => {
      const { decision, subjects, reason } = judge(record);
      if (expected instanceof RegExp) {
        assert.equal(decision, "Ignore");
        assert.match(reason, expected);
      } else {
        const subject = { kind: "prefixList", id: "pl-1", ...expected };
        assert.deepEqual([decision, subjects], ["EmergencyActionInfrastructure", [subject]]);
      }
    });
  }

  it("tells the look of rules that alone prove nothing, the large ones first, once it is short", () => {
    const told = (record: object) =>
      judge(record).subjects.map((one) => one.kind === "securityGroup" && one.told);
    const half = { protocol: "tcp", fromPort: 22, toPort: 22, source: "128.0.0.0/1" };
    const stored = {
      securityGroupRuleId: "sgr-1",
      ipProtocol: "tcp",
      fromPort: 22,
      toPort: 22,
      cidrIpv4: "128.0.0.0/1",
    };
    const request = { ipPermissions: items(range("128.0.0.0/1")) };
    assert.deepEqual(told(authorize(request, { securityGroupRuleSet: items(stored) })), [
      [{ id: "sgr-1", ...half }],
    ]);
    assert.deepEqual(told(authorize(request)), [[half]]);
    const web = { ...range("0.0.0.0/1"), fromPort: 443, toPort: 443 };
    const list = { ...range(""), ipRanges: {}, prefixListIds: items({ prefixListId: "pl-1" }) };
    const many = Array.from({ length: 200 }, (_, n) => range(`198.51.100.${n}/32`));
    const [facts] = told(
      authorize({ ipPermissions: items(web, ...many, list, range("128.0.0.0/1")) }),
    );
    assert.ok(facts);
    assert.deepEqual([facts.slice(0, 2), facts.length], [[{ ...half, source: "pl-1" }, half], 100]);
    const proved = { securityGroupRuleSet: items({ ...stored, cidrIpv4: "0.0.0.0/0" }) };
    assert.deepEqual(told(authorize({}, proved)), [undefined]);
  });

  it("looks at a modified rule whose ports the record leaves out", () => {
    const change = { IpProtocol: "tcp", CidrIpv4: "0.0.0.0/0" };
    const { subjects } = judge(
      modified({ SecurityGroupRuleId: "sgr-1", SecurityGroupRule: change }),
    );
    assert.deepEqual(subjects, [{ kind: "securityGroup", groupId: "sg-1", rules: [] }]);
  });
});

describe("groups that are put on interfaces", () => {
  const groups = (...ids: unknown[]) => ({ items: ids.map((groupId) => ({ groupId })) });
  const attached = (groupIds: string[], holders: string[]) => [
    { kind: "attachedGroups", groupIds, holders },
  ];
  const recorded: [file: string, groupIds: string[], holders: string[]][] = [
    ["CreateNetworkInterface-invictus.json", ["sg-0b233157065b7d5e2"], ["eni-076fa9fb98a2500a7"]],
    ["CreateNetworkInterface-invictus-2.json", ["sg-0a1ae80d31d1e9c86"], ["eni-0938d805949b4e134"]],
    ["RunInstances-invictus.json", ["sg-0b233157065b7d5e2"], ["i-0dbc91f429e48eeed"]],
    [
      "RunInstances-panther-aws_ec2_vulnerable_xz_image_launched.json",
      ["sg-00000000000000000"],
      ["i-00000000000000000"],
    ],
    ["ModifyNetworkInterfaceAttribute-SHAPE.json", ["sg-11111111"], ["eni-aaaaaaaa"]],
    ["ModifyInstanceAttribute-SHAPE.json", ["sg-0123456789abcdef0"], ["i-0123456789abcdef0"]],
  ];
  for (const [file, groupIds, holders] of recorded) {
    it(`are all named, with what got them: ${file}`, () => {
      assert.deepEqual(judge(fixture(file)).subjects, attached(groupIds, holders));
    });
  }

  const cases: [name: string, record: object, groupIds: string[], holders: string[]][] = [
    [
      "of every instance and of each of its interfaces, once",
      ec2(
        "RunInstances",
        {},
        {
          groupSet: {},
          instancesSet: {
            items: [
              { instanceId: "i-1", groupSet: groups("sg-3", "sg-1") },
              {
                instanceId: "i-2",
                groupSet: groups("sg-1"),
                networkInterfaceSet: { items: [{ groupSet: groups("sg-1", "sg-2") }] },
              },
            ],
          },
        },
      ),
      ["sg-1", "sg-2", "sg-3"],
      ["i-1", "i-2"],
    ],
    [
      "of the request, where the response was left out",
      ec2(
        "RunInstances",
        {
          groupSet: groups("sg-1"),
          networkInterfaceSet: { items: [{ groupSet: groups("sg-2") }] },
        },
        { omitted: true, reason: "responseElements too large" },
      ),
      ["sg-1", "sg-2"],
      [],
    ],
    [
      "of the response, where the request was left out",
      ec2(
        "CreateNetworkInterface",
        { omitted: true },
        { networkInterface: { networkInterfaceId: "eni-1", groupSet: groups("sg-1") } },
      ),
      ["sg-1"],
      ["eni-1"],
    ],
    [
      "as far as they can be read",
      ec2("ModifyInstanceAttribute", {
        instanceId: 7,
        groupSet: groups(null, 7, "sg-\u0007", "sg-1"),
      }),
      ["sg-1"],
      [],
    ],
    [
      "where one stands alone",
      ec2("ModifyNetworkInterfaceAttribute", {
        networkInterfaceId: "eni-1",
        groupSet: { items: { groupId: "sg-1" } },
      }),
      ["sg-1"],
      ["eni-1"],
    ],
  ];
  for (const [name, record, groupIds, holders] of cases) {
    it(`are looked at: ${name}`, () => {
      const { decision, subjects } = judge(record);
      assert.deepEqual(
        [decision, subjects],
        ["EmergencyActionInfrastructure", attached(groupIds, holders)],
      );
    });
  }

  const changes: [name: string, record: object][] = [
    [
      "of an interface",
      ec2("ModifyNetworkInterfaceAttribute", { networkInterfaceId: "eni-1", groupSet: {} }),
    ],
    ["of an instance", ec2("ModifyInstanceAttribute", { instanceId: "i-1", sourceDestCheck: {} })],
    ["of nothing", ec2("ModifyInstanceAttribute", null)],
  ];
  for (const [name, record] of changes) {
    it(`are not in another attribute ${name}`, () => {
      const { decision, reason, alert } = judge(record);
      assert.deepEqual(
        [decision, reason, alert],
        ["Ignore", "the record changes no security group", undefined],
      );
    });
  }

  const unreadable: [record: object, label: string][] = [
    [ec2("RunInstances", {}, { omitted: true }), "new instances"],
    [ec2("RunInstances", { groupSet: "sg-1" }, { instancesSet: [[], null] }), "new instances"],
    [
      ec2("RunInstances", {}, { instancesSet: { items: [{ instanceId: "i-1", groupSet: 7 }] } }),
      "i-1",
    ],
    [ec2("CreateNetworkInterface", {}, { networkInterface: [] }), "a new network interface"],
    [ec2("ModifyNetworkInterfaceAttribute", { groupSet: "sg-1" }), "a network interface"],
    [ec2("ModifyInstanceAttribute", { groupSet: { items: [{}] } }), "an instance"],
  ];
  for (const [record, label] of unreadable) {
    it(`are a person's to look for, where the record does not tell: ${JSON.stringify(record)}`, () => {
      const { decision, reason, alert } = judge(record);
      assert.deepEqual(
        [decision, reason, alert],
        [
          "Ignore",
          `the record names no security group of ${label}`,
          `Which security groups ${label} got, the record does not tell: look whether one opens SSH to the world.`,
        ],
      );
    });
  }

  it("concern nobody where a trusted actor put them there", () => {
    const record = ec2("ModifyInstanceAttribute", { groupSet: groups("sg-1") });
    const { decision } = judge(record, { trustedActors: ["arn:aws:iam::*:user/mallory"] });
    assert.equal(decision, "Ignore");
  });

  it("leave the caller alone, whatever containActor says: a look may find nothing", () => {
    const record = ec2("ModifyInstanceAttribute", { groupSet: groups("sg-1") });
    const { subjects, alert } = judge(record, { containActor: true });
    assert.deepEqual([subjects, alert], [attached(["sg-1"], []), undefined]);
  });
});

describe("settings", () => {
  const grant = (userName: string) => iam("AttachUserPolicy", { userName, policyArn: ADMIN });
  const newKey = iam("CreateAccessKey", { userName: "bob" });

  it("newCredentials always proves, never ignores", () => {
    const [subject] = judge(newKey, { newCredentials: "always" }).subjects;
    assert.ok(subject?.kind === "user" && subject.proved);
    assert.equal(judge(newKey, { newCredentials: "never" }).decision, "Ignore");
    const renamed = iam("UpdateGroup", { groupName: "g", newGroupName: "h" });
    assert.deepEqual(judge(renamed, { newCredentials: "always" }).subjects, [
      { kind: "group", name: "h", proved: false, denies: false, always: true },
    ]);
    assert.equal(judge(renamed, { newCredentials: "never" }).decision, "Ignore");
  });

  it("a protected principal is ignored, with an alert", () => {
    const { decision, alert } = judge(grant("break-glass"));
    assert.equal(decision, "Ignore");
    assert.match(alert ?? "", /break-glass/);
  });

  it("a protected user stays so under a new name, and whoever takes his name is an alert", () => {
    for (const [userName, newUserName] of [
      ["break-glass", "x"],
      ["mallory", "break-glass"],
    ]) {
      const { decision, alert } = judge(iam("UpdateUser", { userName, newUserName }));
      assert.equal(decision, "Ignore");
      assert.match(alert ?? "", /^User break-glass is protected and was not contained, although/);
    }
  });

  it("a user whom AWS quarantines is contained, admin or not, exempt or not, whoever says so", () => {
    const subjects = [{ kind: "user", name: "bob", proved: true }];
    for (const version of ["", "V2", "V3"]) {
      const policyArn = `arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine${version}`;
      const record = iam("AttachUserPolicy", { userName: "bob", policyArn });
      const byAws = { ...record, userIdentity: { type: "AWSService" } };
      for (const one of [record, byAws]) {
        const { decision, subjects: contained, reason } = judge(one, exempt("bob"));
        assert.equal(decision, "EmergencyActionAccount");
        assert.deepEqual(contained, subjects);
        assert.match(reason, /^user bob is quarantined/);
      }
    }
    for (const policyArn of [
      "arn:aws:iam::123456789012:policy/AWSCompromisedKeyQuarantineV2",
      "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2Not",
    ]) {
      const { subjects: looked } = judge(iam("AttachUserPolicy", { userName: "bob", policyArn }));
      assert.ok(looked.every((one) => one.kind === "user" && !one.proved));
    }
  });

  it("a trusted role counts by its own ARN and by its session's", () => {
    const record = { ...grant("bob"), userIdentity: PIPELINE };
    for (const pattern of [
      "arn:aws:iam::*:role/ci/pipeline",
      "arn:aws:sts::*:assumed-role/pipeline/*",
    ]) {
      assert.equal(judge(record, { trustedActors: [pattern] }).decision, "Ignore");
    }
    assert.equal(
      judge(record, { trustedActors: ["arn:aws:iam::*:role/other"] }).decision,
      "EmergencyActionAccount",
    );
  });

  describe("in another case than the owner wrote", () => {
    const decisionOf = (record: unknown, settings: Partial<IncidentSettings> = {}) =>
      judge(record, settings).decision;

    it("a user is none of applicationUsers, whose role could not touch him", () => {
      assert.equal(decisionOf(grant("app-evil")), "EmergencyActionApplication");
      assert.equal(decisionOf(grant("APP-evil")), "EmergencyActionAccount");
    });

    it("a caller is none of trustedActors", () => {
      const trustedActors = ["arn:aws:iam::123456789012:user/mal*"];
      const capital = { ...MALLORY, arn: "arn:aws:iam::123456789012:user/MALLORY" };
      assert.equal(decisionOf(grant("bob"), { trustedActors }), "Ignore");
      assert.equal(
        decisionOf({ ...grant("bob"), userIdentity: capital }, { trustedActors }),
        "EmergencyActionAccount",
      );
    });

    it("a protected user is protected, whose name nobody else can have", () => {
      const { decision, alert } = judge(grant("Break-GLASS"));
      assert.equal(decision, "Ignore");
      assert.match(String(alert), /^User break-glass is protected and was not contained/);
    });

    it("an exempt user is exempt, and an exempt policy is not", () => {
      const terms = { rule: "admin-user" as const, owner: "o", reason: "r", expires: "2026-12-31" };
      const exempt = (subject: string) => ({ exemptions: [{ ...terms, subject }] });
      assert.equal(decisionOf(grant("BOB"), exempt("bob")), "Ignore");
      assert.equal(decisionOf(grant("bob"), exempt(ADMIN)), "Ignore");
      assert.equal(decisionOf(grant("bob"), exempt(ADMIN.toUpperCase())), "EmergencyActionAccount");
    });

    it("a role is trusted by its whole name, and not by a pattern; Tourniquet's own stay its own", () => {
      const toRole = (roleName: string) => iam("AttachRolePolicy", { roleName, policyArn: ADMIN });
      const trusting = (pattern: string) => ({
        containRoles: true,
        trustedActors: [`arn:aws:iam::123456789012:role/${pattern}`],
      });
      assert.deepEqual(
        [
          decisionOf(toRole("CI-Deploy"), trusting("ci-deploy")),
          decisionOf(toRole("ci-x"), trusting("ci-*")),
          decisionOf(toRole("CI-x"), trusting("ci-*")),
          decisionOf(toRole("TOURNIQUET-lab-report"), { containRoles: true }),
        ],
        ["Ignore", "Ignore", "EmergencyActionAccount", "Ignore"],
      );
    });

    it("a role that may be AWS's own is looked at first", () => {
      const { subjects } = judge(
        iam("AttachRolePolicy", { roleName: "awsreservedsso_x", policyArn: ADMIN }),
        { containRoles: true },
      );
      assert.deepEqual(
        subjects.map((one) => "proved" in one && one.proved),
        [false],
      );
    });
  });

  it("Tourniquet's own roles count by their whole name", () => {
    const own = (name: string) => ({
      ...grant("bob"),
      userIdentity: {
        type: "AssumedRole",
        sessionContext: { sessionIssuer: { arn: `arn:aws:iam::1:role/${name}` } },
      },
    });
    assert.equal(judge(own("tourniquet-lab-StripAccount")).reason, "Tourniquet's own call");
    assert.equal(judge(own("tourniquet-lab-StripAccount-evil")).decision, "EmergencyActionAccount");
  });

  it("an application user takes the application branch, with its own stolen key", () => {
    const actor = { ...MALLORY, userName: "app-shop" };
    const { decision, subjects } = judge({ ...grant("app-shop"), userIdentity: actor });
    assert.equal(decision, "EmergencyActionApplication");
    assert.ok(subjects[0]?.kind === "applicationUser");
    assert.equal(subjects[0].actorKeyId, MALLORY.accessKeyId);
    assert.equal(
      judge(iam("CreateAccessKey", { userName: "app-shop" })).decision,
      "EmergencyActionApplication",
    );
  });

  const exempt = (
    subject: string,
    expires = "2026-06-01",
    rule: "admin-user" | "ssh-open-to-world" = "admin-user",
  ) => ({
    exemptions: [{ rule, subject, owner: "o", reason: "r", expires }],
  });
  it("an exemption counts by user, group, policy and security group, through its last day", () => {
    assert.equal(judge(grant("bob"), exempt("bob")).decision, "Ignore");
    assert.equal(judge(grant("bob"), exempt(ADMIN)).decision, "Ignore");
    assert.equal(
      judge(iam("AddUserToGroup", { userName: "bob", groupName: "g" }), exempt("group/g")).decision,
      "Ignore",
    );
    assert.equal(
      judge(iam("AttachGroupPolicy", { groupName: "g", policyArn: ADMIN }), exempt("group/g"))
        .decision,
      "Ignore",
    );
    assert.equal(
      judge(iam("SetDefaultPolicyVersion", { policyArn: "arn:x" }), exempt("arn:x")).decision,
      "Ignore",
    );
    assert.match(judge(newKey, exempt("bob")).alert ?? "", /exempt/);
    const open = ec2("AuthorizeSecurityGroupIngress", {
      groupId: "sg-1",
      ipProtocol: "-1",
      cidrIp: "0.0.0.0/0",
    });
    assert.equal(judge(open, exempt("sg-1", undefined, "ssh-open-to-world")).decision, "Ignore");
    const named = {
      ...open,
      requestParameters: { groupName: "web", ipProtocol: "-1", cidrIp: "0.0.0.0/0" },
    };
    assert.equal(
      judge(named, exempt("web", undefined, "ssh-open-to-world")).decision,
      "EmergencyActionInfrastructure",
    );
  });

  it("an expired exemption exempts nothing, and the reason says so", () => {
    const { decision, reason } = judge(grant("bob"), exempt("bob", "2026-05-31"));
    assert.equal(decision, "EmergencyActionAccount");
    assert.match(reason, /expired/);
  });
});

describe("records that say too little, or too much", () => {
  it("one's own MFA device, and root's own key, are alerts", () => {
    assert.match(judge(iam("EnableMFADevice", null)).alert ?? "", /mallory/);
    const root = {
      type: "Root",
      arn: "arn:aws:iam::123456789012:root",
      invokedBy: "signin.amazonaws.com",
    };
    assert.match(
      judge(iam("CreateAccessKey", null, { userIdentity: root })).alert ?? "",
      /AssumeRoot/,
    );
    const service = { type: "AWSService", invokedBy: "x.amazonaws.com" };
    assert.equal(judge(iam("CreateAccessKey", null, { userIdentity: service })).decision, "Ignore");
  });

  it("a failed call is ignored", () => {
    assert.match(
      judge({ ...iam("AttachUserPolicy", {}), errorCode: "AccessDenied" }).reason,
      /AccessDenied/,
    );
  });

  const omitted = { omitted: true, originalSize: 131072, reason: "requestParameters too large" };

  it("omitted parameters are an alert, and what the response names is looked at", () => {
    const key = judge(
      iam("CreateAccessKey", omitted, { responseElements: { accessKey: { userName: "bob" } } }),
    );
    assert.equal(key.decision, "EmergencyActionAccount");
    assert.match(key.alert ?? "", /too large/);
    const root = judge(
      iam("CreateAccessKey", omitted, {
        userIdentity: { type: "Root" },
        responseElements: omitted,
      }),
    );
    assert.match(root.alert ?? "", /too large/);
  });

  const unnamed = [
    "AttachUserPolicy",
    "PutUserPolicy",
    "AddUserToGroup",
    "DetachUserPolicy",
    "DeleteUserPolicy",
    "RemoveUserFromGroup",
    "PutUserPermissionsBoundary",
    "DeleteUserPermissionsBoundary",
    "AttachGroupPolicy",
    "PutGroupPolicy",
    "DetachGroupPolicy",
    "DeleteGroupPolicy",
    "CreatePolicyVersion",
    "SetDefaultPolicyVersion",
  ];
  const at = { sourceIPAddress: "198.51.100.7", eventTime: NOW };
  const { accessKeyId, userName: name } = MALLORY;
  const caller = { kind: "user", name, proved: false, accessKeyId };
  for (const event of unnamed) {
    it(`${event} that does not tell whose rights it changed has the caller looked at`, () => {
      const from = `IAM user mallory made the call from 198.51.100.7 at ${NOW}: look at what it changed.`;
      for (const [parameters, lacks] of [
        [
          omitted,
          `CloudTrail left out the parameters of ${event} because they are too large, which a policy padded with white space does`,
        ],
        [null, `The record of ${event} has no parameters`],
        [undefined, `The record of ${event} has no parameters`],
      ] as const) {
        const { decision, subjects, reason, alert } = judge(iam(event, parameters, at));
        assert.deepEqual(
          { decision, subjects, reason, alert },
          {
            decision: "EmergencyActionAccount",
            subjects: [caller],
            reason: `the record of ${event} does not tell whose rights it changed, and user mallory, who made the call, may have given them to himself`,
            alert: `${lacks}: whose rights it changed is not known. ${from}`,
          },
        );
      }
    });
  }

  it("a call that names nobody spares a caller whom the owner spares, and is an alert all the same", () => {
    const put = iam("PutUserPolicy", omitted, at);
    const exemption = {
      rule: "admin-user",
      subject: "mallory",
      owner: "o",
      reason: "r",
      expires: "2099-01-01",
    } as const;
    const spared: [Partial<IncidentSettings>, Decision][] = [
      [{ protectedPrincipals: ["mallory"] }, "Ignore"],
      [{ exemptions: [exemption] }, "Ignore"],
      [{ applicationUsers: ["mallory"] }, "EmergencyActionApplication"],
    ];
    for (const [settings, wanted] of spared) {
      const { decision, alert, subjects } = judge(put, settings);
      assert.equal(decision, wanted);
      assert.ok(subjects.every((one) => "proved" in one && !one.proved));
      assert.match(alert ?? "", /whose rights it changed is not known/);
    }
    const trusted = judge(put, { trustedActors: [MALLORY.arn] });
    assert.deepEqual([trusted.decision, trusted.alert], ["Ignore", undefined]);
  });

  it("a call that names nobody is an alert where no IAM user made it, or a role was changed", () => {
    for (const record of [
      iam("PutUserPolicy", omitted, { ...at, userIdentity: PIPELINE }),
      iam("PutUserPolicy", null, { ...at, userIdentity: { type: "Root", arn: "root" } }),
      iam("PutRolePolicy", omitted, at),
      iam("CreateRole", omitted, at),
    ]) {
      const { decision, alert } = judge(record);
      assert.equal(decision, "Ignore");
      assert.match(alert ?? "", /made the call from 198\.51\.100\.7/);
    }
    assert.deepEqual(judge(iam("PutUserPolicy", { userName: "" }, at)).alert, undefined);
  });

  const hostile: unknown[] = [
    undefined,
    null,
    "text",
    7,
    [],
    {},
    { eventSource: "iam.amazonaws.com", eventName: "constructor" },
    { eventSource: "iam.amazonaws.com", eventName: "__proto__" },
    { eventSource: "ec2.amazonaws.com", eventName: "toString" },
    iam("AttachUserPolicy", { userName: "a\u0000b", policyArn: ADMIN }),
    iam("AttachUserPolicy", { userName: "x".repeat(5000), policyArn: ADMIN }),
    iam("AttachUserPolicy", { userName: "", policyArn: ADMIN }),
    iam("AttachUserPolicy", JSON.parse('{"__proto__":{"userName":"x"},"policyArn":"a"}')),
  ];
  for (const [index, record] of hostile.entries()) {
    it(`hostile record ${index} is ignored with a reason`, () => {
      const { decision, reason } = judge(record);
      assert.equal(decision, "Ignore");
      assert.ok(reason.length > 0);
    });
  }

  it("a nesting that JSON cannot write is cut", () => {
    let deep: unknown = "x";
    for (let depth = 0; depth < 50_000; depth++) deep = [deep];
    const { decision, record } = judge(
      iam("AttachUserPolicy", { userName: "bob", policyArn: ADMIN, deep }),
    );
    assert.equal(decision, "EmergencyActionAccount");
    assert.deepEqual((record as Fields).requestParameters, { cut: true });
  });

  it("a reader that throws is an alert and not an exception", () => {
    const trap = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error("trap");
        },
      },
    );
    assert.match(judge(iam("AttachUserPolicy", trap)).alert ?? "", /could not be classified/);
  });

  for (const secret of [
    "secretAccessKey",
    "sessionToken",
    "password",
    "oldPassword",
    "newPassword",
    "servicePassword",
    "serviceSpecificPassword",
    "serviceCredentialSecret",
    "authenticationCode1",
    "authenticationCode2",
    "base32StringSeed",
    "qRCodePNG",
    "privateKey",
    "keyMaterial",
    "secretString",
    "secretBinary",
  ]) {
    it(`evidence hides ${secret}, whatever it is written as, and nothing beside it`, () => {
      const made = (value: unknown) => ({
        list: [{ [secret]: value, [secret.toUpperCase()]: value, status: "Active" }],
      });
      for (const value of ["s3cr3t", 123456, ["s3cr3t"], { text: "s3cr3t" }]) {
        const { record } = judge(
          iam("CreateAccessKey", made(value), { responseElements: made(value) }),
        );
        const { requestParameters, responseElements } = record as Fields;
        assert.deepEqual(
          [requestParameters, responseElements],
          [made("(hidden)"), made("(hidden)")],
        );
      }
    });
  }

  it("256 KB of record become at most 32 KB of evidence, without secrets", () => {
    const big = iam(
      "PutUserPolicy",
      { userName: "bob", policyDocument: "x".repeat(256_000) },
      { responseElements: { secretAccessKey: "s3cr3t" } },
    );
    const { record } = judge(big);
    assert.ok(Buffer.byteLength(JSON.stringify(record)) <= 32 * 1024);
    assert.doesNotMatch(JSON.stringify(record), /s3cr3t/);
    const wide = {
      ...iam("PutUserPolicy", {}),
      ...Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, "y".repeat(900)])),
    };
    assert.ok(Buffer.byteLength(JSON.stringify(judge(wide).record)) <= 32 * 1024);
  });

  it("10,000 generated records always give a decision and never throw", function () {
    this.timeout(60_000);
    const names = Object.values(watchedEvents).flat();
    const keys = [
      "userName",
      "groupName",
      "policyArn",
      "policyDocument",
      "policyName",
      "groupId",
      "ipPermissions",
      "status",
      "omitted",
    ];
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.jsonValue({ maxDepth: 3 }),
    );
    const record = fc.record(
      {
        eventSource: fc.constantFrom("iam.amazonaws.com", "ec2.amazonaws.com"),
        eventName: fc.constantFrom(...names),
        userIdentity: fc.oneof(fc.constant(MALLORY), fc.jsonValue({ maxDepth: 2 })),
        requestParameters: fc.oneof(fc.dictionary(fc.constantFrom(...keys), value), value),
        responseElements: value,
      },
      { requiredKeys: ["eventSource", "eventName"] },
    );
    fc.assert(
      fc.property(record, (one) => {
        const { decision, reason } = judge(one);
        return decision.length > 0 && reason.length > 0;
      }),
      { numRuns: 10_000 },
    );
  });
});
