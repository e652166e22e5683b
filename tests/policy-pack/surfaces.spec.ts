import assert from "node:assert/strict";
import { verdictOf } from "./corpus";
import { preview, type Shown } from "./harness";

const SG = "aws:ec2/securityGroup:SecurityGroup";
const WORLD = "0.0.0.0/0";
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const ALL = { Version: "2012-10-17", Statement: { Effect: "Allow", Action: "*", Resource: "*" } };
const unknown = { $unknown: "later" };

type Props = Record<string, unknown>;
type Row = [type: string, story: string, verdict: "violation" | "ok" | "unknown", props: Props];

const tcp22 = { protocol: "tcp", fromPort: 22, toPort: 22 };
const ssh22 = { ipProtocol: "tcp", fromPort: 22, toPort: 22 };
const option = (name: string, value: unknown, key = "name") => ({
  namespace: "aws:autoscaling:launchconfiguration",
  [key]: name,
  value,
});
const restriction = (value: unknown) => option("SSHSourceRestriction", value);
const key = option("EC2KeyName", "ops");

const sshRows: Row[] = [
  [SG, "a world rule", "violation", { ingress: [{ ...tcp22, cidrBlocks: [WORLD] }] }],
  [
    SG,
    "a world rule beside a group",
    "violation",
    {
      ingress: [{ ...tcp22, cidrBlocks: [WORLD], securityGroups: ["sg-1"], self: true }],
    },
  ],
  [SG, "a group only", "ok", { ingress: [{ ...tcp22, securityGroups: ["sg-1"] }] }],
  [SG, "an office", "ok", { ingress: [{ ...tcp22, cidrBlocks: ["192.0.2.0/24"] }] }],
  [SG, "rules that nobody knows", "unknown", { ingress: unknown }],
  [SG, "a rule that nobody knows", "unknown", { ingress: [unknown] }],
  [SG, "no rule", "ok", {}],
  [
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "a world rule",
    "violation",
    {
      ingress: [{ protocol: "-1", fromPort: 0, toPort: 0, ipv6CidrBlocks: ["::/0"] }],
    },
  ],
  [
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "a world rule",
    "violation",
    {
      type: "ingress",
      ...tcp22,
      cidrBlocks: [WORLD],
      securityGroupId: unknown,
    },
  ],
  [
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "the way out",
    "ok",
    {
      type: "egress",
      ...tcp22,
      cidrBlocks: [WORLD],
      securityGroupId: "sg-1",
    },
  ],
  [
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "every protocol, no ports",
    "violation",
    {
      ipProtocol: "-1",
      cidrIpv4: WORLD,
      securityGroupId: "sg-1",
    },
  ],
  [
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "a list from elsewhere",
    "unknown",
    {
      ...ssh22,
      prefixListId: "pl-0123456789abcdef0",
      securityGroupId: "sg-1",
    },
  ],
  [
    "aws-native:ec2:SecurityGroup",
    "a world rule",
    "violation",
    {
      securityGroupIngress: [{ ...ssh22, cidrIp: WORLD }],
    },
  ],
  [
    "aws-native:ec2:SecurityGroupIngress",
    "a world rule",
    "violation",
    {
      ...ssh22,
      cidrIpv6: "::/0",
      groupId: unknown,
    },
  ],
  [
    "aws:eks/nodeGroup:NodeGroup",
    "a key without groups",
    "violation",
    {
      remoteAccess: { ec2SshKey: "ops" },
    },
  ],
  [
    "aws:eks/nodeGroup:NodeGroup",
    "a key with groups",
    "ok",
    {
      remoteAccess: { ec2SshKey: "ops", sourceSecurityGroupIds: [unknown] },
    },
  ],
  [
    "aws:eks/nodeGroup:NodeGroup",
    "groups that nobody knows",
    "unknown",
    {
      remoteAccess: { ec2SshKey: "ops", sourceSecurityGroupIds: unknown },
    },
  ],
  [
    "aws-native:eks:Nodegroup",
    "a key without groups",
    "violation",
    {
      remoteAccess: { ec2SshKey: "ops", sourceSecurityGroups: [] },
    },
  ],
  [
    "aws:lightsail/instancePublicPorts:InstancePublicPorts",
    "a port without sources",
    "violation",
    {
      portInfos: [tcp22],
    },
  ],
  [
    "aws:lightsail/instancePublicPorts:InstancePublicPorts",
    "the browser's client",
    "ok",
    {
      portInfos: [{ ...tcp22, cidrListAliases: ["lightsail-connect"] }],
    },
  ],
  [
    "aws-native:lightsail:Instance",
    "a port to the world",
    "violation",
    {
      networking: { ports: [{ ...tcp22, cidrs: [WORLD] }] },
    },
  ],
  [
    "aws:gamelift/fleet:Fleet",
    "a port to the world",
    "violation",
    {
      ec2InboundPermissions: [{ protocol: "TCP", fromPort: 20, toPort: 30, ipRange: WORLD }],
    },
  ],
  [
    "aws:gamelift/fleet:Fleet",
    "a game's UDP port",
    "ok",
    {
      ec2InboundPermissions: [{ protocol: "UDP", fromPort: 1, toPort: 60000, ipRange: WORLD }],
    },
  ],
  [
    "aws:elasticbeanstalk/environment:Environment",
    "a key without restriction",
    "violation",
    {
      settings: [key],
    },
  ],
  [
    "aws:elasticbeanstalk/environment:Environment",
    "a restriction to the world",
    "violation",
    {
      settings: [key, restriction("tcp, 22, 22, 0.0.0.0/0")],
    },
  ],
  [
    "aws:elasticbeanstalk/environment:Environment",
    "a restriction to an office",
    "ok",
    {
      settings: [key, restriction("tcp,22,22,192.0.2.0/24")],
    },
  ],
  ["aws:elasticbeanstalk/environment:Environment", "no key", "ok", { settings: [] }],
  [
    "aws-native:elasticbeanstalk:ConfigurationTemplate",
    "a key without restriction",
    "violation",
    {
      optionSettings: [option("EC2KeyName", "ops", "optionName")],
    },
  ],
  [
    "aws:emr/blockPublicAccessConfiguration:BlockPublicAccessConfiguration",
    "port 22 permitted",
    "unknown",
    {
      blockPublicSecurityGroupRules: true,
      permittedPublicSecurityGroupRuleRanges: [{ minRange: 20, maxRange: 22 }],
    },
  ],
  [
    "aws:emr/blockPublicAccessConfiguration:BlockPublicAccessConfiguration",
    "nothing permitted",
    "ok",
    {
      blockPublicSecurityGroupRules: true,
    },
  ],
  [
    "aws:ec2/networkAclRule:NetworkAclRule",
    "a network ACL, which opens nothing",
    "ok",
    {
      ...tcp22,
      cidrBlock: WORLD,
      ruleAction: "allow",
    },
  ],
];

