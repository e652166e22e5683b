import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import * as IAM from "@aws-sdk/client-iam";
import type { Account, Credentials } from "../../../drill/account/account";
import { withAccount } from "./withAccount";

const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
const MALLORY = { UserName: "mallory" };

/** Long enough for the calls in between, also on a slow machine. */
const DELAY_MS = 800;

// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
describe("a change in IAM that takes its time", function () {
  this.timeout(60_000);
  let account: Account;
  let owner: IAM.IAMClient;
  let key: Credentials;
  let mallory: IAM.IAMClient;

  withAccount((started) => {
    account = started;
  });
  beforeEach(async () => {
    owner = client(account.owner);
    await owner.send(new IAM.CreateUserCommand({ ...MALLORY, Path: "/staff/" }));
    await grant();
    key = await keyOf();
    mallory = client(key);
    account.iamDelayMs = DELAY_MS;
  });

  function client(credentials: Credentials): IAM.IAMClient {
    const { endpoint, region } = account;
    return new IAM.IAMClient({ endpoint, region, credentials, maxAttempts: 1 });
  }

  async function grant(): Promise<void> {
    const Statement = [{ Effect: "Allow", Action: "*", Resource: "*" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    const input = { ...MALLORY, PolicyName: "given", PolicyDocument };
    await owner.send(new IAM.PutUserPolicyCommand(input));
  }

  async function keyOf(): Promise<Credentials> {
    const { AccessKey } = await owner.send(new IAM.CreateAccessKeyCommand(MALLORY));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  }

  /** What the call is refused with, "" where it works: now, and once the change is in effect. */
  async function nowAndLater(by: IAM.IAMClient): Promise<[string, string]> {
    const now = await attempt(by);
    await account.inEffect();
    return [now, await attempt(by)];
  }

  async function attempt(by: IAM.IAMClient): Promise<string> {
    try {
      await by.send(new IAM.ListUsersCommand({}));
      return "";
    } catch (error) {
      return (error as Error).name;
    }
  }

  it("shows in looks at once, and decides later: a policy", async () => {
    await owner.send(new IAM.AttachUserPolicyCommand({ ...MALLORY, PolicyArn: DENY_ALL }));
    const look = await owner.send(new IAM.ListAttachedUserPoliciesCommand(MALLORY));

    assert.deepEqual(await nowAndLater(mallory), ["", "AccessDenied"]);
    assert.equal(look.AttachedPolicies?.[0]?.PolicyArn, DENY_ALL);
  });

  it("a policy taken away", async () => {
    await owner.send(new IAM.DeleteUserPolicyCommand({ ...MALLORY, PolicyName: "given" }));

    assert.deepEqual(await nowAndLater(mallory), ["", "AccessDenied"]);
  });

  it("a policy's new version", async () => {
    account.iamDelayMs = 0;
    await owner.send(new IAM.DeleteUserPolicyCommand({ ...MALLORY, PolicyName: "given" }));
    const document = (Effect: string) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect, Action: "*", Resource: "*" }],
      });
    const own = { PolicyName: "own", PolicyDocument: document("Allow") };
    const { Policy } = await owner.send(new IAM.CreatePolicyCommand(own));
    const PolicyArn = Policy?.Arn;
    await owner.send(new IAM.AttachUserPolicyCommand({ ...MALLORY, PolicyArn }));
    account.iamDelayMs = DELAY_MS;
    const version = { PolicyArn, PolicyDocument: document("Deny"), SetAsDefault: true };
    await owner.send(new IAM.CreatePolicyVersionCommand(version));

    assert.deepEqual(await nowAndLater(mallory), ["", "AccessDenied"]);
  });

  it("a boundary", async () => {
    const boundary = { ...MALLORY, PermissionsBoundary: DENY_ALL };
    await owner.send(new IAM.PutUserPermissionsBoundaryCommand(boundary));

    assert.deepEqual(await nowAndLater(mallory), ["", "AccessDenied"]);
  });

  it("a key switched off", async () => {
    const off = { ...MALLORY, AccessKeyId: key.accessKeyId, Status: "Inactive" as const };
    await owner.send(new IAM.UpdateAccessKeyCommand(off));

    assert.deepEqual(await nowAndLater(mallory), ["", "InvalidClientTokenId"]);
  });

  it("a key deleted", async () => {
    const deleted = { ...MALLORY, AccessKeyId: key.accessKeyId };
    await owner.send(new IAM.DeleteAccessKeyCommand(deleted));

    assert.deepEqual(await nowAndLater(mallory), ["", "InvalidClientTokenId"]);
  });

  it("a key made", async () => {
    const second = client(await keyOf());

    assert.deepEqual(await nowAndLater(second), ["InvalidClientTokenId", ""]);
  });

  it("a user deleted", async () => {
    await owner.send(new IAM.DeleteUserPolicyCommand({ ...MALLORY, PolicyName: "given" }));
    const deleted = { ...MALLORY, AccessKeyId: key.accessKeyId };
    await owner.send(new IAM.DeleteAccessKeyCommand(deleted));
    await owner.send(new IAM.DeleteUserCommand(MALLORY));

    assert.deepEqual(await nowAndLater(mallory), ["", "InvalidClientTokenId"]);
  });

  it("a new name", async () => {
    await owner.send(new IAM.UpdateUserCommand({ ...MALLORY, NewUserName: "eve" }));
    const callers = () => account.calls.slice(-1).map(({ caller }) => caller.arn);

    assert.equal(await attempt(mallory), "");
    const before = callers();
    await account.inEffect();
    assert.equal(await attempt(mallory), "");

    const arn = "arn:aws:iam::123456789012:user/staff";
    assert.deepEqual([...before, ...callers()], [`${arn}/mallory`, `${arn}/eve`]);
  });

  it("each change after its own time", async () => {
    await owner.send(new IAM.AttachUserPolicyCommand({ ...MALLORY, PolicyArn: DENY_ALL }));
    await setTimeout(DELAY_MS / 2);
    await owner.send(new IAM.DetachUserPolicyCommand({ ...MALLORY, PolicyArn: DENY_ALL }));
    const first = await attempt(mallory);
    await setTimeout(DELAY_MS / 2);

    const [second, last] = await nowAndLater(mallory);

    assert.deepEqual([first, second, last], ["", "AccessDenied", ""]);
  });

  it("is not there unless it is asked for, and ends with a reset", async () => {
    await account.reset();
    await owner.send(new IAM.CreateUserCommand(MALLORY));
    await grant();

    assert.deepEqual(await nowAndLater(client(await keyOf())), ["", ""]);
    assert.equal(account.iamDelayMs, 0);
  });
});
