import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as ec2Sdk from "@aws-sdk/client-ec2";
import * as iamSdk from "@aws-sdk/client-iam";
import * as s3Sdk from "@aws-sdk/client-s3";
import { Account, type Call, type Credentials } from "../../drill/account/account";
import { eventOf, recordOf } from "../../drill/account/cloudTrail";
import type { Fault } from "../../drill/account/faults";
import { Caller } from "../../drill/caller";
import { captureProgram } from "../../drill/program/capture";
import {
  type Deployment,
  deploy,
  type Execution,
  type ExecutionResult,
} from "../../drill/program/deploy";
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
  /** Executions that wait for the time at which they lift their blocks. */
  let asleep: { one: Execution; result: ExecutionResult }[];

  before(async () => {
    [account, program] = await Promise.all([Account.start(), captureProgram({ settings: {} })]);
  });
  after(() => account?.stop());

  beforeEach(async () => {
    asleep = [];
    await account.reset();
    caller = new Caller(account);
    const { endpoint, region, owner: credentials } = account;
    const at = { endpoint, region, credentials };
    shelf = { sdk: s3Sdk, s3: new s3Sdk.S3Client({ ...at, forcePathStyle: true }) };
    eye = {
      iamSdk,
      iam: new iamSdk.IAMClient(at),
      ec2Sdk,
      ec2: new ec2Sdk.EC2Client(at),
      shelf,
    };
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
    for (const one of executions) {
      const result = await one.done;
      if (result.status === "ASLEEP") asleep.push({ one, result });
      else assert.deepEqual([result.status, result.path.at(-1)], ["SUCCEEDED", "EndState"]);
    }
    return executions.map(({ id }) => id);
  }

  function found(id: string): Promise<Found> {
    return readCase({ bucket: BUCKET, key: `cases/${id}.json` }, [], shelf);
  }

  async function restore(id: string, wishes: Partial<Wishes> = {}) {
    const { file, others, complaints, bucket } = await found(id);
    assert.deepEqual(complaints, []);
    const present = await lookAtPresent(eye, file, bucket);
    const plan = planRestore(file, present, { ...everything, ...wishes }, others);
    assert.deepEqual(plan.stops, []);
    const outcomes: Outcome[] = await apply(
      plan.steps,
      (step) => send(eye, step),
      () => undefined,
    );
    return { plan, told: outcomes.map(({ step, outcome }) => `${outcome} ${step.item}`) };
  }

  /** The network ACL of the default VPC's first subnet, and an interface in that subnet. */
  async function subnetOf(GroupId: string) {
    const { Subnets } = await call("ec2:DescribeSubnets", {});
    const [{ SubnetId = "" } = {}] = Subnets as ec2Sdk.Subnet[];
    await call("ec2:CreateNetworkInterface", { SubnetId, Groups: [GroupId] });
    const input = { Filters: [{ Name: "association.subnet-id", Values: [SubnetId] }] };
    const look = async () => {
      const { NetworkAcls } = await call("ec2:DescribeNetworkAcls", input);
      return (NetworkAcls as ec2Sdk.NetworkAcl[])[0] as ec2Sdk.NetworkAcl;
    };
    const { NetworkAclId = "" } = await look();
    const entries = async () => {
      const { Entries = [] } = await look();
      return Entries.map((one) => JSON.stringify(one)).sort();
    };
    return { aclId: NetworkAclId, entries };
  }

  async function blockedCases(): Promise<string[]> {
    const { Contents = [] } = await shelf.s3.send(
      new s3Sdk.ListObjectsV2Command({ Bucket: BUCKET, Prefix: "blocks/" }),
    );
    return Contents.map(({ Key = "" }) => Key);
  }

  /** The time is over: each execution lifts what it finds. */
  async function wakeAll(): Promise<(string | undefined)[][]> {
    const ends: (string | undefined)[][] = [];
    for (const { one, result } of asleep) {
      const end = await deployment?.wake(one, result).done;
      ends.push([end?.status, end?.path.at(-1)]);
    }
    return ends;
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

  describe("of a user, where the account's answers are lost", () => {
    let usual: typeof program;
    /** StripAccount is stopped after eight seconds, while it waits for the answer about the device. */
    before(() => {
      usual = program;
      const resources = program.resources.map((one) =>
        /Function$/.test(one.type) && one.name.endsWith("-StripAccount")
          ? { ...one, inputs: { ...one.inputs, timeout: 8 } }
          : one,
      );
      program = { ...program, resources };
    });
    after(() => {
      program = usual;
    });

    const by = "tourniquet-lab-StripAccount";
    const lost: [name: string, faults: Omit<Fault, "service" | "code">[], doubtful: string[]][] = [
      ["a call that the SDK repeats", [{ action: "DetachUserPolicy", answer: "lost", by }], []],
      [
        "a function that is stopped in the middle, and runs again",
        [{ action: "DeactivateMFADevice", answer: "none", by, times: 3 }],
        ["policies:bob:inline/may", `policies:bob:${ADMIN}`, "groups:bob:ops"],
      ],
    ];
    for (const [name, faults, doubtful] of lost) {
      it(`gives back what was taken: ${name}`, async () => {
        await call("iam:CreateUser", { UserName: "bob" });
        await call("iam:AttachUserPolicy", { UserName: "bob", PolicyArn: ADMIN });
        await call("iam:PutUserPolicy", {
          UserName: "bob",
          PolicyName: "may",
          PolicyDocument: document("iam:AttachUserPolicy"),
        });
        await call("iam:CreateGroup", { GroupName: "ops" });
        await call("iam:PutGroupPolicy", {
          GroupName: "ops",
          PolicyName: "may",
          PolicyDocument: document("iam:AttachUserPolicy"),
        });
        await call("iam:AddUserToGroup", { GroupName: "ops", UserName: "bob" });
        const { VirtualMFADevice } = (await call("iam:CreateVirtualMFADevice", {
          VirtualMFADeviceName: "bob",
        })) as { VirtualMFADevice: { SerialNumber: string } };
        const { SerialNumber } = VirtualMFADevice;
        await call("iam:EnableMFADevice", {
          UserName: "bob",
          SerialNumber,
          AuthenticationCode1: "123456",
          AuthenticationCode2: "654321",
        });
        const before = await users();
        for (const fault of faults) account.fail({ service: "iam", code: "AnswerLost", ...fault });
        const [id = ""] = await attack([["iam:CreateAccessKey", { UserName: "bob" }]]);
        assert.notDeepEqual(await users(), before);

        const { plan, told } = await restore(id);
        assert.deepEqual(
          told.sort(),
          [
            `done policies:bob:${ADMIN}`,
            "done policies:bob:inline/may",
            "done groups:bob:ops",
            "done deny:bob",
          ].sort(),
        );
        const unsure = plan.steps.filter(({ why }) => why.includes("the case found it gone"));
        assert.deepEqual(unsure.map(({ item }) => item).sort(), doubtful.sort());
        assert.deepEqual(await users(), before);
        assert.deepEqual((await restore(id)).told, []);
      });
    }
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

  it("authorizes the rule that was open before, with its description and tags, and not the record's", async () => {
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
    const Tags = [{ Key: "owner", Value: "web" }];
    await call("ec2:AuthorizeSecurityGroupIngress", {
      ...rule("0.0.0.0/1", "one half"),
      TagSpecifications: [{ ResourceType: "security-group-rule", Tags }],
    });
    const inbound = async () => {
      const Filters = [{ Name: "group-id", Values: [GroupId] }];
      const { SecurityGroupRules } = await call("ec2:DescribeSecurityGroupRules", { Filters });
      return (SecurityGroupRules as ec2Sdk.SecurityGroupRule[])
        .filter(({ IsEgress }) => !IsEgress)
        .map(({ CidrIpv4, Description, Tags }) => [CidrIpv4, Description, Tags]);
    };
    assert.deepEqual(await inbound(), [["0.0.0.0/1", "one half", Tags]]);
    const [id = ""] = await attack([
      ["ec2:AuthorizeSecurityGroupIngress", rule("128.0.0.0/1", "the other")],
    ]);
    assert.deepEqual(await inbound(), []);
    const { told, plan } = await restore(id);
    assert.equal(told.length, 1);
    assert.equal(plan.left.length, 1);
    assert.deepEqual(await inbound(), [["0.0.0.0/1", "one half", Tags]]);
    assert.deepEqual((await restore(id)).told, []);
  });

  describe("that put other rules in a rule's place", () => {
    let usual: typeof program;
    before(async () => {
      usual = program;
      const settings = { openSsh: "restrict", trustedCidrs: ["9.9.9.0/24"] };
      program = await captureProgram({ settings });
    });
    after(() => {
      program = usual;
    });

    it("gives the rule back as it was and takes the others away, the attack's for a false alarm", async () => {
      const { GroupId } = await call("ec2:CreateSecurityGroup", {
        GroupName: "web",
        Description: "web",
      });
      const rule = (CidrIp: string, Description: string) => ({
        GroupId,
        IpPermissions: [
          { IpProtocol: "tcp", FromPort: 22, ToPort: 23, IpRanges: [{ CidrIp, Description }] },
        ],
      });
      const Tags = [{ Key: "owner", Value: "web" }];
      await call("ec2:AuthorizeSecurityGroupIngress", {
        ...rule("0.0.0.0/1", "one half"),
        TagSpecifications: [{ ResourceType: "security-group-rule", Tags }],
      });
      const inbound = async () => {
        const Filters = [{ Name: "group-id", Values: [GroupId] }];
        const { SecurityGroupRules } = await call("ec2:DescribeSecurityGroupRules", { Filters });
        return (SecurityGroupRules as ec2Sdk.SecurityGroupRule[])
          .filter(({ IsEgress }) => !IsEgress)
          .map(({ FromPort, ToPort, CidrIpv4, Description = "", Tags: tags = [] }) => [
            `${FromPort}-${ToPort} ${CidrIpv4}`,
            Description.replace(/^Tourniquet case .* in place of .*$/, "(case)"),
            tags,
          ]);
      };
      const before = await inbound();
      assert.deepEqual(before, [["22-23 0.0.0.0/1", "one half", Tags]]);
      const [id = ""] = await attack([
        ["ec2:AuthorizeSecurityGroupIngress", rule("128.0.0.0/1", "the other")],
      ]);
      assert.deepEqual(await inbound(), [
        ["23-23 0.0.0.0/1", "(case)", []],
        ["22-22 9.9.9.0/24", "(case)", []],
        ["23-23 128.0.0.0/1", "(case)", []],
      ]);

      const short = (told: string[]) => told.map((one) => one.replace(/:.*/, ""));
      const first = await restore(id);
      assert.deepEqual(short(first.told), ["done rules", "done replacements", "done replacements"]);
      const attacks = ["23-23 128.0.0.0/1", "(case)", []];
      assert.deepEqual(await inbound(), [attacks, ...before]);
      assert.deepEqual((await restore(id)).told, []);

      const second = await restore(id, { falseAlarm: true });
      assert.deepEqual(short(second.told), ["done rules", "done replacements"]);
      assert.deepEqual(await inbound(), [...before, ["22-23 128.0.0.0/1", "the other", []]]);
    });
  });

  describe("that blocked a network ACL", () => {
    const ssh = (CidrIp: string) => [
      {
        IpProtocol: "tcp",
        FromPort: 22,
        ToPort: 22,
        IpRanges: [{ CidrIp, Description: `from ${CidrIp}` }],
      },
    ];
    const open = (GroupId: string): Step => [
      "ec2:AuthorizeSecurityGroupIngress",
      { GroupId, IpPermissions: ssh("0.0.0.0/0") },
    ];
    let GroupId: string;
    let aclId: string;
    let entries: () => Promise<string[]>;

    async function groupNamed(GroupName: string): Promise<string> {
      const made = await call("ec2:CreateSecurityGroup", { GroupName, Description: GroupName });
      return made.GroupId as string;
    }

    /** No number is free before the first entry, which has to move. */
    async function leaveNoRoom(): Promise<void> {
      const first = { RuleNumber: 1, Protocol: "-1", RuleAction: "allow", CidrBlock: "0.0.0.0/0" };
      const at = { NetworkAclId: aclId, Egress: false };
      await call("ec2:DeleteNetworkAclEntry", { ...at, RuleNumber: 100 });
      await call("ec2:CreateNetworkAclEntry", { ...at, ...first });
    }

    beforeEach(async () => {
      GroupId = await groupNamed("web");
      ({ aclId, entries } = await subnetOf(GroupId));
    });

    it("lifts the block, gives a moved entry its number back, and leaves nothing to lift", async () => {
      await leaveNoRoom();
      const before = await entries();
      const [id = ""] = await attack([open(GroupId)]);
      assert.notDeepEqual(await entries(), before);
      assert.deepEqual(await blockedCases(), [`blocks/${id}.json`]);

      const { told, plan } = await restore(id);
      const item = `network-acls:${aclId}`;
      const calls = plan.steps.map(({ call }) => call);
      assert.deepEqual(told, [
        ...calls.slice(0, -1).map(() => `done ${item}`),
        `done network-acls:blocks/${id}.json`,
      ]);
      assert.ok(calls.includes("ec2:CreateNetworkAclEntry"), calls.join(" "));
      assert.deepEqual(await entries(), before);
      assert.deepEqual(await blockedCases(), []);

      const again = await restore(id);
      assert.deepEqual([again.told, again.plan.there], [[], [item]]);
      assert.deepEqual(await wakeAll(), [["SUCCEEDED", "EndState"]]);
      await deployment?.tick();
      assert.deepEqual(await entries(), before);
    });

    it("leaves nothing for the execution or the sweep to fail on, where the bucket is not written", async () => {
      const before = await entries();
      const [id = ""] = await attack([open(GroupId)]);
      const { file, bucket } = await found(id);
      const { steps } = planRestore(file, await lookAtPresent(eye, file, bucket), everything);
      const onAcl = steps.filter(({ call }) => !call.startsWith("s3:"));
      await apply(
        onAcl,
        (step) => send(eye, step),
        () => undefined,
      );
      assert.deepEqual(await entries(), before);

      const key = `blocks/${id}.json`;
      const { Body } = await shelf.s3.send(
        new s3Sdk.GetObjectCommand({ Bucket: BUCKET, Key: key }),
      );
      const blocks = JSON.parse((await Body?.transformToString()) ?? "");
      assert.deepEqual(await wakeAll(), [["SUCCEEDED", "EndState"]]);
      assert.deepEqual(await blockedCases(), []);
      // The execution might have died.
      await shelf.s3.send(
        new s3Sdk.PutObjectCommand({
          Bucket: BUCKET,
          Key: key,
          Body: JSON.stringify({ ...blocks, until: "2026-01-01T00:00:00.000Z" }),
        }),
      );
      await deployment?.tick();
      assert.deepEqual(await blockedCases(), []);
      assert.deepEqual(await entries(), before);
    });

    it("leaves what another case blocks, which its own execution lifts", async () => {
      await leaveNoRoom();
      const before = await entries();
      const other = await groupNamed("other");
      await subnetOf(other);
      const [id = ""] = await attack([open(GroupId)]);
      const one = await entries();
      const [later = ""] = await attack([open(other)]);
      // The later case shares the block.
      assert.deepEqual(await entries(), one);
      await restore(id);
      assert.deepEqual(await blockedCases(), [`blocks/${later}.json`]);
      assert.deepEqual(await entries(), one);
      assert.deepEqual(await wakeAll(), [
        ["SUCCEEDED", "EndState"],
        ["SUCCEEDED", "EndState"],
      ]);
      assert.deepEqual(await entries(), before);
    });
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
