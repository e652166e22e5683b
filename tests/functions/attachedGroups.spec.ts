import assert from "node:assert/strict";
import * as ec2 from "@aws-sdk/client-ec2";
import type { AttachedGroupsSubject } from "../../events/incident";
import type { Case, Mode } from "../../functions/case";
import { emergencyActionInfrastructure } from "../../functions/EmergencyActionInfrastructure";
import type { AttachedGroups } from "../../functions/infrastructure/close";
import type { Exemption } from "../../rulebook/exemptions";
import { type Answers, fakeSdk, refusal, throttled, withoutWaiting } from "./fakeSdk";
import { bothModes, caseOf, incident, told, validCase } from "./given";

const attached: AttachedGroupsSubject = {
  kind: "attachedGroups",
  groupIds: ["sg-1", "sg-2", "sg-3"],
  holders: ["i-1", "i-2"],
};

function rule(GroupId: string, id: string, cidr: string, more: ec2.SecurityGroupRule = {}) {
  return {
    GroupId,
    SecurityGroupRuleId: id,
    IpProtocol: "tcp",
    FromPort: 22,
    ToPort: 22,
    IsEgress: false,
    CidrIpv4: cidr,
    ...more,
  };
}
const out = rule("sg-1", "sgr-out", "0.0.0.0/0", { IsEgress: true });
const office = rule("sg-1", "sgr-office", "198.51.100.0/24");
const world = rule("sg-1", "sgr-world", "0.0.0.0/0");
const worldOf2 = rule("sg-2", "sgr-two", "0.0.0.0/0");
const rules = (...SecurityGroupRules: ec2.SecurityGroupRule[]) => ({ SecurityGroupRules });
const look = (...Values: string[]) => [
  "DescribeSecurityGroupRules",
  { Filters: [{ Name: "group-id", Values }] },
];
const lookAtAll = look("sg-1", "sg-2", "sg-3");
const revoke = (GroupId: string, ...SecurityGroupRuleIds: string[]) => [
  "RevokeSecurityGroupIngress",
  { GroupId, SecurityGroupRuleIds },
];
const bastion: Exemption = {
  rule: "ssh-open-to-world",
  subject: "sg-1",
  owner: "o",
  reason: "bastion",
  expires: "2999-01-01",
};

async function judge(
  attachedGroups: AttachedGroups,
  answers: Answers<typeof ec2>,
  {
    subject = attached,
    mode = "enforce",
    exemptions = [],
    before,
  }: {
    subject?: AttachedGroupsSubject;
    mode?: Mode;
    exemptions?: Exemption[];
    before?: Case;
  } = {},
) {
  const { sdk, calls } = fakeSdk(ec2, "EC2Client", answers);
  const settings = { mode, exemptions, sshPorts: [22], trustedCidrs: [], attachedGroups };
  const input = { incident: incident([subject]), caseId: "e", ...(before && { case: before }) };
  const after = await validCase(emergencyActionInfrastructure(sdk, settings), input);
  return { after, calls };
}

