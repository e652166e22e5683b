import assert from "node:assert/strict";
import type { Action, CaseSubject } from "../../functions/case";
import type { AclEntry } from "../../networkAcl/acl";
import type { CaseFile } from "../../restore/caseFile";
import { takingsOf } from "../../restore/taken";
import {
  ADMIN,
  ALLOW_ALL,
  bareLook,
  caseOf,
  DENY_ALL,
  incident,
  KEY,
  TEAM,
} from "../functions/given";

const SERIAL = "arn:aws:iam::123456789012:mfa/bob";
const MADE_UP: CaseSubject[] = [
  {
    kind: "user",
    name: "bob",
    before: {
      ...bareLook,
      attached: [TEAM],
      inline: [{ name: "own", document: ALLOW_ALL }],
      groups: [{ name: "devs", attached: [], inline: [] }],
      keys: [
        { id: KEY, status: "Active" },
        { id: "AKIA-OFF", status: "Inactive" },
      ],
      sshKeys: [{ id: "APKA1", status: "Active" }],
      serviceCredentials: [{ id: "ACCA1", status: "Active", service: "bedrock.amazonaws.com" }],
      certificates: [{ id: "CERT1", status: "Active" }],
      password: true,
      mfaDevices: [SERIAL],
    },
  },
  { kind: "user", name: "unseen" },
  {
    kind: "role",
    name: "worker",
    before: {
      arn: "arn:aws:iam::123456789012:role/worker",
      attached: [TEAM],
      inline: [{ name: "own", document: ALLOW_ALL }],
      trust: "%7B%7D",
      instanceProfiles: [],
      documents: [],
    },
  },
  { kind: "group", name: "devs", policyArn: TEAM, before: { members: ["bob"] } },
  {
    kind: "group",
    name: "ops",
    policyName: "own",
    before: { members: ["bob"], document: ALLOW_ALL },
  },
  {
    kind: "policy",
    arn: ADMIN,
    before: { users: ["eve"], groups: ["admins"], roles: [], keepers: [] },
  },
  { kind: "securityGroup", groupId: "sg-1", before: { rules: [] } },
  {
    kind: "networkAcl",
    aclId: "acl-1",
    before: { entries: [] },
    block: { add: [], move: [] },
    until: "2026-06-01T13:00:00.000Z",
  },
];

const DENY_SSH: AclEntry = {
  number: 99,
  egress: false,
  action: "deny",
  protocol: "6",
  cidr: "0.0.0.0/0",
  fromPort: 22,
  toPort: 22,
};

