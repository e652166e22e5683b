import assert from "node:assert/strict";
import * as IAM from "@aws-sdk/client-iam";
import { Account, type Credentials } from "../../../drill/account/account";
import { recordOf } from "../../../drill/account/cloudTrail";

const CODECOMMIT = "codecommit.amazonaws.com";
const BEDROCK = "bedrock.amazonaws.com";

describe("a user's credentials in the account of the drill", function () {
  this.timeout(60_000);
  let account: Account;
  let iam: IAM.IAMClient;

  before(async () => {
    account = await Account.start();
  });
  after(async () => {
    await account.stop();
  });
  beforeEach(async () => {
    await account.reset();
    iam = client(account.owner);
    await iam.send(new IAM.CreateUserCommand({ UserName: "mallory", Path: "/staff/" }));
  });

  function client(credentials: Credentials): IAM.IAMClient {
    const { endpoint, region } = account;
    return new IAM.IAMClient({ endpoint, region, credentials, maxAttempts: 1 });
  }

  async function keyOf(UserName: string): Promise<Credentials> {
    const { AccessKey } = await iam.send(new IAM.CreateAccessKeyCommand({ UserName }));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  }

  async function allow(UserName: string, Action: string, Resource: string): Promise<void> {
    const Statement = [{ Effect: "Allow", Action, Resource }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    const input = { UserName, PolicyName: Action.replace(/\W/g, "-"), PolicyDocument };
    await iam.send(new IAM.PutUserPolicyCommand(input));
  }

  async function rename(UserName: string, NewUserName: string): Promise<void> {
    await iam.send(new IAM.UpdateUserCommand({ UserName, NewUserName }));
  }

  /** The record of the last call. */
  function lastRecord() {
    const call = account.calls.at(-1);
    assert.ok(call);
    return recordOf(call, account);
  }

  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
  describe("for one service", () => {
    async function make(
      UserName = "mallory",
      ServiceName = CODECOMMIT,
      CredentialAgeDays?: number,
    ): Promise<IAM.ServiceSpecificCredential> {
      const input = { UserName, ServiceName, CredentialAgeDays };
      const made = await iam.send(new IAM.CreateServiceSpecificCredentialCommand(input));
      assert.ok(made.ServiceSpecificCredential);
      return made.ServiceSpecificCredential;
    }

    async function list(
      input: IAM.ListServiceSpecificCredentialsRequest,
      by = iam,
    ): Promise<IAM.ServiceSpecificCredentialMetadata[]> {
      const found = await by.send(new IAM.ListServiceSpecificCredentialsCommand(input));
      return found.ServiceSpecificCredentials ?? [];
    }

    it("tell the password once, and list without it", async () => {
      const { ServicePassword, ...made } = await make();

      assert.ok(ServicePassword && account.secrets.has(ServicePassword));
      assert.equal(JSON.stringify(account.calls).includes(ServicePassword), false);
      const { CreateDate, ServiceSpecificCredentialId: id, ...rest } = made;
      assert.match(id ?? "", /^ACCA[0-9A-F]{16}$/);
      assert.ok(CreateDate && Math.abs(Date.now() - CreateDate.getTime()) < 60_000);
      assert.deepEqual(rest, {
        UserName: "mallory",
        Status: "Active",
        ServiceUserName: "mallory-at-123456789012",
        ServiceName: CODECOMMIT,
      });
      assert.deepEqual(await list({ UserName: "mallory" }), [made]);
    });

    it("of Bedrock have an alias, a secret and, where asked for, an end", async () => {
      const made = await make("mallory", BEDROCK, 30);

      const { ServiceCredentialSecret = "", ServiceCredentialAlias, ServiceUserName } = made;
      assert.ok(account.secrets.has(ServiceCredentialSecret));
      assert.match(ServiceCredentialAlias ?? "", /^mallory-at-123456789012-/);
      assert.deepEqual([ServiceUserName, made.ServicePassword], [undefined, undefined]);
      const { CreateDate, ExpirationDate } = made;
      const days = (Number(ExpirationDate) - Number(CreateDate)) / 86_400_000;
      assert.equal(days, 30);
    });

    it("are switched off, reset and deleted", async () => {
      const { ServicePassword, ServiceSpecificCredentialId, ...made } = await make();
      const id = { UserName: "mallory", ServiceSpecificCredentialId };
      const off = { ...id, Status: "Inactive" as const };

      await iam.send(new IAM.UpdateServiceSpecificCredentialCommand(off));
      const [inactive] = await list({ UserName: "mallory" });
      const reset = await iam.send(new IAM.ResetServiceSpecificCredentialCommand(id));
      await iam.send(new IAM.DeleteServiceSpecificCredentialCommand(id));

      assert.equal(inactive?.Status, "Inactive");
      const { ServicePassword: next = "", ...kept } = reset.ServiceSpecificCredential ?? {};
      assert.ok(next && next !== ServicePassword && account.secrets.has(next));
      assert.deepEqual(kept, { ...made, ServiceSpecificCredentialId, Status: "Inactive" });
      assert.deepEqual(await list({ UserName: "mallory" }), []);
    });

    it("are the caller's where he names nobody", async () => {
      await allow("mallory", "iam:*", "arn:aws:iam::*:user/staff/mallory");
      await iam.send(new IAM.CreateUserCommand({ UserName: "other" }));
      const mallory = client(await keyOf("mallory"));
      const { ServiceSpecificCredentialId } = await make();
      const id = { ServiceSpecificCredentialId };
      const off = { ...id, Status: "Inactive" as const };

      await mallory.send(new IAM.UpdateServiceSpecificCredentialCommand(off));
      const listed = await list({}, mallory);
      await mallory.send(new IAM.ResetServiceSpecificCredentialCommand(id));
      await mallory.send(new IAM.DeleteServiceSpecificCredentialCommand(id));

      assert.deepEqual(
        listed.map((each) => [each.UserName, each.Status]),
        [["mallory", "Inactive"]],
      );
      assert.deepEqual(await list({ UserName: "mallory" }), []);
      await assert.rejects(
        mallory.send(new IAM.ListServiceSpecificCredentialsCommand({ AllUsers: true })),
        { name: "AccessDenied", message: /user\/other because/ },
      );
    });

    it("are asked for on the user's ARN", async () => {
      await iam.send(new IAM.CreateUserCommand({ UserName: "other" }));
      await allow("other", "iam:*", "arn:aws:iam::*:user/mallory");
      const other = client(await keyOf("other"));
      const { ServiceSpecificCredentialId } = await make();
      const input = { UserName: "mallory", ServiceSpecificCredentialId };
      const refused = {
        name: "AccessDenied",
        message: /resource: arn:aws:\S+:user\/staff\/mallory/,
      };
      const create = { UserName: "mallory", ServiceName: CODECOMMIT };
      const commands = [
        new IAM.CreateServiceSpecificCredentialCommand(create),
        new IAM.ListServiceSpecificCredentialsCommand(input),
        new IAM.UpdateServiceSpecificCredentialCommand({ ...input, Status: "Inactive" }),
        new IAM.ResetServiceSpecificCredentialCommand(input),
        new IAM.DeleteServiceSpecificCredentialCommand(input),
      ];

      for (const command of commands) {
        await assert.rejects(
          other.send(command as IAM.ListServiceSpecificCredentialsCommand),
          refused,
        );
      }
    });

    it("list by service, of all users and page by page", async () => {
      await iam.send(new IAM.CreateUserCommand({ UserName: "other" }));
      const git = await make();
      const bedrock = await make("mallory", BEDROCK);
      const others = await make("other");
      const ids = (found: IAM.ServiceSpecificCredentialMetadata[]) =>
        found.map((each) => each.ServiceSpecificCredentialId);

      const mine = { UserName: "mallory" };
      const ofService = await list({ ...mine, ServiceName: BEDROCK });
      const ofAll = await list({ AllUsers: true, ServiceName: CODECOMMIT });
      const first = await iam.send(
        new IAM.ListServiceSpecificCredentialsCommand({ ...mine, MaxItems: 1 }),
      );
      const second = await iam.send(
        new IAM.ListServiceSpecificCredentialsCommand({ ...mine, Marker: first.Marker }),
      );

      assert.deepEqual(ids(ofService), [bedrock.ServiceSpecificCredentialId]);
      assert.deepEqual(ids(ofAll), [
        git.ServiceSpecificCredentialId,
        others.ServiceSpecificCredentialId,
      ]);
      assert.deepEqual(
        [first, second].map((page) => [
          ids(page.ServiceSpecificCredentials ?? []),
          page.IsTruncated,
          page.Marker === undefined,
        ]),
        [
          [[git.ServiceSpecificCredentialId], true, false],
          [[bedrock.ServiceSpecificCredentialId], false, true],
        ],
      );
    });

    it("move with a renamed user, and keep him from being deleted", async () => {
      const { ServiceSpecificCredentialId: id, ServiceUserName } = await make();
      await rename("mallory", "eve");
      const ofEve = { UserName: "eve", ServiceSpecificCredentialId: id };

      const [moved] = await list({ UserName: "eve" });

      assert.deepEqual(
        [moved?.UserName, moved?.ServiceSpecificCredentialId, moved?.ServiceUserName],
        ["eve", id, ServiceUserName],
      );
      await assert.rejects(list({ UserName: "mallory" }), { name: "NoSuchEntityException" });
      await assert.rejects(iam.send(new IAM.DeleteUserCommand({ UserName: "eve" })), {
        name: "DeleteConflictException",
        message: "Cannot delete entity, must delete service specific credentials first.",
      });
      await iam.send(new IAM.DeleteServiceSpecificCredentialCommand(ofEve));
      await iam.send(new IAM.DeleteUserCommand({ UserName: "eve" }));
    });

    it("are two a service at most, of services that have them and users that are there", async () => {
      await make();
      const second = await make();
      await make("mallory", BEDROCK);

      assert.equal(second.ServiceUserName, "mallory+1-at-123456789012");
      await assert.rejects(make(), { name: "LimitExceededException" });
      await assert.rejects(make("mallory", "s3.amazonaws.com"), {
        name: "ServiceNotSupportedException",
      });
      await assert.rejects(make("nobody"), { name: "NoSuchEntityException" });
      const missing = { UserName: "mallory", ServiceSpecificCredentialId: "ACCA0000000000000000" };
      await assert.rejects(iam.send(new IAM.DeleteServiceSpecificCredentialCommand(missing)), {
        name: "NoSuchEntityException",
        message: "The Service Specific Credential with id ACCA0000000000000000 cannot be found.",
      });
    });

    it("are in the record without the secret", async () => {
      const { ServiceSpecificCredentialId, ServiceCredentialAlias } = await make(
        "mallory",
        BEDROCK,
        30,
      );

      const { requestParameters, responseElements } = lastRecord();

      assert.deepEqual(requestParameters, {
        userName: "mallory",
        serviceName: BEDROCK,
        credentialAgeDays: 30,
      });
      const { serviceSpecificCredential } = responseElements as Record<string, object>;
      const { createDate, expirationDate, ...rest } = serviceSpecificCredential as Record<
        string,
        unknown
      >;
      const form = /^[A-Z][a-z]{2} \d+, \d{4} \d+:\d\d:\d\d [AP]M$/;
      assert.match(String(createDate), form);
      assert.match(String(expirationDate), form);
      assert.deepEqual(rest, {
        userName: "mallory",
        status: "Active",
        serviceCredentialAlias: ServiceCredentialAlias,
        serviceSpecificCredentialId: ServiceSpecificCredentialId,
        serviceName: BEDROCK,
      });
    });
  });
});
