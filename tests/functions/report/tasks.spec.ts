import assert from "node:assert/strict";
import { howToEnd, revokeSessions } from "../../../events/role";
import type { Action, CaseSubject } from "../../../functions/case";
import { type Aftermath, tasksAfter } from "../../../functions/report/tasks";
import { caseOf, incident, TEAM } from "../given";

const denyAll = "arn:aws-cn:iam::aws:policy/AWSDenyAll";
const execution = "arn:aws-cn:states:cn-north-1:123456789012:execution:tourniquet-lab:e-1";
const at = "2026-06-01T12:00:01.000Z";
const caseAt = "s3://cases/cases/e-1.json";

function taken(call: string, subject: string, outcome: Action["outcome"] = "done"): Action {
  return { call, subject, input: {}, outcome, at };
}
function failed(call: string, input: Action["input"]): Action {
  return { ...taken(call, `user ${input.UserName}`, "failed"), input };
}
const any = taken("iam:X", "user nobody");

/** Nobody's call, so that the tasks about a caller are not there. */
const notice = incident([], { actor: { type: "AWSService", arn: "unknown" } });

function bySession(path: string) {
  const roleArn = `arn:aws:iam::123456789012:role/${path}`;
  return incident([], { actor: { type: "AssumedRole", arn: "x", roleArn } });
}

function aftermath(subjects: CaseSubject[], over: Partial<Aftermath> = {}): Aftermath {
  const known = caseOf({ subjects, actions: [any] });
  return {
    incident: notice,
    known,
    caseAt,
    execution,
    unfinished: false,
    blocked: false,
    ...over,
  };
}

const user = (name: string): CaseSubject => ({ kind: "user", name });
const lookUp = (name: string) =>
  `aws cloudtrail lookup-events --lookup-attributes '[{"AttributeKey":"Username","AttributeValue":"${name}"}]'`;
const notDenied = (name: string) =>
  `User ${name} is NOT denied: aws iam attach-user-policy --user-name ${name} --policy-arn ${denyAll} ` +
  `(or, where he has ten policies: aws iam put-user-permissions-boundary --user-name ${name} --permissions-boundary ${denyAll})`;
const rerun =
  `Run it again when the cause is gone, which is harmless: aws stepfunctions describe-execution --execution-arn ${execution} --query input --output text > event.json; ` +
  "aws stepfunctions start-execution --state-machine-arn arn:aws-cn:states:cn-north-1:123456789012:stateMachine:tourniquet-lab --input file://event.json";

const block = {
  add: [
    {
      number: 98,
      egress: false,
      action: "allow" as const,
      protocol: "6",
      cidr: "10.0.0.0/8",
      fromPort: 22,
      toPort: 22,
    },
    {
      number: 99,
      egress: false,
      action: "deny" as const,
      protocol: "6",
      cidr: "0.0.0.0/0",
      fromPort: 22,
      toPort: 22,
    },
  ],
  move: [],
};
const acl: CaseSubject = {
  kind: "networkAcl",
  aclId: "acl-1",
  before: { entries: [] },
  block,
  until: "2026-06-01T13:00:00.000Z",
};
const role = {
  kind: "role" as const,
  name: "web",
  before: {
    arn: "arn:aws:iam::123456789012:role/app/web",
    attached: [],
    inline: [],
    trust: "",
    instanceProfiles: [],
    documents: [],
  },
};
const policy = (arn: string): CaseSubject => ({
  kind: "policy",
  arn,
  before: { users: [], groups: [], roles: [], keepers: [] },
});

