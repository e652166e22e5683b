import assert from "node:assert/strict";
import * as ec2 from "@aws-sdk/client-ec2";
import * as sns from "@aws-sdk/client-sns";
import type { Mode } from "../../functions/case";
import { syncGroups } from "../../functions/SyncGroups";
import type { IpRanges } from "../../ipRanges/document";
import { type Answers, fakeSdk, refusal, withEnvironment } from "./fakeSdk";
import { told } from "./given";

const ranges: IpRanges = {
  syncToken: 1787411825,
  createDate: "2026-08-22-15-17-05",
  services: { CLOUD9: { r: ["192.0.2.0/29", "2001:db8::/56"] } },
};
const group = {
  group: "sg-1",
  service: "CLOUD9",
  cidrs: [],
  ports: [22],
  quota: 60,
  lastKnown: ["192.0.2.0/29"],
};
const stale: ec2.SecurityGroupRule = {
  GroupId: "sg-1",
  SecurityGroupRuleId: "sgr-stale",
  IpProtocol: "tcp",
  FromPort: 22,
  ToPort: 22,
  IsEgress: false,
  CidrIpv4: "198.51.100.0/24",
};
const answers: Answers<typeof ec2> = {
  DescribeSecurityGroupRules: { SecurityGroupRules: [stale, { ...stale, IsEgress: true }] },
  AuthorizeSecurityGroupIngress: {},
  RevokeSecurityGroupIngress: {},
};
const Description = "Tourniquet: aws:CLOUD9";
const look = ["DescribeSecurityGroupRules", { Filters: [{ Name: "group-id", Values: ["sg-1"] }] }];
const add = [
  "AuthorizeSecurityGroupIngress",
  {
    GroupId: "sg-1",
    IpPermissions: [
      {
        IpProtocol: "tcp",
        FromPort: 22,
        ToPort: 22,
        IpRanges: [{ CidrIp: "192.0.2.0/29", Description }],
        Ipv6Ranges: [{ CidrIpv6: "2001:db8::/56", Description }],
      },
    ],
  },
];
const remove = [
  "RevokeSecurityGroupIngress",
  { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-stale"] },
];

function given({
  mode = "enforce" as Mode,
  over = {} as Answers<typeof ec2>,
  groups = [group],
  fetchRanges = async (..._: unknown[]): Promise<IpRanges> => ranges,
} = {}) {
  const { sdk, calls } = fakeSdk(ec2, "EC2Client", { ...answers, ...over });
  const topic = fakeSdk(sns, "SNSClient", { Publish: {} });
  const fetched: unknown[][] = [];
  const handler = syncGroups(sdk, topic.sdk, { mode, groups, oldest: 7 }, (...args) => {
    fetched.push(args);
    return fetchRanges(...args);
  });
  const said = () =>
    topic.calls.map(([, input]) => {
      const { TopicArn, Subject, Message } = input as sns.PublishInput;
      assert.equal(TopicArn, "arn:topic");
      return [Subject, ...(Message ?? "").split("\n")];
    });
  return { handler, calls, fetched, said };
}

describe("SyncGroups", () => {
  withEnvironment({ TOPIC_ARN: "arn:topic" });

  it("adds what is missing, then removes what is too much, and tells", async () => {
    const { handler, calls, said } = given();
    const { actions, ...rest } = await handler({});
    assert.deepEqual(calls, [look, add, remove]);
    assert.deepEqual(told(actions), [
      "done ec2:AuthorizeSecurityGroupIngress sg-1",
      "done ec2:RevokeSecurityGroupIngress sg-1",
    ]);
    assert.deepEqual(rest, { createDate: ranges.createDate, alerts: [] });
    assert.deepEqual(said(), [
      [
        "Tourniquet: synced groups changed",
        "AWS published its address ranges at 2026-08-22-15-17-05.",
        "- done: ec2:AuthorizeSecurityGroupIngress sg-1",
        "  tcp 22 from 192.0.2.0/29",
        "  tcp 22 from 2001:db8::/56",
        "- done: ec2:RevokeSecurityGroupIngress sg-1",
        "  sgr-stale",
      ],
    ]);
  });

  it("changes nothing in observe, and says what it would", async () => {
    const { handler, calls, said } = given({ mode: "observe" });
    const { actions } = await handler({});
    assert.deepEqual(calls, [look]);
    assert.deepEqual(told(actions), [
      "would ec2:AuthorizeSecurityGroupIngress sg-1",
      "would ec2:RevokeSecurityGroupIngress sg-1",
    ]);
    assert.equal(said()[0]?.[0], "Tourniquet: would change synced groups");
  });

  it("is silent where nothing differs", async () => {
    const rules = [
      { ...stale, CidrIpv4: "192.0.2.0/29" },
      { GroupId: "sg-1", IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIpv6: "2001:db8::/56" },
    ];
    const DescribeSecurityGroupRules = { SecurityGroupRules: rules };
    const { handler, calls, said } = given({ over: { DescribeSecurityGroupRules } });
    assert.deepEqual(await handler({}), { createDate: ranges.createDate, actions: [], alerts: [] });
    assert.deepEqual([calls, said()], [[look], []]);
  });

  it("takes nothing away where the addition failed, tells, and fails", async () => {
    const AuthorizeSecurityGroupIngress = refusal("RulesPerSecurityGroupLimitExceeded");
    const { handler, calls, said } = given({ over: { AuthorizeSecurityGroupIngress } });
    await assert.rejects(handler({}), {
      name: "SyncFailed",
      message:
        "ec2:AuthorizeSecurityGroupIngress on sg-1: RulesPerSecurityGroupLimitExceeded: said the service",
    });
    assert.deepEqual(calls, [look, add]);
    assert.equal(said()[0]?.[0], "Tourniquet: look at the synced groups");
  });

  it("changes nothing without a document", async () => {
    const fetchRanges = async () => Promise.reject(refusal("IpRangesUnusable"));
    const { handler, calls } = given({ fetchRanges });
    await assert.rejects(handler({}), { name: "IpRangesUnusable" });
    assert.deepEqual(calls, []);
  });

  it("brings the other groups into step where one fails", async () => {
    const DescribeSecurityGroupRules = (input: { Filters: ec2.Filter[] | undefined }) =>
      input.Filters?.[0]?.Values?.[0] === "sg-2"
        ? refusal("RequestLimitExceeded")
        : { SecurityGroupRules: [stale] };
    const groups = [{ ...group, group: "sg-2" }, group];
    const { handler, calls } = given({ over: { DescribeSecurityGroupRules }, groups });
    await assert.rejects(handler({}), /sg-2: RequestLimitExceeded/);
    assert.deepEqual(calls.slice(2), [add, remove]);
  });

  it("refuses a service that is not published any more", async () => {
    const fetchRanges = async () => ({ ...ranges, services: { OTHER: {} } });
    const { handler, calls } = given({ fetchRanges });
    await assert.rejects(handler({}), /AWS publishes no ranges of a service "CLOUD9"/);
    assert.deepEqual(calls, [look]);
  });

  it("fetches by the clock, and by a notification that is newer than what it knows", async () => {
    const { handler, fetched } = given();
    const notify = (synctoken: number) => {
      const Message = JSON.stringify({ synctoken: String(synctoken), md5: "0".repeat(32) });
      return handler({ Records: [{ Sns: { Message } }] });
    };
    const told = (syncToken: number) => ({ syncToken, md5: "0".repeat(32) });
    await notify(1787411825);
    await notify(1787411825);
    await notify(1787411826);
    await handler({});
    await handler({ Records: "nonsense" });
    assert.deepEqual(fetched, [
      [7, told(1787411825)],
      [1787411825, told(1787411826)],
      [1787411825, undefined],
      [1787411825, undefined],
    ]);
  });
});
