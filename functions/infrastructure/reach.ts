import type {
  EC2Client,
  NetworkInterface,
  ReferencedSecurityGroup,
  SecurityGroupRule,
  Vpc,
} from "@aws-sdk/client-ec2";
import type { RuleFact } from "../../events/incident";
import type { BlockRequest } from "../../networkAcl/plan";
import { readCidr } from "../../rulebook/cidr";
import { type Ingress, mayReachSsh, sshOpenToWorld } from "../../rulebook/ssh";
import { listed } from "../listed";
import { type Acl, aclsOfSubnets } from "./acls";
import { inFilters } from "./filters";

interface Hand {
  sdk: typeof import("../../sdk/networkAcl");
  ec2: EC2Client;
}

/** What a look at who can reach whom calls. */
export const reachLooks = [
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeNetworkAcls",
  "ec2:DescribeSecurityGroupRules",
  "ec2:DescribeVpcs",
  "ec2:GetManagedPrefixListEntries",
];

/** A network interface, and the groups that let traffic to it. */
export interface Nic {
  id: string;
  subnetId: string;
  vpcId: string;
  groupIds: string[];
  instanceId?: string;
}

/** An inbound or outbound rule whose prefix lists have been read. */
export interface GroupRule extends Ingress {
  groupId: string;
  egress: boolean;
  /** The group of another VPC that it lets in, in words, where that VPC's addresses are not known. */
  stranger?: string;
}

/** A rule as EC2 shows it, its prefix lists read. */
type ShownRule = GroupRule & { from?: ReferencedSecurityGroup };

/** Who is behind some network ACLs, and what lets whom reach them. */
export interface Reach {
  acls: Acl[];
  /** Every interface in a subnet that one of the ACLs guards. */
  nics: Nic[];
  rules: GroupRule[];
  /** CIDRs by VPC. */
  vpcs: Record<string, string[]>;
}

/** What a rule of a case or of EC2 opens, in the rulebook's terms; its prefix list by its id. */
export function ingressOf(rule: unknown): Ingress {
  if (isFact(rule)) {
    const { source, ...rest } = rule;
    return { ...rest, cidrs: [source] };
  }
  const one = rule as SecurityGroupRule;
  const from = one.CidrIpv4 ?? one.CidrIpv6 ?? one.PrefixListId;
  return {
    id: one.SecurityGroupRuleId ?? "",
    protocol: one.IpProtocol ?? "unknown",
    ...(one.FromPort !== undefined && { fromPort: one.FromPort }),
    ...(one.ToPort !== undefined && { toPort: one.ToPort }),
    cidrs: from === undefined ? [] : [from],
  };
}

/** A record's rule calls it `id`, EC2 by its own name. */
function isFact(rule: unknown): rule is RuleFact {
  return (rule as Partial<RuleFact>).id !== undefined;
}

/** The interfaces that a filter finds. */
export async function nicsBy({ sdk, ec2 }: Hand, name: string, values: string[]): Promise<Nic[]> {
  const found: Nic[] = [];
  for (const Values of inFilters(values)) {
    const input = { Filters: [{ Name: name, Values }] };
    for await (const page of sdk.paginateDescribeNetworkInterfaces({ client: ec2 }, input)) {
      found.push(...listed(page.NetworkInterfaces).map(nicOf));
    }
  }
  return found;
}

function nicOf(one: NetworkInterface): Nic {
  const instanceId = one.Attachment?.InstanceId;
  return {
    id: one.NetworkInterfaceId ?? "",
    subnetId: one.SubnetId ?? "",
    vpcId: one.VpcId ?? "",
    groupIds: (one.Groups ?? []).flatMap(({ GroupId }) => GroupId ?? []),
    ...(instanceId && { instanceId }),
  };
}

/** Everything behind the network ACLs of these subnets. */
export async function reachOf(hand: Hand, subnetIds: string[]): Promise<Reach> {
  const acls = await aclsOfSubnets(hand, subnetIds);
  const nics = await nicsBy(
    hand,
    "subnet-id",
    acls.flatMap((acl) => acl.subnetIds),
  );
  const vpcIds = nics.map(({ vpcId }) => vpcId);
  const [rules, own] = await Promise.all([rulesOf(hand, nics), vpcsOf(hand, vpcIds)]);
  const others = rules.flatMap(({ from }) => from?.VpcId ?? []).filter((id) => !own[id]);
  const vpcs = { ...own, ...(await vpcsOf(hand, others)) };
  return { acls, nics, rules: rules.map((rule) => withGroup(rule, vpcs)), vpcs };
}

/**
 * A rule that lets in a group has the addresses of the group's VPC, as far as this account is shown
 * them: EC2 names the VPC of a group that is in another one, and leaves a VPC of another account out.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReferencedSecurityGroup.html
 */
