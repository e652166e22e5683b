import assert from "node:assert/strict";
import * as IAM from "@aws-sdk/client-iam";
import type { Account, Credentials } from "../../../drill/account/account";
import { recordOf } from "../../../drill/account/cloudTrail";
import { withAccount } from "./withAccount";

const CODECOMMIT = "codecommit.amazonaws.com";
const BEDROCK = "bedrock.amazonaws.com";

describe("a user's credentials in the account of the drill", function () {
  this.timeout(60_000);
  let account: Account;
  let iam: IAM.IAMClient;

  withAccount((started) => {
    account = started;
  });
  beforeEach(async () => {
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
      await iam.send(new IAM.CreateUserCommand({ UserName: "other" }));
      const { ServiceSpecificCredentialId } = second;
      const notHis = { UserName: "other", ServiceSpecificCredentialId };
      await assert.rejects(iam.send(new IAM.DeleteServiceSpecificCredentialCommand(notHis)), {
        name: "NoSuchEntityException",
      });
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

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html
  describe("of every kind", () => {
    const SSH_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ== mallory";
    const SERIAL = "arn:aws:iam::123456789012:mfa/phone";

    async function sshKey(UserName: string, comment = ""): Promise<string> {
      const input = { UserName, SSHPublicKeyBody: `${SSH_KEY}${comment}` };
      const made = await iam.send(new IAM.UploadSSHPublicKeyCommand(input));
      return made.SSHPublicKey?.SSHPublicKeyId ?? "";
    }

    async function certificate(by: IAM.IAMClient, UserName?: string): Promise<string> {
      const input = { UserName, CertificateBody: CERTIFICATE };
      const made = await by.send(new IAM.UploadSigningCertificateCommand(input));
      assert.equal(made.Certificate?.UserName, UserName ?? "mallory");
      return made.Certificate?.CertificateId ?? "";
    }

    async function mfaDevice(UserName: string): Promise<void> {
      await iam.send(new IAM.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "phone" }));
      const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
      const input = { UserName, SerialNumber: SERIAL, ...codes };
      await iam.send(new IAM.EnableMFADeviceCommand(input));
    }

    /** What the lists of a user's credentials show: owner, id and, where there is one, status. */
    async function lists(UserName: string): Promise<Record<string, unknown>> {
      const keys = await iam.send(new IAM.ListAccessKeysCommand({ UserName }));
      const ssh = await iam.send(new IAM.ListSSHPublicKeysCommand({ UserName }));
      const signing = await iam.send(new IAM.ListSigningCertificatesCommand({ UserName }));
      const mfa = await iam.send(new IAM.ListMFADevicesCommand({ UserName }));
      return {
        keys: keys.AccessKeyMetadata?.map((each) => [each.UserName, each.AccessKeyId, each.Status]),
        ssh: ssh.SSHPublicKeys?.map((each) => [each.UserName, each.SSHPublicKeyId, each.Status]),
        signing: signing.Certificates?.map((each) => [
          each.UserName,
          each.CertificateId,
          each.Status,
        ]),
        mfa: mfa.MFADevices?.map((each) => [each.UserName, each.SerialNumber]),
        truncated: [keys, ssh, signing, mfa].map((each) => each.IsTruncated),
      };
    }

    it("are listed, switched off and taken, also under a new name", async () => {
      const { accessKeyId } = await keyOf("mallory");
      const ssh = await sshKey("mallory");
      const signing = await certificate(iam, "mallory");
      await mfaDevice("mallory");
      await rename("mallory", "eve");
      const eve = { UserName: "eve" };
      const off = { ...eve, Status: "Inactive" as const };

      const before = await lists("eve");
      const key = { ...off, AccessKeyId: accessKeyId };
      await iam.send(new IAM.UpdateAccessKeyCommand(key));
      await iam.send(new IAM.UpdateSSHPublicKeyCommand({ ...off, SSHPublicKeyId: ssh }));
      await iam.send(new IAM.UpdateSigningCertificateCommand({ ...off, CertificateId: signing }));
      await iam.send(new IAM.DeactivateMFADeviceCommand({ ...eve, SerialNumber: SERIAL }));
      const switchedOff = await lists("eve");
      await iam.send(new IAM.DeleteAccessKeyCommand({ ...eve, AccessKeyId: accessKeyId }));
      await iam.send(new IAM.DeleteSSHPublicKeyCommand({ ...eve, SSHPublicKeyId: ssh }));
      await iam.send(new IAM.DeleteSigningCertificateCommand({ ...eve, CertificateId: signing }));

      const truncated = [false, false, false, false];
      assert.deepEqual(before, {
        keys: [["eve", accessKeyId, "Active"]],
        ssh: [["eve", ssh, "Active"]],
        signing: [["eve", signing, "Active"]],
        mfa: [["eve", SERIAL]],
        truncated,
      });
      assert.deepEqual(switchedOff, {
        keys: [["eve", accessKeyId, "Inactive"]],
        ssh: [["eve", ssh, "Inactive"]],
        signing: [["eve", signing, "Inactive"]],
        mfa: [],
        truncated,
      });
      assert.deepEqual(await lists("eve"), { keys: [], ssh: [], signing: [], mfa: [], truncated });
      await iam.send(new IAM.DeleteUserCommand(eve));
    });

    it("leave a renamed user room for as many keys as others, and nothing at his former name", async () => {
      await keyOf("mallory");
      await rename("mallory", "eve");
      await iam.send(new IAM.CreateUserCommand({ UserName: "mallory" }));
      const { accessKeyId: AccessKeyId } = await keyOf("eve");

      await assert.rejects(keyOf("eve"), { name: "LimitExceededException" });
      await iam.send(new IAM.DeleteAccessKeyCommand({ UserName: "eve", AccessKeyId }));
      await keyOf("eve");

      assert.equal(((await lists("eve")).keys as unknown[]).length, 2);
      assert.deepEqual((await lists("mallory")).keys, []);
    });

    it("keep their owner from being deleted", async () => {
      const conflict = async (what: string) =>
        await assert.rejects(iam.send(new IAM.DeleteUserCommand({ UserName: "mallory" })), {
          name: "DeleteConflictException",
          message: `Cannot delete entity, must delete ${what} first.`,
        });
      await mfaDevice("mallory");
      await conflict("MFA devices");
      await certificate(iam, "mallory");
      await conflict("signing certificates");
      await sshKey("mallory");
      await conflict("SSH public keys");
    });

    it("come page by page", async () => {
      const ids = [await sshKey("mallory", "1"), await sshKey("mallory", "2")];
      const page = async (input: object) =>
        await iam.send(new IAM.ListSSHPublicKeysCommand({ UserName: "mallory", ...input }));

      const first = await page({ MaxItems: 1 });
      const second = await page({ MaxItems: 1, Marker: first.Marker });

      assert.deepEqual(
        [first, second].map((each) => [
          each.SSHPublicKeys?.map((key) => key.SSHPublicKeyId),
          each.IsTruncated,
        ]),
        [
          [[ids[0]], true],
          [[ids[1]], false],
        ],
      );
      assert.equal(second.Marker, undefined);
    });

    it("are the caller's where he names nobody", async () => {
      await allow("mallory", "iam:*", "*");
      const mallory = client(await keyOf("mallory"));
      const CertificateId = await certificate(mallory);
      await mfaDevice("mallory");

      const off = { CertificateId, Status: "Inactive" as const };
      await mallory.send(new IAM.UpdateSigningCertificateCommand(off));
      const { Certificates } = await mallory.send(new IAM.ListSigningCertificatesCommand({}));
      await mallory.send(new IAM.DeleteSigningCertificateCommand({ CertificateId }));
      await mallory.send(new IAM.DeactivateMFADeviceCommand({ SerialNumber: SERIAL }));

      assert.deepEqual(
        Certificates?.map((each) => [each.UserName, each.Status]),
        [["mallory", "Inactive"]],
      );
      const { signing, mfa } = await lists("mallory");
      assert.deepEqual([signing, mfa], [[], []]);
    });
  });

  it("keeps a renamed user's tags, and refuses a name that is taken", async () => {
    await iam.send(new IAM.CreateUserCommand({ UserName: "other" }));
    const Tags = [{ Key: "team", Value: "blue" }];
    await iam.send(new IAM.TagUserCommand({ UserName: "mallory", Tags }));

    await assert.rejects(rename("mallory", "other"), { name: "EntityAlreadyExistsException" });
    await rename("mallory", "eve");

    const { User } = await iam.send(new IAM.GetUserCommand({ UserName: "eve" }));
    assert.deepEqual(User?.Tags, Tags);
  });

  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html
  it("keeps the password where only its reset is asked for", async () => {
    const mallory = { UserName: "mallory" };
    await iam.send(new IAM.CreateLoginProfileCommand({ ...mallory, Password: "Tr0ub4dor&3" }));

    const reset = { ...mallory, PasswordResetRequired: true };
    await iam.send(new IAM.UpdateLoginProfileCommand(reset));

    const { LoginProfile } = await iam.send(new IAM.GetLoginProfileCommand(mallory));
    assert.deepEqual(
      [LoginProfile?.UserName, LoginProfile?.PasswordResetRequired],
      ["mallory", true],
    );
  });
});

