import assert from "node:assert/strict";
import * as EC2 from "@aws-sdk/client-ec2";
import * as IAM from "@aws-sdk/client-iam";
import * as STS from "@aws-sdk/client-sts";
import type { Account, Credentials } from "../../../drill/account/account";
import { recordOf } from "../../../drill/account/cloudTrail";
import { withAccount } from "./withAccount";

const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
const SERIAL = "arn:aws:iam::123456789012:mfa/phone";
const MALLORY = "arn:aws:iam::123456789012:user/staff/mallory";
const FEDERATED = "arn:aws:sts::123456789012:federated-user/visitor";

// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
describe("a user's sessions in the account of the drill", function () {
  this.timeout(60_000);
  let account: Account;
  let owner: ReturnType<typeof clients>;
  let mallory: ReturnType<typeof clients>;
  let key: Credentials;

  withAccount((started) => {
    account = started;
  });
  beforeEach(async () => {
    owner = clients(account.owner);
    await owner.iam.send(new IAM.CreateUserCommand({ UserName: "mallory", Path: "/staff/" }));
    await allow("ec2:Describe*", "iam:ListUsers", "sts:*");
    const { AccessKey } = await owner.iam.send(
      new IAM.CreateAccessKeyCommand({ UserName: "mallory" }),
    );
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    key = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
    mallory = clients(key);
  });

  function clients(credentials: Credentials) {
    const { endpoint, region } = account;
    const config = { endpoint, region, credentials, maxAttempts: 1 };
    return {
      ec2: new EC2.EC2Client(config),
      iam: new IAM.IAMClient(config),
      sts: new STS.STSClient(config),
    };
  }

  function session(made: STS.Credentials | undefined) {
    const { AccessKeyId = "", SecretAccessKey = "", SessionToken } = made ?? {};
    return clients({
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
    });
  }

  async function allow(...Action: string[]): Promise<void> {
    const PolicyDocument = document(Action);
    const input = { UserName: "mallory", PolicyName: "given", PolicyDocument };
    await owner.iam.send(new IAM.PutUserPolicyCommand(input));
  }

  async function token(input: STS.GetSessionTokenRequest = {}) {
    const made = await mallory.sts.send(new STS.GetSessionTokenCommand(input));
    return session(made.Credentials);
  }

  async function federation(Policy?: string) {
    const input = { Name: "visitor", Policy };
    const made = await mallory.sts.send(new STS.GetFederationTokenCommand(input));
    assert.equal(made.FederatedUser?.Arn, FEDERATED);
    return session(made.Credentials);
  }

  async function contain(): Promise<void> {
    const cut = { UserName: "mallory", PolicyArn: DENY_ALL };
    await owner.iam.send(new IAM.AttachUserPolicyCommand(cut));
  }

  const look = (by: ReturnType<typeof clients>) => by.ec2.send(new EC2.DescribeVpcsCommand({}));
  const identity = (by: ReturnType<typeof clients>) =>
    by.sts.send(new STS.GetCallerIdentityCommand({}));
  const refused = { name: "UnauthorizedOperation" };

  /** userIdentity of the last call's record. */
  function lastIdentity() {
    const call = account.calls.at(-1);
    assert.ok(call);
    return recordOf(call, account).userIdentity as Record<string, Record<string, unknown>>;
  }

  it("act as the user, with the policies that he has at the time", async () => {
    const user = await token();

    await look(user);
    await contain();

    await assert.rejects(look(user), {
      ...refused,
      message:
        /user\/staff\/mallory is not authorized .* explicit deny in an identity-based policy/,
    });
    assert.equal((await identity(user)).Arn, MALLORY);
  });

  it("outlive the key that they were made with, but not the user", async () => {
    const user = await token();
    const mine = { UserName: "mallory" };
    const AccessKeyId = key.accessKeyId;
    await owner.iam.send(new IAM.DeleteAccessKeyCommand({ ...mine, AccessKeyId }));
    await look(user);

    await owner.iam.send(new IAM.DeleteUserPolicyCommand({ ...mine, PolicyName: "given" }));
    await owner.iam.send(new IAM.DeleteUserCommand(mine));
    await owner.iam.send(new IAM.CreateUserCommand(mine));
    await allow("*");

    await assert.rejects(look(user), { name: "AuthFailure" });
  });

  it("follow the user to his new name", async () => {
    const user = await token();

    const rename = { UserName: "mallory", NewUserName: "eve" };
    await owner.iam.send(new IAM.UpdateUserCommand(rename));

    assert.equal((await identity(user)).Arn, "arn:aws:iam::123456789012:user/staff/eve");
  });

  it("give each a key, a secret and a token of its own, which no report holds", async () => {
    const ask = () => mallory.sts.send(new STS.GetSessionTokenCommand({ DurationSeconds: 900 }));
    const [one, other] = [(await ask()).Credentials, (await ask()).Credentials];

    assert.match(one?.AccessKeyId ?? "", /^ASIA[0-9A-F]{16}$/);
    for (const part of ["AccessKeyId", "SecretAccessKey", "SessionToken"] as const) {
      assert.notEqual(one?.[part], other?.[part]);
    }
    const seconds = (Number(one?.Expiration) - Date.now()) / 1000;
    assert.ok(seconds > 840 && seconds <= 900, `${seconds}`);
    for (const secret of [one?.SecretAccessKey, one?.SessionToken]) {
      assert.ok(secret && account.secrets.has(secret));
      assert.equal(JSON.stringify(account.calls).includes(secret), false);
    }
  });

  it("are not known to IAM without an MFA device, nor to STS but for two calls", async () => {
    const user = await token();

    await assert.rejects(user.iam.send(new IAM.ListUsersCommand({})), {
      name: "InvalidClientTokenId",
    });
    await assert.rejects(user.sts.send(new STS.GetSessionTokenCommand({})), {
      name: "AccessDenied",
      message: "Cannot call GetSessionToken with session credentials",
    });
    await assert.rejects(user.sts.send(new STS.GetFederationTokenCommand({ Name: "x" })), {
      name: "AccessDenied",
      message: "Cannot call GetFederationToken with session credentials",
    });
  });

  it("with the user's own MFA device reach IAM", async () => {
    const input = { SerialNumber: SERIAL, TokenCode: "123456" };
    await assert.rejects(token(input), { name: "AccessDenied", message: /unable to validate/ });
    const VirtualMFADeviceName = "phone";
    await owner.iam.send(new IAM.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName }));
    const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
    const device = { UserName: "mallory", SerialNumber: SERIAL, ...codes };
    await owner.iam.send(new IAM.EnableMFADeviceCommand(device));

    const user = await token(input);
    await user.iam.send(new IAM.ListUsersCommand({}));

    const { sessionContext, ...who } = lastIdentity();
    const attributes = sessionContext?.attributes as Record<string, string>;
    assert.equal(attributes.mfaAuthenticated, "true");
    assert.deepEqual([who.type, who.userName], ["IAMUser", "mallory"]);
  });

  it("of federated users have what the user has and the session policy allows", async () => {
    const visitor = await federation(document(["ec2:DescribeVpcs", "ec2:Get*"]));

    await look(visitor);
    const { sessionContext, ...who } = lastIdentity();
    await assert.rejects(visitor.ec2.send(new EC2.DescribeInstancesCommand({})), refused);
    await assert.rejects(visitor.ec2.send(new EC2.GetEbsEncryptionByDefaultCommand({})), refused);

    const me = await identity(visitor);
    assert.deepEqual([me.Arn, me.UserId], [FEDERATED, "123456789012:visitor"]);
    const { accessKeyId, ...rest } = who;
    assert.match(String(accessKeyId), /^ASIA/);
    assert.deepEqual(rest, {
      type: "FederatedUser",
      principalId: "123456789012:visitor",
      arn: FEDERATED,
      accountId: "123456789012",
    });
    const { sessionIssuer } = (sessionContext ?? {}) as Record<string, Record<string, string>>;
    const { principalId, ...issuer } = sessionIssuer ?? {};
    assert.match(principalId ?? "", /^\w{20,21}$/);
    assert.deepEqual(issuer, {
      type: "IAMUser",
      arn: MALLORY,
      accountId: "123456789012",
      userName: "mallory",
    });
  });

  it("of federated users end with the user's containment", async () => {
    const visitor = await federation(document(["*"]));
    await look(visitor);

    await contain();

    await assert.rejects(look(visitor), { ...refused, message: /federated-user\/visitor/ });
  });

  it("of federated users may do nothing without a session policy, and never call IAM or STS", async () => {
    await assert.rejects(look(await federation()), refused);

    const visitor = await federation(document(["*"]));
    await assert.rejects(visitor.iam.send(new IAM.ListUsersCommand({})), {
      name: "InvalidClientTokenId",
    });
    const role = { RoleArn: "arn:aws:iam::123456789012:role/any", RoleSessionName: "s" };
    await assert.rejects(visitor.sts.send(new STS.AssumeRoleCommand(role)), {
      name: "AccessDenied",
      message: "Cannot call AssumeRole with session credentials",
    });
  });

  it("of federated users need the permission, on their name", async () => {
    await allow("ec2:Describe*");

    await assert.rejects(federation(document(["*"])), {
      name: "AccessDenied",
      message: new RegExp(`sts:GetFederationToken on resource: ${FEDERATED} `),
    });
    await token();
  });

  it("cannot be made by a role's session", async () => {
    const trust = {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { Service: "lambda.amazonaws.com" },
    };
    const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
    const RoleName = "worker";
    await owner.iam.send(new IAM.CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    const PolicyDocument = document(["*"]);
    const inline = { RoleName, PolicyName: "given", PolicyDocument };
    await owner.iam.send(new IAM.PutRolePolicyCommand(inline));
    const worker = clients(await account.roleCredentials(RoleName));

    for (const command of [
      new STS.GetSessionTokenCommand({}),
      new STS.GetFederationTokenCommand({ Name: "x" }),
    ]) {
      await assert.rejects(worker.sts.send(command as STS.GetSessionTokenCommand), {
        name: "AccessDenied",
        message: /^Cannot call Get\w+ with session credentials$/,
      });
    }
    const { Arn, UserId } = await identity(worker);
    assert.equal(Arn, "arn:aws:sts::123456789012:assumed-role/worker/drill");
    assert.match(UserId ?? "", /^AROA\w+:drill$/);
  });
});

function document(Action: string[]): string {
  const Statement = [{ Effect: "Allow", Action, Resource: "*" }];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}