function withGroup({ from, ...rule }: ShownRule, vpcs: Record<string, string[]>): GroupRule {
  if (!from?.VpcId && !from?.VpcPeeringConnectionId) return rule;
  const { GroupId, VpcId = "another VPC", UserId } = from;
  const cidrs = vpcs[VpcId];
  if (cidrs) return { ...rule, cidrs };
  return { ...rule, stranger: `${GroupId} of ${VpcId}${UserId ? `, account ${UserId}` : ""}` };
}

async function rulesOf(hand: Hand, nics: Nic[]): Promise<ShownRule[]> {
  const { sdk, ec2 } = hand;
  const found: SecurityGroupRule[] = [];
  for (const Values of inFilters(nics.flatMap(({ groupIds }) => groupIds))) {
    const input = { Filters: [{ Name: "group-id", Values }] };
    for await (const page of sdk.paginateDescribeSecurityGroupRules({ client: ec2 }, input)) {
      found.push(...listed(page.SecurityGroupRules));
    }
  }
  const lists = await prefixLists(
    hand,
    found.flatMap(({ PrefixListId }) => PrefixListId ?? []),
  );
  return found.map((rule) => ({
    ...withLists(ingressOf(rule), lists),
    groupId: rule.GroupId ?? "",
    egress: rule.IsEgress ?? false,
    ...(rule.ReferencedGroupInfo && { from: rule.ReferencedGroupInfo }),
  }));
}

/** A prefix list's name in a rule's sources gives way to its entries. */
export function withLists(rule: Ingress, lists: Record<string, string[]>): Ingress {
  return { ...rule, cidrs: rule.cidrs.flatMap((cidr) => lists[cidr] ?? [cidr]) };
}

/**
 * EC2 spells the same word in several ways.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const LIST_GONE = /^InvalidPrefixListId\.NotFound$/i;

/** The entries of prefix lists, by id; those of one that is gone are none. */
export async function prefixLists(
  { sdk, ec2 }: Hand,
  ids: string[],
): Promise<Record<string, string[]>> {
  const lists: Record<string, string[]> = {};
  for (const PrefixListId of new Set(ids)) {
    const entries: string[] = [];
    const pages = sdk.paginateGetManagedPrefixListEntries({ client: ec2 }, { PrefixListId });
    try {
      for await (const page of pages) {
        entries.push(...listed(page.Entries).flatMap(({ Cidr }) => Cidr ?? []));
      }
    } catch (error) {
      if (!LIST_GONE.test((error as Error).name)) throw error;
    }
    lists[PrefixListId] = entries;
  }
  return lists;
}

/** The CIDRs of VPCs, by id. */
export async function vpcsOf(
  { sdk, ec2 }: Hand,
  vpcIds: string[],
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const Values of inFilters(vpcIds)) {
    const input = { Filters: [{ Name: "vpc-id", Values }] };
    for await (const page of sdk.paginateDescribeVpcs({ client: ec2 }, input)) {
      for (const vpc of listed(page.Vpcs)) found[vpc.VpcId ?? ""] = cidrsOfVpc(vpc);
    }
  }
  return found;
}

/**
 * All CIDRs of a VPC, of both families.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Vpc.html
 */
export function cidrsOfVpc(vpc: Vpc): string[] {
  return [
    ...(vpc.CidrBlock ? [vpc.CidrBlock] : []),
    ...(vpc.CidrBlockAssociationSet ?? []).flatMap(({ CidrBlock }) => CidrBlock ?? []),
    ...(vpc.Ipv6CidrBlockAssociationSet ?? []).flatMap(({ Ipv6CidrBlock }) => Ipv6CidrBlock ?? []),
  ];
}

/** What lost its access: the rules that are gone, and the groups that they were in. */
export interface Lost {
  groupIds: string[];
  rules: Ingress[];
}

/** Interfaces of other groups behind an ACL, through which the blocked sources reached SSH too. */
export interface Hit {
  nic: Nic;
  groupIds: string[];
}

/**
 * What is to be blocked in one network ACL, port by port; ports with the same sources are one
 * request.
 *
 * Kept are `trusted`, the addresses of the VPC, whoever another rule still lets to the interfaces
 * that the lost rules were on, and whoever a rule lets to others behind the ACL, unless that one is
 * the world too: then it cannot be told whose session it is, and the interface is a hit.
 *
 * @returns `strangers`: who cannot be kept, because nobody knows his addresses.
 */