/** Self-signed, for CN=drill, its private key thrown away. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIURxPTb4SGmHzrWBOYyxdC7ff2hvIwDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFZHJpbGwwHhcNMjYxMTI0MTQwOTI4WhcNMzYxMTIxMTQw
OTI4WjAQMQ4wDAYDVQQDDAVkcmlsbDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA1PAUffCRQxdL7Z26KmzfXzMlfF1CSm2QaFjQCHM6murCixCa6sE0+WTKf5CV
aTLKPe/0rpTgVZmB1iUwMx0mDUuiVI9qGXonh6ihSKyVi4TrpXGrNkcN+okzfYXc
6Der+39pHD89FnNidDddva21b+VXXWJjbP5akjc0ykLrMUUCAwEAAaNTMFEwHQYD
VR0OBBYEFNsi6xCCnjeeJrM7+E90i6RtanD5MB8GA1UdIwQYMBaAFNsi6xCCnjee
JrM7+E90i6RtanD5MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
nSy+wnPI3UEFsehzaixPFrwMnG0f99gXZhZ1y7gGkh1tdDpAMUznKoj3xzvTq8hu
ngXtqjIJ1DcZJNZz+2+zEHGjmtvjp6rd49oYKh38Noo12c69vw/QdYYCa6XP4893
d4f44m7vLdilWmbaW5SHlLuaLi1TkNJR22Q0v17XxCQ=
-----END CERTIFICATE-----`;