describe("groups that are put on interfaces", () => {
  const waits = withoutWaiting();
  const RevokeSecurityGroupIngress = { Return: true };
  const DescribeSecurityGroupRules = rules(out, office, world, worldOf2);
  const nothing = { subjects: [], actions: [], alerts: [], open: [] };
  const found = ({ subjects, actions, alerts, open }: Case) => ({
    subjects,
    actions,
    alerts,
    open,
  });

  it("are a person's to close, by name, where they open SSH, and are looked at once", async () => {
    const { after, calls } = await judge("alert", { DescribeSecurityGroupRules });
    assert.deepEqual(calls, [lookAtAll]);
    assert.deepEqual(found(after), {
      ...nothing,
      alerts: [
        "i-1, i-2 got sg-1, which opens SSH to the world by sgr-world. This closes it: npm run contain -- group sg-1",
        "i-1, i-2 got sg-2, which opens SSH to the world by sgr-two. This closes it: npm run contain -- group sg-2",
      ],
    });
    assert.deepEqual(after.notes, [
      "sgr-world lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet",
      "sgr-two lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet",
    ]);
  });

  it("lose the rules that open SSH, and no others, by the setting", async () => {
    const answers = { DescribeSecurityGroupRules, RevokeSecurityGroupIngress };
    const { after, calls } = await judge("close", answers);
    assert.deepEqual(calls, [lookAtAll, revoke("sg-1", "sgr-world"), revoke("sg-2", "sgr-two")]);
    assert.deepEqual(
      [after.subjects, told(after.actions), after.alerts, after.open],
      [
        [
          { kind: "securityGroup", groupId: "sg-1", before: { rules: [world] } },
          { kind: "securityGroup", groupId: "sg-2", before: { rules: [worldOf2] } },
        ],
        ["done ec2:RevokeSecurityGroupIngress sg-1", "done ec2:RevokeSecurityGroupIngress sg-2"],
        [],
        [],
      ],
    );
  });

  for (const setting of ["alert", "close"] as const) {
    it(`are nothing where they are not open: ${setting}`, async () => {
      const { after, calls } = await judge(setting, { DescribeSecurityGroupRules: rules(office) });
      assert.deepEqual([calls, found(after), waits], [[lookAtAll], nothing, []]);
    });

    it(`are nothing where EC2 shows no rule, and nobody waits for one: ${setting}`, async () => {
      const { after, calls } = await judge(setting, { DescribeSecurityGroupRules: rules() });
      assert.deepEqual([calls, found(after), waits], [[lookAtAll], nothing, []]);
    });

    it(`are left alone where they are exempt, one by one: ${setting}`, async () => {
      const exempt = { DescribeSecurityGroupRules: rules(world) };
      const { after, calls } = await judge(setting, exempt, { exemptions: [bastion] });
      assert.deepEqual([calls, found(after)], [[lookAtAll], nothing]);
      assert.deepEqual(after.notes, ["sg-1 is exempt until 2999-01-01: bastion"]);
    });

    it(`are an alert where they let half of the internet in: ${setting}`, async () => {
      const half = { DescribeSecurityGroupRules: rules(rule("sg-1", "sgr-half", "0.0.0.0/1")) };
      const { after } = await judge(setting, half);
      const { alerts, ...rest } = found(after);
      assert.deepEqual({ ...rest, alerts: [] }, nothing);
      assert.match(alerts.join("\n"), /^sg-1: sgr-half .* may let half of the IPv4 internet.*$/);
    });

    it(`make the pass fail where they cannot be looked at: ${setting}`, async () => {
      for (const error of [throttled, refusal("InvalidGroup.NotFound")]) {
        await assert.rejects(judge(setting, { DescribeSecurityGroupRules: error }), error);
      }
    });
  }

  it("are looked at in lists of 200, which is what a filter takes", async () => {
    const groupIds = Array.from({ length: 201 }, (_, at) => `sg-${at}`);
    const subject = { ...attached, groupIds };
    const { after, calls } = await judge(
      "alert",
      {
        DescribeSecurityGroupRules: ({ Filters }: { Filters?: ec2.Filter[] }) =>
          Filters?.[0]?.Values?.includes("sg-200")
            ? rules(rule("sg-200", "sgr-last", "::/0"))
            : rules(rule("sg-0", "sgr-first", "0.0.0.0/0")),
      },
      { subject },
    );
    assert.deepEqual(calls, [look(...groupIds.slice(0, 200)), look("sg-200")]);
    assert.equal(after.alerts.length, 2);
  });

  it("are named without what got them, and by ten of many", async () => {
    const answers = { DescribeSecurityGroupRules: rules(world) };
    const alertFor = async (holders: string[]) =>
      (await judge("alert", answers, { subject: { ...attached, holders } })).after.alerts[0];
    assert.match((await alertFor([])) ?? "", /^An interface or instance got sg-1, /);
    const many = Array.from({ length: 12 }, (_, at) => `i-${at}`);
    assert.match((await alertFor(many)) ?? "", /^i-0, .*, i-9 and 2 more got sg-1, /);
  });

  const list = rule("sg-1", "sgr-list", "", { CidrIpv4: undefined, PrefixListId: "pl-1" });
  const unread =
    "sg-1: the entries of prefix list pl-1 could not be read: ThrottlingException: Rate exceeded";
  const unreadable = {
    DescribeSecurityGroupRules: rules(list, worldOf2),
    GetManagedPrefixListEntries: throttled,
    RevokeSecurityGroupIngress,
  };

  it("are a person's to look at where a prefix list cannot be read", async () => {
    const { after } = await judge("alert", unreadable);
    assert.deepEqual([after.open, after.alerts.at(-1)], [[], unread]);
  });

  it("stay open by name where a prefix list cannot be read, by the setting", async () => {
    const { after, calls } = await judge("close", unreadable);
    assert.deepEqual([after.open, calls.at(-1)], [[unread], revoke("sg-2", "sgr-two")]);
  });

  it("are named open where they are opened again, or cannot be closed", async () => {
    const before = caseOf({ round: 1 });
    const answers = { DescribeSecurityGroupRules: rules(world), RevokeSecurityGroupIngress };
    const again = await judge("close", answers, { before });
    assert.deepEqual(again.after.open, ["sg-1 was open again by sgr-world"]);
    const denied = { ...answers, RevokeSecurityGroupIngress: refusal("UnauthorizedOperation") };
    const refused = await judge("close", denied);
    assert.deepEqual(refused.after.open, [
      "ec2:RevokeSecurityGroupIngress on sg-1: UnauthorizedOperation: said the service",
    ]);
  });

  it("are closed by nobody in observe, which lists what enforce calls", async () => {
    const answers = { DescribeSecurityGroupRules, RevokeSecurityGroupIngress };
    const both = await bothModes((mode) => judge("close", answers, { mode }));
    assert.deepEqual([both.changed, both.outcomes], [[], ["would"]]);
    assert.deepEqual(both.would, both.called);
  });
});