export function requestsFor(
  acl: Acl,
  { nics, rules, vpcs }: Reach,
  lost: Lost,
  { sshPorts, trusted }: { sshPorts: number[]; trusted: string[] },
): { requests: BlockRequest[]; hits: Hit[]; strangers: string[] } {
  const behind = nics.filter(({ subnetId }) => acl.subnetIds.includes(subnetId));
  const isOwn = (nic: Nic) => nic.groupIds.some((id) => lost.groupIds.includes(id));
  const gone = lost.rules.map(({ id }) => id);
  const inbound = rules.filter(({ egress, id }) => !egress && !gone.includes(id));
  const ofNics = (some: Nic[]) =>
    inbound.filter(({ groupId }) => some.some(({ groupIds }) => groupIds.includes(groupId)));
  const own = ofNics(behind.filter(isOwn));
  const others = behind.filter((nic) => !isOwn(nic));
  const ofOthers = ofNics(others);

  const requests: BlockRequest[] = [];
  const hitting = new Set<string>();
  const strangers = new Set<string>();
  for (const port of sshPorts) {
    const sources = sourcesAt(lost.rules, port);
    if (sources.length === 0) continue;
    const wide = ofOthers.filter((rule) => reaches(rule, port) && isWide(rule, port));
    for (const rule of wide) if (meet(rule.cidrs, sources)) hitting.add(rule.groupId);
    const narrow = ofOthers.filter((rule) => !wide.includes(rule));
    for (const rule of [...own, ...narrow]) {
      if (rule.stranger && reaches(rule, port)) strangers.add(rule.stranger);
    }
    const keep = [
      ...trusted,
      ...behind.flatMap(({ vpcId }) => vpcs[vpcId] ?? []),
      ...sourcesAt(own, port),
      ...sourcesAt(narrow, port),
    ].filter((cidr) => meet([cidr], sources));
    const request = { sources, keep: [...new Set(keep)].sort(), ports: [port] };
    const same = requests.find(
      (one) => JSON.stringify([one.sources, one.keep]) === JSON.stringify([sources, request.keep]),
    );
    if (same) same.ports.push(port);
    else requests.push(request);
  }
  const hits = others
    .map((nic) => ({ nic, groupIds: nic.groupIds.filter((id) => hitting.has(id)) }))
    .filter(({ groupIds }) => groupIds.length > 0);
  return { requests, hits, strangers: [...strangers].sort() };
}

function reaches(rule: Ingress, port: number): boolean {
  return mayReachSsh(rule, { sshPorts: [port] }) !== "no";
}

function isWide(rule: Ingress, port: number): boolean {
  return sshOpenToWorld([rule], { sshPorts: [port], trustedCidrs: [] }).answer !== "no";
}

/** CIDRs from which rules let somebody reach the port. */
function sourcesAt(rules: Ingress[], port: number): string[] {
  const cidrs = rules.filter((rule) => reaches(rule, port)).flatMap((rule) => rule.cidrs);
  return [...new Set(cidrs)].filter((cidr) => readCidr(cidr)).sort();
}

/** Have two lists of CIDRs an address in common? Two CIDRs are nested or apart. */
function meet(some: string[], others: string[]): boolean {
  const blocks = others.flatMap((cidr) => readCidr(cidr) ?? []);
  return some
    .flatMap((cidr) => readCidr(cidr) ?? [])
    .some((one) =>
      blocks.some(
        ({ family, first, last }) =>
          family === one.family && first <= one.last && one.first <= last,
      ),
    );
}

/**
 * The interfaces of the lost rules, by whether EC2 tracked their sessions. It does not where a rule
 * lets the whole of a family in and another one lets everything out to it: the revocation then cuts
 * the session at once. A tracked session goes on without its rule, until the network ACL stops it.
 * (EC2 tracks some connections always, by the kind of instance and by what they pass: the network
 * ACL is blocked in either case.)
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
 */
export function tracking(nics: Nic[], rules: GroupRule[], lost: Lost) {
  const worlds = ["0.0.0.0/0", "::/0"].filter((world) =>
    lost.rules.some(({ cidrs }) => cidrs.includes(world)),
  );
  const isAllOut = (rule: GroupRule, world: string) =>
    rule.egress && rule.cidrs.includes(world) && isAllTcp(rule);
  const allWorlds = lost.rules.every(
    ({ cidrs }) => cidrs.length > 0 && cidrs.every((one) => worlds.includes(one)),
  );
  const isUntracked = ({ groupIds }: Nic) =>
    allWorlds &&
    worlds.every((world) =>
      rules.some((rule) => groupIds.includes(rule.groupId) && isAllOut(rule, world)),
    );
  const own = nics.filter(({ groupIds }) => groupIds.some((id) => lost.groupIds.includes(id)));
  return {
    untracked: own.filter(isUntracked),
    tracked: own.filter((nic) => !isUntracked(nic)),
  };
}

function isAllTcp({ protocol, fromPort = 0, toPort = 65535 }: Ingress): boolean {
  if (protocol === "-1") return true;
  return (protocol === "tcp" || protocol === "6") && fromPort === 0 && toPort === 65535;
}
