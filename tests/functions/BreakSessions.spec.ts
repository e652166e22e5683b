import assert from "node:assert/strict";
import type { RemoteAddressSubject } from "../../events/incident";
import { type BreakSettings, breakSessions } from "../../functions/BreakSessions";
import type { Case } from "../../functions/case";
import { creation } from "../../functions/infrastructure/acls";
import type { StoredBlocks } from "../../functions/infrastructure/blocks";
import { liftSessionBlock } from "../../functions/LiftSessionBlock";
import type { AclEntry } from "../../networkAcl/acl";
import { type AclAnswers, aclWorld, changesIn, entry, stored, untouched, VPC } from "./aclWorld";
import { inTurn, refusal, throttled, withEnvironment, withoutWaiting } from "./fakeSdk";
import { caseOf, incident, told, validCase } from "./given";

type World = Parameters<typeof aclWorld>[0];
type Answers = NonNullable<Parameters<typeof aclWorld>[1]>;

const DEFAULTS: BreakSettings = {
  mode: "enforce",
  sshPorts: [22],
  trustedCidrs: [],
  trustedLists: [],
  breakSessions: true,
  sessionBlockMinutes: 60,
};

async function pass(
  world: World,
  before: Case,
  { settings = {}, answers }: { settings?: Partial<BreakSettings>; answers?: Answers } = {},
) {
  const { ec2Sdk, s3Sdk, calls } = aclWorld(world, answers);
  const handler = breakSessions(ec2Sdk, s3Sdk, { ...DEFAULTS, ...settings });
  const after = await validCase(handler, {
    incident: incident([]),
    caseId: before.id,
    case: before,
  });
  return { after, calls, changes: changesIn(calls) };
}

const given = (entries: AclEntry[] = untouched, blocks: World["blocks"] = []): World =>
  structuredClone({ acls: { "acl-1": entries }, blocks });
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

