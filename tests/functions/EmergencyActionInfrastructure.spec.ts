import assert from "node:assert/strict";
import * as ec2 from "@aws-sdk/client-ec2";
import type {
  InfrastructureSubject,
  PrefixListSubject,
  SecurityGroupSubject,
} from "../../events/incident";
import type { Case, Mode } from "../../functions/case";
import { emergencyActionInfrastructure } from "../../functions/EmergencyActionInfrastructure";
import type { Exemption } from "../../rulebook/exemptions";
import {
  type Answers,
  cutsIn,
  fakeSdk,
  inTurn,
  refusal,
  throttled,
  withoutWaiting,
} from "./fakeSdk";
import { bothModes, caseOf, incident, told, validCase } from "./given";

type Ec2Answers = Answers<typeof ec2>;

const fact = (id: string) => ({
  id,
  protocol: "tcp",
  fromPort: 22,
  toPort: 22,
  source: "0.0.0.0/0",
});
const proved: SecurityGroupSubject = {
  kind: "securityGroup",
  groupId: "sg-1",
  rules: [fact("sgr-1"), fact("sgr-2")],
};
const asked: SecurityGroupSubject = { ...proved, rules: [] };
const notFound = refusal("InvalidSecurityGroupRuleId.NotFound");

function rule(id: string, cidr: string, port = 22, IsEgress = false): ec2.SecurityGroupRule {
  const source = cidr.includes(":") ? { CidrIpv6: cidr } : { CidrIpv4: cidr };
  return {
    SecurityGroupRuleId: id,
    IpProtocol: "tcp",
    FromPort: port,
    ToPort: port,
    IsEgress,
    ...source,
  };
}
const office = rule("sgr-office", "198.51.100.0/24");
const rules = (...SecurityGroupRules: ec2.SecurityGroupRule[]) => ({ SecurityGroupRules });
const mixed = rules(
  rule("sgr-out", "0.0.0.0/0", 22, true),
  rule("sgr-web", "0.0.0.0/0", 443),
  office,
  rule("sgr-v4", "0.0.0.0/0"),
  rule("sgr-v6", "::/0"),
);
const revoke = (...SecurityGroupRuleIds: string[]) => [
  "RevokeSecurityGroupIngress",
  { GroupId: "sg-1", SecurityGroupRuleIds },
];
const look = ["DescribeSecurityGroupRules", { Filters: [{ Name: "group-id", Values: ["sg-1"] }] }];

async function close(
  subjects: InfrastructureSubject[],
  answers: Ec2Answers,
  {
    mode = "enforce",
    exemptions = [],
    trustedLists = [],
    before,
  }: {
    mode?: Mode;
    exemptions?: Exemption[];
    trustedLists?: string[];
    before?: Case;
  } = {},
) {
  const { sdk, calls } = fakeSdk(ec2, "EC2Client", answers);
  const attachedGroups = "alert" as const;
  const ssh = { sshPorts: [22], trustedCidrs: [], trustedLists };
  const settings = { mode, exemptions, ...ssh, attachedGroups };
  const input = { incident: incident(subjects), caseId: "e", ...(before && { case: before }) };
  const after = await validCase(emergencyActionInfrastructure(sdk, settings), input);
  return { after, calls };
}

