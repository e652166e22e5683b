import assert from "node:assert/strict";
import * as IAM from "@aws-sdk/client-iam";
import * as Secrets from "@aws-sdk/client-secrets-manager";
import type { Account, Credentials } from "../../../drill/account/account";
import { recordOf } from "../../../drill/account/cloudTrail";
import { withAccount } from "./withAccount";

const KEY = "arn:aws:kms:us-east-1:123456789012:key/mine";
const OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/other";
const VIA = "secretsmanager.us-east-1.amazonaws.com";
const TOKEN = "11111111-2222-3333-4444-555555555555";

// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
describe("Secrets Manager's use of a KMS key in the account of the drill", function () {
  this.timeout(60_000);
  let account: Account;
  let owner: ReturnType<typeof clients>;

  withAccount((started) => {
    account = started;
  });
  beforeEach(() => {
    owner = clients(account.owner);
  });

  function clients(credentials: Credentials) {
    const { endpoint, region } = account;
    const config = { endpoint, region, credentials, maxAttempts: 1 };
    return {
      iam: new IAM.IAMClient(config),
      secrets: new Secrets.SecretsManagerClient(config),
    };
  }

  /** A user who may do everything with secrets, and this with keys. */
  async function user(key?: { actions: string[]; condition?: object }) {
    const UserName = "app";
    await owner.iam.send(new IAM.CreateUserCommand({ UserName }));
    const Statement = [
      { Effect: "Allow", Action: "secretsmanager:*", Resource: "*" },
      ...(key
        ? [
            {
              Effect: "Allow",
              Action: key.actions,
              Resource: KEY,
              Condition: { StringEquals: key.condition ?? { "kms:ViaService": VIA } },
            },
          ]
        : []),
    ];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    const input = { UserName, PolicyName: "given", PolicyDocument };
    await owner.iam.send(new IAM.PutUserPolicyCommand(input));
    const { AccessKey } = await owner.iam.send(new IAM.CreateAccessKeyCommand({ UserName }));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    return clients({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey }).secrets;
  }

  const create = (KmsKeyId?: string, Name = "s") =>
    new Secrets.CreateSecretCommand({
      Name,
      SecretString: "v",
      ClientRequestToken: TOKEN,
      ...(KmsKeyId && { KmsKeyId }),
    });
  const put = (ClientRequestToken: string) =>
    new Secrets.PutSecretValueCommand({ SecretId: "s", SecretString: "v", ClientRequestToken });
  const read = new Secrets.GetSecretValueCommand({ SecretId: "s" });
  const notAllowed = { name: "AccessDeniedException", message: "Access to KMS is not allowed" };
  const both = ["kms:GenerateDataKey", "kms:Decrypt"];

  /** What was called of KMS since the last time this was asked. */
  function takeKeyCalls(): string[] {
    return account.calls
      .splice(0)
      .filter(({ service }) => service === "kms")
      .map(({ action, errorCode }) => `${action}${errorCode ? ` ${errorCode}` : ""}`);
  }

  it("calls KMS in the name of whoever makes, changes and reads a secret", async () => {
    const app = await user({ actions: both });

    await app.send(create(KEY));
    assert.deepEqual(takeKeyCalls(), ["GenerateDataKey", "Decrypt", "GenerateDataKey"]);
    await app.send(put("99999999-2222-3333-4444-555555555555"));
    assert.deepEqual(takeKeyCalls(), ["GenerateDataKey"]);
    await app.send(put(TOKEN));
    assert.deepEqual(takeKeyCalls(), ["Decrypt"]);
    const { SecretString } = await app.send(read);
    assert.equal(SecretString, "v");
    assert.deepEqual(takeKeyCalls(), ["Decrypt"]);
    await app.send(new Secrets.DescribeSecretCommand({ SecretId: "s" }));
    assert.deepEqual(takeKeyCalls(), []);
  });

  // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
  it("tells when each version was made, of a secret that is there", async () => {
    const list = new Secrets.ListSecretVersionIdsCommand({ SecretId: "s" });
    await assert.rejects(owner.secrets.send(list), { name: "ResourceNotFoundException" });
    await owner.secrets.send(create());
    const { CreatedDate } = await owner.secrets.send(read);
    // The stand-in's dates are whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const { Versions } = await owner.secrets.send(list);
    assert.deepEqual(
      Versions?.map((one) => [one.VersionId, one.VersionStages, one.CreatedDate]),
      [[TOKEN, ["AWSCURRENT"], CreatedDate]],
    );
  });

  it("asks nothing where a secret has Secrets Manager's own key", async () => {
    const app = await user();
    await app.send(create());
    await app.send(read);
    assert.deepEqual(takeKeyCalls(), []);
  });

  it("refuses whoever may not use the key, and makes no secret", async () => {
    const app = await user();
    await assert.rejects(app.send(create(KEY)), notAllowed);
    assert.deepEqual(takeKeyCalls(), ["GenerateDataKey AccessDeniedException"]);
    await assert.rejects(app.send(read), { name: "ResourceNotFoundException" });

    await owner.secrets.send(create(KEY));
    takeKeyCalls();
    await assert.rejects(app.send(read), notAllowed);
    assert.deepEqual(takeKeyCalls(), ["Decrypt AccessDeniedException"]);
  });

  it("asks for both permissions, on that key, through that service", async () => {
    const generates = await user({ actions: ["kms:GenerateDataKey"] });
    await assert.rejects(generates.send(create(KEY)), notAllowed);
    assert.deepEqual(takeKeyCalls(), ["GenerateDataKey", "Decrypt AccessDeniedException"]);

    await account.reset();
    await assert.rejects((await user({ actions: both })).send(create(OTHER_KEY)), notAllowed);

    await account.reset();
    const elsewhere = { "kms:ViaService": "s3.us-east-1.amazonaws.com" };
    const stranger = await user({ actions: both, condition: elsewhere });
    await assert.rejects(stranger.send(create(KEY)), notAllowed);

    await account.reset();
    const direct = await user({ actions: both, condition: { "aws:ViaAWSService": "true" } });
    await direct.send(create(KEY));
  });

  it("records the calls as CloudTrail does", async () => {
    await (await user({ actions: both })).send(create(KEY));
    const call = account.calls.find(({ action }) => action === "Decrypt");
    assert.ok(call);
    const record = recordOf(call, account);
    const { type, userName, invokedBy } = record.userIdentity as Record<string, string>;
    assert.deepEqual(
      [type, userName, invokedBy],
      ["IAMUser", "app", "secretsmanager.amazonaws.com"],
    );
    assert.equal(record.eventSource, "kms.amazonaws.com");
    assert.equal(record.sourceIPAddress, "secretsmanager.amazonaws.com");
    assert.equal(record.userAgent, "secretsmanager.amazonaws.com");
    assert.equal(record.readOnly, true);
    assert.equal(record.responseElements, null);
  });
});