const adminRows: Row[] = [
  [
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "AdministratorAccess",
    "violation",
    {
      user: "bob",
      policyArn: ADMIN,
    },
  ],
  [
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "the same in China",
    "violation",
    {
      user: "bob",
      policyArn: ADMIN.replace("arn:aws", "arn:aws-cn"),
    },
  ],
  [
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "a name that sounds like it",
    "ok",
    {
      user: "bob",
      policyArn: "arn:aws:iam::aws:policy/AWSAuditManagerAdministratorAccess",
    },
  ],
  [
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "a customer policy from elsewhere",
    "unknown",
    {
      user: "bob",
      policyArn: "arn:aws:iam::123456789012:policy/theirs",
    },
  ],
  [
    "aws:iam/policyAttachment:PolicyAttachment",
    "a user among roles",
    "violation",
    {
      users: ["bob"],
      roles: ["r"],
      policyArn: ADMIN,
    },
  ],
  [
    "aws:iam/policyAttachment:PolicyAttachment",
    "roles only",
    "ok",
    { roles: ["r"], policyArn: ADMIN },
  ],
  [
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive",
    "one of two",
    "violation",
    {
      userName: "bob",
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess", ADMIN],
    },
  ],
  [
    "aws:iam/userPolicy:UserPolicy",
    "everything, as text",
    "violation",
    {
      user: unknown,
      policy: JSON.stringify(ALL),
    },
  ],
  [
    "aws:iam/userPolicy:UserPolicy",
    "a document that nobody knows",
    "unknown",
    {
      user: "bob",
      policy: unknown,
    },
  ],
  [
    "aws:iam/userPolicy:UserPolicy",
    "a document that is none",
    "unknown",
    { user: "bob", policy: "{" },
  ],
  [
    "aws:iam/groupPolicy:GroupPolicy",
    "a group without members",
    "ok",
    {
      group: "admins",
      policy: JSON.stringify(ALL),
    },
  ],
  [
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "a role",
    "ok",
    { role: "r", policyArn: ADMIN },
  ],
  ["aws-native:iam:User", "a managed policy", "violation", { managedPolicyArns: [ADMIN] }],
  [
    "aws-native:iam:User",
    "an inline policy",
    "violation",
    {
      policies: [{ policyName: "p", policyDocument: ALL }],
    },
  ],
  [
    "aws-native:iam:UserPolicy",
    "a partly unknown document",
    "violation",
    {
      userName: "bob",
      policyDocument: {
        Statement: [{ Effect: "Allow", Action: "s3:*", Resource: unknown }, ALL.Statement],
      },
    },
  ],
  [
    "aws-native:iam:ManagedPolicy",
    "given to a user",
    "violation",
    { users: ["bob"], policyDocument: ALL },
  ],
  ["aws-native:iam:ManagedPolicy", "given to nobody", "ok", { policyDocument: ALL }],
  [
    "aws-native:iam:Policy",
    "given to a user",
    "violation",
    { users: ["bob"], policyDocument: ALL },
  ],
  [
    "aws:cloudcontrol/resource:Resource",
    "a user with a managed policy",
    "violation",
    {
      typeName: "AWS::IAM::User",
      desiredState: JSON.stringify({ UserName: "bob", ManagedPolicyArns: [ADMIN] }),
    },
  ],
];

function checks(family: "ssh" | "admin", rows: Row[]): void {
  for (const [type, story, wanted, props] of rows) {
    it(`${type.split(":").at(-1)}: ${story}: ${wanted}`, async () => {
      const shown: Shown[] = [{ type, name: "it", props }];
      assert.equal(verdictOf(family, await preview(shown)), wanted);
    });
  }
}

describe("what opens SSH", () => checks("ssh", sshRows));
describe("what makes an admin", () => checks("admin", adminRows));
