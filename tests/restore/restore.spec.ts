import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Account, type Call, type Credentials } from "../../drill/account/account";
import { eventOf, recordOf } from "../../drill/account/cloudTrail";
import { Caller, isRead } from "../../drill/caller";
import { captureProgram } from "../../drill/program/capture";
import { type Deployment, deploy } from "../../drill/program/deploy";

const PROJECT = path.join(__dirname, "..", "..");
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const OPERATOR = "arn:aws:iam::123456789012:user/operator";
const MAY_ATTACH = document("iam:AttachUserPolicy");
const HARMLESS = document("s3:GetObject");

function document(Action: string): string {
  const Statement = [{ Effect: "Allow", Action, Resource: "*" }];
  return JSON.stringify({ Version: "2012-10-17", Statement });
}

/** IAM's lists have no order of their own. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (!Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inOrder(one)]));
  }
  const text = (one: unknown) => JSON.stringify(one);
  return value.map(inOrder).sort((a, b) => text(a).localeCompare(text(b)));
}

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

describe("npm run restore", function () {
  this.timeout(180_000);
  let folder: string;
  let account: Account;
  let caller: Caller;
  let deployment: Deployment;
  let operator: Credentials;
  let caseId: string;
  let beforeTheAttack: unknown;
  let contained: unknown;
  const calls: Call[] = [];

  const iam = (action: string, input: Record<string, unknown>, as = account.owner) =>
    caller.call({ service: "iam", action, input }, as);

  async function keyOf(UserName: string): Promise<Credentials> {
    const { AccessKey } = (await iam("CreateAccessKey", { UserName })) as {
      AccessKey: { AccessKeyId: string; SecretAccessKey: string };
    };
    return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  }

  /** All that a restore could change of the users, field by field. */
  async function state(): Promise<unknown> {
    const Filter = ["User", "Group"];
    const details = await iam("GetAccountAuthorizationDetails", { Filter });
    const { AccessKeyMetadata } = await iam("ListAccessKeys", { UserName: "bob" });
    const found = [details.UserDetailList, details.GroupDetailList, AccessKeyMetadata];
    return inOrder(JSON.parse(JSON.stringify(found)));
  }

  function restore(args: string[], as: Credentials): Promise<Ended> {
    const main = ["-r", "ts-node/register/transpile-only", "restore/main.ts", ...args];
    const own = Object.entries(process.env).filter(([name]) => !/^(AWS_|INIT_CWD)/.test(name));
    const child = spawn(process.execPath, [...main, "--endpoint", account.endpoint], {
      cwd: PROJECT,
      env: {
        ...Object.fromEntries(own),
        AWS_ACCESS_KEY_ID: as.accessKeyId,
        AWS_SECRET_ACCESS_KEY: as.secretAccessKey,
        AWS_EC2_METADATA_DISABLED: "true",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    return new Promise((ended) => {
      child.on("close", (code) => ended({ code, out, err }));
    });
  }

  const stack = () => ["--stack", "lab"];

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "restore-"));
    const settings = { trustedActors: [OPERATOR] };
    const [started, program] = await Promise.all([Account.start(), captureProgram({ settings })]);
    account = started;
    caller = new Caller(account);
    await iam("CreateUser", { UserName: "operator" });
    await iam("AttachUserPolicy", { UserName: "operator", PolicyArn: ADMIN });
    operator = await keyOf("operator");
    deployment = await deploy(program, account);

    await iam("CreateUser", { UserName: "bob" });
    const { Policy } = (await iam("CreatePolicy", {
      PolicyName: "Escalate",
      PolicyDocument: MAY_ATTACH,
    })) as { Policy: { Arn: string } };
    await iam("AttachUserPolicy", { UserName: "bob", PolicyArn: Policy.Arn });
    await iam("AttachUserPolicy", { UserName: "bob", PolicyArn: READ_ONLY });
    await iam("PutUserPolicy", {
      UserName: "bob",
      PolicyName: "a+b,c=d@e",
      PolicyDocument: MAY_ATTACH,
    });
    await iam("PutUserPolicy", { UserName: "bob", PolicyName: "keep", PolicyDocument: HARMLESS });
    await iam("CreateGroup", { GroupName: "ops" });
    await iam("PutGroupPolicy", {
      GroupName: "ops",
      PolicyName: "may",
      PolicyDocument: MAY_ATTACH,
    });
    await iam("AddUserToGroup", { GroupName: "ops", UserName: "bob" });
    await iam("CreateLoginProfile", { UserName: "bob", Password: "Correct-Horse-1" });
    const bob = await keyOf("bob");
    const spare = await keyOf("bob");
    beforeTheAttack = await state();

    // A key that was made in the second of the attack may be the attack's.
    await new Promise((go) => setTimeout(go, 1100));
    account.onCall((call) => calls.push(call));
    await iam("AttachUserPolicy", { UserName: "bob", PolicyArn: ADMIN }, bob);
    const attack = calls.find(({ action }) => action === "AttachUserPolicy") as Call;
    const [execution] = deployment.putEvent(eventOf(recordOf(attack, account)));
    const result = await execution?.done;
    assert.deepEqual([result?.status, result?.path.at(-1)], ["SUCCEEDED", "EndState"]);
    caseId = execution?.id ?? "";
    contained = await state();
    assert.notDeepEqual(contained, beforeTheAttack);
    await assert.rejects(iam("ListUsers", {}, spare));
  });
  after(async () => {
    await deployment?.stop();
    caller?.close();
    await account?.stop();
    rmSync(folder, { recursive: true });
  });

  it("explains itself", async () => {
    const { code, out } = await restore(["--help"], operator);
    assert.equal(code, 0);
    assert.match(out, /npm run restore -- CASE/);
  });

  const refused: [name: string, args: () => string[], sentence: RegExp][] = [
    ["no case", () => [], /no CASE was named/],
    ["an unknown option", () => [caseId, "--frce"], /Unknown option '--frce'/],
    [
      "an unknown kind",
      () => [caseId, "--only", "kyes"],
      /--only kyes: no such kind; they are pol/,
    ],
    ["to change anything unasked", () => [caseId, ...stack()], /nobody is there to ask: --yes/],
  ];
  for (const [name, args, sentence] of refused) {
    it(`refuses ${name}`, async () => {
      const { code, err } = await restore(args(), operator);
      assert.match(err, sentence);
      assert.equal(code, 2);
      assert.deepEqual(await state(), contained);
    });
  }

  it("refuses credentials that are not in trustedActors, and names the setting", async () => {
    const { code, err } = await restore([caseId, ...stack(), "--yes"], account.owner);
    assert.match(
      err,
      /:root is not in tourniquet:trustedActors of s3:\/\/tourniquet-lab-cases-123456789012\/settings\/trustedActors\.json \(arn:aws:iam/,
    );
    assert.equal(code, 2);
    assert.deepEqual(await state(), contained);
  });

  it("goes by what is deployed, whatever a stack's file says", async () => {
    const file = path.join(folder, "Pulumi.lab.yaml");
    const owner = `["arn:aws:iam::123456789012:root"]`;
    writeFileSync(file, `config:\n  tourniquet:trustedActors: ${owner}\n`);
    const asked = [caseId, ...stack(), "--config-file", file, "--yes"];
    const { code, err } = await restore(asked, account.owner);
    assert.match(err, /:root is not in tourniquet:trustedActors of s3:/);
    assert.equal(code, 2);
    assert.deepEqual(await state(), contained);
  });

  it("refuses where the deployed list cannot be read, and says what to do", async () => {
    account.fail({ service: "s3", action: "GetObject", code: "NoSuchKey", after: 1 });
    const { code, err } = await restore([caseId, ...stack(), "--yes"], operator);
    assert.match(
      err,
      /settings\/trustedActors\.json could not be read: NoSuchKey: .* pulumi up -s lab writes it/,
    );
    assert.equal(code, 2);
    assert.deepEqual(await state(), contained);
  });

  it("prints the plan and changes nothing with --dry-run", async () => {
    const { code, out } = await restore([caseId, ...stack(), "--dry-run"], operator);
    assert.equal(code, 0);
    assert.match(
      out,
      /^ {2}\d +policies:bob:inline\/a\+b,c=d@e +iam:PutUserPolicy +the user had it/m,
    );
    assert.match(out, /^ {2}\d +deny:bob +iam:DetachUserPolicy +the case attached it$/m);
    assert.match(
      out,
      /^ {2}password:bob: a deleted password does not come back: aws iam create-l/m,
    );
    assert.match(out, /^ {2}policies:bob:\S+AdministratorAccess: the record itself gave it/m);
    assert.deepEqual(await state(), contained);
  });

  it("stops where the present differs from what the case left", async () => {
    await iam("CreateGroup", { GroupName: "new" });
    await iam("AddUserToGroup", { GroupName: "new", UserName: "bob" });
    const { code, out } = await restore([caseId, ...stack(), "--yes"], operator);
    assert.match(out, /groups:bob:new: user bob has a place in group new, which he had not before/);
    assert.equal(code, 3);
    await iam("RemoveUserFromGroup", { GroupName: "new", UserName: "bob" });
    await iam("DeleteGroup", { GroupName: "new" });
    assert.deepEqual(await state(), contained);
  });

  it("keeps the deny where a step before it fails, and says so", async () => {
    calls.length = 0;
    account.fail({ service: "iam", action: "PutUserPolicy", code: "AccessDenied" });
    const { code, out } = await restore([caseId, ...stack(), "--yes"], operator);
    assert.match(out, /^failed iam:PutUserPolicy policies:bob:inline\/a\+b,c=d@e/m);
    assert.equal(code, 1);
    const { AttachedPolicies } = await iam("ListAttachedUserPolicies", { UserName: "bob" });
    const arns = (AttachedPolicies as { PolicyArn: string }[]).map(({ PolicyArn }) => PolicyArn);
    assert.ok(arns.includes("arn:aws:iam::aws:policy/AWSDenyAll"), arns.join());
  });

  it("gives back the state before the attack, field by field, also what had failed", async () => {
    const { code, out, err } = await restore([caseId, ...stack(), "--yes"], operator);
    assert.equal(err, "");
    assert.equal(code, 0, out);
    assert.deepEqual(await state(), beforeTheAttack);
    const made = calls.filter(
      ({ action, accessKeyId, service }) =>
        service === "iam" && !isRead(action) && accessKeyId === operator.accessKeyId,
    );
    assert.equal(made.at(-1)?.action, "DetachUserPolicy");
  });

  it("stays so when its own calls arrive as events", async () => {
    const own = calls.filter(({ accessKeyId }) => accessKeyId === operator.accessKeyId);
    const executions = own.flatMap((call) => deployment.putEvent(eventOf(recordOf(call, account))));
    assert.ok(executions.length >= 5, `${executions.length} executions`);
    const results = await Promise.all(executions.map(({ done }) => done));
    assert.deepEqual(
      [...new Set(results.map(({ path }) => path.join(" ")))],
      ["IngestionAction IngestionType Ignore EndState"],
    );
    assert.deepEqual(await state(), beforeTheAttack);
  });

  it("lifts a session block, as the bucket has it", async () => {
    const ec2 = (action: string, input: Record<string, unknown>) =>
      caller.call({ service: "ec2", action, input }, account.owner);
    const { GroupId } = await ec2("CreateSecurityGroup", { GroupName: "web", Description: "web" });
    const { Subnets } = await ec2("DescribeSubnets", {});
    const [{ SubnetId = "" } = {}] = Subnets as { SubnetId?: string }[];
    await ec2("CreateNetworkInterface", { SubnetId, Groups: [GroupId] });
    const entries = async () => {
      const { NetworkAcls } = await ec2("DescribeNetworkAcls", {});
      return inOrder(JSON.parse(JSON.stringify(NetworkAcls)));
    };
    const before = await entries();
    const IpRanges = [{ CidrIp: "0.0.0.0/0" }];
    const IpPermissions = [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges }];
    calls.length = 0;
    await ec2("AuthorizeSecurityGroupIngress", { GroupId, IpPermissions });
    const opening = calls.find(({ action }) => action === "AuthorizeSecurityGroupIngress") as Call;
    const [execution] = deployment.putEvent(eventOf(recordOf(opening, account)));
    assert.equal((await execution?.done)?.status, "ASLEEP");
    assert.notDeepEqual(await entries(), before);
    const asked = [execution?.id ?? "", ...stack(), "--only", "network-acls", "--yes"];
    const { code, out, err } = await restore(asked, operator);
    assert.equal(err, "");
    assert.equal(code, 0, out);
    assert.match(out, /^done {3}ec2:DeleteNetworkAclEntry network-acls:acl-/m);
    assert.match(out, /^done {3}s3:DeleteObject network-acls:blocks\/[-0-9a-f]+\.json$/m);
    assert.deepEqual(await entries(), before);
  });

  it("finds nothing to do the second time", async () => {
    calls.length = 0;
    const { code, out } = await restore([caseId, ...stack(), "--yes"], operator);
    assert.match(out, /There is nothing to give back\./);
    assert.equal(code, 0);
    assert.deepEqual(
      calls.filter(({ action }) => !isRead(action)).map(({ action }) => action),
      [],
    );
    assert.deepEqual(await state(), beforeTheAttack);
  });
});
