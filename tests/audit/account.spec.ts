import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as EC2 from "@aws-sdk/client-ec2";
import * as IAM from "@aws-sdk/client-iam";
import { accountActions, lookAtAccount } from "../../audit/account";
import { audit } from "../../audit/audit";
import { Account, type Credentials } from "../../drill/account/account";
import type { PackSettings } from "../../policy-pack/judge";
import { readExemptions } from "../../rulebook/exemptions";

const ROOT = path.join(__dirname, "../..");
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const EVERYTHING = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

/** What a run of the command printed, and its exit. */
interface Run {
  code: number;
  out: string;
  err: string;
}

/** What `--json` prints. */
interface Report {
  source: { account: { regions: string[] } };
  open: number;
  unknown: number;
  exempt: number;
  findings: {
    status: string;
    rule: string;
    resource: string;
    place: string;
    exempt?: string;
  }[];
  notes: string[];
}

describe("the audit of a live account", function () {
  this.timeout(120_000);
  let account: Account;
  let auditor: Credentials;
  let folder: string;
  const ids: Record<string, string> = {};

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "audit-"));
    account = await Account.start();
    await fill();
  });
  after(async () => {
    await account.stop();
    fs.rmSync(folder, { recursive: true });
  });

  const iam = () =>
    new IAM.IAMClient({
      endpoint: account.endpoint,
      region: account.region,
      credentials: account.owner,
    });
  const ec2 = (region: string) =>
    new EC2.EC2Client({ endpoint: account.endpoint, region, credentials: account.owner });

  /** The ids that the stand-in makes up, by the names that the test gave. */
  const told = (text: string) =>
    Object.entries(ids).reduce((all, [name, id]) => all.replaceAll(id, `<${name}>`), text);

  async function fill(): Promise<void> {
    const us = ec2("us-east-1");
    await us
      .send(
        new EC2.CreateManagedPrefixListCommand({
          PrefixListName: "partners",
          AddressFamily: "IPv4",
          MaxEntries: 5,
          Entries: [{ Cidr: "203.0.113.0/24" }, { Cidr: "0.0.0.0/0" }],
        }),
      )
      .then(({ PrefixList }) => {
        ids["pl-partners"] = PrefixList?.PrefixListId ?? "";
      });
    const range = (...cidrs: string[]) => ({ IpRanges: cidrs.map((CidrIp) => ({ CidrIp })) });
    await openGroup("us-east-1", "open", range("0.0.0.0/0"));
    await openGroup("us-east-1", "exempt", range("0.0.0.0/0"));
    await openGroup("us-east-1", "halves", range("0.0.0.0/1", "128.0.0.0/1"));
    await openGroup("us-east-1", "listed", {
      PrefixListIds: [{ PrefixListId: ids["pl-partners"] }],
    });
    await openGroup("us-east-1", "office", range("203.0.113.0/24"));
    await openGroup("eu-west-1", "abroad", { Ipv6Ranges: [{ CidrIpv6: "::/0" }] });
    await openGroup("eu-west-1", "half", range("0.0.0.0/1"));

    const client = iam();
    for (const UserName of [
      "alice",
      "bob",
      "carol",
      "dave",
      "erin",
      "exempt",
      "frank",
      "unknown",
    ]) {
      await client.send(new IAM.CreateUserCommand({ UserName }));
    }
    // By a group that is called as what is not known.
    await client.send(new IAM.CreateGroupCommand({ GroupName: "unknown" }));
    const group = { GroupName: "unknown", PolicyArn: ADMIN };
    await client.send(new IAM.AttachGroupPolicyCommand(group));
    const member = { GroupName: "unknown", UserName: "alice" };
    await client.send(new IAM.AddUserToGroupCommand(member));
    // By a customer policy, and with a boundary that leaves nothing of it.
    const made = await client.send(
      new IAM.CreatePolicyCommand({ PolicyName: "unknown", PolicyDocument: EVERYTHING }),
    );
    const PolicyArn = made.Policy?.Arn;
    for (const UserName of ["bob", "carol"]) {
      await client.send(new IAM.AttachUserPolicyCommand({ UserName, PolicyArn }));
    }
    const cut = { UserName: "carol", PermissionsBoundary: READ_ONLY };
    await client.send(new IAM.PutUserPermissionsBoundaryCommand(cut));
    // Past a customer policy of the same name as AWS's.
    const harmless = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: "*" },
    });
    const decoy = { PolicyName: "AdministratorAccess", PolicyDocument: harmless };
    await client.send(new IAM.CreatePolicyCommand(decoy));
    await client.send(new IAM.AttachUserPolicyCommand({ UserName: "dave", PolicyArn: ADMIN }));
    await client.send(new IAM.CreateAccessKeyCommand({ UserName: "dave" }));
    const profile = { UserName: "dave", Password: "Correct-Horse-7" };
    await client.send(new IAM.CreateLoginProfileCommand(profile));
    const key = await client.send(new IAM.CreateAccessKeyCommand({ UserName: "bob" }));
    const AccessKeyId = key.AccessKey?.AccessKeyId;
    const off = { UserName: "bob", AccessKeyId, Status: "Inactive" as const };
    await client.send(new IAM.UpdateAccessKeyCommand(off));
    // Inline; one is called as an exempt user is.
    for (const [UserName, PolicyName] of [
      ["erin", "exempt"],
      ["exempt", "own"],
    ]) {
      const given = { UserName, PolicyName, PolicyDocument: EVERYTHING };
      await client.send(new IAM.PutUserPolicyCommand(given));
    }
    // Any role may be an admin's.
    const assume = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: "*" }],
    });
    const roles = { UserName: "frank", PolicyName: "roles", PolicyDocument: assume };
    await client.send(new IAM.PutUserPolicyCommand(roles));
    auditor = await auditorOf(client);
  }

  /** A user with the listed actions and no others. */
  async function auditorOf(client: IAM.IAMClient): Promise<Credentials> {
    const UserName = "auditor";
    await client.send(new IAM.CreateUserCommand({ UserName }));
    const PolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: accountActions, Resource: "*" }],
    });
    const given = { UserName, PolicyName: "audit", PolicyDocument };
    await client.send(new IAM.PutUserPolicyCommand(given));
    const { AccessKey } = await client.send(new IAM.CreateAccessKeyCommand({ UserName }));
    return {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
  }

  async function openGroup(
    region: string,
    name: string,
    sources: Partial<EC2.IpPermission>,
  ): Promise<void> {
    const client = ec2(region);
    const group = { GroupName: name, Description: name };
    const { GroupId = "" } = await client.send(new EC2.CreateSecurityGroupCommand(group));
    ids[`sg-${name}`] = GroupId;
    const port = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, ...sources };
    const rules = await client.send(
      new EC2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [port] }),
    );
    for (const [at, rule] of (rules.SecurityGroupRules ?? []).entries()) {
      ids[`sgr-${name}-${at}`] = rule.SecurityGroupRuleId ?? "";
    }
  }

  async function run(args: string[], credentials = auditor): Promise<Run> {
    const child = spawn(
      process.execPath,
      ["-r", "ts-node/register/transpile-only", "audit/main.ts", ...args],
      {
        cwd: ROOT,
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          AWS_MAX_ATTEMPTS: "1",
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
        },
      },
    );
    const printed = { out: "", err: "" };
    child.stdout.on("data", (data) => {
      printed.out += data;
    });
    child.stderr.on("data", (data) => {
      printed.err += data;
    });
    const [code] = await once(child, "close");
    return { code, out: told(printed.out), err: told(printed.err) };
  }

  /** The same look in this process. */
  const look = (...regions: string[]) => {
    const config = { endpoint: account.endpoint, credentials: auditor, maxAttempts: 1 };
    const clients = {
      home: "us-east-1",
      iam: new IAM.IAMClient({ ...config, region: "us-east-1" }),
      ec2: (region: string) => new EC2.EC2Client({ ...config, region }),
    };
    return lookAtAccount(clients, regions);
  };

  /** What is open or unknown of SSH in a region, by its resources. */
  async function openSsh(region: string, settings: Partial<PackSettings>): Promise<string[]> {
    const all = { sshPorts: [22], trustedCidrs: [], trustedLists: [], ...settings };
    const none = { exemptions: [], complaints: [] };
    const { findings: found } = audit(await look(region), all, none, new Date());
    const ssh = found.filter(({ rule }) => rule === "ssh-open-to-world");
    return ssh.map(({ resource }) => told(resource)).sort();
  }

  const live = (...args: string[]) => run(["--account", "--endpoint", account.endpoint, ...args]);

  /** What `--json` printed, its findings in the order of the test's own names. */
  async function findings(...args: string[]): Promise<Run & { report: Report }> {
    const ran = await live("--json", ...args);
    const report: Report = JSON.parse(ran.out);
    const key = ({ status, resource }: Report["findings"][number]) => `${status} ${resource}`;
    report.findings.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    return { ...ran, report };
  }

  const group = (region: string, name: string) =>
    `arn:aws:ec2:${region}:123456789012:security-group/<sg-${name}>`;
  const identity = (name: string) => `arn:aws:iam::123456789012:${name}`;
  const revoke = (region: string, name: string, at = 0) =>
    `aws ec2 revoke-security-group-ingress --region ${region} --group-id <sg-${name}> --security-group-rule-ids <sgr-${name}-${at}>`;
  const nearly = "nearly every action on nearly every resource";

  const abroad = {
    status: "open",
    rule: "ssh-open-to-world",
    answer: "yes",
    resource: group("eu-west-1", "abroad"),
    place: "<sgr-abroad-0>",
    reasons: ["the rule lets ::/0 reach SSH (tcp 22): the whole IPv6 internet"],
    fix: revoke("eu-west-1", "abroad"),
  };
  const half = {
    status: "unknown",
    rule: "ssh-open-to-world",
    answer: "unknown",
    resource: group("eu-west-1", "half"),
    place: "<sgr-half-0>",
    reasons: [
      "the rule (0.0.0.0/1) may let half of the IPv4 internet reach SSH (tcp 22), and another source can complete it: name the network that needs it, or list it in trustedCidrs",
    ],
    fix: revoke("eu-west-1", "half"),
  };
  const openV4 = (name: string, status = "open") => ({
    status,
    rule: "ssh-open-to-world",
    answer: "yes",
    resource: group("us-east-1", name),
    place: `<sgr-${name}-0>`,
    reasons: ["the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet"],
    fix: revoke("us-east-1", name),
  });
  const admin = (resource: string, place: string, reason: string, fix: string) => ({
    status: "open",
    rule: "admin-user",
    answer: "yes",
    resource: identity(resource),
    place,
    reasons: [reason],
    fix,
  });
  const alice = admin(
    "group/unknown",
    `attached ${ADMIN}`,
    `user alice → group unknown → policy AdministratorAccess allows ${nearly}`,
    `aws iam detach-group-policy --group-name unknown --policy-arn ${ADMIN}`,
  );
  const bob = admin(
    "user/bob",
    `attached ${identity("policy/unknown")}`,
    `user bob → policy unknown allows ${nearly} (Statement[0])`,
    `aws iam detach-user-policy --user-name bob --policy-arn ${identity("policy/unknown")}`,
  );
  const dave = admin(
    "user/dave",
    `attached ${ADMIN}`,
    `user dave → policy AdministratorAccess allows ${nearly}; he has a console password and an access key`,
    `aws iam detach-user-policy --user-name dave --policy-arn ${ADMIN}`,
  );
  const erin = admin(
    "user/erin",
    "inline policy exempt",
    `user erin → policy of user/erin allows ${nearly} (Statement[0])`,
    "aws iam delete-user-policy --user-name erin --policy-name exempt",
  );
  const exempt = admin(
    "user/exempt",
    "inline policy own",
    `user exempt → policy of user/exempt allows ${nearly} (Statement[0])`,
    "aws iam delete-user-policy --user-name exempt --policy-name own",
  );
  const frank = {
    ...admin(
      "user/frank",
      "inline policy roles",
      "user frank → policy of user/frank allows sts:AssumeRole on every role, and one of them may be an admin's",
      "aws iam delete-user-policy --user-name frank --policy-name roles",
    ),
    status: "unknown",
    answer: "unknown",
  };

  it("finds what is open in every region and in IAM, and suppresses what is exempt", async () => {
    const exemptions = path.join(folder, "exemptions.yaml");
    const entry = (rule: string, subject: string) =>
      `- { rule: ${rule}, subject: ${subject}, owner: o@example.com, reason: r, expires: 2999-12-31 }\n`;
    const entries = [
      entry("ssh-open-to-world", ids["sg-exempt"] ?? ""),
      entry("admin-user", "exempt"),
      // The group's name, which whoever makes a group chooses.
      entry("ssh-open-to-world", "abroad"),
    ];
    fs.writeFileSync(exemptions, entries.join(""));

    const { report, code, err } = await findings("--exemptions", exemptions);

    const words = (finding: { exempt?: string }) => finding.exempt?.replace(/\d+ days/, "N days");
    const by = "exempt by o@example.com until 2999-12-31 (N days left): r";
    assert.deepEqual(
      report.findings.map((one) => ({ ...one, ...(one.exempt && { exempt: words(one) }) })),
      [
        { ...openV4("exempt", "exempt"), exempt: by },
        { ...exempt, status: "exempt", exempt: by },
        abroad,
        {
          ...openV4("halves"),
          place: "<sgr-halves-A>",
          reasons: [
            "the rule (A) and <sgr-halves-B> (B) together let the whole IPv4 internet reach SSH (tcp 22)",
          ],
          fix: revoke("us-east-1", "halves").replace("halves-0", "halves-A"),
        },
        openV4("listed"),
        openV4("open"),
        alice,
        bob,
        dave,
        erin,
        half,
        frank,
      ].map((one) => (one.resource.includes("halves") ? ordered(one, report) : one)),
    );
    assert.deepEqual([report.open, report.unknown, report.exempt], [8, 2, 2]);
    assert.deepEqual(report.notes, [
      "the exemption of abroad from ssh-open-to-world matches nothing here",
    ]);
    assert.equal(report.source.account.regions.length, 20);
    assert.deepEqual([code, err], [1, ""]);
  });

  /** Which half comes first depends on ids that the stand-in draws. */
  function ordered<Finding>(finding: Finding, report: Report): Finding {
    const first = report.findings.some(({ place }) => place === "<sgr-halves-0>");
    const [a, b] = first ? ["0.0.0.0/1", "128.0.0.0/1"] : ["128.0.0.0/1", "0.0.0.0/1"];
    const text = JSON.stringify(finding)
      .replaceAll("halves-A", first ? "halves-0" : "halves-1")
      .replaceAll("halves-B", first ? "halves-1" : "halves-0")
      .replace("(A)", `(${a})`)
      .replace("(B)", `(${b})`);
    return JSON.parse(text);
  }

  it("asks one region where it is told to, and IAM all the same", async () => {
    const { report, code } = await findings("--region", "eu-west-1");

    assert.deepEqual(report, {
      source: { account: { regions: ["eu-west-1"] } },
      open: 6,
      unknown: 2,
      exempt: 0,
      findings: [abroad, alice, bob, dave, erin, exempt, half, frank],
      notes: [],
    });
    assert.equal(code, 1);
  });

  it("judges by other ports and trusted sources", async () => {
    const ofUs = ["exempt", "halves", "listed", "open"].map((name) => group("us-east-1", name));
    assert.deepEqual(await openSsh("us-east-1", {}), ofUs);
    assert.deepEqual(await openSsh("us-east-1", { sshPorts: [2222] }), []);
    assert.deepEqual(await openSsh("eu-west-1", { trustedCidrs: ["0.0.0.0/2"] }), [
      abroad.resource,
    ]);
  });

  it("shows the table with commands that can be run", async () => {
    const { out, code } = await live("--region", "eu-west-1");

    const lines = out.split("\n").map((line) => line.replaceAll(/(\S) {2,}/g, "$1  "));
    assert.deepEqual(lines.slice(0, 7), [
      "STATUS  RULE  RESOURCE  PLACE",
      `open  ssh-open-to-world  ${abroad.resource}  ${abroad.place}`,
      `  ${abroad.reasons[0]}`,
      `  Fix: ${abroad.fix}`,
      `open  admin-user  ${alice.resource}  ${alice.place}`,
      `  ${alice.reasons[0]}`,
      `  Fix: ${alice.fix}`,
    ]);
    assert.deepEqual(lines.slice(-2), [
      "6 open, 2 unknown, 0 exempt in the account, 1 region: eu-west-1",
      "",
    ]);
    assert.equal(code, 1);
  });

  it("uses every action that it asks for, and no other", async () => {
    const before = account.calls.length;

    await look("us-east-1");

    const calls = account.calls.slice(before).map(({ service, action }) => `${service}:${action}`);
    assert.deepEqual([...new Set(calls)].sort(), accountActions);
  });

  it("says in the documentation what it needs", () => {
    const page = fs.readFileSync(path.join(ROOT, "docs/audit.md"), "utf8");
    const listed = [...page.matchAll(/^\| `((?:ec2|iam):\w+)` \|/gm)].map(([, action]) => action);
    assert.deepEqual(listed, accountActions);
  });

  for (const [call, what = ""] of [
    ["ec2:DescribeRegions"],
    ["ec2:DescribeSecurityGroupRules"],
    ["ec2:GetManagedPrefixListEntries", " of <pl-partners>"],
    ["iam:GetAccountAuthorizationDetails"],
    ["iam:ListAccessKeys", " of bob"],
    ["iam:GetLoginProfile", " of bob"],
  ] as const) {
    it(`is no answer where ${call} is throttled`, async () => {
      const [service = "", action = ""] = call.split(":");
      account.fail({ service, action, code: "Throttling", message: "Rate exceeded" });

      await assert.rejects(look("us-east-1"), ({ message }) => {
        const why = "failed, so the account was not judged: Throttling: Rate exceeded";
        assert.equal(told(message), `${call}${what} in us-east-1 ${why}`);
        return true;
      });
    });
  }

  it("exits with 2 and prints no answer where it could not look", async () => {
    const nobody = { accessKeyId: "AKIANOBODY0000000000", secretAccessKey: "x" };
    const refused = await run(["--account", "--endpoint", account.endpoint], nobody);

    assert.deepEqual(refused, {
      code: 2,
      out: "",
      err: "ec2:DescribeRegions in us-east-1 failed, so the account was not judged: AuthFailure: AWS was not able to validate the provided access credentials\n",
    });
  });

  it("names every region whose look failed, and one that is not enabled", async () => {
    account.fail({ service: "ec2", action: "DescribeSecurityGroupRules", code: "X", times: 2 });
    await assert.rejects(look("us-east-1", "eu-west-1"), {
      message: ["eu-west-1", "us-east-1"]
        .map(
          (region) =>
            `ec2:DescribeSecurityGroupRules in ${region} failed, so the account was not judged: X: A failure that the scenario asked for`,
        )
        .join("\n"),
    });
    await assert.rejects(look("us-east-9"), {
      message:
        /^--region us-east-9: not enabled in this account, which has af-south-1, .*us-west-2$/,
    });
  });
});

