import assert from "node:assert/strict";
import { breakSessionsActions } from "../../../functions/BreakSessions";
import type { Action, CaseSubject } from "../../../functions/case";
import { emergencyActionAccountActions } from "../../../functions/EmergencyActionAccount";
import { emergencyActionApplicationActions } from "../../../functions/EmergencyActionApplication";
import { emergencyActionInfrastructureActions } from "../../../functions/EmergencyActionInfrastructure";
import { liftSessionBlockActions } from "../../../functions/LiftSessionBlock";
import { narrowOpenSshActions } from "../../../functions/NarrowOpenSsh";
import { actionLines, effects } from "../../../functions/report/actions";
import { stripAccountActions } from "../../../functions/StripAccount";
import { ADMIN, caseOf, DENY_ALL, TEAM } from "../given";

function action(call: string, subject: string, input: Action["input"], over?: Partial<Action>) {
  const at = "2026-06-01T12:00:01.000Z";
  return { call, subject, input, outcome: "done" as const, at, ...over };
}

const bob = (call: string, input: Action["input"] = {}) => action(`iam:${call}`, "user bob", input);
const devs = (call: string, input: Action["input"]) => action(`iam:${call}`, "group devs", input);
const web = (call: string, input: Action["input"]) => action(`iam:${call}`, "role web", input);
const acl = (call: string, input: Action["input"]) => action(`ec2:${call}`, "acl-1", input);

const lines: [action: Action, line: string][] = [
  [
    bob("AttachUserPolicy", { PolicyArn: DENY_ALL }),
    "user bob: denied everything, by AWSDenyAll (iam:AttachUserPolicy)",
  ],
  [
    bob("PutUserPermissionsBoundary", { PermissionsBoundary: DENY_ALL }),
    "user bob: denied everything, by the boundary AWSDenyAll (iam:PutUserPermissionsBoundary)",
  ],
  [
    web("AttachRolePolicy", { PolicyArn: DENY_ALL }),
    "role web: denied everything, by AWSDenyAll (iam:AttachRolePolicy)",
  ],
  [
    web("PutRolePermissionsBoundary", { PermissionsBoundary: DENY_ALL }),
    "role web: denied everything, by the boundary AWSDenyAll (iam:PutRolePermissionsBoundary)",
  ],
  [
    bob("DetachUserPolicy", { PolicyArn: ADMIN }),
    "user bob: policy AdministratorAccess detached (iam:DetachUserPolicy)",
  ],
  [
    devs("DetachGroupPolicy", { PolicyArn: "arn:aws-cn:iam::aws:policy/job-function/Billing" }),
    "group devs: policy Billing detached (iam:DetachGroupPolicy)",
  ],
  [
    web("DetachRolePolicy", { PolicyArn: TEAM }),
    `role web: policy ${TEAM} detached (iam:DetachRolePolicy)`,
  ],
  [
    bob("DeleteUserPolicy", { PolicyName: "all" }),
    "user bob: inline policy all deleted (iam:DeleteUserPolicy)",
  ],
  [
    devs("DeleteGroupPolicy", { PolicyName: "all" }),
    "group devs: inline policy all deleted (iam:DeleteGroupPolicy)",
  ],
  [
    web("DeleteRolePolicy", { PolicyName: "all" }),
    "role web: inline policy all deleted (iam:DeleteRolePolicy)",
  ],
  [
    bob("RemoveUserFromGroup", { GroupName: "devs" }),
    "user bob: out of group devs (iam:RemoveUserFromGroup)",
  ],
  [
    bob("UpdateAccessKey", { AccessKeyId: "AKIA1" }),
    "user bob: access key AKIA1 inactive (iam:UpdateAccessKey)",
  ],
  [
    bob("DeleteAccessKey", { AccessKeyId: "AKIA1" }),
    "user bob: access key AKIA1 deleted (iam:DeleteAccessKey)",
  ],
  [bob("CreateAccessKey"), "user bob: new access key made (iam:CreateAccessKey)"],
  [bob("DeleteLoginProfile"), "user bob: password deleted (iam:DeleteLoginProfile)"],
  [
    bob("UpdateSSHPublicKey", { SSHPublicKeyId: "APKA1" }),
    "user bob: SSH key APKA1 inactive (iam:UpdateSSHPublicKey)",
  ],
  [
    bob("UpdateServiceSpecificCredential", { ServiceSpecificCredentialId: "ACCA1" }),
    "user bob: service-specific credential ACCA1 inactive (iam:UpdateServiceSpecificCredential)",
  ],
  [
    bob("UpdateSigningCertificate", { CertificateId: "TA1" }),
    "user bob: signing certificate TA1 inactive (iam:UpdateSigningCertificate)",
  ],
  [
    bob("DeactivateMFADevice", { SerialNumber: "GAHT1" }),
    "user bob: MFA device GAHT1 deactivated (iam:DeactivateMFADevice)",
  ],
  [
    action("secretsmanager:CreateSecret", "lab/application/bob", {}),
    "lab/application/bob: secret made, with the new access key (secretsmanager:CreateSecret)",
  ],
  [
    action("secretsmanager:PutSecretValue", "lab/application/bob", {}),
    "lab/application/bob: new access key put into the secret (secretsmanager:PutSecretValue)",
  ],
  [
    action("ec2:RevokeSecurityGroupIngress", "sg-1", {
      GroupId: "sg-1",
      SecurityGroupRuleIds: ["sgr-1", "sgr-2", "sgr-3", "sgr-4"],
    }),
    "sg-1: rule sgr-1 (tcp 22 from 0.0.0.0/0), sgr-2 (tcp 20-25 from ::/0), sgr-3 (every protocol from pl-1), sgr-4 revoked (ec2:RevokeSecurityGroupIngress)",
  ],
  [
    action("ec2:AuthorizeSecurityGroupIngress", "sg-1", {
      GroupId: "sg-1",
      IpPermissions: [
        { IpProtocol: "tcp", FromPort: 23, ToPort: 25, IpRanges: [{ CidrIp: "0.0.0.0/0" }] },
        { IpProtocol: "icmpv6", FromPort: -1, ToPort: -1, Ipv6Ranges: [{ CidrIpv6: "::/0" }] },
        { IpProtocol: "tcp", FromPort: 22, ToPort: 22, PrefixListIds: [{ PrefixListId: "pl-1" }] },
      ],
    }),
    "sg-1: added tcp 23-25 from 0.0.0.0/0, icmpv6 from ::/0, tcp 22 from pl-1 (ec2:AuthorizeSecurityGroupIngress)",
  ],
  [
    action("ec2:AuthorizeSecurityGroupIngress", "sg-1", {
      IpPermissions: [...Array(12).keys()].map((port) => ({
        IpProtocol: "tcp",
        FromPort: port,
        ToPort: port,
        PrefixListIds: [{ PrefixListId: "pl-1" }],
      })),
    }),
    `sg-1: added ${[...Array(10).keys()].map((port) => `tcp ${port} from pl-1`).join(", ")} and 2 more (ec2:AuthorizeSecurityGroupIngress)`,
  ],
  [
    acl("CreateNetworkAclEntry", {
      RuleNumber: 98,
      RuleAction: "deny",
      CidrBlock: "0.0.0.0/0",
      PortRange: { From: 22, To: 22 },
    }),
    "acl-1: entry 98 made: deny port 22 from 0.0.0.0/0 (ec2:CreateNetworkAclEntry)",
  ],
  [
    acl("CreateNetworkAclEntry", { RuleNumber: 97, RuleAction: "allow", Ipv6CidrBlock: "::/0" }),
    "acl-1: entry 97 made: allow from ::/0 (ec2:CreateNetworkAclEntry)",
  ],
  [
    acl("DeleteNetworkAclEntry", { RuleNumber: 98 }),
    "acl-1: entry 98 taken off (ec2:DeleteNetworkAclEntry)",
  ],
  [action("iam:SomethingNew", "user bob", {}), "user bob: iam:SomethingNew"],
];