describe("EmergencyActionInfrastructure", () => {
  const waits = withoutWaiting();
  const RevokeSecurityGroupIngress = { Return: true };

  it("revokes exactly the record's rules, in one call, and looks at nothing", async () => {
    const { after, calls } = await close([proved], { RevokeSecurityGroupIngress });
    assert.deepEqual(calls, [revoke("sgr-1", "sgr-2")]);
    const before = { rules: proved.rules };
    assert.deepEqual(after.subjects, [{ kind: "securityGroup", groupId: "sg-1", before }]);
    assert.deepEqual(
      [told(after.actions), after.open, after.round],
      [["done ec2:RevokeSecurityGroupIngress sg-1"], [], 0],
    );
  });

  it("looks where the record has no rule, and revokes the openers in one call", async () => {
    const answers = { RevokeSecurityGroupIngress, DescribeSecurityGroupRules: mixed };
    const { after, calls } = await close([asked], answers);
    assert.deepEqual(calls, [look, revoke("sgr-v4", "sgr-v6")]);
    assert.deepEqual(after.subjects, [
      {
        kind: "securityGroup",
        groupId: "sg-1",
        before: { rules: mixed.SecurityGroupRules.slice(3) },
      },
    ]);
  });

  it("looks where the record's rules are gone", async () => {
    const { after, calls } = await close([proved], {
      RevokeSecurityGroupIngress: inTurn<object>(notFound, {}),
      DescribeSecurityGroupRules: mixed,
    });
    assert.deepEqual(calls, [revoke("sgr-1", "sgr-2"), look, revoke("sgr-v4", "sgr-v6")]);
    assert.deepEqual(after.open, []);
  });

  describe("where a rule that was changed is outbound, which its record does not tell", () => {
    const outbound = rules(rule("sgr-1", "0.0.0.0/0", 22, true), rule("sgr-2", "0.0.0.0/0"));
    const both = rules(...outbound.SecurityGroupRules.map((one) => ({ ...one, IsEgress: true })));
    const subjectWith = (...left: object[]) => [
      { kind: "securityGroup", groupId: "sg-1", before: { rules: left } },
    ];

    it("observes no cut of it", async () => {
      const mode = "observe";
      const { after, calls } = await close(
        [proved],
        { DescribeSecurityGroupRules: outbound },
        { mode },
      );
      assert.deepEqual(calls, [look]);
      assert.deepEqual(after.actions[0]?.input, revoke("sgr-2")[1]);
      assert.deepEqual(after.subjects, subjectWith(fact("sgr-2")));
      const none = await close([proved], { DescribeSecurityGroupRules: both }, { mode });
      const notes = ["sg-1: outbound rules let nobody in: sgr-1, sgr-2"];
      assert.deepEqual(none.after, caseOf({ id: "e", mode, notes }));
    });

    it("observes the cut of one that EC2 does not show yet", async () => {
      const { after } = await close(
        [proved],
        { DescribeSecurityGroupRules: rules() },
        { mode: "observe" },
      );
      assert.deepEqual(after.actions[0]?.input, revoke("sgr-1", "sgr-2")[1]);
      assert.deepEqual(after.subjects, subjectWith(fact("sgr-1"), fact("sgr-2")));
    });

    it("looks where EC2 refuses the call, and counts it for nothing that was closed", async () => {
      const answers = { RevokeSecurityGroupIngress: throttled };
      const { after, calls } = await close([proved], {
        ...answers,
        DescribeSecurityGroupRules: outbound,
      });
      assert.deepEqual(calls, [revoke("sgr-1", "sgr-2"), look]);
      assert.deepEqual(after.subjects, subjectWith(fact("sgr-2")));
      const unseen = { ...answers, DescribeSecurityGroupRules: throttled };
      assert.deepEqual(
        (await close([proved], unseen)).after.subjects,
        subjectWith(...proved.rules),
      );
    });
  });

  it("looks again at once where a rule went since the look, and once only", async () => {
    const left = rules(office, rule("sgr-v6", "::/0"));
    const { after, calls } = await close([asked], {
      RevokeSecurityGroupIngress: inTurn<object>(notFound, {}),
      DescribeSecurityGroupRules: inTurn(mixed, left),
    });
    assert.deepEqual(calls, [look, revoke("sgr-v4", "sgr-v6"), look, revoke("sgr-v6")]);
    assert.deepEqual(after.subjects, [
      {
        kind: "securityGroup",
        groupId: "sg-1",
        before: { rules: left.SecurityGroupRules.slice(1) },
      },
    ]);
    assert.deepEqual(after.open, []);

    const always = await close([asked], {
      RevokeSecurityGroupIngress: notFound,
      DescribeSecurityGroupRules: mixed,
    });
    const both = [look, revoke("sgr-v4", "sgr-v6")];
    assert.deepEqual(always.calls, [...both, ...both]);
  });

  it("finds a group that the record names only, in the default VPC", async () => {
    const named: SecurityGroupSubject = { kind: "securityGroup", groupName: "web @+", rules: [] };
    const { calls } = await close([named], {
      DescribeVpcs: { Vpcs: [{ VpcId: "vpc-1" }] },
      DescribeSecurityGroups: { SecurityGroups: [{ GroupId: "sg-1" }] },
      DescribeSecurityGroupRules: mixed,
      RevokeSecurityGroupIngress,
    });
    const isDefault = { Name: "is-default", Values: ["true"] };
    const inVpc = { Name: "vpc-id", Values: ["vpc-1"] };
    assert.deepEqual(calls, [
      ["DescribeVpcs", { Filters: [isDefault] }],
      ["DescribeSecurityGroups", { Filters: [inVpc, { Name: "group-name", Values: ["web @+"] }] }],
      look,
      revoke("sgr-v4", "sgr-v6"),
    ]);
  });

  const harmless: [name: string, answer: object, said: RegExp, exempt?: boolean][] = [
    ["closed", rules(office), /^sg-1: no rule opens SSH to the world$/],
    ["exempt", mixed, /^sg-1 is exempt until 2999-01-01: bastion$/, true],
    ["half the internet", rules(rule("sgr-1", "0.0.0.0/1")), /^sg-1: .*half/i],
  ];
  for (const [name, DescribeSecurityGroupRules, said, exempt] of harmless) {
    it(`revokes nothing and says so: ${name}`, async () => {
      const exemption = {
        rule: "ssh-open-to-world",
        subject: "sg-1",
        owner: "o",
        reason: "bastion",
        expires: "2999-01-01",
      } as const;
      const exemptions = exempt ? [exemption] : [];
      const { after, calls } = await close([asked], { DescribeSecurityGroupRules }, { exemptions });
      assert.deepEqual([cutsIn(calls), after.subjects, after.open], [[], [], []]);
      assert.match([...after.notes, ...after.alerts].join(), said);
    });
  }

  it("looks again at rules that EC2 does not show yet, and gives up in the end", async () => {
    const late = inTurn<object>(rules(), refusal("InvalidGroup.NotFound"), mixed);
    const answers = { RevokeSecurityGroupIngress, DescribeSecurityGroupRules: late };
    const { calls } = await close([asked], answers);
    assert.deepEqual([cutsIn(calls), waits], [[revoke("sgr-v4", "sgr-v6")], [250, 750]]);

    waits.length = 0;
    const { after } = await close([asked], { DescribeSecurityGroupRules: rules() });
    assert.deepEqual(waits, [250, 750, 1500]);
    assert.deepEqual(after.notes, [
      "sg-1 has no inbound rule, or is not there (any more): nothing to close",
    ]);
  });

  describe("where the record tells what EC2 does not show", () => {
    const half = { protocol: "tcp", fromPort: 22, toPort: 22, source: "128.0.0.0/1" };
    const halves = { ...asked, told: [{ id: "sgr-new", ...half }] };
    const out = rule("sgr-out", "0.0.0.0/0", 22, true);
    const older = rules(out, office, rule("sgr-old", "0.0.0.0/1"));
    const both = rules(...older.SecurityGroupRules, rule("sgr-new", half.source));
    const subjectWith = (...left: object[]) => [
      { kind: "securityGroup", groupId: "sg-1", before: { rules: left } },
    ];
    const told = {
      SecurityGroupRuleId: "sgr-new",
      IpProtocol: "tcp",
      FromPort: 22,
      ToPort: 22,
      CidrIpv4: half.source,
    };

    it("waits for inbound rules, whatever outbound ones there are", async () => {
      const answers = {
        DescribeSecurityGroupRules: inTurn(rules(out), mixed),
        RevokeSecurityGroupIngress,
      };
      const { calls } = await close([asked], answers);
      assert.deepEqual([calls, waits], [[look, look, revoke("sgr-v4", "sgr-v6")], [250]]);
    });

    it("waits for the second half of a split internet", async () => {
      const answers = {
        DescribeSecurityGroupRules: inTurn(older, both),
        RevokeSecurityGroupIngress,
      };
      const { after, calls } = await close([halves], answers);
      assert.deepEqual([calls, waits], [[look, look, revoke("sgr-old", "sgr-new")], [250]]);
      assert.deepEqual(after.subjects, subjectWith(...both.SecurityGroupRules.slice(2)));
    });

    it("waits for a rule to be shown as it was changed, and believes the look in the end", async () => {
      const stale = rules(...older.SecurityGroupRules, rule("sgr-new", "10.0.0.0/8"));
      const answers = {
        DescribeSecurityGroupRules: inTurn(stale, both),
        RevokeSecurityGroupIngress,
      };
      const { calls } = await close([halves], answers);
      assert.deepEqual([calls, waits], [[look, look, revoke("sgr-old", "sgr-new")], [250]]);

      const changed = await close([halves], { DescribeSecurityGroupRules: stale });
      assert.deepEqual(cutsIn(changed.calls), []);
      const outbound = rules(...older.SecurityGroupRules, { ...told, IsEgress: true });
      const other = await close([halves], { DescribeSecurityGroupRules: outbound });
      assert.deepEqual(cutsIn(other.calls), []);
    });

    it("revokes by its id what EC2 does not show in the end either", async () => {
      const answers = { DescribeSecurityGroupRules: older, RevokeSecurityGroupIngress };
      const { after, calls } = await close([halves], answers);
      assert.deepEqual(calls, [look, look, look, look, revoke("sgr-old", "sgr-new")]);
      assert.deepEqual(after.subjects, subjectWith(rule("sgr-old", "0.0.0.0/1"), told));
      assert.deepEqual(after.open, []);
    });

    it("takes a rule for gone that EC2 does not know, and nothing with it", async () => {
      const { after, calls } = await close([halves], {
        DescribeSecurityGroupRules: older,
        RevokeSecurityGroupIngress: notFound,
      });
      assert.deepEqual(cutsIn(calls), [revoke("sgr-old", "sgr-new")]);
      assert.deepEqual([after.subjects, after.open], [[], []]);
    });

    it("reads the prefix list of a rule that is not shown", async () => {
      const list = { ...half, source: "pl-1" };
      const { calls } = await close([{ ...asked, told: [{ id: "sgr-new", ...list }] }], {
        DescribeSecurityGroupRules: older,
        GetManagedPrefixListEntries: { Entries: [{ Cidr: half.source }] },
        RevokeSecurityGroupIngress,
      });
      assert.deepEqual(cutsIn(calls), [revoke("sgr-old", "sgr-new")]);
    });

    const byName: SecurityGroupSubject = { kind: "securityGroup", groupName: "web", rules: [] };
    const world = { protocol: "-1", fromPort: 0, toPort: 0, source: "0.0.0.0/0" };
    const named = {
      DescribeVpcs: { Vpcs: [{ VpcId: "vpc-1" }] },
      DescribeSecurityGroups: { SecurityGroups: [{ GroupId: "sg-1" }] },
    };
    it("keeps open, until a later look, what has no id", async () => {
      const { after, calls } = await close([{ ...byName, told: [world] }], {
        ...named,
        DescribeSecurityGroupRules: rules(office),
      });
      assert.deepEqual([cutsIn(calls), waits], [[], [250, 750, 1500]]);
      assert.deepEqual(after.open, [
        "sg-1: EC2 does not show (yet) what the record tells: every protocol from 0.0.0.0/0",
      ]);
      const shown = { ...rule("sgr-v4", "0.0.0.0/0", -1), IpProtocol: "-1" };
      const next = await close(
        [{ ...byName, told: [world] }],
        { ...named, DescribeSecurityGroupRules: rules(shown), RevokeSecurityGroupIngress },
        { before: after },
      );
      assert.deepEqual(cutsIn(next.calls), [revoke("sgr-v4")]);
    });
    it("knows it by what it is, and waits for nothing then", async () => {
      const shown = { ...rule("sgr-v4", "0.0.0.0/0", -1), IpProtocol: "-1" };
      const { after, calls } = await close([{ ...byName, told: [world] }], {
        ...named,
        DescribeSecurityGroupRules: rules(shown),
        RevokeSecurityGroupIngress,
      });
      assert.deepEqual([cutsIn(calls), after.open, waits], [[revoke("sgr-v4")], [], []]);
    });
    it("keeps a group open that is not there yet", async () => {
      const { after } = await close([{ ...byName, told: [world] }], {
        ...named,
        DescribeSecurityGroups: { SecurityGroups: [] },
      });
      assert.deepEqual(
        [after.open, after.notes],
        [
          [
            "group web: EC2 does not show (yet) what the record tells: every protocol from 0.0.0.0/0",
          ],
          ["group web has no inbound rule, or is not there (any more): nothing to close"],
        ],
      );
    });
  });

  it("throws a throttled look", async () => {
    await assert.rejects(close([asked], { DescribeSecurityGroupRules: throttled }), throttled);
  });

  it("goes on with the next group where one revocation fails, and names it open", async () => {
    const { after } = await close([proved, { ...proved, groupId: "sg-2" }], {
      RevokeSecurityGroupIngress: ({ GroupId }) =>
        GroupId === "sg-1" ? refusal("UnauthorizedOperation") : {},
    });
    assert.deepEqual(told(after.actions), [
      "failed ec2:RevokeSecurityGroupIngress sg-1",
      "done ec2:RevokeSecurityGroupIngress sg-2",
    ]);
    const failure = "UnauthorizedOperation: said the service";
    assert.deepEqual(after.open, [`ec2:RevokeSecurityGroupIngress on sg-1: ${failure}`]);
  });

  it("names open, in a later pass, what was opened again, and waits for nothing", async () => {
    const before = caseOf({ round: 1 });
    const answers = { RevokeSecurityGroupIngress, DescribeSecurityGroupRules: mixed };
    const { after, calls } = await close([proved], answers, { before });
    assert.deepEqual(calls, [look, revoke("sgr-v4", "sgr-v6")]);
    assert.deepEqual(after.open, [
      "sg-1 was open again by sgr-v4",
      "sg-1 was open again by sgr-v6",
    ]);
    const idsIn = (rules: unknown[]) =>
      rules.map((rule) => (rule as { SecurityGroupRuleId?: string }).SecurityGroupRuleId);
    assert.deepEqual(
      after.subjects.map((one) => one.kind === "securityGroup" && idsIn(one.after?.rules ?? [])),
      [["sgr-v4", "sgr-v6"]],
    );
    assert.deepEqual([after.round, waits], [2, []]);

    const shut = await close([proved], { DescribeSecurityGroupRules: rules(office) }, { before });
    assert.deepEqual([shut.after.open, shut.after.notes], [[], []]);
  });

  const list: PrefixListSubject = { kind: "prefixList", id: "pl-1", adds: ["0.0.0.0/0"] };
  const fromList: ec2.SecurityGroupRule = {
    SecurityGroupRuleId: "sgr-list",
    IpProtocol: "tcp",
    FromPort: 22,
    ToPort: 22,
    IsEgress: false,
    PrefixListId: "pl-1",
  };
  const referring = { SecurityGroups: [{ GroupId: "sg-1" }] };
  const groupsOf = [
    "DescribeSecurityGroups",
    { Filters: [{ Name: "ip-permission.prefix-list-id", Values: ["pl-1"] }] },
  ];
  const entries = (...cidrs: string[]) => ({ Entries: cidrs.map((Cidr) => ({ Cidr })) });
  const entriesOf = (version?: number) => [
    "GetManagedPrefixListEntries",
    { PrefixListId: "pl-1", ...(version && { TargetVersion: version }) },
  ];

  it("closes the groups of a prefix list, by what the record adds to it", async () => {
    const { after, calls } = await close([list], {
      DescribeSecurityGroups: referring,
      DescribeSecurityGroupRules: rules(fromList, office),
      GetManagedPrefixListEntries: entries("198.51.100.0/24"),
      RevokeSecurityGroupIngress,
    });
    assert.deepEqual(calls, [groupsOf, look, entriesOf(), revoke("sgr-list")]);
    const before = { rules: [fromList] };
    assert.deepEqual(after.subjects, [{ kind: "securityGroup", groupId: "sg-1", before }]);
    // Sessions are cut later, and by then somebody may have changed the list.
    assert.deepEqual(after.prefixLists, { "pl-1": ["198.51.100.0/24", ...list.adds] });
  });

  it("takes the entries of a restored version, and in a later pass those that are there", async () => {
    const restored = { ...list, adds: [], version: 3 };
    const answers: Ec2Answers = {
      DescribeSecurityGroups: referring,
      DescribeSecurityGroupRules: rules(fromList),
      GetManagedPrefixListEntries: ({ TargetVersion }) =>
        TargetVersion ? entries("0.0.0.0/1", "128.0.0.0/1") : entries("198.51.100.0/24"),
      RevokeSecurityGroupIngress,
    };
    const { calls } = await close([restored], answers);
    assert.deepEqual(calls, [groupsOf, entriesOf(3), look, entriesOf(), revoke("sgr-list")]);
    const later = await close([restored], answers, { before: caseOf({ round: 1 }) });
    assert.deepEqual(later.calls, [groupsOf, look, entriesOf()]);
    assert.deepEqual([later.after.open, later.after.notes], [[], []]);
  });

  it("says that no group has a rule from the list", async () => {
    const { after, calls } = await close([list], {
      DescribeSecurityGroups: { SecurityGroups: [] },
    });
    assert.deepEqual(calls, [groupsOf]);
    assert.deepEqual(
      [after.notes, after.subjects],
      [["no security group has a rule from pl-1"], []],
    );
  });

  it("closes what is open beside a list that cannot be read, and names that open", async () => {
    const { after, calls } = await close([asked], {
      DescribeSecurityGroupRules: rules(fromList, rule("sgr-v4", "0.0.0.0/0")),
      GetManagedPrefixListEntries: throttled,
      RevokeSecurityGroupIngress,
    });
    assert.deepEqual(calls, [look, entriesOf(), revoke("sgr-v4")]);
    assert.deepEqual(after.open, [
      "sg-1: the entries of prefix list pl-1 could not be read: ThrottlingException: Rate exceeded",
    ]);
  });

  it("asks for no entries of a list that is let in elsewhere than to SSH", async () => {
    const https = { ...fromList, FromPort: 443, ToPort: 443 };
    const { calls } = await close([asked], { DescribeSecurityGroupRules: rules(https) });
    assert.deepEqual(calls, [look]);
  });

  it("leaves 59 of 60 rules as they are", async () => {
    const many = Array.from({ length: 59 }, (_, n) => rule(`sgr-${n}`, `198.51.100.${n}/32`));
    const open = rule("sgr-open", "0.0.0.0/0");
    const { calls } = await close([asked], {
      DescribeSecurityGroupRules: rules(...many, open),
      RevokeSecurityGroupIngress,
    });
    assert.deepEqual(calls, [look, revoke("sgr-open")]);
  });

  const remote = { kind: "remoteAddress", address: "8.8.4.4", vpcId: "vpc-1" } as const;
  const vpc = {
    Vpcs: [
      {
        CidrBlock: "10.0.0.0/16",
        CidrBlockAssociationSet: [{ CidrBlock: "10.1.0.0/16" }],
        Ipv6CidrBlockAssociationSet: [{ Ipv6CidrBlock: "2600:1f18::/56" }],
      },
    ],
  };
  it("makes an address that tries passwords a subject, with an alert", async () => {
    const { after, calls } = await close([remote], { DescribeVpcs: vpc });
    const byId = [{ Name: "vpc-id", Values: ["vpc-1"] }];
    assert.deepEqual(calls, [["DescribeVpcs", { Filters: byId }]]);
    assert.deepEqual(
      [after.subjects, after.alerts],
      [[remote], ["8.8.4.4 tries SSH passwords on an instance"]],
    );
  });
  for (const address of ["10.0.3.4", "10.1.3.4", "2600:1f18::7"]) {
    it(`leaves an address of the VPC: ${address}`, async () => {
      const { after } = await close([{ ...remote, address }], { DescribeVpcs: vpc });
      assert.deepEqual(after.subjects, []);
      assert.match(after.alerts.join(), /is in the same VPC: it is not blocked/);
    });
  }
  for (const address of ["192.168.7.7", "100.64.0.1", "fd00::1", "::ffff:10.9.9.9", "8.8.4.4/0"]) {
    it(`leaves what is no address of the internet: ${address}`, async () => {
      const { after } = await close([{ ...remote, address }], { DescribeVpcs: vpc });
      assert.deepEqual(
        [after.subjects, after.alerts],
        [
          [],
          [
            `${address} tries SSH passwords on an instance, and is no address of the internet: it is not blocked. Look at it.`,
          ],
        ],
      );
    });
  }
  it("leaves an address in a prefix list that the owner trusts", async () => {
    const trustedLists = ["pl-1"];
    const answers = { DescribeVpcs: vpc, GetManagedPrefixListEntries: entries("8.8.4.0/24") };
    const { after } = await close([remote], answers, { trustedLists });
    assert.deepEqual(
      [after.subjects, after.alerts],
      [
        [],
        [
          "8.8.4.4 tries SSH passwords on an instance, and is in trustedCidrs: it is not blocked. Look at it.",
        ],
      ],
    );
    const unread = { ...answers, GetManagedPrefixListEntries: throttled };
    await assert.rejects(close([remote], unread, { trustedLists }), { name: throttled.name });
  });
  it("judges an address once", async () => {
    const { after, calls } = await close([remote], {}, { before: caseOf({ subjects: [remote] }) });
    assert.deepEqual([after.subjects, after.alerts, calls], [[remote], [], []]);
  });

  it("closes an exempt group by a person's order, and alerts where nothing is open", async () => {
    const exemption: Exemption = {
      rule: "ssh-open-to-world",
      subject: "sg-1",
      owner: "o",
      reason: "bastion",
      expires: "2999-01-01",
    };
    const ordered: SecurityGroupSubject = { ...asked, ordered: true };
    const answers = { RevokeSecurityGroupIngress, DescribeSecurityGroupRules: mixed };
    const { calls } = await close([ordered], answers, { exemptions: [exemption] });
    assert.deepEqual(calls, [look, revoke("sgr-v4", "sgr-v6")]);
    const shut = await close([ordered], { DescribeSecurityGroupRules: rules(office) });
    assert.deepEqual(shut.after.alerts, [
      "A person ordered it closed: sg-1: no rule opens SSH to the world",
    ]);
  });

  it("calls nothing in observe, lists what enforce calls, and lists it once", async () => {
    const answers = { RevokeSecurityGroupIngress, DescribeSecurityGroupRules: mixed };
    const both = await bothModes((mode) =>
      close([asked, { ...proved, groupId: "sg-2" }], answers, { mode }),
    );
    assert.deepEqual([both.changed, both.outcomes], [[], ["would"]]);
    assert.deepEqual(both.would, both.called);

    const { after } = await close([asked], answers, { mode: "observe" });
    const again = await close([asked], answers, { mode: "observe", before: after });
    assert.deepEqual(again.after.actions, after.actions);
  });
});
