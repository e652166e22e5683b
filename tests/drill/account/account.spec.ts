import assert from "node:assert/strict";
import net from "node:net";
import { setTimeout } from "node:timers/promises";
import * as EC2 from "@aws-sdk/client-ec2";
import * as IAM from "@aws-sdk/client-iam";
import * as S3 from "@aws-sdk/client-s3";
import * as Secrets from "@aws-sdk/client-secrets-manager";
import * as SNS from "@aws-sdk/client-sns";
import * as STS from "@aws-sdk/client-sts";
import { Account, type Credentials } from "../../../drill/account/account";
import { withAccount } from "./withAccount";

const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";

describe("the account of the drill", function () {
  this.timeout(60_000);
  let account: Account;
  let owner: ReturnType<typeof clients>;

  withAccount((started) => {
    account = started;
  });
  beforeEach(async () => {
    owner = clients(account.owner);
  });

  function clients(credentials: Credentials) {
    const config = {
      endpoint: account.endpoint,
      region: account.region,
      credentials,
      maxAttempts: 1,
    };
    return {
      iam: new IAM.IAMClient(config),
      ec2: new EC2.EC2Client(config),
      sts: new STS.STSClient(config),
      s3: new S3.S3Client(config),
      secrets: new Secrets.SecretsManagerClient(config),
      sns: new SNS.SNSClient(config),
    };
  }

  async function user(name: string, statements: unknown[] = [], path = "/"): Promise<Credentials> {
    await owner.iam.send(new IAM.CreateUserCommand({ UserName: name, Path: path }));
    if (statements.length > 0) {
      const PolicyDocument = document(statements);
      const input = { UserName: name, PolicyName: "given", PolicyDocument };
      await owner.iam.send(new IAM.PutUserPolicyCommand(input));
    }
    return await keyOf(name);
  }

  async function keyOf(name: string): Promise<Credentials> {
    const made = await owner.iam.send(new IAM.CreateAccessKeyCommand({ UserName: name }));
    const { AccessKeyId = "", SecretAccessKey = "" } = made.AccessKey ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  }

  async function role(name: string, statements: unknown[]): Promise<Credentials> {
    const trust = {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { Service: "lambda.amazonaws.com" },
    };
    const AssumeRolePolicyDocument = document([trust]);
    await owner.iam.send(new IAM.CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument }));
    const PolicyDocument = document(statements);
    const input = { RoleName: name, PolicyName: "given", PolicyDocument };
    await owner.iam.send(new IAM.PutRolePolicyCommand(input));
    return await account.roleCredentials(name);
  }

  const allow = (
    Action: string | string[],
    Resource: string | string[] = "*",
    Condition?: unknown,
  ) => ({
    Effect: "Allow",
    Action,
    Resource,
    ...(Condition !== undefined && { Condition }),
  });

  it("lets the owner do everything", async () => {
    await owner.iam.send(new IAM.CreateUserCommand({ UserName: "somebody" }));

    const { Users = [] } = await owner.iam.send(new IAM.ListUsersCommand({}));

    assert.deepEqual(
      Users.map((each) => each.UserName),
      ["somebody"],
    );
  });

  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
  it("lets a role attach the one policy that iam:PolicyARN names, and no other", async () => {
    await user("mallory", [], "/staff/");
    const onlyDenyAll = { ArnEquals: { "iam:PolicyARN": DENY_ALL } };
    const anyUser = "arn:aws:iam::*:user/*";
    const responder = clients(
      await role("responder", [allow("iam:AttachUserPolicy", anyUser, onlyDenyAll)]),
    );
    const attach = (PolicyArn: string) =>
      responder.iam.send(new IAM.AttachUserPolicyCommand({ UserName: "mallory", PolicyArn }));

    await attach(DENY_ALL);

    await assert.rejects(attach(ADMIN), {
      name: "AccessDenied",
      message:
        "User: arn:aws:sts::123456789012:assumed-role/responder/drill is not authorized to perform: " +
        "iam:AttachUserPolicy on resource: arn:aws:iam::123456789012:user/staff/mallory " +
        "because no identity-based policy allows the iam:AttachUserPolicy action",
    });
  });

  it("asks for the resource with the user's path", async () => {
    await user("mallory", [], "/staff/");
    const responder = clients(
      await role("responder", [allow("iam:GetUser", "arn:aws:iam::*:user/mallory")]),
    );

    await assert.rejects(responder.iam.send(new IAM.GetUserCommand({ UserName: "mallory" })), {
      name: "AccessDenied",
    });
  });

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
  it("lets a deny win over an allow, from the next call on", async () => {
    const mallory = clients(await user("mallory", [allow("*")]));
    await mallory.iam.send(new IAM.ListUsersCommand({}));
    const cut = { UserName: "mallory", PolicyArn: DENY_ALL };
    await owner.iam.send(new IAM.AttachUserPolicyCommand(cut));

    await assert.rejects(mallory.iam.send(new IAM.ListUsersCommand({})), {
      name: "AccessDenied",
      message: /with an explicit deny in an identity-based policy/,
    });
    await assert.rejects(mallory.ec2.send(new EC2.DescribeInstancesCommand({})), {
      name: "UnauthorizedOperation",
    });
  });

  it("gives a user the rights of his groups", async () => {
    const member = clients(await user("member"));
    await owner.iam.send(new IAM.CreateGroupCommand({ GroupName: "readers" }));
    const PolicyDocument = document([allow("iam:ListUsers")]);
    const grant = { GroupName: "readers", PolicyName: "read", PolicyDocument };
    await owner.iam.send(new IAM.PutGroupPolicyCommand(grant));
    await assert.rejects(member.iam.send(new IAM.ListUsersCommand({})), { name: "AccessDenied" });

    const membership = { GroupName: "readers", UserName: "member" };
    await owner.iam.send(new IAM.AddUserToGroupCommand(membership));

    await member.iam.send(new IAM.ListUsersCommand({}));
  });

  it("reads the default version of a customer managed policy", async () => {
    const mallory = clients(await user("mallory"));
    const made = await owner.iam.send(
      new IAM.CreatePolicyCommand({
        PolicyName: "own",
        PolicyDocument: document([allow("iam:ListGroups")]),
      }),
    );
    const PolicyArn = made.Policy?.Arn;
    await owner.iam.send(new IAM.AttachUserPolicyCommand({ UserName: "mallory", PolicyArn }));
    await assert.rejects(mallory.iam.send(new IAM.ListUsersCommand({})), { name: "AccessDenied" });

    const PolicyDocument = document([allow("iam:ListUsers")]);
    const version = { PolicyArn, PolicyDocument, SetAsDefault: true };
    await owner.iam.send(new IAM.CreatePolicyVersionCommand(version));

    await mallory.iam.send(new IAM.ListUsersCommand({}));
  });

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
  it("keeps, shows and enforces a user's permissions boundary, also under a new name", async () => {
    const mallory = clients(await user("mallory", [allow("*")]));
    const boundary = { UserName: "mallory", PermissionsBoundary: DENY_ALL };
    await owner.iam.send(new IAM.PutUserPermissionsBoundaryCommand(boundary));
    const rename = { UserName: "mallory", NewUserName: "eve" };
    await owner.iam.send(new IAM.UpdateUserCommand(rename));

    const { User } = await owner.iam.send(new IAM.GetUserCommand({ UserName: "eve" }));

    const details = await owner.iam.send(
      new IAM.GetAccountAuthorizationDetailsCommand({ Filter: ["User"] }),
    );

    assert.equal(User?.PermissionsBoundary?.PermissionsBoundaryArn, DENY_ALL);
    assert.deepEqual(
      details.UserDetailList?.map((one) => one.PermissionsBoundary?.PermissionsBoundaryArn),
      [DENY_ALL],
    );
    await assert.rejects(mallory.iam.send(new IAM.ListUsersCommand({})), {
      message: /user\/eve is not authorized .* permissions boundary/,
    });

    const eve = { UserName: "eve" };
    await owner.iam.send(new IAM.DeleteUserPermissionsBoundaryCommand(eve));
    await mallory.iam.send(new IAM.ListUsersCommand({}));
  });

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html
  it("finds a renamed user by his key, and lets nobody delete him while he has one", async () => {
    const { accessKeyId } = await user("mallory");
    const rename = { UserName: "mallory", NewUserName: "eve" };
    await owner.iam.send(new IAM.UpdateUserCommand(rename));

    const used = await owner.iam.send(
      new IAM.GetAccessKeyLastUsedCommand({ AccessKeyId: accessKeyId }),
    );
    const keys = await owner.iam.send(new IAM.ListAccessKeysCommand({ UserName: "eve" }));

    assert.equal(used.UserName, "eve");
    assert.deepEqual(
      keys.AccessKeyMetadata?.map((key) => [key.UserName, key.AccessKeyId]),
      [["eve", accessKeyId]],
    );
    await assert.rejects(owner.iam.send(new IAM.DeleteUserCommand({ UserName: "eve" })), {
      name: "DeleteConflictException",
    });
    const key = { UserName: "eve", AccessKeyId: accessKeyId };
    await owner.iam.send(new IAM.DeleteAccessKeyCommand(key));
    await owner.iam.send(new IAM.DeleteUserCommand({ UserName: "eve" }));
  });

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  it("attaches ten managed policies and no more", async () => {
    await user("mallory");
    const attach = (PolicyArn: string) =>
      owner.iam.send(new IAM.AttachUserPolicyCommand({ UserName: "mallory", PolicyArn }));
    for (let i = 0; i < 10; i++) {
      const PolicyDocument = document([allow("s3:ListAllMyBuckets")]);
      const input = { PolicyName: `filler${i}`, PolicyDocument };
      const { Policy } = await owner.iam.send(new IAM.CreatePolicyCommand(input));
      await attach(Policy?.Arn ?? "");
    }

    await assert.rejects(attach(DENY_ALL), { name: "LimitExceededException" });
    await attach("arn:aws:iam::123456789012:policy/filler0");
  });

  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
  it("clears the host bits of a rule's source", async () => {
    const { GroupId } = await owner.ec2.send(
      new EC2.CreateSecurityGroupCommand({ GroupName: "web", Description: "web" }),
    );
    const opened = await owner.ec2.send(
      new EC2.AuthorizeSecurityGroupIngressCommand({
        GroupId,
        IpPermissions: [
          {
            IpProtocol: "tcp",
            FromPort: 22,
            ToPort: 22,
            IpRanges: [{ CidrIp: "8.8.8.8/0" }, { CidrIp: "100.68.0.18/18" }],
            Ipv6Ranges: [{ CidrIpv6: "2001:db8::1/0" }],
          },
        ],
      }),
    );

    assert.deepEqual(
      opened.SecurityGroupRules?.map((rule) => rule.CidrIpv4 ?? rule.CidrIpv6),
      ["0.0.0.0/0", "100.68.0.0/18", "::/0"],
    );
  });

  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html
  it("refuses a key that is inactive, deleted or unknown", async () => {
    const credentials = await user("mallory", [allow("*")]);
    const mallory = clients(credentials);
    const key = { UserName: "mallory", AccessKeyId: credentials.accessKeyId };
    const invalid = { name: "InvalidClientTokenId" };
    await owner.iam.send(new IAM.UpdateAccessKeyCommand({ ...key, Status: "Inactive" }));
    await assert.rejects(mallory.iam.send(new IAM.ListUsersCommand({})), invalid);
    await assert.rejects(mallory.ec2.send(new EC2.DescribeVpcsCommand({})), {
      name: "AuthFailure",
    });

    await owner.iam.send(new IAM.UpdateAccessKeyCommand({ ...key, Status: "Active" }));
    await mallory.iam.send(new IAM.ListUsersCommand({}));

    await owner.iam.send(new IAM.DeleteAccessKeyCommand(key));
    await assert.rejects(mallory.iam.send(new IAM.ListUsersCommand({})), invalid);
    const stranger = clients({ accessKeyId: "AKIASTRANGER", secretAccessKey: "x" });
    await assert.rejects(stranger.iam.send(new IAM.ListUsersCommand({})), invalid);
  });

  it("takes the caller for the user where a call names none", async () => {
    const mallory = clients(await user("mallory", [allow("*")]));

    const { AccessKey } = await mallory.iam.send(new IAM.CreateAccessKeyCommand({}));

    assert.equal(AccessKey?.UserName, "mallory");
    assert.deepEqual(account.calls.at(-1)?.params, {});
  });

  it("lets a user assume a role that trusts him and no other, with the role's rights", async () => {
    const me = "arn:aws:iam::123456789012:user/mallory";
    const mallory = clients(await user("mallory", [allow("sts:AssumeRole")]));
    const trust = (Principal: unknown) =>
      document([{ Effect: "Allow", Action: "sts:AssumeRole", Principal }]);
    for (const [RoleName, Principal] of [
      ["mine", { AWS: me }],
      ["theirs", { Service: "lambda.amazonaws.com" }],
    ] as const) {
      const AssumeRolePolicyDocument = trust(Principal);
      await owner.iam.send(new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    }
    const assume = (name: string) =>
      mallory.sts.send(
        new STS.AssumeRoleCommand({
          RoleArn: `arn:aws:iam::123456789012:role/${name}`,
          RoleSessionName: "s",
        }),
      );
    await assert.rejects(assume("theirs"), { name: "AccessDenied" });
    await assert.rejects(assume("missing"), { name: "AccessDenied" });

    const { Credentials } = await assume("mine");

    const session = clients({
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken,
    });
    const identity = await session.sts.send(new STS.GetCallerIdentityCommand({}));
    assert.equal(identity.Arn, "arn:aws:sts::123456789012:assumed-role/mine/s");
    await assert.rejects(session.iam.send(new IAM.ListUsersCommand({})), { name: "AccessDenied" });
  });

  it("revokes rules by id with the right on security groups, and says which id is not there", async () => {
    const { GroupId } = await owner.ec2.send(
      new EC2.CreateSecurityGroupCommand({ GroupName: "web", Description: "web" }),
    );
    const IpRanges = [{ CidrIp: "0.0.0.0/0" }, { CidrIp: "10.0.0.0/8" }];
    const IpPermissions = [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges }];
    const opened = await owner.ec2.send(
      new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }),
    );
    const open = opened.SecurityGroupRules?.find((rule) => rule.CidrIpv4 === "0.0.0.0/0");
    const SecurityGroupRuleIds = [open?.SecurityGroupRuleId ?? ""];
    const arn = (type: string) => `arn:aws:ec2:us-east-1:123456789012:${type}/*`;
    const closer = clients(
      await role("closer", [allow("ec2:RevokeSecurityGroupIngress", arn("security-group"))]),
    );
    const stranger = clients(
      await role("stranger", [allow("ec2:RevokeSecurityGroupIngress", arn("network-acl"))]),
    );
    const revoke = new EC2.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds });
    await assert.rejects(stranger.ec2.send(revoke), { name: "UnauthorizedOperation" });

    await closer.ec2.send(revoke);

    await assert.rejects(closer.ec2.send(revoke), { name: "InvalidSecurityGroupRuleId.NotFound" });

    const left = await owner.ec2.send(
      new EC2.DescribeSecurityGroupRulesCommand({
        Filters: [{ Name: "group-id", Values: [GroupId ?? ""] }],
      }),
    );
    const ingress = (left.SecurityGroupRules ?? []).filter((rule) => !rule.IsEgress);
    assert.deepEqual(
      ingress.map((rule) => rule.CidrIpv4),
      ["10.0.0.0/8"],
    );
  });

  it("judges S3, Secrets Manager and SNS by their own resources and in their own words", async () => {
    const writer = clients(
      await role("writer", [
        allow("s3:PutObject", "arn:aws:s3:::cases/open/*"),
        allow("secretsmanager:CreateSecret", "arn:aws:secretsmanager:*:*:secret:app/*"),
        allow("sns:Publish", "arn:aws:sns:*:*:alerts"),
      ]),
    );
    await owner.s3.send(new S3.CreateBucketCommand({ Bucket: "cases" }));
    const put = (Key: string) =>
      writer.s3.send(new S3.PutObjectCommand({ Bucket: "cases", Key, Body: "{}" }));
    const secret = (Name: string) =>
      writer.secrets.send(new Secrets.CreateSecretCommand({ Name, SecretString: "s3cret" }));
    const topics = await Promise.all(
      ["alerts", "other"].map((Name) => owner.sns.send(new SNS.CreateTopicCommand({ Name }))),
    );
    const publish = (TopicArn: string | undefined) =>
      writer.sns.send(new SNS.PublishCommand({ TopicArn, Message: "m" }));

    await put("open/1.json");
    await secret("app/key");
    await publish(topics[0]?.TopicArn);

    await assert.rejects(put("closed/1.json"), { name: "AccessDenied" });
    await assert.rejects(secret("db/key"), { name: "AccessDeniedException" });
    await assert.rejects(publish(topics[1]?.TopicArn), { name: /AuthorizationError/ });
    const stored = await owner.s3.send(
      new S3.GetObjectCommand({ Bucket: "cases", Key: "open/1.json" }),
    );
    assert.equal(await stored.Body?.transformToString(), "{}");
  });

  it("records who called what, without secrets, before the caller hears", async () => {
    const heard: string[] = [];
    const credentials = await user("mallory");
    account.name(credentials.accessKeyId, "the thief");
    account.onCall((call) => heard.push(`${call.principal} ${call.service}:${call.action}`));

    await assert.rejects(clients(credentials).iam.send(new IAM.ListUsersCommand({})), {
      name: "AccessDenied",
    });

    assert.deepEqual(heard, ["the thief iam:ListUsers"]);
    assert.equal(account.calls.at(-1)?.errorCode, "AccessDenied");
    assert.equal(JSON.stringify(account.calls).includes(credentials.secretAccessKey), false);
    assert.ok(account.secrets.has(credentials.secretAccessKey));
  });

  it("fails a call as often as it was told to", async () => {
    account.fail({ service: "iam", action: "ListUsers", code: "Throttling", times: 2 });
    const list = () => owner.iam.send(new IAM.ListUsersCommand({}));

    await assert.rejects(list(), { name: "Throttling" });
    await assert.rejects(list(), { name: "Throttling" });

    await list();
  });

  it("lets so many calls through before it fails one", async () => {
    account.fail({ service: "iam", action: "ListUsers", code: "Throttling", after: 2 });
    const list = () => owner.iam.send(new IAM.ListUsersCommand({}));

    await list();
    await list();
    await assert.rejects(list(), { name: "Throttling" });

    await list();
  });

  it("carries out a call whose answer is lost", async () => {
    const fault = {
      service: "iam",
      action: "CreateUser",
      code: "AnswerLost",
      answer: "lost" as const,
    };
    account.fail(fault);
    const abortSignal = AbortSignal.timeout(300);
    const lost = owner.iam.send(new IAM.CreateUserCommand({ UserName: "lost" }), { abortSignal });
    await assert.rejects(lost, { name: "AbortError" });
    const { User } = await owner.iam.send(new IAM.GetUserCommand({ UserName: "lost" }));
    assert.equal(User?.UserName, "lost");
  });

  it("answers a call with a page that is no answer, or not at all, for one caller", async () => {
    const mallory = clients(await user("mallory", [allow("iam:*")]));
    const list = { service: "iam", action: "ListUsers", by: "mallory" };
    account.fail({ ...list, code: "MalformedAnswer", answer: "malformed" });
    account.fail({ ...list, code: "NoAnswer", answer: "none" });
    const before = account.calls.length;
    await owner.iam.send(new IAM.ListUsersCommand({}));
    // The SDK takes any XML for an answer: what it looked for is then missing.
    const page = await mallory.iam.send(new IAM.ListUsersCommand({}));
    assert.equal(page.Users, undefined);
    const abortSignal = AbortSignal.timeout(300);
    const held = mallory.iam.send(new IAM.ListUsersCommand({}), { abortSignal });
    await assert.rejects(held, { name: "AbortError" });
    await mallory.iam.send(new IAM.ListUsersCommand({}));
    assert.deepEqual(
      account.calls.slice(before).map(({ principal, errorCode, injected }) => ({
        principal,
        errorCode,
        injected,
      })),
      [
        { principal: "owner", errorCode: undefined, injected: undefined },
        { principal: "mallory", errorCode: "MalformedAnswer", injected: true },
        { principal: "mallory", errorCode: "NoAnswer", injected: true },
        { principal: "mallory", errorCode: undefined, injected: undefined },
      ],
    );
  });

  it("makes root's own key", async () => {
    const { AccessKey } = await owner.iam.send(new IAM.CreateAccessKeyCommand({}));

    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    const again = clients({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey });
    const { Arn } = await again.sts.send(new STS.GetCallerIdentityCommand({}));
    assert.equal(Arn, "arn:aws:iam::123456789012:root");
  });

  it("outlives a caller who hangs up in the middle of a request", async () => {
    const lost: unknown[] = [];
    const lose = (reason: unknown) => lost.push(reason);
    process.on("unhandledRejection", lose);
    const { port, hostname } = new URL(account.endpoint);

    const socket = net.connect(Number(port), hostname);
    socket.write("POST / HTTP/1.1\r\nhost: iam\r\ncontent-length: 100\r\n\r\nAction=");
    await setTimeout(50);
    socket.destroy();
    await setTimeout(50);

    process.off("unhandledRejection", lose);
    assert.deepEqual(lost, []);
    await owner.iam.send(new IAM.ListUsersCommand({}));
  });

  it("names an operation that moto lacks, in a form that SDKs do not retry", async () => {
    const patient = new IAM.IAMClient({
      endpoint: account.endpoint,
      region: account.region,
      credentials: account.owner,
    });

    const input = { PolicySourceArn: DENY_ALL, ActionNames: ["iam:ListUsers"] };
    await assert.rejects(patient.send(new IAM.SimulatePrincipalPolicyCommand(input)), {
      name: "NotImplemented",
      message: /moto lacks iam:SimulatePrincipalPolicy/,
    });

    assert.equal(account.calls.length, 1);
  });

  it("refuses an endpoint that is not this machine", async () => {
    await assert.rejects(Account.start({ endpoint: "https://iam.amazonaws.com" }), {
      message: /https:\/\/iam\.amazonaws\.com is not this machine/,
    });
  });
});

function document(statements: unknown[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}