/** As a record tells a rule, and as EC2 does. */
const rules = [
  { id: "sgr-1", protocol: "tcp", fromPort: 22, toPort: 22, source: "0.0.0.0/0" },
  {
    SecurityGroupRuleId: "sgr-2",
    IpProtocol: "tcp",
    FromPort: 20,
    ToPort: 25,
    CidrIpv6: "::/0",
  },
  {
    SecurityGroupRuleId: "sgr-3",
    IpProtocol: "-1",
    FromPort: -1,
    ToPort: -1,
    PrefixListId: "pl-1",
  },
];
const subjects: CaseSubject[] = [{ kind: "securityGroup", groupId: "sg-1", before: { rules } }];

describe("the lines of what was done", () => {
  for (const [one, line] of lines) {
    it(`tells of ${one.call} what it does: ${line.slice(0, 60)}`, () => {
      assert.deepEqual(actionLines(caseOf({ subjects, actions: [one] })), [line]);
    });
  }

  it("knows the effect of every call that a function may make", () => {
    const all = [
      emergencyActionAccountActions,
      stripAccountActions,
      emergencyActionInfrastructureActions,
      narrowOpenSshActions,
      emergencyActionApplicationActions,
      breakSessionsActions,
      liftSessionBlockActions,
    ] as { cuts: string[]; rotation?: string[]; grants?: string[]; roles?: { cuts: string[] } }[];
    const calls = all.flatMap(({ cuts, rotation = [], grants = [], roles }) => [
      ...cuts,
      ...rotation,
      ...grants,
      ...(roles?.cuts ?? []),
    ]);
    assert.ok(calls.length > 20);
    assert.deepEqual(
      calls.filter((call) => !effects[call]),
      [],
    );
  });

  it("says first what was not done, and why, and tells once what came again", () => {
    const key = (over: Partial<Action>) => ({
      ...bob("UpdateAccessKey", { AccessKeyId: "AKIA1" }),
      ...over,
    });
    const actions = [
      key({ outcome: "failed", error: "Throttling: slow" }),
      key({ outcome: "failed", error: "Throttling: slow" }),
      key({ outcome: "full", error: "LimitExceeded: 10" }),
      key({ outcome: "gone", error: "NoSuchEntity: none" }),
      key({ outcome: "would" }),
      key({}),
    ];
    const line = "user bob: access key AKIA1 inactive (iam:UpdateAccessKey)";
    assert.deepEqual(actionLines(caseOf({ actions })), [
      `FAILED: ${line}: Throttling: slow, 2 times`,
      `NO ROOM: ${line}: LimitExceeded: 10`,
      `nothing to take: ${line}: NoSuchEntity: none`,
      `${line}, 2 times`,
    ]);
  });
});