const cases: [name: string, given: Aftermath, tasks: string[]][] = [
  [
    "a user",
    aftermath([user("bob")]),
    [
      `See what bob did: ${lookUp("bob")}`,
      "Ask the owner of bob for new keys and a new password before anything is given back",
    ],
  ],
  [
    "a user without password and MFA device",
    aftermath([user("bob"), user("eve")], {
      known: caseOf({
        subjects: [user("bob"), user("eve")],
        actions: [
          taken("iam:DeleteLoginProfile", "user bob"),
          taken("iam:DeactivateMFADevice", "user bob"),
          taken("iam:DeleteLoginProfile", "user eve", "gone"),
        ],
      }),
    }),
    [
      `See what bob did: ${lookUp("bob")}`,
      "Ask the owner of bob for new keys and a new password before anything is given back",
      'The password of bob cannot come back: aws iam create-login-profile --user-name bob --password-reset-required --password "$PASSWORD"',
      "The MFA device of bob cannot come back: bob registers it anew",
      `See what eve did: ${lookUp("eve")}`,
      "Ask the owner of eve for new keys and a new password before anything is given back",
    ],
  ],
  [
    "an application user",
    aftermath([
      { kind: "applicationUser", name: "app-1", secret: "lab/application/app-1" },
      { kind: "applicationUser", name: "app-2" },
    ]),
    [
      `See what app-1 did: ${lookUp("app-1")}`,
      "Move the application to the key in the secret lab/application/app-1",
      `See what app-2 did: ${lookUp("app-2")}`,
      "Move the application to the key in the secret that the case names",
    ],
  ],
  [
    "a group",
    aftermath([
      { kind: "group", name: "devs", before: { members: ["bob", "e$ve"] } },
      { kind: "group", name: "empty", before: { members: [] } },
    ]),
    [
      "See what group devs grants now: aws iam list-attached-group-policies --group-name devs; aws iam list-group-policies --group-name devs",
      `See what its members did meanwhile: for U in bob; do ${lookUp("'$U'")}; done`,
      "And the other members, whom the case names: 2 in all",
      "See what group empty grants now: aws iam list-attached-group-policies --group-name empty; aws iam list-group-policies --group-name empty",
    ],
  ],
  [
    "a group of more members than are named",
    aftermath([
      {
        kind: "group",
        name: "devs",
        before: { members: [..."abcdefghijk"] },
      },
    ]),
    [
      "See what group devs grants now: aws iam list-attached-group-policies --group-name devs; aws iam list-group-policies --group-name devs",
      `See what its members did meanwhile: for U in a b c d e f g h i j; do ${lookUp("'$U'")}; done`,
      "And the other members, whom the case names: 11 in all",
    ],
  ],
  [
    "a policy",
    aftermath([policy(TEAM)]),
    [
      `${TEAM} still makes an admin of whoever gets it. Make a good version the default (v1 here), then delete the bad one: aws iam list-policy-versions --policy-arn ${TEAM}; aws iam get-policy-version --policy-arn ${TEAM} --version-id v1; aws iam set-default-policy-version --policy-arn ${TEAM} --version-id v1`,
    ],
  ],
  [
    "a role",
    aftermath([role, { kind: "role", name: "unseen" }]),
    [
      `See who had assumed role web: aws cloudtrail lookup-events --lookup-attributes '[{"AttributeKey":"ResourceName","AttributeValue":"arn:aws:iam::123456789012:role/app/web"}]'`,
      "See who may assume it, which was left as it is: aws iam get-role --role-name web --query Role.AssumeRolePolicyDocument",
      "Give what runs with it another role until it is given back",
      "See in CloudTrail who had assumed this role: unseen",
      "See who may assume it, which was left as it is: aws iam get-role --role-name unseen --query Role.AssumeRolePolicyDocument",
      "Give what runs with it another role until it is given back",
    ],
  ],
  [
    "a security group",
    aftermath([{ kind: "securityGroup", groupId: "sg-1", before: { rules: [] } }]),
    [
      "See which machines stood open by sg-1, and on each who logged in (last -a; journalctl -t sshd): aws ec2 describe-network-interfaces --filters Name=group-id,Values=sg-1 --query 'NetworkInterfaces[].[Attachment.InstanceId,PrivateIpAddress,Association.PublicIp]' --output text",
      "Whoever needs SSH gets his own network in: aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 --cidr 203.0.113.0/24",
    ],
  ],
  [
    "a network ACL",
    aftermath([acl]),
    [
      "SSH is blocked in network ACL acl-1 until 2026-06-01T13:00:00.000Z; then the block lifts itself. Sooner: npm run restore -- s3://cases/cases/e-1.json --only network-acls",
    ],
  ],
  ["an address", aftermath([{ kind: "remoteAddress", address: "203.0.113.7" }]), []],
  [
    "names that a shell would read",
    aftermath([
      user("b; rm -rf /"),
      user("-x"),
      { kind: "group", name: "$(id)", before: { members: ["`id`"] } },
      policy("arn:aws:iam::123456789012:policy/a;b/Ops"),
      { ...role, name: "a b", before: { ...role.before, arn: "arn:aws:iam::1:role/a'b" } },
      { kind: "securityGroup", groupId: "sg-1\nrm", before: { rules: [] } },
    ]),
    [
      "See in CloudTrail what this user did: b; rm -rf /",
      "See in CloudTrail what this user did: -x",
      "See what this group grants now: $(id)",
      "And the other members, whom the case names: 1 in all",
      "Make a good version the default of this policy, which still makes an admin of whoever gets it: arn:aws:iam::123456789012:policy/a;b/Ops",
      "See in CloudTrail who had assumed this role: a b",
      "See who may assume it, which was left as it is",
      "Give what runs with it another role until it is given back",
      "See which machines stood open by this group, and who logged in: sg-1\nrm",
      "Whoever needs SSH gets his own network in",
    ],
  ],
  [
    "a caller who was not contained",
    aftermath([], { incident: incident([]) }),
    [
      "User mallory, who made the call, was NOT contained; if it was not mallory: npm run contain -- user mallory --stack lab",
    ],
  ],
  [
    "a caller whose name a shell would read",
    aftermath([], {
      incident: incident([], { actor: { type: "IAMUser", arn: "x", userName: "a&b" } }),
    }),
    ["Contain this user, who made the call and was NOT contained, if it was not he: a&b"],
  ],
  [
    "a caller who was contained",
    aftermath([user("mallory")], { incident: incident([]) }),
    [
      `See what mallory did: ${lookUp("mallory")}`,
      "Ask the owner of mallory for new keys and a new password before anything is given back",
    ],
  ],
  [
    "a caller that is a session of a role",
    aftermath([], { incident: bySession("app/web") }),
    [
      `A session of role web made the call, and goes on; if it was not one of yours: ${revokeSessions("web")}`,
    ],
  ],
  [
    "a caller that came through IAM Identity Center",
    aftermath([], { incident: bySession("aws-reserved/sso/AWSReservedSSO_Ops_1a") }),
    [
      `A session of role AWSReservedSSO_Ops_1a made the call, and goes on; if it was not one of yours: ${howToEnd("AWSReservedSSO_Ops_1a")}`,
    ],
  ],
  [
    "a role session that an alert tells of",
    aftermath([], {
      incident: bySession("web"),
      known: caseOf({ actions: [any], alerts: ["Session it of role web made the call"] }),
    }),
    [],
  ],
  [
    "a role session of a contained role",
    aftermath([], {
      incident: bySession("web"),
      known: caseOf({ subjects: [{ kind: "remoteAddress", address: "x" }, role], actions: [any] }),
    }),
    [
      `See who had assumed role web: aws cloudtrail lookup-events --lookup-attributes '[{"AttributeKey":"ResourceName","AttributeValue":"arn:aws:iam::123456789012:role/app/web"}]'`,
      "See who may assume it, which was left as it is: aws iam get-role --role-name web --query Role.AssumeRolePolicyDocument",
      "Give what runs with it another role until it is given back",
    ],
  ],
  [
    "a role whose name a shell would read",
    aftermath([], { incident: bySession("a;b") }),
    [
      "End the sessions of this role, one of which made the call and goes on, if it was not one of yours: a;b",
    ],
  ],
  [
    "the root user",
    aftermath([], { incident: incident([], { actor: { type: "Root", arn: "x" } }) }),
    ["If no person of yours used the root user: change its password, and delete its keys"],
  ],
  [
    "calls that failed for good, and a user who was not tried",
    aftermath([], {
      unfinished: true,
      known: caseOf({
        subjects: [user("bob"), user("eve"), user("b;b")],
        actions: [
          failed("iam:AttachUserPolicy", { UserName: "bob", PolicyArn: denyAll }),
          failed("iam:UpdateSSHPublicKey", {
            UserName: "bob",
            SSHPublicKeyId: "APKA1",
            Status: "Inactive",
          }),
          failed("iam:DeleteUserPolicy", { UserName: "bob", PolicyName: "all" }),
          {
            ...failed("iam:DeleteUserPolicy", { UserName: "bob", PolicyName: "all" }),
            outcome: "done",
          },
          failed("iam:DeactivateMFADevice", { UserName: "bob", SerialNumber: "x`id`" }),
          failed("iam:DeactivateMFADevice", { UserName: "bob", SerialNumber: "GAHT1" }),
          failed("iam:DeactivateMFADevice", { UserName: "bob", SerialNumber: "GAHT1" }),
          {
            ...failed("iam:DetachUserPolicy", { UserName: "bob", PolicyArn: TEAM }),
            outcome: "full",
          },
        ],
      }),
    }),
    [
      notDenied("eve"),
      "Attach AWSDenyAll to this user, who is NOT denied: b;b",
      `By hand, since it failed: aws iam attach-user-policy --user-name bob --policy-arn ${denyAll}`,
      "By hand, since it failed: aws iam update-ssh-public-key --user-name bob --ssh-public-key-id APKA1 --status Inactive",
      "By hand, since it failed: iam:DeactivateMFADevice on user bob",
      "By hand, since it failed: aws iam deactivate-mfa-device --user-name bob --serial-number GAHT1",
      rerun,
      ...["bob", "eve"].flatMap((name) => [
        `See what ${name} did: ${lookUp(name)}`,
        `Ask the owner of ${name} for new keys and a new password before anything is given back`,
      ]),
      "See in CloudTrail what this user did: b;b",
    ],
  ],
  [
    "a user whose deny is taken off each time",
    aftermath([], {
      unfinished: true,
      known: caseOf({
        subjects: [user("bob"), user("eve")],
        actions: [
          taken("iam:PutUserPermissionsBoundary", "user bob"),
          taken("iam:AttachUserPolicy", "user eve"),
        ],
        open: ["user bob has no AWSDenyAll"],
      }),
    }),
    [
      notDenied("bob"),
      rerun,
      ...["bob", "eve"].flatMap((name) => [
        `See what ${name} did: ${lookUp(name)}`,
        `Ask the owner of ${name} for new keys and a new password before anything is given back`,
      ]),
    ],
  ],
  [
    "a security group that could not be closed",
    aftermath([], {
      incident: incident([]),
      unfinished: true,
      known: caseOf({
        subjects: [{ kind: "securityGroup", groupId: "sg-1", before: { rules: [] } }],
        actions: [
          {
            ...taken("ec2:RevokeSecurityGroupIngress", "sg-1", "failed"),
            input: { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-1", "sgr-2"] },
          },
          {
            ...taken("ec2:CreateNetworkAclEntry", "acl-1", "failed"),
            input: { NetworkAclId: "acl-1", RuleNumber: 98, Egress: false },
          },
        ],
      }),
    }),
    [
      "By hand, since it failed: aws ec2 revoke-security-group-ingress --group-id sg-1 --security-group-rule-ids sgr-1 sgr-2",
      "By hand, since it failed: ec2:CreateNetworkAclEntry on acl-1",
      rerun,
      "User mallory, who made the call, was NOT contained; if it was not mallory: npm run contain -- user mallory --stack lab",
    ],
  ],
  [
    "rules that could not be added in a rule's place",
    aftermath([], {
      known: caseOf({
        actions: [any, taken("ec2:AuthorizeSecurityGroupIngress", "sg-1", "failed")],
        lost: [
          {
            groupId: "sg-1",
            rule: { IpProtocol: "tcp", FromPort: 23, ToPort: 25, CidrIpv4: "0.0.0.0/0" },
          },
          {
            groupId: "sg-1",
            rule: { IpProtocol: "icmpv6", FromPort: -1, ToPort: -1, CidrIpv6: "::/0" },
          },
          {
            groupId: "sg-2",
            rule: { IpProtocol: "tcp", FromPort: 22, ToPort: 22, PrefixListId: "pl-1'; rm" },
          },
        ],
      }),
    }),
    [
      "Give back what sg-1 lost beside SSH to the world (tcp 23-25 from 0.0.0.0/0; icmpv6 from ::/0), once there is room for it, or the calls are permitted: aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions '" +
        '[{"IpProtocol":"tcp","FromPort":23,"ToPort":25,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]},' +
        `{"IpProtocol":"icmpv6","FromPort":-1,"ToPort":-1,"Ipv6Ranges":[{"CidrIpv6":"::/0"}]}]'`,
      "Give back what this group lost beside SSH to the world: sg-2 (tcp 22 from pl-1'; rm)",
    ],
  ],
  [
    "an execution that failed before there was a case",
    {
      incident: {
        ...notice,
        subjects: [
          { kind: "user", name: "bob", proved: true },
          { kind: "securityGroup", groupId: "sg-1", rules: [] },
          { kind: "securityGroup", groupName: "web", rules: [] },
          { kind: "group", name: "devs", proved: true, denies: false },
        ],
      },
      execution,
      unfinished: true,
      blocked: false,
    },
    [
      notDenied("bob"),
      "See whether sg-1 is open: aws ec2 describe-security-group-rules --filters Name=group-id,Values=sg-1",
      "See which security group is open",
      rerun,
    ],
  ],
  [
    "what observe found open",
    aftermath([user("bob")], { unfinished: true, known: caseOf({ mode: "observe" }) }),
    [],
  ],
  [
    "what was gone",
    aftermath([], { known: caseOf({ actions: [taken("iam:X", "user bob", "gone")] }) }),
    [],
  ],
  [
    "a block that was not lifted",
    aftermath([user("bob"), acl], { blocked: true }),
    ["Lift the block of acl-1: npm run restore -- s3://cases/cases/e-1.json --only network-acls"],
  ],
];

describe("what is left to a person", () => {
  for (const [name, given, tasks] of cases) {
    it(`after ${name}`, () => assert.deepEqual(tasksAfter(given), tasks));
  }

  it("needs no case to tell of a block", () => {
    const { caseAt: _, ...nowhere } = aftermath([acl]);
    assert.deepEqual(tasksAfter(nowhere), [
      "SSH is blocked in network ACL acl-1 until 2026-06-01T13:00:00.000Z; then the block lifts itself.",
    ]);
    assert.deepEqual(tasksAfter({ ...nowhere, blocked: true }), [
      "Take the block's entries off acl-1: inbound 98, 99",
    ]);
  });
});