describe("the audit's look at many pages", () => {
  /** A client that answers each call with its pages in turn, as long as it is given the last token. */
  function paged<Client extends object>(
    Class: new (config: object) => Client,
    answers: Record<string, object[]>,
  ): Client {
    const asked: Record<string, number> = {};
    const client = new Class({ region: "us-east-1" });
    const send = async (command: {
      constructor: { name: string };
      input: Record<string, unknown>;
    }) => {
      const { UserName = "" } = command.input;
      const call = `${command.constructor.name.replace("Command", "")}${UserName && " "}${UserName}`;
      const at = asked[call] ?? 0;
      asked[call] = at + 1;
      const token = command.input.NextToken ?? command.input.Marker;
      assert.equal(token, at === 0 ? undefined : `${call} ${at}`, call);
      const pages = answers[call.split(" ")[0] ?? ""] ?? [];
      const next = at + 1 < pages.length ? `${call} ${at + 1}` : undefined;
      return {
        ...pages[at],
        ...(next && { NextToken: next, Marker: next, IsTruncated: true }),
      };
    };
    return Object.assign(client, { send });
  }

  it("reads them all", async () => {
    const rule = (id: string, source: object) => ({
      SecurityGroupRuleId: id,
      GroupId: "sg-1",
      GroupOwnerId: "123456789012",
      IsEgress: false,
      IpProtocol: "tcp",
      FromPort: 22,
      ToPort: 22,
      ...source,
    });
    const user = (name: string) => ({
      UserName: name,
      Arn: `arn:aws:iam::123456789012:user/${name}`,
      GroupList: ["ops"],
    });
    const iam = paged(IAM.IAMClient, {
      GetAccountAuthorizationDetails: [
        { UserDetailList: [user("ann")] },
        { UserDetailList: [user("ben")] },
        {
          GroupDetailList: [
            {
              GroupName: "ops",
              Arn: "arn:aws:iam::123456789012:group/ops",
              AttachedManagedPolicies: [
                { PolicyArn: "arn:aws:iam::123456789012:policy/a/$(id)/all" },
              ],
            },
          ],
        },
        {
          Policies: [
            {
              Path: "/a/$(id)/",
              Arn: "arn:aws:iam::123456789012:policy/a/$(id)/all",
              PolicyVersionList: [
                { IsDefaultVersion: false, Document: "%7B%22Statement%22%3A%5B%5D%7D" },
                { IsDefaultVersion: true, Document: encodeURIComponent(EVERYTHING) },
              ],
            },
          ],
        },
      ],
      ListAccessKeys: [
        { AccessKeyMetadata: [{ Status: "Inactive" }] },
        { AccessKeyMetadata: [{ Status: "Active" }] },
      ],
      GetLoginProfile: [],
    });
    const ec2 = paged(EC2.EC2Client, {
      DescribeRegions: [
        {
          Regions: [
            { RegionName: "us-east-1", OptInStatus: "opt-in-not-required" },
            { RegionName: "ap-east-1", OptInStatus: "not-opted-in" },
          ],
        },
      ],
      DescribeSecurityGroupRules: [
        { SecurityGroupRules: [rule("sgr-1", { CidrIpv4: "0.0.0.0/1" })] },
        { SecurityGroupRules: [rule("sgr-2", { PrefixListId: "pl-1" })] },
      ],
      GetManagedPrefixListEntries: [
        { Entries: [{ Cidr: "128.0.0.0/2" }] },
        { Entries: [{ Cidr: "192.0.0.0/2" }] },
      ],
    });

    const subject = await lookAtAccount({ iam, ec2: () => ec2, home: "us-east-1" }, []);

    const settings = { sshPorts: [22], trustedCidrs: [], trustedLists: [] };
    const none = { exemptions: [], complaints: [] };
    assert.deepEqual(subject.regions, ["us-east-1"]);
    assert.deepEqual(audit(subject, settings, none, new Date()).findings, [
      {
        status: "open",
        rule: "ssh-open-to-world",
        answer: "yes",
        resource: "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1",
        place: "sgr-1",
        reasons: [
          "the rule (0.0.0.0/1) and sgr-2 (128.0.0.0/2 and 192.0.0.0/2) together let the whole IPv4 internet reach SSH (tcp 22)",
        ],
        fix: "aws ec2 revoke-security-group-ingress --region us-east-1 --group-id sg-1 --security-group-rule-ids sgr-1",
      },
      {
        status: "open",
        rule: "admin-user",
        answer: "yes",
        resource: "arn:aws:iam::123456789012:group/ops",
        place: "attached arn:aws:iam::123456789012:policy/a/$(id)/all",
        reasons: ["ann", "ben"].map(
          (name) =>
            `user ${name} → group ops → policy all allows nearly every action on nearly every resource (Statement[0]); he has a console password and an access key`,
        ),
        fix: "aws iam detach-group-policy --group-name ops --policy-arn 'arn:aws:iam::123456789012:policy/a/$(id)/all'",
      },
    ]);

    const entry = {
      rule: "admin-user",
      subject: "arn:aws:iam::123456789012:group/ops",
      owner: "o@example.com",
      reason: "r",
      expires: "2999-12-31",
    };
    const byArn = audit(subject, settings, readExemptions([entry]), new Date());
    assert.deepEqual(
      byArn.findings.map(({ status }) => status),
      ["open", "exempt"],
    );
  });
});