type Try = [call: string, input: Record<string, unknown>];
const bob = { UserName: "bob" };
const off = { ...bob, Status: "Inactive" };
const held: Try[] = [
  ["iam:DetachUserPolicy", { ...bob, PolicyArn: TEAM }],
  ["iam:DeleteUserPolicy", { ...bob, PolicyName: "own" }],
  ["iam:RemoveUserFromGroup", { ...bob, GroupName: "devs" }],
  ["iam:UpdateAccessKey", { ...off, AccessKeyId: KEY }],
  ["iam:UpdateSSHPublicKey", { ...off, SSHPublicKeyId: "APKA1" }],
  ["iam:UpdateServiceSpecificCredential", { ...off, ServiceSpecificCredentialId: "ACCA1" }],
  ["iam:UpdateSigningCertificate", { ...off, CertificateId: "CERT1" }],
  ["iam:DeleteAccessKey", { ...bob, AccessKeyId: KEY }],
  ["iam:DeleteLoginProfile", bob],
  ["iam:DeactivateMFADevice", { ...bob, SerialNumber: SERIAL }],
  ["iam:DetachRolePolicy", { RoleName: "worker", PolicyArn: TEAM }],
  ["iam:DeleteRolePolicy", { RoleName: "worker", PolicyName: "own" }],
  ["iam:DetachGroupPolicy", { GroupName: "devs", PolicyArn: TEAM }],
  ["iam:DeleteGroupPolicy", { GroupName: "ops", PolicyName: "own" }],
  ["iam:DetachUserPolicy", { UserName: "eve", PolicyArn: ADMIN }],
  ["iam:DetachGroupPolicy", { GroupName: "admins", PolicyArn: ADMIN }],
  ["ec2:RevokeSecurityGroupIngress", { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-1"] }],
  ["ec2:DeleteNetworkAclEntry", { NetworkAclId: "acl-1", RuleNumber: 1, Egress: false }],
];
const notHeld: Try[] = [
  ["iam:DetachUserPolicy", { ...bob, PolicyArn: ADMIN }],
  ["iam:DetachUserPolicy", { UserName: "unseen", PolicyArn: TEAM }],
  ["iam:DetachUserPolicy", { UserName: "mallory", PolicyArn: TEAM }],
  ["iam:DeleteUserPolicy", { ...bob, PolicyName: "other" }],
  ["iam:RemoveUserFromGroup", { ...bob, GroupName: "ops" }],
  ["iam:UpdateAccessKey", { ...off, AccessKeyId: "AKIA-OFF" }],
  ["iam:UpdateSSHPublicKey", { ...off, SSHPublicKeyId: KEY }],
  ["iam:UpdateServiceSpecificCredential", { ...off, ServiceSpecificCredentialId: "ACCA2" }],
  ["iam:UpdateSigningCertificate", { ...off, CertificateId: "CERT2" }],
  ["iam:DeleteAccessKey", { ...bob, AccessKeyId: "AKIA-NEW" }],
  ["iam:DeleteLoginProfile", { UserName: "unseen" }],
  ["iam:DeactivateMFADevice", { ...bob, SerialNumber: "other" }],
  ["iam:DetachRolePolicy", { RoleName: "worker", PolicyArn: ADMIN }],
  ["iam:DeleteRolePolicy", { RoleName: "worker", PolicyName: "other" }],
  ["iam:DetachGroupPolicy", { GroupName: "devs", PolicyArn: DENY_ALL }],
  ["iam:DeleteGroupPolicy", { GroupName: "ops", PolicyName: "other" }],
  ["iam:DetachUserPolicy", { UserName: "mallory", PolicyArn: ADMIN }],
  ["ec2:RevokeSecurityGroupIngress", { GroupId: "sg-2", SecurityGroupRuleIds: ["sgr-1"] }],
  ["ec2:AuthorizeSecurityGroupIngress", { GroupId: "sg-1", IpPermissions: [] }],
  ["ec2:DeleteNetworkAclEntry", { NetworkAclId: "acl-2", RuleNumber: 1, Egress: false }],
];
/** What the case puts there; nothing of it was there before. */
const put: Try[] = [
  ["iam:AttachUserPolicy", { ...bob, PolicyArn: DENY_ALL }],
  ["iam:PutUserPermissionsBoundary", { ...bob, PermissionsBoundary: DENY_ALL }],
  ["iam:AttachRolePolicy", { RoleName: "worker", PolicyArn: DENY_ALL }],
  ["iam:PutRolePermissionsBoundary", { RoleName: "worker", PermissionsBoundary: DENY_ALL }],
];

function action([call, input]: Try, outcome: Action["outcome"]): Action {
  const at = "2026-06-01T12:00:01.000Z";
  const error = outcome === "failed" ? { error: "TimeoutError: no answer" } : {};
  return { call, subject: "", input, outcome, at, ...error };
}

function fileOf(actions: Action[], over: Partial<CaseFile> = {}): CaseFile {
  const file = caseOf({ subjects: MADE_UP, actions, round: 1, ...over });
  return { ...file, incident: incident([]) };
}

describe("takingsOf", () => {
  it("takes what is done as it is, whatever was there before, and no other outcome so", () => {
    const tries = [...held, ...notHeld, ...put];
    const actions = tries.map((one) => action(one, "done"));
    const others = tries.flatMap((one) => [action(one, "would"), action(one, "full")]);
    assert.deepEqual(
      takingsOf(fileOf([...others, ...actions])),
      actions.map((one) => ({ action: one })),
    );
  });

  const doubts: [Action["outcome"], Try[], string][] = [
    ["gone", held, "the case found it gone, as its own second try does"],
    ["failed", [...held, ...put], "the case's call had failed: TimeoutError: no answer"],
  ];
  for (const [outcome, wanted, doubt] of doubts) {
    for (const one of [...held, ...notHeld, ...put]) {
      const counts = wanted.includes(one);
      it(`${counts ? "counts" : "leaves"} ${outcome} ${one[0]} ${JSON.stringify(one[1])}`, () => {
        const tried = action(one, outcome);
        assert.deepEqual(takingsOf(fileOf([tried])), counts ? [{ action: tried, doubt }] : []);
      });
    }
  }

  const tried = (file: CaseFile) =>
    takingsOf(file).map(({ action: { call, input, outcome }, doubt }) => [
      call,
      input,
      outcome,
      doubt,
    ]);

  it("counts the block of a network ACL that another case made, and the case shares", () => {
    const shares: CaseFile["subjects"] = ["acl-1", "acl-1", "acl-2"].map((aclId) => ({
      kind: "networkAcl",
      aclId,
      before: { entries: [] },
      block: { add: [DENY_SSH], move: [] },
      until: "2026-06-01T13:00:00.000Z",
    }));
    const call = "ec2:CreateNetworkAclEntry";
    const made = action([call, { NetworkAclId: "acl-2" }], "done");
    const file = fileOf([made], { subjects: shares });
    assert.deepEqual(tried(file), [
      [call, { NetworkAclId: "acl-2" }, "done", undefined],
      [call, { NetworkAclId: "acl-1" }, "done", undefined],
    ]);
    assert.deepEqual(tried({ ...fileOf([], { subjects: shares }), mode: "observe" }), []);
  });

  it("counts what a user had, where the case broke off before a look came after its calls", () => {
    const doubt = "the case broke off before it had told what it took";
    const calls = held.slice(0, 10).filter(([call]) => call !== "iam:DeleteAccessKey");
    const noted = action(calls[0] as Try, "done");
    assert.deepEqual(tried(fileOf([noted], { round: 0 })), [
      [...(calls[0] as Try), "done", undefined],
      ...calls.slice(1).map(([call, input]) => [call, input, "failed", doubt]),
    ]);
  });

  it("supposes nothing of a case that only observed", () => {
    assert.deepEqual(tried(fileOf([], { round: 0, mode: "observe" })), []);
  });
});
