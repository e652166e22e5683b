import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { Account, type Call } from "../../drill/account/account";
import { zippedBytes } from "../../drill/program/archive";
import { type Captured, captureProgram } from "../../drill/program/capture";
import { type Deployment, deploy } from "../../drill/program/deploy";
import { makeFolder, removeFolder } from "../../drill/program/folder";
import { Lambda } from "../../drill/program/lambda";

const published = (...cidrs: string[]) =>
  JSON.stringify({
    syncToken: "1999999999",
    createDate: "2033-05-18-03-33-19",
    prefixes: cidrs.map((ip_prefix) => ({
      ip_prefix,
      region: "us-east-1",
      service: "EC2_INSTANCE_CONNECT",
    })),
    ipv6_prefixes: [
      {
        ipv6_prefix: "2600:1f18:6fe3:8c00::/56",
        region: "us-east-1",
        service: "EC2_INSTANCE_CONNECT",
      },
    ],
  });

/** The shipped archive, its own role and the stand-in; AWS's document comes from this machine. */
describe("synced groups, against the stand-in", function () {
  this.timeout(120_000);
  const folder = makeFolder("ranges");
  const calls: Call[] = [];
  let account: Account;
  let server: Server;
  let document: string;
  let owner: EC2Client;
  let groupId: string;
  let otherId: string;
  let deployment: Deployment;
  let lambda: Lambda;
  let captured: Captured;

  before(async () => {
    server = createServer((_, response) => response.end(document));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    // The archive knows one address only. This stands between it and the network.
    const network = path.join(folder, "network.cjs");
    fs.writeFileSync(
      network,
      `const real = fetch;
       globalThis.fetch = (url, options) => {
         if (url !== "https://ip-ranges.amazonaws.com/ip-ranges.json") throw new Error(url);
         return real("http://127.0.0.1:${port}", options);
       };`,
    );
    account = await Account.start();
    await account.reset();
    const { endpoint, region } = account;
    owner = new EC2Client({ endpoint, region, credentials: account.owner });
    groupId = await makeGroup("synced");
    otherId = await makeGroup("other");
    const syncedGroups = [
      {
        group: groupId,
        service: "EC2_INSTANCE_CONNECT",
        region: "us-east-1",
        cidrs: ["203.0.113.0/24"],
      },
    ];
    const program = await captureProgram({ settings: { syncedGroups } });
    captured = program.resources.find(
      ({ type, name }) => type.endsWith(":Function") && name.endsWith("SyncGroups"),
    ) as Captured;
    deployment = await deploy(program, account);
    const { inputs } = captured;
    const variables = { ...inputs.environment.variables, NODE_OPTIONS: `--require ${network}` };
    lambda = new Lambda(
      { ...captured, inputs: { ...inputs, environment: { variables } } },
      {
        endpoint,
        region,
        credentials: await account.roleCredentials(inputs.role, inputs.name),
        log: () => undefined,
      },
    );
    account.onCall((call) => calls.push(call));
  });
  beforeEach(() => {
    calls.length = 0;
  });
  after(async () => {
    await lambda?.stop();
    await deployment?.stop();
    owner?.destroy();
    await account?.stop();
    server.close();
    removeFolder(folder);
  });

  async function makeGroup(GroupName: string): Promise<string> {
    const { Vpcs } = await owner.send(new DescribeVpcsCommand({}));
    const VpcId = Vpcs?.[0]?.VpcId;
    const command = new CreateSecurityGroupCommand({ GroupName, Description: "x", VpcId });
    const { GroupId = "" } = await owner.send(command);
    await open(GroupId, 22, "198.51.100.0/24");
    await open(GroupId, 443, "0.0.0.0/0");
    return GroupId;
  }

  async function open(GroupId: string, port: number, CidrIp: string): Promise<void> {
    await owner.send(
      new AuthorizeSecurityGroupIngressCommand({
        GroupId,
        IpPermissions: [
          { IpProtocol: "tcp", FromPort: port, ToPort: port, IpRanges: [{ CidrIp }] },
        ],
      }),
    );
  }

  async function rulesOf(GroupId: string): Promise<string[]> {
    const Filters = [{ Name: "group-id", Values: [GroupId] }];
    const command = new DescribeSecurityGroupRulesCommand({ Filters });
    const { SecurityGroupRules = [] } = await owner.send(command);
    return SecurityGroupRules.filter(({ IsEgress }) => !IsEgress)
      .map(({ FromPort, CidrIpv4, CidrIpv6 }) => `${FromPort} ${CidrIpv4 ?? CidrIpv6}`)
      .sort();
  }

  /** The calls of the function, in their order. */
  async function run(ranges: string): Promise<{ made: string[]; error?: unknown }> {
    document = ranges;
    const { error } = await lambda.invoke({});
    const made = calls
      .filter(({ principal }) => principal.includes("SyncGroups"))
      .map(({ action, errorCode }) => (errorCode ? `${action}: ${errorCode}` : action));
    return { made, ...(error && { error }) };
  }

  const inStep = [
    "22 18.206.107.24/29",
    "22 203.0.113.0/24",
    "22 2600:1f18:6fe3:8c00::/56",
    "443 0.0.0.0/0",
  ];

  it("adds, then removes, and leaves other ports and other groups alone", async () => {
    const { made, error } = await run(published("18.206.107.24/29"));
    assert.equal(error, undefined);
    assert.deepEqual(made, [
      "DescribeSecurityGroupRules",
      "AuthorizeSecurityGroupIngress",
      "RevokeSecurityGroupIngress",
      "Publish",
    ]);
    assert.deepEqual(await rulesOf(groupId), inStep);
    assert.deepEqual(await rulesOf(otherId), ["22 198.51.100.0/24", "443 0.0.0.0/0"]);
  });

  it("makes no change where the group is in step", async () => {
    assert.deepEqual(await run(published("18.206.107.24/29")), {
      made: ["DescribeSecurityGroupRules"],
    });
  });

  it("removes what somebody adds, and adds what AWS adds", async () => {
    await open(groupId, 22, "192.0.2.1/32");
    const { made } = await run(published("18.206.107.24/29", "18.206.107.32/29"));
    assert.equal(made.length, 4);
    assert.deepEqual(await rulesOf(groupId), [...inStep, "22 18.206.107.32/29"].sort());
  });

  it("refuses a document in which more than half is gone, and tells", async () => {
    const before = await rulesOf(groupId);
    const { made, error } = await run(published("192.0.2.0/29"));
    assert.equal(error, undefined);
    assert.deepEqual(made, ["DescribeSecurityGroupRules", "Publish"]);
    assert.deepEqual(await rulesOf(groupId), before);
  });

  it("fails, and changes nothing, where the document is older or none", async () => {
    const older = published("18.206.107.24/29").replace("1999999999", "1600000000");
    for (const wrong of [older, "<html>"]) {
      const { made, error } = await run(wrong);
      assert.match(JSON.stringify(error), /IpRangesUnusable/);
      assert.deepEqual(made, []);
    }
  });

  it("has an archive of at most 120 KB, and a role for its groups alone", async () => {
    assert.ok(zippedBytes(captured.files ?? {}) <= 120 * 1024);
    const credentials = await account.roleCredentials(captured.inputs.role, "x");
    const { endpoint, region } = account;
    const asRole = new EC2Client({ endpoint, region, credentials });
    const command = new AuthorizeSecurityGroupIngressCommand({
      GroupId: otherId,
      IpPermissions: [
        { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "192.0.2.9/32" }] },
      ],
    });
    await assert.rejects(asRole.send(command), { name: "UnauthorizedOperation" });
    asRole.destroy();
  });
});
