import assert from "node:assert/strict";
import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import fc from "fast-check";
import {
  permissionOf,
  ruleInWords,
  ruleKey,
  rulesOf,
} from "../../functions/infrastructure/permission";
import {
  madeByCase,
  type Opener,
  replacements,
  type Trust,
} from "../../functions/infrastructure/replacements";
import type { AclEntry } from "../../networkAcl/acl";
import { sshOpenToWorld } from "../../rulebook/ssh";
import { isFrom, type Packet, packetsAt, verdict } from "../networkAcl/oracle";

/** How many rules; more with PROPERTY_RUNS=100000. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 500);

function opener(source: string, IpProtocol = "tcp", ports = [22, 22], cidrs = [source]): Opener {
  const from = source.startsWith("pl-")
    ? { PrefixListId: source }
    : source.includes(":")
      ? { CidrIpv6: source }
      : { CidrIpv4: source };
  const [FromPort, ToPort] = ports as [number, number];
  const rule = { SecurityGroupRuleId: "sgr-1", IpProtocol, FromPort, ToPort, ...from };
  return { id: "sgr-1", rule, cidrs };
}

const OFFICE = "203.0.113.0/24";

interface Example {
  name: string;
  openers: Opener[];
  trust?: Partial<Trust>;
  come: string[];
}

const examples: Example[] = [
  { name: "SSH alone, nobody trusted", openers: [opener("0.0.0.0/0")], come: [] },
  {
    name: "SSH alone, an office trusted",
    openers: [opener("0.0.0.0/0")],
    trust: { cidrs: [OFFICE, "2001:db8::/48"] },
    come: [`tcp 22 from ${OFFICE}`],
  },
  {
    name: "a range of ports, nobody trusted",
    openers: [opener("0.0.0.0/0", "tcp", [20, 25])],
    come: ["tcp 20-21 from 0.0.0.0/0", "tcp 23-25 from 0.0.0.0/0"],
  },
  {
    name: "a range that begins with SSH",
    openers: [opener("::/0", "tcp", [22, 23])],
    trust: { cidrs: ["2001:db8::/48"] },
    come: ["tcp 23 from ::/0", "tcp 22 from 2001:db8::/48"],
  },
  {
    name: "every port",
    openers: [opener("0.0.0.0/0", "tcp", [0, 65535])],
    come: ["tcp 0-21 from 0.0.0.0/0", "tcp 23-65535 from 0.0.0.0/0"],
  },
  {
    name: "every port, as -1",
    openers: [opener("0.0.0.0/0", "tcp", [-1, -1])],
    come: ["tcp 0-21 from 0.0.0.0/0", "tcp 23-65535 from 0.0.0.0/0"],
  },
  {
    name: "every protocol",
    openers: [opener("0.0.0.0/0", "-1", [-1, -1])],
    trust: { cidrs: [OFFICE] },
    come: [
      "tcp 0-21 from 0.0.0.0/0",
      "tcp 23-65535 from 0.0.0.0/0",
      "udp 0-65535 from 0.0.0.0/0",
      "icmp from 0.0.0.0/0",
      `tcp 22 from ${OFFICE}`,
    ],
  },
  {
    name: "every protocol of IPv6",
    openers: [opener("::/0", "-1", [-1, -1])],
    come: [
      "tcp 0-21 from ::/0",
      "tcp 23-65535 from ::/0",
      "udp 0-65535 from ::/0",
      "icmpv6 from ::/0",
    ],
  },
  {
    name: "several SSH ports, of which two touch",
    openers: [opener("0.0.0.0/0", "tcp", [22, 3000])],
    trust: { sshPorts: [2222, 23, 22, 4000], cidrs: [OFFICE] },
    come: [
      "tcp 24-2221 from 0.0.0.0/0",
      "tcp 2223-3000 from 0.0.0.0/0",
      `tcp 22-23 from ${OFFICE}`,
      `tcp 2222 from ${OFFICE}`,
    ],
  },
  {
    name: "a prefix list with other ports",
    openers: [opener("pl-world", "tcp", [22, 443], ["0.0.0.0/1", "128.0.0.0/1"])],
    trust: { cidrs: [OFFICE] },
    come: ["tcp 23-443 from pl-world", `tcp 22 from ${OFFICE}`],
  },
  {
    name: "half of the internet: only who came in through it",
    openers: [opener("0.0.0.0/1")],
    trust: { cidrs: [OFFICE, "100.0.0.0/24"] },
    come: ["tcp 22 from 100.0.0.0/24"],
  },
  {
    name: "a source inside a trusted one",
    openers: [opener("203.0.113.128/25", "tcp", [22, 23])],
    trust: { cidrs: [OFFICE] },
    come: ["tcp 23 from 203.0.113.128/25", "tcp 22 from 203.0.113.128/25"],
  },
  {
    name: "trusted CIDRs that touch or repeat each other are as few rules as they can be",
    openers: [opener("0.0.0.0/0")],
    trust: { cidrs: ["203.0.113.0/25", "203.0.113.128/25", "203.0.113.7/32"] },
    come: [`tcp 22 from ${OFFICE}`],
  },
  {
    name: "a trusted list in the rule is named, one of the other family is not",
    openers: [opener("0.0.0.0/0")],
    trust: { lists: { "pl-4": [OFFICE], "pl-6": ["2001:db8::/48"], "pl-0": [] } },
    come: ["tcp 22 from pl-4"],
  },
  {
    name: "a trusted list that is partly in the rule, by its part",
    openers: [opener("0.0.0.0/1")],
    trust: { lists: { "pl-4": [OFFICE, "100.0.0.0/24"] } },
    come: ["tcp 22 from 100.0.0.0/24"],
  },
  {
    name: "a trusted list that holds the world trusts nobody",
    openers: [opener("pl-evil", "tcp", [22, 23], ["0.0.0.0/1", "128.0.0.0/1"])],
    trust: { cidrs: [OFFICE], lists: { "pl-evil": ["0.0.0.0/1", "128.0.0.0/1"] } },
    come: ["tcp 23 from pl-evil", `tcp 22 from ${OFFICE}`],
  },
  {
    name: "two rules with one replacement",
    openers: [
      opener("0.0.0.0/0", "tcp", [0, 65535]),
      { ...opener("0.0.0.0/0", "-1", [-1, -1]), id: "sgr-2" },
    ],
    come: [
      "tcp 0-21 from 0.0.0.0/0",
      "tcp 23-65535 from 0.0.0.0/0",
      "udp 0-65535 from 0.0.0.0/0",
      "icmp from 0.0.0.0/0",
    ],
  },
];

describe("what takes the place of a rule that opens SSH", () => {
  for (const { name, openers, trust, come } of examples) {
    it(name, () => {
      const whole = { sshPorts: [22], cidrs: [], lists: {}, ...trust };
      const found = replacements(openers, whole, "e-1");
      assert.deepEqual(
        found.map(({ rule }) => ruleInWords(rule)),
        come,
      );
    });
  }

  it("says which case and which rule, in characters that EC2 takes", () => {
    const said = (caseId: string, id = "sgr-1") =>
      replacements([{ ...opener("0.0.0.0/0", "tcp", [22, 23]), id }], TRUST_NOBODY, caseId).map(
        ({ rule: { Description }, insteadOf }) => [Description, insteadOf],
      );
    assert.deepEqual(said("0f8f_1"), [["Tourniquet case 0f8f_1 in place of sgr-1", "sgr-1"]]);
    assert.deepEqual(said("é'\"<x>\n"), [["Tourniquet case ----x-- in place of sgr-1", "sgr-1"]]);
    const [longest] = said("n".repeat(300), `sgr-${"1".repeat(300)}`);
    assert.equal(String(longest?.[0]).length, 255);
  });

  it("knows the rules of a case again", () => {
    const rules = replacements([opener("0.0.0.0/0", "tcp", [21, 23])], TRUST_NOBODY, "e-1").map(
      ({ rule }, index) => ({ ...rule, SecurityGroupRuleId: `sgr-new-${index}` }),
    );
    assert.deepEqual(madeByCase([...rules, { Description: "web" }, {}], "e-1"), [
      { id: "sgr-new-0", insteadOf: "sgr-1" },
      { id: "sgr-new-1", insteadOf: "sgr-1" },
    ]);
    assert.deepEqual(madeByCase(rules, "e"), []);
  });

  it("is asked for by family, with its description", () => {
    const asked = (source: string) =>
      replacements([opener(source, "tcp", [22, 23], ["0.0.0.0/0"])], TRUST_NOBODY, "e").map(
        ({ rule }) => permissionOf(rule),
      );
    const ports = { IpProtocol: "tcp", FromPort: 23, ToPort: 23 };
    const Description = "Tourniquet case e in place of sgr-1";
    assert.deepEqual(asked("0.0.0.0/0"), [
      { ...ports, IpRanges: [{ CidrIp: "0.0.0.0/0", Description }] },
    ]);
    assert.deepEqual(asked("::/0"), [
      { ...ports, Ipv6Ranges: [{ CidrIpv6: "::/0", Description }] },
    ]);
    assert.deepEqual(asked("pl-1"), [
      { ...ports, PrefixListIds: [{ PrefixListId: "pl-1", Description }] },
    ]);
  });

  it("is read back from what was asked for", () => {
    const rules = ["0.0.0.0/0", "::/0", "pl-1"].map((source) => {
      const { SecurityGroupRuleId: _, ...rule } = opener(source).rule;
      return { ...rule, Description: "web" };
    });
    assert.deepEqual(rules.map(permissionOf).flatMap(rulesOf), rules);
  });

  it("is one rule to EC2, however its source and protocol are spelled", () => {
    const key = (source: string, protocol: string) => ruleKey(opener(source, protocol).rule);
    assert.equal(key("203.0.113.7/24", "6"), key(OFFICE, "tcp"));
    assert.equal(key("2001:DB8:0::/48", "58"), key("2001:db8::/48", "icmpv6"));
    const keys = [key(OFFICE, "tcp"), key(OFFICE, "udp"), key("pl-1", "tcp"), key("pl-2", "tcp")];
    assert.equal(new Set(keys).size, 4);
  });
});

const TRUST_NOBODY: Trust = { sshPorts: [22], cidrs: [], lists: {} };

// An oracle that knows nothing of the code: packet by packet, with texts of bits.

const cidrs = fc.oneof(
  fc
    .tuple(fc.constantFrom("10.1.2.3", "10.1.0.0", "203.0.113.7", "150.0.0.0"), fc.nat(32))
    .map(([address, bits]) => `${address}/${bits}`),
  fc
    .tuple(fc.constantFrom("2001:db8::7", "2600:1f18::", "fd00::1"), fc.nat(128))
    .map(([address, bits]) => `${address}/${bits}`),
);
const isNarrow = (cidr: string) => Number(cidr.split("/")[1]) >= (cidr.includes(":") ? 20 : 10);
const narrow = cidrs.filter(isNarrow);
const family = (cidr: string) => cidr.includes(":");
const oneFamily = fc
  .array(narrow, { minLength: 1, maxLength: 3 })
  .map((list) => list.filter((one) => family(one) === family(list[0] as string)));
const port = fc.constantFrom<number[]>(0, 1, 20, 21, 22, 23, 24, 443, 2222, 65534, 65535);
const range = fc.tuple(port, port).map((ports) => ports.sort((a, b) => a - b));
const openers = fc
  .array(
    fc.oneof(
      fc.tuple(cidrs, range).map(([cidr, ports]) => opener(cidr, "tcp", ports)),
      cidrs.map((cidr) => opener(cidr, "-1", [-1, -1])),
      fc.tuple(oneFamily, range).map(([list, ports]) => opener("pl-a", "tcp", ports, list)),
      oneFamily.map((list) => opener("pl-a", "-1", [-1, -1], list)),
    ),
    { minLength: 1, maxLength: 2 },
  )
  .map((list) => list.map((one, index) => ({ ...one, id: `sgr-${index}` })))
  .filter((list) => list.filter(({ rule }) => rule.PrefixListId).length < 2);
const trusts = fc.record({
  sshPorts: fc.uniqueArray(port, { minLength: 1, maxLength: 3 }),
  cidrs: fc.array(narrow, { maxLength: 3 }),
  lists: fc
    .array(oneFamily, { maxLength: 2 })
    .map((lists) => Object.fromEntries(lists.map((list, index) => [`pl-t${index}`, list]))),
});

const NUMBERS: Record<string, string> = {
  tcp: "6",
  udp: "17",
  icmp: "1",
  icmpv6: "58",
  "-1": "-1",
};

/** What a rule lets in, as an oracle's entries. */
function entriesOf(rule: SecurityGroupRule, lists: Record<string, string[]>): AclEntry[] {
  const { IpProtocol = "", FromPort, ToPort, CidrIpv4, CidrIpv6, PrefixListId } = rule;
  const sources = lists[PrefixListId ?? ""] ?? [CidrIpv4 ?? CidrIpv6 ?? ""];
  const ports = IpProtocol === "tcp" || IpProtocol === "udp";
  return sources.map((cidr) => ({
    number: 1,
    egress: false,
    action: "allow",
    protocol: NUMBERS[IpProtocol] as string,
    cidr,
    ...(ports && { fromPort: FromPort as number, toPort: ToPort as number }),
  }));
}

