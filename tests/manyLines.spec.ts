import assert from "node:assert/strict";
import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import { Account, type Call } from "../drill/account/account";
import { eventOf, recordOf } from "../drill/account/cloudTrail";
import { Caller } from "../drill/caller";
import { captureProgram } from "../drill/program/capture";
import { type Deployment, deploy } from "../drill/program/deploy";

/** Rules of a group, as many as AWS allows unasked. */
const MOST_RULES = 60;
const GROUPS = 10;

describe("many lines", function () {
  this.timeout(180_000);
  let account: Account;
  let caller: Caller;
  let deployment: Deployment;
  let program: Awaited<ReturnType<typeof captureProgram>>;
  const calls: Call[] = [];

  before(async () => {
    [account, program] = await Promise.all([Account.start(), captureProgram({ settings: {} })]);
  });
  after(() => account?.stop());

  beforeEach(async () => {
    await account.reset();
    caller = new Caller(account);
    deployment = await deploy(program, account);
    calls.length = 0;
    account.onCall((call) => calls.push(call));
  });
  afterEach(async () => {
    await deployment?.stop();
    caller?.close();
  });

  const ec2 = (action: string, input: Record<string, unknown>) =>
    caller.call({ service: "ec2", action, input }, account.owner);

  async function groupNamed(GroupName: string): Promise<string> {
    const { GroupId } = await ec2("CreateSecurityGroup", { GroupName, Description: GroupName });
    return String(GroupId);
  }

  const openToAll = { IpProtocol: "tcp", FromPort: 22, ToPort: 22 };

  /** The groups are opened one after the other, and the events arrive together. */
  async function openAll(groupIds: string[]): Promise<void> {
    const IpPermissions = [{ ...openToAll, IpRanges: [{ CidrIp: "0.0.0.0/0" }] }];
    for (const GroupId of groupIds) {
      await ec2("AuthorizeSecurityGroupIngress", { GroupId, IpPermissions });
    }
    const opened = calls.filter(({ action }) => action === "AuthorizeSecurityGroupIngress");
    calls.length = 0;
    const executions = opened
      .slice(-groupIds.length)
      .flatMap((call) => deployment.putEvent(eventOf(recordOf(call, account))));
    const results = await Promise.all(executions.map(({ done }) => done));
    assert.deepEqual(
      results.map(({ status, path }) => [status, path.at(-1)]),
      groupIds.map(() => ["SUCCEEDED", "EndState"]),
    );
  }

  /** What the responders called, and how often. */
  function counted(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { principalKind, service, action } of calls) {
      if (principalKind !== "role") continue;
      const name = `${service}:${action}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  async function rulesOf(groupId: string): Promise<SecurityGroupRule[]> {
    const Filters = [{ Name: "group-id", Values: [groupId] }];
    const { SecurityGroupRules } = await ec2("DescribeSecurityGroupRules", { Filters });
    return SecurityGroupRules as SecurityGroupRule[];
  }

  it(`closes one of ${MOST_RULES} rules, and leaves the others byte for byte`, async () => {
    const group = await groupNamed("busy");
    const sources = Array.from({ length: MOST_RULES - 1 }, (_, at) => ({
      CidrIp: `198.51.100.${at}/32`,
      Description: `office ${at}`,
    }));
    const kinds = [
      { ...openToAll, IpRanges: sources.slice(0, 20) },
      { IpProtocol: "udp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] },
      { IpProtocol: "tcp", FromPort: 443, ToPort: 443, Ipv6Ranges: [{ CidrIpv6: "::/0" }] },
      { IpProtocol: "icmp", FromPort: -1, ToPort: -1, IpRanges: [{ CidrIp: "0.0.0.0/0" }] },
      { IpProtocol: "-1", UserIdGroupPairs: [{ GroupId: group }] },
      { IpProtocol: "tcp", FromPort: 1, ToPort: 1024, IpRanges: sources.slice(24) },
    ];
    await ec2("AuthorizeSecurityGroupIngress", {
      GroupId: group,
      IpPermissions: kinds,
      TagSpecifications: [
        { ResourceType: "security-group-rule", Tags: [{ Key: "owner", Value: "web" }] },
      ],
    });
    const before = await rulesOf(group);
    assert.equal(before.filter(({ IsEgress }) => !IsEgress).length, MOST_RULES - 1);

    await openAll([group]);
    assert.equal(JSON.stringify(await rulesOf(group)), JSON.stringify(before));
    assert.equal(counted()["ec2:RevokeSecurityGroupIngress"], 1);
  });

  it(`closes ${GROUPS} groups that are opened at once, each with as many calls as one alone`, async () => {
    const groups: string[] = [];
    for (let at = 0; at <= GROUPS; at++) groups.push(await groupNamed(`group-${at}`));
    const [alone = "", ...together] = groups;
    await openAll([alone]);
    const one = counted();
    assert.equal(one["ec2:RevokeSecurityGroupIngress"], 1);

    await openAll(together);
    assert.deepEqual(
      counted(),
      Object.fromEntries(Object.entries(one).map(([name, times]) => [name, times * GROUPS])),
    );
    for (const group of groups) {
      const inbound = (await rulesOf(group)).filter(({ IsEgress }) => !IsEgress);
      assert.deepEqual(inbound, []);
    }
  });
});