describe("BreakSessions", () => {
  withoutWaiting();
  withEnvironment({ CASE_BUCKET: "cases" });

  it("asks nothing where nobody lost access and nobody tries passwords", async () => {
    const before = caseOf({ id: "e" });
    const { after, calls } = await pass(given(), before);
    assert.deepEqual([after, calls], [before, []]);
  });

  describe("who lost access", () => {
    const nic = (id: string, groups: string[]) => ({
      NetworkInterfaceId: id,
      SubnetId: "subnet-acl-1",
      VpcId: VPC,
      Groups: groups.map((GroupId) => ({ GroupId })),
    });
    const ec2 = {
      DescribeNetworkInterfaces: { NetworkInterfaces: [nic("eni-1", ["sg-1"])] },
      DescribeSecurityGroupRules: { SecurityGroupRules: [] },
    };
    const ssh = { IpProtocol: "tcp", FromPort: 22, ToPort: 22 };
    const group = (...rules: object[]) => ({
      kind: "securityGroup" as const,
      groupId: "sg-1",
      before: { rules },
    });
    const tracked = "EC2 tracks sessions by sg-1 to eni-1: only the network ACL cuts them";

    describe("where the network ACL has no room", () => {
      const world = (used: number) => {
        const others = Array.from({ length: used }, (_, n) =>
          entry(n + 1, "allow", `198.51.100.${n}/32`, { fromPort: 443, toPort: 443 }),
        );
        return given([...others, { ...untouched[0], number: 40 } as AclEntry]);
      };
      const before = caseOf({
        id: "e",
        subjects: [group({ SecurityGroupRuleId: "sgr-1", ...ssh, CidrIpv4: "0.0.0.0/0" })],
      });
      const saying =
        /^acl-1: TCP 22 from .+ is not blocked in the network ACL: it may have 19 inbound IPv4 entries/;
      const tries = async (state: World, from: Case) => {
        const entries = state.acls["acl-1"] ?? [];
        const CreateNetworkAclEntry: AclAnswers["CreateNetworkAclEntry"] = (input) => {
          if (entries.length >= 19) return refusal("NetworkAclEntryLimitExceeded");
          entries.push(entry(input.RuleNumber ?? 0, "deny", input.CidrBlock ?? ""));
          return {};
        };
        return (await pass(state, from, { answers: { ec2: { ...ec2, CreateNetworkAclEntry } } }))
          .after;
      };

      it("is said to go on, in every pass", async () => {
        const full = world(18);
        const first = await tries(full, before);
        assert.match(first.unblocked?.join() ?? "", saying);
        assert.deepEqual(
          [first.alerts, first.blockedUntil, full.acls],
          [[], undefined, world(18).acls],
        );
        assert.deepEqual((await tries(full, first)).unblocked, first.unblocked);
      });

      it("is said to go on in part, in every pass", async () => {
        const state = world(17);
        const first = await tries(state, before);
        assert.equal(state.acls["acl-1"]?.length, 19);
        assert.match(first.unblocked?.join() ?? "", saying);
        assert.deepEqual([first.alerts, first.blockedUntil], [[], state.blocks[0]?.until]);
        const second = await tries(state, first);
        assert.deepEqual([second.unblocked, second.alerts], [first.unblocked, []]);
      });

      for (const [quota, isRoom] of [
        [19, false],
        [26, true],
        [33, true],
      ] as const) {
        it(`is blocked as far as a quota of ${quota} allows`, async () => {
          const state = world(18);
          const entries = state.acls["acl-1"] ?? [];
          const sources = Array.from({ length: 12 }, (_, n) => `203.0.113.${2 * n}/32`);
          const from = caseOf({
            id: "e",
            subjects: [
              group(
                ...sources.map((CidrIpv4, n) => ({
                  SecurityGroupRuleId: `sgr-${n}`,
                  ...ssh,
                  CidrIpv4,
                })),
              ),
            ],
          });
          const CreateNetworkAclEntry: AclAnswers["CreateNetworkAclEntry"] = (input) => {
            const used = entries.filter(({ number }) => number < 32767).length;
            if (used >= quota) return refusal("NetworkAclEntryLimitExceeded");
            entries.push(entry(input.RuleNumber ?? 0, "deny", input.CidrBlock ?? ""));
            return {};
          };
          const { after } = await pass(state, from, {
            answers: { ec2: { ...ec2, CreateNetworkAclEntry } },
          });
          const denied = entries.filter(
            ({ action, number }) => action === "deny" && number < 32767,
          );
          assert.equal(denied.length, Math.min(12, quota - 19));
          assert.equal(after.unblocked === undefined, quota - 19 >= 12);
          assert.equal(after.blockedUntil !== undefined, isRoom);
        });
      }

      it("is planned again after a plan that was taken back", async () => {
        // Both numbers before the first entry that allows are taken, so that it has to move.
        const state = given([{ ...untouched[0], number: 1 } as AclEntry]);
        const { acls } = state;
        const moveOnly: AclAnswers["CreateNetworkAclEntry"] = ({ Protocol, RuleNumber = 0 }) => {
          if (Protocol !== "-1") return refusal("NetworkAclEntryLimitExceeded");
          acls["acl-1"]?.push({ ...(untouched[0] as AclEntry), number: RuleNumber });
          return {};
        };
        const answers = { ec2: { ...ec2, CreateNetworkAclEntry: moveOnly } };
        const first = (await pass(state, before, { answers })).after;
        const why = ["acl-1 has no room for the entries: sessions to tcp 22 go on"];
        assert.deepEqual([first.unblocked, state.acls["acl-1"]?.length], [why, 1]);
        assert.deepEqual(state.blocks[0]?.changes[0]?.block.add, []);
        const again = (await pass(state, first, { answers: { ec2 } })).after;
        assert.deepEqual([again.unblocked, state.acls["acl-1"]?.length], [undefined, 3]);
      });
    });

    it("is cut off ten times over by the entries of one, which go with the last", async () => {
      const world = given();
      const rule = { SecurityGroupRuleId: "sgr-1", ...ssh, CidrIpv4: "0.0.0.0/0" };
      const ids = Array.from({ length: 10 }, (_, n) => `case-${n}`);
      const answers = { ec2 };
      for (const id of ids) {
        const { after } = await pass(world, caseOf({ id, subjects: [group(rule)] }), { answers });
        assert.deepEqual(
          [after.unblocked, after.alerts, after.subjects.length],
          [undefined, [], 2],
        );
      }
      const added = [entry(98, "allow", "172.31.0.0/16"), entry(99, "deny", "0.0.0.0/0")];
      assert.deepEqual(world.acls["acl-1"], [...untouched, ...added]);
      for (const id of ids.reverse()) {
        assert.deepEqual(world.acls["acl-1"], [...untouched, ...added]);
        const { ec2Sdk, s3Sdk } = aclWorld(world, answers);
        const lift = liftSessionBlock(ec2Sdk, s3Sdk, { mode: "enforce" });
        const { open, notes } = await lift({
          incident: incident([]),
          caseId: id,
          case: caseOf({ id, mode: "enforce" }),
        });
        assert.deepEqual([open, notes], [[], []]);
      }
      assert.deepEqual(world, given());
    });

    it("may have a session to an interface that has the group no longer, which is an alert", async () => {
      const before = caseOf({
        id: "e",
        subjects: [group({ SecurityGroupRuleId: "sgr-1", ...ssh, CidrIpv4: "0.0.0.0/0" })],
      });
      const none = { ...ec2, DescribeNetworkInterfaces: { NetworkInterfaces: [] } };
      const { after, changes } = await pass(given(), before, { answers: { ec2: none } });
      assert.deepEqual(changes, []);
      assert.deepEqual(after, {
        ...before,
        alerts: [
          "sg-1 is on no network interface now, so no network ACL is blocked: a session to an interface from which it was taken may go on",
        ],
      });
    });

    describe("by a prefix list that was changed since the cut", () => {
      const fromList = { SecurityGroupRuleId: "sgr-1", ...ssh, PrefixListId: "pl-1" };
      const broken = (prefixLists?: Case["prefixLists"]) =>
        caseOf({ id: "e", subjects: [group(fromList)], ...(prefixLists && { prefixLists }) });
      const halves = { "pl-1": ["0.0.0.0/1", "128.0.0.0/1"] };
      const keptVpc = [entry(98, "allow", "172.31.0.0/16"), entry(99, "deny", "0.0.0.0/0")];
      const since: [string, AclAnswers["GetManagedPrefixListEntries"], AclEntry[]][] = [
        ["to fewer", { Entries: [{ Cidr: "0.0.0.0/1" }] }, keptVpc],
        ["to none", { Entries: [] }, keptVpc],
        ["by deleting it", refusal("InvalidPrefixListID.NotFound"), keptVpc],
        ["by deleting it, spelled otherwise", refusal("InvalidPrefixListId.NotFound"), keptVpc],
      ];
      for (const [how, GetManagedPrefixListEntries, added] of since) {
        it(`is blocked by what it had at the cut: changed ${how}`, async () => {
          const world = given();
          const answers = { ec2: { ...ec2, GetManagedPrefixListEntries } };
          const { after } = await pass(world, broken(halves), { answers });
          assert.deepEqual(world.acls["acl-1"]?.slice(2), added);
          assert.deepEqual([after.unblocked, after.notes], [undefined, [tracked]]);
        });
      }

      it("is blocked by what it has now, too", async () => {
        const world = given();
        const GetManagedPrefixListEntries = { Entries: [{ Cidr: "198.51.100.0/24" }] };
        const answers = { ec2: { ...ec2, GetManagedPrefixListEntries } };
        await pass(world, broken({ "pl-1": ["203.0.113.0/24"] }), { answers });
        assert.deepEqual(world.blocks[0]?.changes[0]?.request.sources, [
          "198.51.100.0/24",
          "203.0.113.0/24",
        ]);
      });

      it("is said to go on where nobody knows what it had", async () => {
        const world = given();
        const answers = { ec2: { ...ec2, GetManagedPrefixListEntries: { Entries: [] } } };
        const { after } = await pass(world, broken(), { answers });
        assert.deepEqual(world, given());
        assert.deepEqual(
          [after.unblocked, after.notes],
          [["sessions by sgr-1 may go on: it is not known whom it let in"], [tracked]],
        );
      });

      it("is not touched where the list cannot be read", async () => {
        const world = given();
        const answers = { ec2: { ...ec2, GetManagedPrefixListEntries: throttled } };
        const { after } = await pass(world, broken(halves), { answers });
        assert.deepEqual(world, given());
        assert.deepEqual(after.unblocked, [
          "sessions of sg-1 may go on: ThrottlingException: Rate exceeded",
        ]);
      });
    });

    describe("while a rule lets in a group of another VPC", () => {
      const PEER = { GroupId: "sg-bastion", VpcId: "vpc-peer", UserId: "444455556666" };
      const lost = caseOf({
        id: "e",
        subjects: [group({ SecurityGroupRuleId: "sgr-1", ...ssh, CidrIpv4: "0.0.0.0/0" })],
      });
      const lettingIn = (from: object, over: object = {}) => ({
        SecurityGroupRules: [
          {
            SecurityGroupRuleId: "sgr-2",
            GroupId: "sg-1",
            ...ssh,
            ReferencedGroupInfo: from,
            ...over,
          },
        ],
      });
      const cidrs = { [VPC]: "172.31.0.0/16", "vpc-peer": "10.9.0.0/16" };
      const showing =
        (...ids: (keyof typeof cidrs)[]): AclAnswers["DescribeVpcs"] =>
        ({ Filters }) => ({
          Vpcs: ids
            .filter((id) => Filters?.[0]?.Values?.includes(String(id)))
            .map((id) => ({ VpcId: String(id), CidrBlock: cidrs[id] ?? "" })),
        });
      const own = showing(VPC);
      const sayings = async (over: AclAnswers, settings: Partial<BreakSettings> = {}) => {
        const world = given();
        const answers = { ec2: { ...ec2, DescribeVpcs: showing(VPC, "vpc-peer"), ...over } };
        const { after } = await pass(world, lost, { settings, answers });
        return { keep: world.blocks[0]?.changes[0]?.request.keep, alerts: after.alerts };
      };
      const who = "sg-bastion of vpc-peer, account 444455556666";
      const hit = (of: string) =>
        `The block of acl-1 may also hit SSH from ${of}: a rule lets the group in, and the addresses of its VPC are not known here. Put them into trustedCidrs where they need SSH`;

      it("leaves that VPC its sessions", async () => {
        const DescribeSecurityGroupRules = lettingIn(PEER);
        assert.deepEqual(await sayings({ DescribeSecurityGroupRules }), {
          keep: ["10.9.0.0/16", "172.31.0.0/16"],
          alerts: [],
        });
        const only = { breakSessions: "only-exclusive" } as const;
        assert.deepEqual((await sayings({ DescribeSecurityGroupRules }, only)).keep, [
          "10.9.0.0/16",
          "172.31.0.0/16",
        ]);
      });
      it("names whom it may hit, where that VPC is not shown", async () => {
        const DescribeSecurityGroupRules = lettingIn(PEER);
        assert.deepEqual(await sayings({ DescribeSecurityGroupRules, DescribeVpcs: own }), {
          keep: ["172.31.0.0/16"],
          alerts: [hit(who)],
        });
        const deleted = { GroupId: "sg-bastion", VpcPeeringConnectionId: "pcx-1" };
        assert.deepEqual(await sayings({ DescribeSecurityGroupRules: lettingIn(deleted) }), {
          keep: ["172.31.0.0/16"],
          alerts: [hit("sg-bastion of another VPC")],
        });
      });
      it("blocks nothing then by only-exclusive", async () => {
        const DescribeSecurityGroupRules = lettingIn(PEER);
        const only = { breakSessions: "only-exclusive" } as const;
        assert.deepEqual(await sayings({ DescribeSecurityGroupRules, DescribeVpcs: own }, only), {
          keep: undefined,
          alerts: [
            `acl-1 is not blocked, and sessions go on: the block would hit ${who}, which a rule lets in and whose addresses are not known, and breakSessions is only-exclusive`,
          ],
        });
      });
      const others: [string, object, object?][] = [
        ["to another port", PEER, { FromPort: 443, ToPort: 443 }],
        ["outwards", PEER, { IsEgress: true }],
        ["of the own VPC", { GroupId: "sg-2" }],
      ];
      for (const [how, from, over] of others) {
        it(`hears of nobody: ${how}`, async () => {
          const DescribeSecurityGroupRules = lettingIn(from, over);
          assert.deepEqual(await sayings({ DescribeSecurityGroupRules, DescribeVpcs: own }), {
            keep: ["172.31.0.0/16"],
            alerts: [],
          });
        });
      }
      it("hears of one that other interfaces let in", async () => {
        const nics = [nic("eni-1", ["sg-1"]), nic("eni-2", ["sg-9"])];
        const rules = lettingIn(PEER, { GroupId: "sg-9" });
        const seen = await sayings({
          DescribeNetworkInterfaces: { NetworkInterfaces: nics },
          DescribeSecurityGroupRules: rules,
          DescribeVpcs: own,
        });
        assert.deepEqual(seen.alerts, [hit(who)]);
      });
    });
  });

  describe("an address that tries passwords", () => {
    const remote: RemoteAddressSubject = {
      kind: "remoteAddress",
      address: "8.8.4.4",
      interfaceId: "eni-1",
      instanceId: "i-1",
      subnetId: "subnet-acl-1",
      vpcId: VPC,
    };
    const deny = entry(99, "deny", "8.8.4.4/32");
    const caseWith = (over: Partial<RemoteAddressSubject> = {}) =>
      caseOf({ id: "e", subjects: [{ ...remote, ...over }] });

    it("is blocked before the subnet, for a while, and the block is written down first", async () => {
      const world = given();
      const { after, changes } = await pass(world, caseWith());
      assert.deepEqual(changes, [
        "PutObject blocks/e.json",
        "CreateNetworkAclEntry acl-1 99 deny 8.8.4.4/32",
      ]);
      assert.deepEqual(world.acls, { "acl-1": [...untouched, deny] });
      const until = world.blocks[0]?.until ?? "";
      assert.ok(until > inMinutes(59) && until <= inMinutes(60));
      const block = { add: [deny], move: [] };
      assert.deepEqual(after.subjects, [
        remote,
        { kind: "networkAcl", aclId: "acl-1", before: { entries: untouched }, block, until },
      ]);
      assert.deepEqual(after.alerts, [
        `8.8.4.4 is kept from tcp 22 in acl-1 until ${until}. This lets it in again: npm run restore -- s3://cases/cases/e.json --only network-acls`,
      ]);
      assert.deepEqual([after.blockedUntil, after.unblocked, after.open], [until, undefined, []]);
    });

    it("is not blocked again in a later pass, and is where an entry is missing", async () => {
      const world = given();
      const first = await pass(world, caseWith());
      const second = await pass(world, first.after);
      assert.deepEqual([second.changes, second.after], [[], first.after]);
      world.acls["acl-1"] = [...untouched];
      const third = await pass(world, first.after);
      assert.deepEqual(third.changes, ["CreateNetworkAclEntry acl-1 99 deny 8.8.4.4/32"]);
    });

    it("is kept from every SSH port, and from the one that GuardDuty watches", async () => {
      const world = given();
      const { changes } = await pass(world, caseWith(), { settings: { sshPorts: [2222, 22] } });
      assert.deepEqual(world.blocks[0]?.changes[0]?.request, {
        sources: ["8.8.4.4/32"],
        keep: [],
        ports: [22, 2222],
        most: 39,
      });
      assert.equal(changes.length, 3);
      const own = given();
      await pass(own, caseWith(), { settings: { sshPorts: [2222] } });
      assert.deepEqual(own.acls, world.acls);
    });

    it("is blocked in IPv6, and whatever breakSessions is", async () => {
      const all = { number: 101, egress: false, action: "allow", protocol: "-1", cidr: "::/0" };
      const world = given([...untouched, all as AclEntry]);
      const settings = { breakSessions: "only-exclusive" as const };
      const { changes } = await pass(world, caseWith({ address: "2606:4700::1" }), { settings });
      assert.deepEqual(changes.slice(1), ["CreateNetworkAclEntry acl-1 99 deny 2606:4700::1/128"]);
    });

    it("is nobody's to block where the ACL keeps it out by itself", async () => {
      const { after, changes } = await pass(given([...untouched, deny]), caseWith());
      assert.deepEqual(changes, []);
      assert.deepEqual(
        [after.notes, after.alerts, after.blockedUntil],
        [["8.8.4.4 is kept from tcp 22 in acl-1 by other entries"], [], undefined],
      );
    });

    const kept: [why: string, address: string, Partial<BreakSettings>, AclAnswers?][] = [
      ["is in trustedCidrs", "8.8.4.4", { trustedCidrs: ["8.8.0.0/16"] }],
      ["is in trustedCidrs", "8.8.4.4", { trustedLists: ["pl-1"] }],
      ["is in the same VPC", "172.31.9.9", {}],
      [
        "is in the same VPC",
        "2600:1f18::7",
        {},
        {
          DescribeVpcs: {
            Vpcs: [
              { VpcId: VPC, Ipv6CidrBlockAssociationSet: [{ Ipv6CidrBlock: "2600:1f18::/56" }] },
            ],
          },
        },
      ],
      ["is no address of the internet", "10.9.9.9", {}],
      ["is no address of the internet", "8.8.4.4/0", {}],
    ];
    for (const [why, address, settings, ec2 = {}] of kept) {
      it(`is never blocked: ${address} ${why}`, async () => {
        const world = given();
        const { after, changes } = await pass(world, caseWith({ address, vpcId: undefined }), {
          settings,
          answers: {
            ec2: { GetManagedPrefixListEntries: { Entries: [{ Cidr: "8.8.4.0/24" }] }, ...ec2 },
          },
        });
        assert.deepEqual([changes, world], [[], given()]);
        assert.deepEqual(after.alerts, [`${address} ${why}: it is not blocked in acl-1`]);
      });
    }

    it("is looked for where the finding names no subnet", async () => {
      const nic = { NetworkInterfaceId: "eni-1", SubnetId: "subnet-acl-1" };
      const asked: unknown[] = [];
      const look = (found: string) => ({
        DescribeNetworkInterfaces: ({ Filters }: { Filters?: { Name?: string }[] | undefined }) => {
          asked.push(Filters);
          return { NetworkInterfaces: Filters?.[0]?.Name === found ? [nic] : [] };
        },
      });
      const byNic = { Name: "network-interface-id", Values: ["eni-1"] };
      const byInstance = { Name: "attachment.instance-id", Values: ["i-1"] };
      for (const [found, over, filters] of [
        ["network-interface-id", {}, [byNic]],
        ["attachment.instance-id", {}, [byNic, byInstance]],
        ["attachment.instance-id", { interfaceId: undefined }, [byInstance]],
      ] as const) {
        asked.length = 0;
        const world = given();
        await pass(world, caseWith({ subnetId: undefined, ...over }), {
          answers: { ec2: look(found) },
        });
        assert.deepEqual(
          [world.acls["acl-1"], asked],
          [[...untouched, deny], filters.map((one) => [one])],
        );
      }
      for (const [over, where] of [
        [{}, "eni-1"],
        [{ interfaceId: undefined }, "i-1"],
        [{ interfaceId: undefined, instanceId: undefined }, "an instance without a name"],
      ] as const) {
        const { after, changes } = await pass(given(), caseWith({ subnetId: undefined, ...over }), {
          answers: { ec2: look("nothing") },
        });
        assert.deepEqual(
          [changes, after.alerts, after.unblocked],
          [
            [],
            [`8.8.4.4 is not blocked: no subnet is found in which it tries ${where}`],
            undefined,
          ],
        );
      }
    });

    describe("where others are blocked already", () => {
      const crowd = (addresses: number, ports = 1) =>
        Array.from({ length: addresses }, (_, n) => {
          const add = Array.from({ length: ports }, (_, port) =>
            entry(90 - 2 * n - port, "deny", `9.9.9.${n}/32`),
          );
          const request = {
            sources: [`9.9.9.${n}/32`],
            keep: [],
            ports: [22, 2222].slice(0, ports),
          };
          return stored(`other-${n}`, add, { request });
        });
      const tried = async (blocks: World["blocks"], over: Partial<RemoteAddressSubject> = {}) =>
        pass(given(untouched, blocks), caseWith(over));
      const why =
        "8.8.4.4 is not blocked in acl-1: 6 of its entries block other addresses, and those left are for sessions by lines that are closed";

      it("finds room beside five entries, and is an alert where there are six", async () => {
        for (const [blocks, isBlocked] of [
          [crowd(5), true],
          [crowd(6), false],
          [crowd(2, 2), true],
          [crowd(3, 2), false],
          [
            [...crowd(3), ...crowd(3).map((one) => ({ ...one, caseId: `${one.caseId}-too` }))],
            true,
          ],
        ] as const) {
          const { after, changes } = await tried([...blocks]);
          assert.equal(changes.length, isBlocked ? 2 : 0);
          if (!isBlocked) assert.deepEqual([after.alerts, after.unblocked], [[why], undefined]);
        }
      });

      it("is blocked whatever other networks, families and ACLs have", async () => {
        const [first, ...rest] = crowd(6) as [StoredBlocks, ...StoredBlocks[]];
        const [change] = first.changes as [StoredBlocks["changes"][0]];
        for (const other of [
          { ...change, aclId: "acl-2" },
          { ...change, request: { ...change.request, sources: ["9.9.9.0/24"] } },
          { ...change, request: { ...change.request, sources: ["2606:4700::9/128"] } },
          { ...change, request: { ...change.request, keep: ["172.31.0.0/16"] } },
        ]) {
          const { changes } = await tried([...rest, { ...first, changes: [other] }]);
          assert.equal(changes.length, 2);
        }
      });

      it("stays blocked where more came since", async () => {
        const world = given();
        const first = await pass(world, caseWith());
        world.blocks.push(...crowd(6));
        const second = await pass(world, first.after);
        assert.deepEqual([second.changes, second.after], [[], first.after]);
      });
    });

    describe("while another case blocks it", () => {
      const request = { sources: ["8.8.4.4/32"], keep: [], ports: [22] };

      it("gets no second entry", async () => {
        const until = inMinutes(40);
        const world = given([...untouched, deny], [stored("other", [deny], { until, request })]);
        const { after, changes } = await pass(world, caseWith());
        assert.deepEqual(changes, []);
        assert.deepEqual(
          [after.alerts, after.blockedUntil],
          [
            [`8.8.4.4 is kept from tcp 22 in acl-1 until ${until}: the case other has blocked it`],
            undefined,
          ],
        );
      });

      it("gets none where a later block moved the other's entry", async () => {
        const until = inMinutes(40);
        const block = { add: [], move: [{ entry: deny, to: 5, foreign: true as const }] };
        const later = stored("later", [], { until, block, at: "2026-06-01T12:30:00.000Z" });
        const blocks = [stored("other", [deny], { until, request }), later];
        const world = given([...untouched, { ...deny, number: 5 }], blocks);
        const { changes } = await pass(world, caseWith());
        assert.deepEqual(changes, []);
      });

      it("shares that block for the time that it lacks", async () => {
        const other = stored("other", [deny], { until: inMinutes(29), request });
        const world = given([...untouched, deny], [other]);
        const { after, changes } = await pass(world, caseWith());
        assert.deepEqual(changes, ["PutObject blocks/e.json"]);
        const [own] = world.blocks.filter(({ caseId }) => caseId === "e");
        assert.deepEqual(own?.changes, other.changes);
        assert.ok((own?.until ?? "") > inMinutes(59));
        assert.deepEqual(
          [after.blockedUntil, after.notes, after.subjects[1]],
          [
            own?.until,
            ["acl-1 is blocked as the case other asked: the entries go with the last of both"],
            {
              kind: "networkAcl",
              aclId: "acl-1",
              before: { entries: [...untouched, deny] },
              block: { add: [deny], move: [] },
              until: own?.until,
            },
          ],
        );
        // A later pass finds it done, also where another block has moved the entry.
        world.acls["acl-1"] = [...untouched, { ...deny, number: 5 }];
        world.blocks.push(
          stored("third", [], {
            until: inMinutes(50),
            at: "2026-06-01T12:30:00.000Z",
            request: { ...request, ports: [2222] },
            block: { add: [], move: [{ entry: deny, to: 5, foreign: true }] },
          }),
        );
        const again = await pass(world, after);
        assert.deepEqual([again.changes, again.after], [[], after]);
      });

      it("gets an entry of its own where that block goes at this moment", async () => {
        const other = stored("other", [deny], { until: inMinutes(29), request });
        const world = given([...untouched, deny], [other]);
        const { changes } = await pass(world, caseWith(), {
          answers: {
            s3: {
              PutObject: ({ Body }) => {
                world.blocks = [JSON.parse(String(Body)) as StoredBlocks];
                world.acls["acl-1"] = world.blocks[0]?.changes.length
                  ? [...untouched]
                  : (world.acls["acl-1"] ?? []);
                return { ETag: "1" };
              },
            },
          },
        });
        assert.deepEqual(changes, [
          "PutObject blocks/e.json",
          "PutObject blocks/e.json",
          "PutObject blocks/e.json",
          "CreateNetworkAclEntry acl-1 98 deny 8.8.4.4/32",
        ]);
      });

      const weaker: [why: string, AclEntry[], World["blocks"]][] = [
        [
          "ends soon",
          [...untouched, deny],
          [stored("other", [deny], { until: inMinutes(9), request })],
        ],
        ["lost its entry", untouched, [stored("other", [deny], { until: inMinutes(40), request })]],
        ["made none", untouched, [stored("other", [], { until: inMinutes(40), request })]],
        [
          "is about another port",
          [...untouched, deny],
          [
            stored("other", [deny], {
              until: inMinutes(40),
              request: { ...request, ports: [2222] },
            }),
          ],
        ],
        [
          "keeps somebody",
          [...untouched, deny],
          [
            stored("other", [deny], {
              until: inMinutes(40),
              request: { ...request, keep: ["8.8.4.4/32"] },
            }),
          ],
        ],
        [
          "is on another ACL",
          [...untouched, deny],
          [
            stored("other", [deny], { until: inMinutes(9), request }),
            stored("third", [deny], { until: inMinutes(40), request, aclId: "acl-2" }),
          ],
        ],
      ];
      for (const [why, entries, blocks] of weaker) {
        it(`gets an entry of its own where that block ${why}`, async () => {
          const world = given(entries, blocks);
          const { after, changes } = await pass(world, caseWith());
          assert.deepEqual(changes[0], "PutObject blocks/e.json");
          assert.match(changes[1] ?? "", /^CreateNetworkAclEntry acl-1 \d+ deny 8\.8\.4\.4\/32$/);
          assert.equal(world.acls["acl-1"]?.length, entries.length + 1);
          assert.equal(after.blockedUntil, world.blocks.at(-1)?.until);
        });
      }
    });

    it("is planned anew where a number was taken since the look", async () => {
      const world = given();
      const taken = entry(99, "allow", "198.51.100.7/32");
      const CreateNetworkAclEntry = inTurn(
        () => {
          world.acls["acl-1"]?.push(taken);
          return refusal("NetworkAclEntryAlreadyExists");
        },
        () => {
          world.acls["acl-1"]?.push({ ...deny, number: 98 });
          return {};
        },
      );
      const { after, changes } = await pass(world, caseWith(), {
        answers: { ec2: { CreateNetworkAclEntry: () => CreateNetworkAclEntry()() } },
      });
      assert.deepEqual(changes, [
        "PutObject blocks/e.json",
        "CreateNetworkAclEntry acl-1 99 deny 8.8.4.4/32",
        "PutObject blocks/e.json",
        "PutObject blocks/e.json",
        "CreateNetworkAclEntry acl-1 98 deny 8.8.4.4/32",
      ]);
      assert.deepEqual(after.unblocked, undefined);
    });

    describe("while another case blocks the same at the same moment", () => {
      const block = (world: World) => {
        world.blocks.push(stored("other", [deny]));
        world.acls["acl-1"]?.push(deny);
      };
      const own = (world: World) =>
        world.blocks
          .filter(({ caseId }) => caseId === "e")
          .flatMap(({ changes }) => changes.flatMap((one) => one.block.add));

      it("gets an entry of its own where the other took the number", async () => {
        const world = given();
        const CreateNetworkAclEntry = inTurn<() => Error | object>(
          () => {
            block(world);
            return refusal("NetworkAclEntryAlreadyExists");
          },
          () => {
            world.acls["acl-1"]?.push({ ...deny, number: 98 });
            return {};
          },
        );
        await pass(world, caseWith(), {
          answers: { ec2: { CreateNetworkAclEntry: () => CreateNetworkAclEntry()() } },
        });
        assert.deepEqual(own(world), [{ ...deny, number: 98 }]);
      });

      it("gets one where the look at the ACL shows the other's, which a list after it has", async () => {
        const world = given();
        const { calls } = await pass(world, caseWith(), {
          settings: { trustedLists: ["pl-1"] },
          answers: {
            ec2: {
              GetManagedPrefixListEntries: () => {
                block(world);
                return { Entries: [] };
              },
            },
          },
        });
        assert.deepEqual(own(world), [{ ...deny, number: 98 }]);
        const looks = calls
          .map(([name]) => name)
          .filter((name) => ["DescribeNetworkAcls", "ListObjectsV2", "PutObject"].includes(name));
        assert.deepEqual(looks.slice(0, 3), ["DescribeNetworkAcls", "ListObjectsV2", "PutObject"]);
      });
    });

    describe("where the client asked again, and the number was taken", () => {
      const asked = (attempts: number) =>
        Object.assign(refusal("NetworkAclEntryAlreadyExists"), { $metadata: { attempts } });
      /** The first entry that is asked for is answered like this, with that in its place. */
      const answered = (world: World, there: AclEntry, attempts: number): Answers => {
        const CreateNetworkAclEntry = inTurn<() => Error | object>(
          () => {
            world.acls["acl-1"]?.push(there);
            return asked(attempts);
          },
          () => {
            world.acls["acl-1"]?.push({ ...deny, number: 98 });
            return {};
          },
        );
        return { ec2: { CreateNetworkAclEntry: () => CreateNetworkAclEntry()() } };
      };

      it("is blocked by the entry whose answer was lost, which is written down", async () => {
        const world = given();
        const { after, changes } = await pass(world, caseWith(), {
          answers: answered(world, deny, 2),
        });
        assert.deepEqual(changes, [
          "PutObject blocks/e.json",
          "CreateNetworkAclEntry acl-1 99 deny 8.8.4.4/32",
        ]);
        assert.deepEqual(world.blocks[0]?.changes[0]?.block, { add: [deny], move: [] });
        assert.deepEqual(
          [told(after.actions), after.unblocked],
          [["done ec2:CreateNetworkAclEntry acl-1"], undefined],
        );
      });

      it("is planned anew where another entry took it, or none was asked for before", async () => {
        for (const [there, attempts] of [
          [entry(99, "allow", "198.51.100.7/32"), 2],
          [deny, 1],
        ] as const) {
          const world = given();
          const { changes } = await pass(world, caseWith(), {
            answers: answered(world, there, attempts),
          });
          assert.equal(changes[2], "PutObject blocks/e.json");
          assert.deepEqual(
            world.blocks.flatMap((one) => one.changes).flatMap(({ block }) => block.add),
            attempts === 1 ? [] : [{ ...deny, number: 98 }],
          );
        }
      });

      it("is said to go on, with its block written down, where no look tells", async () => {
        const world = given();
        let looks = 0;
        const { after } = await pass(world, caseWith(), {
          answers: {
            ec2: {
              ...answered(world, deny, 2).ec2,
              DescribeNetworkAcls: () => {
                looks += 1;
                if (looks > 1) return throttled;
                return {
                  NetworkAcls: [
                    {
                      NetworkAclId: "acl-1",
                      VpcId: VPC,
                      Entries: untouched.map((one) => creation("acl-1", one)),
                      Associations: [{ SubnetId: "subnet-acl-1" }],
                    },
                  ],
                };
              },
            },
          },
        });
        assert.deepEqual(world.blocks[0]?.changes[0]?.block.add, [deny]);
        assert.deepEqual(after.unblocked, [
          "acl-1 lets sessions to tcp 22 go on: not every entry could be made",
        ]);
      });
    });

    it("is said to go on where the ACL has no room, and nothing is left behind", async () => {
      const world = given();
      const full = { ec2: { CreateNetworkAclEntry: refusal("NetworkAclEntryLimitExceeded") } };
      const { after } = await pass(world, caseWith(), { answers: full });
      assert.deepEqual(world.acls, given().acls);
      assert.deepEqual(
        [after.unblocked, after.alerts, after.blockedUntil, after.open],
        [["acl-1 has no room for the entries: sessions to tcp 22 go on"], [], undefined, []],
      );
      assert.deepEqual(world.blocks[0]?.changes, []);
    });

    describe("whose plan has to be given up", () => {
      const settings = { sshPorts: [2222] };
      const first = entry(98, "deny", "8.8.4.4/32", { fromPort: 2222, toPort: 2222 });
      /** The ACL takes one entry more, and what is made is taken back with this answer. */
      const full = (world: World, deleted: Error | object | undefined): Answers => ({
        ec2: {
          CreateNetworkAclEntry: ({ RuleNumber }) => {
            if (RuleNumber !== 98) return refusal("NetworkAclEntryLimitExceeded");
            world.acls["acl-1"]?.push(first);
            return {};
          },
          ...(deleted && { DeleteNetworkAclEntry: deleted }),
        },
      });

      it("leaves nothing behind", async () => {
        const world = given();
        await pass(world, caseWith(), { settings, answers: full(world, undefined) });
        assert.deepEqual([world.acls, world.blocks[0]?.changes], [given().acls, []]);
      });

      it("leaves what stands before an entry that stays: it may keep somebody from that one", async () => {
        const world = given();
        let made = 0;
        const { changes } = await pass(world, caseWith(), {
          settings: { sshPorts: [2222, 3333] },
          answers: {
            ec2: {
              CreateNetworkAclEntry: () =>
                made++ < 2 ? {} : refusal("NetworkAclEntryLimitExceeded"),
              DeleteNetworkAclEntry: throttled,
            },
          },
        });
        assert.deepEqual(
          changes.filter((change) => change.startsWith("Delete")),
          ["DeleteNetworkAclEntry acl-1 98"],
        );
        assert.deepEqual(
          world.blocks[0]?.changes[0]?.block.add.map(({ number }) => number),
          [97, 98],
        );
      });

      for (const deleted of [throttled, {}]) {
        it(`keeps written down what stays: ${deleted instanceof Error ? deleted.name : "in words only"}`, async () => {
          const world = given();
          const { after } = await pass(world, caseWith(), {
            settings,
            answers: full(world, deleted),
          });
          const [stored] = world.blocks;
          assert.deepEqual(world.acls["acl-1"], [...untouched, first]);
          assert.deepEqual(
            stored?.changes.map(({ request, block }) => [request.sources, block]),
            [[[], { add: [first], move: [] }]],
          );
          assert.deepEqual(
            [after.blockedUntil, after.alerts],
            [
              stored?.until,
              [
                `acl-1 keeps what could not be taken back, until ${stored?.until}: inbound entry 98 (deny 8.8.4.4/32, protocol 6, ports 2222-2222)`,
              ],
            ],
          );
          // The next pass plans for the address anew, and makes nothing of what was given up.
          world.acls["acl-1"] = [...untouched];
          const again = await pass(world, after, { settings });
          assert.deepEqual(again.changes, [
            "PutObject blocks/e.json",
            "CreateNetworkAclEntry acl-1 98 deny 8.8.4.4/32",
            "CreateNetworkAclEntry acl-1 99 deny 8.8.4.4/32",
          ]);
        });
      }
    });

    it("is said to go on where its own count shows that there is no room", async () => {
      const used = Array.from({ length: 19 }, (_, n) =>
        entry(n + 1, "allow", `198.51.100.${n}/32`, { fromPort: 443, toPort: 443 }),
      );
      const all = { ...untouched[0], number: 40 } as AclEntry;
      const world = given([...used, all]);
      const full = { ec2: { CreateNetworkAclEntry: refusal("NetworkAclEntryLimitExceeded") } };
      const { after } = await pass(world, caseWith(), { answers: full });
      assert.deepEqual(after.unblocked, [
        "acl-1: TCP 22 from 8.8.4.4/32 is not blocked in the network ACL: it may have 20 inbound IPv4 entries of one's own, and they are used up",
      ]);
      assert.deepEqual(after.blockedUntil, undefined);
    });

    for (const error of [refusal("UnauthorizedOperation"), throttled]) {
      it(`is said to go on, with its block written down: ${error.name}`, async () => {
        const world = given();
        const { after } = await pass(world, caseWith(), {
          answers: { ec2: { CreateNetworkAclEntry: error } },
        });
        assert.deepEqual(told(after.actions), ["failed ec2:CreateNetworkAclEntry acl-1"]);
        assert.deepEqual(
          [after.unblocked, after.alerts],
          [["acl-1 lets sessions to tcp 22 go on: not every entry could be made"], []],
        );
        // What was refused may have been made: the lift looks for it.
        assert.deepEqual([world.blocks.length, after.blockedUntil], [1, world.blocks[0]?.until]);
        const again = await pass(world, after);
        assert.deepEqual(again.changes, ["CreateNetworkAclEntry acl-1 99 deny 8.8.4.4/32"]);
        assert.deepEqual([again.after.unblocked, again.after.alerts.length], [undefined, 1]);
      });
    }

    it("is said to go on where an entry was made in words only", async () => {
      const { after } = await pass(given(), caseWith(), {
        answers: { ec2: { CreateNetworkAclEntry: {} } },
      });
      assert.deepEqual(after.unblocked, [
        "acl-1 lets sessions to tcp 22 go on: not every entry could be made",
      ]);
    });

    const looks: [name: string, Answers, Partial<BreakSettings>?][] = [
      ["the ACLs", { ec2: { DescribeNetworkAcls: throttled } }],
      ["the VPC", { ec2: { DescribeVpcs: throttled } }],
      ["the list of the blocks", { s3: { ListObjectsV2: throttled } }],
      ["what is to be written down", { s3: { PutObject: throttled } }],
      [
        "a trusted list",
        { ec2: { GetManagedPrefixListEntries: throttled } },
        { trustedLists: ["pl-1"] },
      ],
    ];
    for (const [name, answers, settings = {}] of looks) {
      it(`is not touched, and said to go on, where this fails: ${name}`, async () => {
        const world = given();
        const { after } = await pass(world, caseWith(), { answers, settings });
        assert.deepEqual(world, given());
        assert.deepEqual(after, {
          ...caseWith(),
          unblocked: ["sessions of 8.8.4.4 may go on: ThrottlingException: Rate exceeded"],
        });
      });
    }

    it("is not touched where S3's answer does not show that the block was written down", async () => {
      const world = given();
      const { after } = await pass(world, caseWith(), { answers: { s3: { PutObject: {} } } });
      assert.deepEqual(world, given());
      assert.deepEqual(after.unblocked, [
        "sessions of 8.8.4.4 may go on: LookFailed: S3's answer does not show that blocks/e.json was written",
      ]);
    });

    it("is only listed in observe", async () => {
      const world = given();
      const before = { ...caseWith(), mode: "observe" as const };
      const { after, changes } = await pass(world, before, { settings: { mode: "observe" } });
      assert.deepEqual([changes, world], [[], given()]);
      assert.deepEqual(
        [told(after.actions), after.alerts, after.blockedUntil],
        [["would ec2:CreateNetworkAclEntry acl-1"], [], undefined],
      );
    });
  });
});
