import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as EC2 from "@aws-sdk/client-ec2";
import * as IAM from "@aws-sdk/client-iam";
import { Account, type Call, type Credentials } from "../../../drill/account/account";
import { type CloudTrailRecord, eventOf, recordOf } from "../../../drill/account/cloudTrail";

const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";

describe("a call's CloudTrail record", function () {
  this.timeout(60_000);
  let account: Account;
  let iam: IAM.IAMClient;
  let ec2: EC2.EC2Client;

  before(async () => {
    account = await Account.start();
  });
  after(async () => {
    await account.stop();
  });
  beforeEach(async () => {
    await account.reset();
    ({ iam, ec2 } = clients(account.owner));
  });

  function clients(credentials: Credentials) {
    const config = { endpoint: account.endpoint, region: account.region, credentials };
    return {
      iam: new IAM.IAMClient({ ...config, maxAttempts: 1 }),
      ec2: new EC2.EC2Client({ ...config, maxAttempts: 1 }),
    };
  }

  /** The record of the last call to `action`. */
  function record(action: string): CloudTrailRecord {
    const call = account.calls.findLast((call) => call.action === action);
    assert.ok(call, `no call of ${action}`);
    return recordOf(call, account);
  }

  async function admin(name: string): Promise<Credentials> {
    await iam.send(new IAM.CreateUserCommand({ UserName: name }));
    await iam.send(new IAM.AttachUserPolicyCommand({ UserName: name, PolicyArn: ADMIN }));
    const { AccessKey } = await iam.send(new IAM.CreateAccessKeyCommand({ UserName: name }));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  }

  async function group(): Promise<string> {
    const made = await ec2.send(
      new EC2.CreateSecurityGroupCommand({ GroupName: "web", Description: "web" }),
    );
    return made.GroupId ?? "";
  }

  function assertLike(ours: CloudTrailRecord, fixture: string): void {
    const real = readRecord(fixture);
    for (const part of ["eventName", "eventSource", "errorCode", "readOnly"] as const) {
      assert.equal(ours[part], real[part], part);
    }
    for (const part of ["requestParameters", "responseElements"] as const) {
      assert.deepEqual(plain(ours[part]), plain(real[part]), part);
    }
  }

  it("is like a real one for each call about a user", async () => {
    const UserName = "stratus-red-team-backdoor-u-user";
    const Tags = [{ Key: "StratusRedTeam", Value: "true" }];
    await iam.send(new IAM.CreateUserCommand({ UserName, Tags, Path: "/" }));
    assertLike(record("CreateUser"), "CreateUser-invictus-2.json");
    await iam.send(new IAM.CreateAccessKeyCommand({ UserName }));
    assertLike(record("CreateAccessKey"), "CreateAccessKey-invictus.json");

    const malicious = { UserName: "malicious-iam-user" };
    await iam.send(new IAM.CreateUserCommand(malicious));
    await iam.send(new IAM.AttachUserPolicyCommand({ ...malicious, PolicyArn: ADMIN }));
    assertLike(record("AttachUserPolicy"), "AttachUserPolicy-invictus.json");
    await iam.send(new IAM.DetachUserPolicyCommand({ ...malicious, PolicyArn: ADMIN }));
    assertLike(record("DetachUserPolicy"), "DetachUserPolicy-invictus.json");
  });

  it("is like a real one for each call about a password, the password left out", async () => {
    const profile = { UserName: "stratus-red-team-login-profile-user" };
    await iam.send(new IAM.CreateUserCommand(profile));
    const withPassword = { ...profile, Password: "Tr0ub4dor&3", PasswordResetRequired: false };
    await iam.send(new IAM.CreateLoginProfileCommand(withPassword));
    assertLike(record("CreateLoginProfile"), "CreateLoginProfile-invictus.json");

    await iam.send(new IAM.DeleteLoginProfileCommand(profile));
    await assert.rejects(iam.send(new IAM.DeleteLoginProfileCommand(profile)));
    assertLike(record("DeleteLoginProfile"), "DeleteLoginProfile-invictus-ERROR.json");

    const updated = { UserName: "stratus-red-team-update-login-profile-user" };
    await iam.send(new IAM.CreateUserCommand(updated));
    await iam.send(new IAM.CreateLoginProfileCommand({ ...updated, Password: "Tr0ub4dor&3" }));
    await iam.send(new IAM.UpdateLoginProfileCommand({ ...updated, Password: "c0rrect-Horse" }));
    assertLike(
      record("UpdateLoginProfile"),
      "UpdateLoginProfile-stratus-privilege-escalation-iam-update-user-login-profile.json",
    );
  });

  it("is like a real one for group and role", async () => {
    await iam.send(new IAM.CreateUserCommand({ UserName: "Bob" }));
    await iam.send(new IAM.CreateGroupCommand({ GroupName: "admin" }));
    const membership = { UserName: "Bob", GroupName: "admin" };
    await iam.send(new IAM.AddUserToGroupCommand(membership));
    // The sample of 2014 knows no readOnly.
    assert.deepEqual(
      plain(record("AddUserToGroup").requestParameters),
      plain(readRecord("AddUserToGroup-elastic-beats.json").requestParameters),
    );

    const real = readRecord("PutRolePolicy-invictus.json").requestParameters as Params;
    const RoleName = String(real.roleName);
    const trust = readRecord("UpdateAssumeRolePolicy-invictus.json").requestParameters as Params;
    const AssumeRolePolicyDocument = String(trust.policyDocument);
    await iam.send(new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    const PolicyDocument = String(real.policyDocument);
    const inline = { RoleName, PolicyName: "inline-policy", PolicyDocument };
    await iam.send(new IAM.PutRolePolicyCommand(inline));
    assertLike(record("PutRolePolicy"), "PutRolePolicy-invictus.json");
  });

  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html
  it("tells of a new default version as the API does", async () => {
    const Statement = [{ Effect: "Allow", Action: "*", Resource: "*" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    const { Policy } = await iam.send(
      new IAM.CreatePolicyCommand({ PolicyName: "own", PolicyDocument }),
    );
    const PolicyArn = Policy?.Arn;
    const version = { PolicyArn, PolicyDocument, SetAsDefault: true };
    await iam.send(new IAM.CreatePolicyVersionCommand(version));

    const { requestParameters, responseElements } = record("CreatePolicyVersion");

    assert.deepEqual(requestParameters, {
      policyArn: PolicyArn,
      policyDocument: PolicyDocument,
      setAsDefault: true,
    });
    assert.deepEqual(plain(responseElements), {
      policyVersion: { versionId: "v2", isDefaultVersion: true, createDate: "DATE" },
    });
  });

  it("is like a real one for the long form, the flat form and a revocation", async () => {
    const { Vpcs = [] } = await ec2.send(new EC2.DescribeVpcsCommand({}));
    const Tags = [
      { Key: "StratusRedTeam", Value: "true" },
      { Key: "Name", Value: "stratus-red-team-open-sg-sg" },
    ];
    const { GroupId } = await ec2.send(
      new EC2.CreateSecurityGroupCommand({
        GroupName: "stratus-red-team-open-sg-sg",
        Description: "Allow TLS inbound traffic",
        VpcId: Vpcs[0]?.VpcId,
        TagSpecifications: [{ ResourceType: "security-group", Tags }],
      }),
    );
    // Of what moto answers, tags are missing and the ARN is newer than the real record.
    assert.deepEqual(
      plain(record("CreateSecurityGroup").requestParameters),
      plain(readRecord("CreateSecurityGroup-invictus.json").requestParameters),
    );

    const IpRanges = [{ CidrIp: "0.0.0.0/0", Description: "TLS from Internet" }];
    const IpPermissions = [{ IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges }];
    await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
    assertLike(
      record("AuthorizeSecurityGroupIngress"),
      "AuthorizeSecurityGroupIngress-invictus.json",
    );

    const flat = { GroupId, IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIp: "0.0.0.0/0" };
    await ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand(flat));
    assertLike(
      record("AuthorizeSecurityGroupIngress"),
      "AuthorizeSecurityGroupIngress-invictus-2.json",
    );

    await ec2.send(new EC2.RevokeSecurityGroupIngressCommand(flat));
    assertLike(record("RevokeSecurityGroupIngress"), "RevokeSecurityGroupIngress-invictus.json");
  });

  it("is like a real one for each call that puts groups on interfaces", async () => {
    const { Subnets = [] } = await ec2.send(new EC2.DescribeSubnetsCommand({}));
    const { SubnetId, CidrBlock = "" } = Subnets[0] ?? {};
    const Tags = [{ Key: "StratusRedTeam", Value: "true" }];
    const PrivateIpAddress = CidrBlock.replace(/\.0\/.*$/, ".10");
    const { NetworkInterface } = await ec2.send(
      new EC2.CreateNetworkInterfaceCommand({
        SubnetId,
        PrivateIpAddresses: [{ PrivateIpAddress, Primary: true }],
        TagSpecifications: [{ ResourceType: "network-interface", Tags }],
      }),
    );
    const { NetworkInterfaceId } = NetworkInterface ?? {};
    const without = (fields: unknown, ...keys: string[]) =>
      Object.fromEntries(
        Object.entries(fields as Params).filter(([key]) => !keys.includes(key)),
      ) as Params;
    const made = record("CreateNetworkInterface");
    const realMade = readRecord("CreateNetworkInterface-invictus.json");
    const address = { items: [{ privateIpAddress: PrivateIpAddress, primary: true }] };
    assert.deepEqual(plain(without(made.requestParameters, "clientToken", "subnetId")), {
      ...(plain(without(realMade.requestParameters, "clientToken", "subnetId")) as Params),
      privateIpAddressesSet: address,
    });
    const groupsOf = (answer: unknown) => {
      const { networkInterface } = (answer ?? {}) as Record<string, Params>;
      return plain(networkInterface?.groupSet);
    };
    assert.deepEqual(groupsOf(made.responseElements), groupsOf(realMade.responseElements));

    const GroupId = await group();
    const Groups = [GroupId];
    const change = { NetworkInterfaceId, Groups };
    await ec2.send(new EC2.ModifyNetworkInterfaceAttributeCommand(change));
    assert.deepEqual(record("ModifyNetworkInterfaceAttribute").requestParameters, {
      networkInterfaceId: NetworkInterfaceId,
      groupSet: { items: [{ groupId: GroupId }] },
    });

    const { Instances = [] } = await ec2.send(
      new EC2.RunInstancesCommand({
        ImageId: "ami-12c6146b",
        InstanceType: "t3.micro",
        MinCount: 1,
        MaxCount: 1,
        UserData: Buffer.from("hello").toString("base64"),
        NetworkInterfaces: [{ DeviceIndex: 0, SubnetId, Groups }],
      }),
    );
    const ran = record("RunInstances");
    const set = { items: [{ groupId: GroupId }] };
    assert.deepEqual(without(ran.requestParameters, "clientToken"), {
      instancesSet: { items: [{ imageId: "ami-12c6146b", minCount: 1, maxCount: 1 }] },
      instanceType: "t3.micro",
      networkInterfaceSet: { items: [{ deviceIndex: 0, subnetId: SubnetId, groupSet: set }] },
      userData: "<sensitiveDataRemoved>",
    });
    type Instance = { networkInterfaceSet?: { items?: Params[] } };
    const told = ran.responseElements as { instancesSet?: { items?: Instance[] } };
    const [instance] = told.instancesSet?.items ?? [];
    // Of the groups, moto tells those of the interfaces only.
    assert.deepEqual(instance?.networkInterfaceSet?.items?.[0]?.groupSet, {
      items: [{ groupId: GroupId, groupName: "web" }],
    });

    const InstanceId = Instances[0]?.InstanceId;
    await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId, Groups }));
    assert.deepEqual(record("ModifyInstanceAttribute").requestParameters, {
      instanceId: InstanceId,
      groupSet: set,
    });
    const DisableApiTermination = { Value: false };
    await ec2.send(new EC2.ModifyInstanceAttributeCommand({ InstanceId, DisableApiTermination }));
    assert.deepEqual(Object.keys(record("ModifyInstanceAttribute").requestParameters as Params), [
      "instanceId",
      "disableApiTermination",
    ]);
  });

  it("keeps the API's spelling for changed rules, a single one without a list", async () => {
    const GroupId = await group();
    const opened = await ec2.send(
      new EC2.AuthorizeSecurityGroupIngressCommand({
        GroupId,
        IpPermissions: [
          {
            IpProtocol: "tcp",
            FromPort: 443,
            ToPort: 443,
            IpRanges: [{ CidrIp: "10.0.0.0/8" }, { CidrIp: "172.16.0.0/12" }],
          },
        ],
      }),
    );
    const SecurityGroupRule = { IpProtocol: "tcp", FromPort: 443, ToPort: 443 };
    const [first, second] = (opened.SecurityGroupRules ?? []).map((rule, index) => ({
      SecurityGroupRuleId: rule.SecurityGroupRuleId,
      SecurityGroupRule: {
        ...SecurityGroupRule,
        CidrIpv4: index === 0 ? "0.0.0.0/0" : "10.9.0.0/16",
      },
    }));
    assert.ok(first && second);

    const one = { GroupId, SecurityGroupRules: [first] };
    await ec2.send(new EC2.ModifySecurityGroupRulesCommand(one));
    const alone = record("ModifySecurityGroupRules").requestParameters;
    const both = { GroupId, SecurityGroupRules: [first, second] };
    await ec2.send(new EC2.ModifySecurityGroupRulesCommand(both));
    const together = record("ModifySecurityGroupRules").requestParameters as Params;

    const shape = readRecord("ModifySecurityGroupRules-SHAPE.json").requestParameters;
    assert.deepEqual(plain(alone), plain(shape));
    const { ModifySecurityGroupRulesRequest } = together as Record<string, Params>;
    assert.deepEqual(ModifySecurityGroupRulesRequest?.SecurityGroupRule, [
      { ...first, tag: 1 },
      { ...second, tag: 2 },
    ]);
  });

  // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
  it("tells a user, root and a role's session apart", async () => {
    const mallory = await admin("mallory");
    await clients(mallory).iam.send(new IAM.CreateAccessKeyCommand({}));
    const byUser = record("CreateAccessKey");
    await iam.send(new IAM.CreateAccessKeyCommand({}));
    const byRoot = record("CreateAccessKey");
    const trust = {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { Service: "lambda.amazonaws.com" },
    };
    const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
    await iam.send(new IAM.CreateRoleCommand({ RoleName: "ir", AssumeRolePolicyDocument }));
    await iam.send(new IAM.AttachRolePolicyCommand({ RoleName: "ir", PolicyArn: ADMIN }));
    const session = clients(await account.roleCredentials("ir", "lambda"));
    await session.iam.send(new IAM.CreateGroupCommand({ GroupName: "g" }));
    const { userIdentity } = record("CreateGroup") as { userIdentity?: Params };

    assert.equal(byUser.requestParameters, null);
    assert.deepEqual(
      Object.keys(byUser.userIdentity as Params).sort(),
      Object.keys(readRecord("CreateAccessKey-invictus.json").userIdentity as Params).sort(),
    );
    assert.equal((byUser.userIdentity as Params).userName, "mallory");
    const elements = byUser.responseElements as { accessKey?: Params };
    assert.equal(elements.accessKey?.userName, "mallory");

    const root = readRecord("CreateAccessKey-panther-aws_root_access_key_created.json");
    assert.equal((byRoot.userIdentity as Params).type, "Root");
    assert.equal(byRoot.requestParameters, null);
    assert.deepEqual(plain(byRoot.responseElements), plain(root.responseElements));

    const { sessionContext, principalId, arn, type } = userIdentity ?? {};
    assert.equal(type, "AssumedRole");
    assert.equal(arn, "arn:aws:sts::123456789012:assumed-role/ir/lambda");
    assert.match(String(principalId), /^AROA\w+:lambda$/);
    const { sessionIssuer } = sessionContext as { sessionIssuer?: Params };
    assert.equal(sessionIssuer?.arn, "arn:aws:iam::123456789012:role/ir");
    assert.equal(sessionIssuer?.userName, "ir");
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
  it("names what was refused", async () => {
    await iam.send(new IAM.CreateUserCommand({ UserName: "nobody" }));
    const { AccessKey } = await iam.send(new IAM.CreateAccessKeyCommand({ UserName: "nobody" }));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    const nobody = clients({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey });
    const GroupId = await group();
    const flat = { GroupId, IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIp: "0.0.0.0/0" };
    await assert.rejects(nobody.ec2.send(new EC2.AuthorizeSecurityGroupIngressCommand(flat)));
    await assert.rejects(nobody.iam.send(new IAM.ListUsersCommand({})));

    const closed = record("AuthorizeSecurityGroupIngress");
    assert.equal(closed.errorCode, "Client.UnauthorizedOperation");
    assert.equal(closed.responseElements, null);
    assert.equal(record("ListUsers").errorCode, "AccessDenied");
    assert.equal(record("ListUsers").readOnly, true);
  });

  it("travels in EventBridge's envelope", async () => {
    await iam.send(new IAM.CreateUserCommand({ UserName: "somebody" }));
    const detail = record("CreateUser");

    const { id, time, ...event } = eventOf(detail);

    assert.deepEqual(event, {
      version: "0",
      "detail-type": "AWS API Call via CloudTrail",
      source: "aws.iam",
      account: "123456789012",
      region: "us-east-1",
      resources: [],
      detail,
    });
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(time, detail.eventTime);
  });

  it("holds no secret of any call", async () => {
    const { secretAccessKey } = await admin("mallory");
    await iam.send(
      new IAM.CreateLoginProfileCommand({ UserName: "mallory", Password: "Tr0ub4dor&3" }),
    );

    const records = JSON.stringify(account.calls.map((call: Call) => recordOf(call, account)));

    assert.equal(records.includes(secretAccessKey), false);
    assert.equal(records.includes("Tr0ub4dor"), false);
    assert.ok(records.includes("mallory"));
  });
});

type Params = Record<string, unknown>;

function readRecord(fixture: string): Params {
  const folder = join(__dirname, "..", "..", "fixtures", "events");
  return JSON.parse(readFileSync(join(folder, fixture), "utf8"));
}

/** Made-up ids, times and accounts put aside: what is left is names, nesting, types and values. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => [
      key,
      /^(requestId|userId|accessKeyId)$/.test(key) ? typeof inner : plain(inner),
    ]);
    return Object.fromEntries(entries);
  }
  if (typeof value !== "string") return value;
  return value
    .replace(/\b(sg|sgr|vpc)-[0-9a-f]+/g, "$1-")
    .replace(/\b\d{12}\b/g, "ACCOUNT")
    .replace(/^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M$/, "DATE");
}
