import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as ec2Sdk from "@aws-sdk/client-ec2";
import * as iamSdk from "@aws-sdk/client-iam";
import * as s3Sdk from "@aws-sdk/client-s3";
import { Account, type Call, type Credentials } from "../../drill/account/account";
import { eventOf, recordOf } from "../../drill/account/cloudTrail";
import { Caller } from "../../drill/caller";
import { captureProgram } from "../../drill/program/capture";
import { type Deployment, deploy } from "../../drill/program/deploy";
import { apply, type Outcome, send } from "../../restore/apply";
import { planRestore, type Wishes } from "../../restore/plan";
import { type Eye, lookAtPresent } from "../../restore/present";
import { type Found, readCase } from "../../restore/read";

const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const BUCKET = "tourniquet-lab-cases-123456789012";
const everything: Wishes = { only: [], force: false, falseAlarm: false };

function document(Action: string): string {
  const Statement = [{ Effect: "Allow", Action, Resource: "*" }];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}

/** The calls of an attack, one after the other; what a call answers is kept under `save`. */
type Step = [call: string, input: Record<string, unknown>];

describe("a restore, by kind of subject", function () {
  this.timeout(180_000);
  let account: Account;
  let caller: Caller;
  let deployment: Deployment | undefined;
  let eye: Eye;
  let shelf: { sdk: typeof s3Sdk; s3: s3Sdk.S3Client };
  let mallory: Credentials;
  let program: Awaited<ReturnType<typeof captureProgram>>;

  before(async () => {
    [account, program] = await Promise.all([Account.start(), captureProgram({ settings: {} })]);
  });
  after(() => account?.stop());

  beforeEach(async () => {
    await account.reset();
    caller = new Caller(account);
    const { endpoint, region, owner: credentials } = account;
    const at = { endpoint, region, credentials };
    eye = {
      iamSdk,
      iam: new iamSdk.IAMClient(at),
      ec2Sdk,
      ec2: new ec2Sdk.EC2Client(at),
    };
    shelf = { sdk: s3Sdk, s3: new s3Sdk.S3Client({ ...at, forcePathStyle: true }) };
    deployment = await deploy(program, account);
    await call("iam:CreateUser", { UserName: "mallory" });
    await call("iam:AttachUserPolicy", { UserName: "mallory", PolicyArn: ADMIN });
    const { AccessKey } = (await call("iam:CreateAccessKey", { UserName: "mallory" })) as {
      AccessKey: { AccessKeyId: string; SecretAccessKey: string };
    };
    mallory = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  });
  afterEach(async () => {
    await deployment?.stop();
    caller?.close();
  });

  function call(name: string, input: Record<string, unknown>, as = account.owner) {
    const [service, action] = name.split(":") as ["iam" | "ec2", string];
    return caller.call({ service, action, input }, as);
  }

  /** Makes the calls as mallory, delivers their events together, and waits for the executions. */
  async function attack(steps: Step[]): Promise<string[]> {
    const made: Call[] = [];
    account.onCall((one) => {
      if (one.accessKeyId === mallory.accessKeyId) made.push(one);
    });
    for (const [name, input] of steps) await call(name, input, mallory);
    const executions = made.flatMap(
      (one) => deployment?.putEvent(eventOf(recordOf(one, account))) ?? [],
    );
    const results = await Promise.all(executions.map(({ done }) => done));
    for (const { status, path } of results) {
      assert.deepEqual([status, path.at(-1)], ["SUCCEEDED", "EndState"]);
    }
    return executions.map(({ id }) => id);
  }

  function found(id: string): Promise<Found> {
    return readCase({ bucket: BUCKET, key: `cases/${id}.json` }, [], shelf);
  }

  async function restore(id: string, wishes: Partial<Wishes> = {}) {
    const { file, others, complaints } = await found(id);
    assert.deepEqual(complaints, []);
    const present = await lookAtPresent(eye, file);
    const plan = planRestore(file, present, { ...everything, ...wishes }, others);
    assert.deepEqual(plan.stops, []);
    const outcomes: Outcome[] = await apply(
      plan.steps,
      (step) => send(eye, step),
      () => undefined,
    );
    return { plan, told: outcomes.map(({ step, outcome }) => `${outcome} ${step.item}`) };
  }

  async function users(): Promise<unknown> {
    const Filter = ["User", "Group", "LocalManagedPolicy"];
    const details = await call("iam:GetAccountAuthorizationDetails", { Filter });
    const sorted = (list: unknown[]) => list.map((one) => JSON.stringify(one)).sort();
    const found = details as Record<string, { AttachedManagedPolicies?: unknown[] }[]>;
    return [...(found.UserDetailList ?? []), ...(found.GroupDetailList ?? [])].map((one) => ({
      ...one,
      AttachedManagedPolicies: sorted(one.AttachedManagedPolicies ?? []),
    }));
  }

  it("gives nothing of a burst's attack back, whichever case is restored", async () => {
    await call("iam:CreateUser", { UserName: "Module-7" });
    await call("iam:AttachUserPolicy", { UserName: "Module-7", PolicyArn: READ_ONLY });
    const before = await users();
    const ids = await attack([
      ["iam:AttachUserPolicy", { UserName: "Module-7", PolicyArn: ADMIN }],
      ["iam:CreateAccessKey", { UserName: "Module-7" }],
    ]);
    // An event that found its user contained already leaves no case.
    const { Contents = [] } = await shelf.s3.send(
      new s3Sdk.ListObjectsV2Command({ Bucket: BUCKET }),
    );
    const written = ids.filter((id) => Contents.some(({ Key }) => Key === `cases/${id}.json`));
    assert.ok(written.length > 0);
    for (const id of written) {
      // Somebody else's call: the look beside the cut cannot tell whose the deny is.
      const { told } = await restore(id, { only: ["policies", "keys", "deny:Module-7"] });
      assert.deepEqual(
        told.filter((one) => !one.includes("deny:")),
        [],
      );
    }
    assert.deepEqual(await users(), before);
    const { AccessKeyMetadata } = await call("iam:ListAccessKeys", { UserName: "Module-7" });
    assert.deepEqual(
      (AccessKeyMetadata as { Status: string }[]).map(({ Status }) => Status),
      ["Inactive"],
    );
  });

  it("names a case that is not there", () =>
    assert.rejects(
      found("no-such-execution"),
      /s3:\/\/tourniquet-lab-cases-123456789012\/cases\/no-such-execution\.json could not be read: NoSuchKey: .*; an execution that had nothing to contain leaves no case/,
    ));

  it("makes a policy's former version the default, and attaches it to users and groups", async () => {
    const { Policy } = (await call("iam:CreatePolicy", {
      PolicyName: "Team",
      PolicyDocument: document("s3:GetObject"),
    })) as { Policy: { Arn: string } };
    const PolicyArn = Policy.Arn;
    await call("iam:CreateUser", { UserName: "bob" });
    await call("iam:CreateGroup", { GroupName: "devs" });
    await call("iam:AttachUserPolicy", { UserName: "bob", PolicyArn });
    await call("iam:AttachGroupPolicy", { GroupName: "devs", PolicyArn });
    const before = await users();
    const [id = ""] = await attack([
      ["iam:CreatePolicyVersion", { PolicyArn, PolicyDocument: document("*"), SetAsDefault: true }],
    ]);
    assert.notDeepEqual(await users(), before);
    const { told } = await restore(id);
    assert.deepEqual(
      [told[0], ...told.slice(1).sort()],
      [
        `done policies:${PolicyArn}:v1`,
        `done policies:bob:${PolicyArn}`,
        `done policies:group/devs:${PolicyArn}`,
      ],
    );
    assert.deepEqual(await users(), before);
    assert.deepEqual((await restore(id)).told, []);
  });

  it("keeps the record's version for a false alarm, and finds nothing to do the second time", async () => {
    const { Policy } = (await call("iam:CreatePolicy", {
      PolicyName: "Team",
      PolicyDocument: document("s3:GetObject"),
    })) as { Policy: { Arn: string } };
    const PolicyArn = Policy.Arn;
    await call("iam:CreatePolicyVersion", { PolicyArn, PolicyDocument: document("*") });
    await call("iam:CreateUser", { UserName: "bob" });
    await call("iam:AttachUserPolicy", { UserName: "bob", PolicyArn });
    const [id = ""] = await attack([
      ["iam:SetDefaultPolicyVersion", { PolicyArn, VersionId: "v2" }],
    ]);
    const { told } = await restore(id, { falseAlarm: true });
    assert.deepEqual(told, [`done policies:bob:${PolicyArn}`]);
    const { Policy: now } = (await call("iam:GetPolicy", { PolicyArn })) as {
      Policy: { DefaultVersionId: string };
    };
    assert.equal(now.DefaultVersionId, "v2");
    assert.deepEqual((await restore(id, { falseAlarm: true })).told, []);
  });

  it("leaves a group without the record's grant, and gives it back for a false alarm", async () => {
    await call("iam:CreateUser", { UserName: "bob" });
    await call("iam:CreateGroup", { GroupName: "devs" });
    await call("iam:AddUserToGroup", { UserName: "bob", GroupName: "devs" });
    const [id = ""] = await attack([
      [
        "iam:PutGroupPolicy",
        { GroupName: "devs", PolicyName: "all", PolicyDocument: document("*") },
      ],
    ]);
    assert.deepEqual((await restore(id)).told, []);
    assert.deepEqual((await restore(id, { falseAlarm: true })).told, [
      "done policies:group/devs:inline/all",
    ]);
    const policy = await call("iam:GetGroupPolicy", { GroupName: "devs", PolicyName: "all" });
    assert.equal(decodeURIComponent(policy.PolicyDocument as string), document("*"));
  });

  it("authorizes the rule that was open before, with its description, and not the record's", async () => {
    const { GroupId } = await call("ec2:CreateSecurityGroup", {
      GroupName: "web",
      Description: "web",
    });
    const rule = (CidrIp: string, Description: string) => ({
      GroupId,
      IpPermissions: [
        { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp, Description }] },
      ],
    });
    await call("ec2:AuthorizeSecurityGroupIngress", rule("0.0.0.0/1", "one half"));
    const [id = ""] = await attack([
      ["ec2:AuthorizeSecurityGroupIngress", rule("128.0.0.0/1", "the other")],
    ]);
    const inbound = async () => {
      const Filters = [{ Name: "group-id", Values: [GroupId] }];
      const { SecurityGroupRules } = await call("ec2:DescribeSecurityGroupRules", { Filters });
      return (SecurityGroupRules as ec2Sdk.SecurityGroupRule[])
        .filter(({ IsEgress }) => !IsEgress)
        .map(({ CidrIpv4, Description }) => [CidrIpv4, Description]);
    };
    assert.deepEqual(await inbound(), []);
    const { told, plan } = await restore(id);
    assert.equal(told.length, 1);
    assert.equal(plan.left.length, 1);
    assert.deepEqual(await inbound(), [["0.0.0.0/1", "one half"]]);
    assert.deepEqual((await restore(id)).told, []);
  });
});

describe("readCase", () => {
  it("names what is wrong with a file", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "restore-read-"));
    const file = path.join(folder, "case.json");
    writeFileSync(file, "[]");
    const shelf = { sdk: s3Sdk, s3: new s3Sdk.S3Client({ region: "us-east-1" }) };
    return assert
      .rejects(readCase({ path: file }, [], shelf), /case\.json is no case as schema\/case\.schema/)
      .finally(() => rmSync(folder, { recursive: true }));
  });
});