function packets(entries: AclEntry[], { sshPorts, cidrs, lists }: Trust): Packet[] {
  const named = { sources: cidrs, keep: Object.values(lists).flat(), ports: sshPorts };
  const tcp = packetsAt(entries, [named]).filter(({ protocol }) => protocol === "6");
  const all = [...new Set(tcp.map(({ bits }) => bits))];
  return [
    ...tcp,
    ...all.flatMap((bits) => [
      ...[0, 22, 65535].map((port) => ({ protocol: "17", bits, port })),
      { protocol: bits.length === 32 ? "1" : "58", bits, port: 0 },
    ]),
  ];
}

describe("what takes the place of rules that open SSH, for random rules", function () {
  this.timeout(Math.max(60_000, RUNS * 100));

  it("lets in what the rules let in, and SSH from the trusted alone", () =>
    fc.assert(
      fc.property(openers, trusts, (gone, trust) => {
        const lists = {
          ...trust.lists,
          ...Object.fromEntries(
            gone.flatMap(({ rule, cidrs }) =>
              rule.PrefixListId ? [[rule.PrefixListId, cidrs]] : [],
            ),
          ),
        };
        const before = gone.flatMap(({ rule }) => entriesOf(rule, lists));
        const come = replacements(gone, trust, "e").map(({ rule }) => rule);
        const after = come.flatMap((rule) => entriesOf(rule, lists));
        const trusted = [...trust.cidrs, ...Object.values(trust.lists).flat()];
        for (const packet of packets([...before, ...after], trust)) {
          const isSsh = packet.protocol === "6" && trust.sshPorts.includes(packet.port);
          const was = verdict(before, packet);
          const wanted = isSsh && !isFrom(trusted, packet) ? "deny" : was;
          assert.equal(verdict(after, packet), wanted, JSON.stringify(packet));
        }
        const rules = come.map((rule, index) => ({
          id: `sgr-${index}`,
          protocol: rule.IpProtocol as string,
          fromPort: rule.FromPort as number,
          toPort: rule.ToPort as number,
          cidrs: lists[rule.PrefixListId ?? ""] ?? [rule.CidrIpv4 ?? rule.CidrIpv6 ?? ""],
        }));
        const { sshPorts } = trust;
        assert.equal(sshOpenToWorld(rules, { sshPorts, trustedCidrs: [] }).answer, "no");
        assert.equal(new Set(come.map(ruleKey)).size, come.length);
      }),
      { numRuns: RUNS },
    ));
});
