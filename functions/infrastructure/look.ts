import type { EC2Client, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { ToldRule } from "../../events/incident";
import { type Ingress, mayReachSsh, type SshRule } from "../../rulebook/ssh";
import { isGone } from "../cut";
import { listed } from "../listed";
import { inFilters } from "./filters";
import { ruleInWords, ruleKey, ruleOf } from "./permission";

export type Ec2Sdk = typeof import("../../sdk/ec2");

/** What a look at EC2 needs. */
export interface Eye {
  sdk: Ec2Sdk;
  ec2: EC2Client;
}

/** How a look names a group; by name alone it is the default VPC's. */
export interface NamedGroup {
  groupId?: string;
  groupName?: string;
}

/** A security group's inbound rules, as EC2 has them and as the rulebook reads them. */
export interface GroupLook {
  groupId: string;
  rules: SecurityGroupRule[];
  /** Rules that the record tells and EC2 does not show: not yet, or not any more. */
  unshown: SecurityGroupRule[];
  /** Of both, and with an id for each. */
  ingress: Ingress[];
  /** The CIDRs in the prefix lists that the owner trusts, as far as rules name them. */
  trusted: string[];
  /** Prefix lists whose entries could not be read, in sentences; their rules have unknown sources. */
  unread: string[];
}

/** The CIDRs in prefix lists, by the lists' ids. */
export type Entries = Record<string, string[]>;

/** What is known beside that which a look shows. */
export interface Known {
  /** Entries of prefix lists. */
  entries?: Entries;
  /** Rules that the record tells. */
  told?: ToldRule[];
}

/**
 * Looks at a security group. The entries of a prefix list are read where a rule from it may reach
 * SSH.
 *
 * @returns undefined where there is no such group, or neither EC2 shows an inbound rule of it (yet)
 *   nor the record tells one.
 */
export async function lookAtGroup(
  eye: Eye,
  group: NamedGroup,
  ssh: Pick<SshRule, "sshPorts" | "trustedLists">,
  { entries = {}, told = [] }: Known = {},
): Promise<GroupLook | undefined> {
  const groupId = group.groupId ?? (await idOfName(eye, group.groupName ?? ""));
  if (!groupId) return undefined;
  const all = await rulesOf(eye, [groupId]).catch(noneIfGone);
  const unshown = notAmong(all, told);
  const isEmpty = unshown.length === 0 && all.every((one) => one.IsEgress);
  return isEmpty ? undefined : readGroup(eye, groupId, all, ssh, { entries, unshown });
}

/**
 * The rules that the record tells and a look does not show. One whose id is there has what EC2 shows
 * of it, in either direction.
 */
function notAmong(all: SecurityGroupRule[], told: ToldRule[]): SecurityGroupRule[] {
  const keys = all.filter((one) => !one.IsEgress).map(ruleKey);
  const ids = all.map(({ SecurityGroupRuleId }) => SecurityGroupRuleId);
  return told
    .map(ruleOf)
    .filter((one) =>
      one.SecurityGroupRuleId
        ? !ids.includes(one.SecurityGroupRuleId)
        : !keys.includes(ruleKey(one)),
    );
}

/** Does EC2 show everything that the record tells, as it tells it? */
export function showsAll({ rules, unshown }: GroupLook, told: ToldRule[]): boolean {
  const keys = rules.map(ruleKey);
  return unshown.length === 0 && told.every((one) => keys.includes(ruleKey(ruleOf(one))));
}

/**
 * Looks at several security groups in one call for each 200 of them. Those that EC2 shows no rule of
 * are left out.
 */
export async function lookAtGroups(
  eye: Eye,
  groupIds: string[],
  ssh: Pick<SshRule, "sshPorts" | "trustedLists">,
): Promise<GroupLook[]> {
  const pages = await Promise.all(inFilters(groupIds).map((some) => rulesOf(eye, some)));
  const rules = pages.flat();
  return await Promise.all(
    groupIds
      .map((id) => ({ id, own: rules.filter(({ GroupId }) => GroupId === id) }))
      .filter(({ own }) => own.length > 0)
      .map(({ id, own }) => readGroup(eye, id, own, ssh, { entries: {}, unshown: [] })),
  );
}

async function readGroup(
  eye: Eye,
  groupId: string,
  all: SecurityGroupRule[],
  ssh: Pick<SshRule, "sshPorts" | "trustedLists">,
  { entries: known, unshown }: { entries: Entries; unshown: SecurityGroupRule[] },
): Promise<GroupLook> {
  const rules = all.filter((one) => !one.IsEgress);
  const judged = [...rules, ...unshown];
  const lists = judged
    .filter((one) => mayReachSsh(ingress(one, {}), ssh) !== "no")
    .flatMap(({ PrefixListId }) => PrefixListId ?? []);
  const read = await Promise.all(
    [...new Set(lists)].map((id) => readEntries(eye, id, known[id] ?? [])),
  );
  const entries = Object.fromEntries(read.map(({ id, cidrs }) => [id, cidrs]));
  return {
    groupId,
    rules,
    unshown,
    ingress: judged.map((one) => ingress(one, entries)),
    trusted: read.flatMap(({ id, cidrs }) => (ssh.trustedLists?.includes(id) ? cidrs : [])),
    unread: read.flatMap(({ unread }) => unread ?? []),
  };
}

/**
 * The groups of this account and region with an inbound rule from a prefix list. One that another
 * account shares is seen here too, and groups of other accounts that use ours are not.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html
 * (ip-permission.prefix-list-id)
 */
export async function groupsFrom({ sdk, ec2 }: Eye, prefixListId: string): Promise<string[]> {
  const filter = { Filters: [{ Name: "ip-permission.prefix-list-id", Values: [prefixListId] }] };
  const found: string[] = [];
  for await (const page of sdk.paginateDescribeSecurityGroups({ client: ec2 }, filter)) {
    found.push(...listed(page.SecurityGroups).flatMap(({ GroupId }) => GroupId ?? []));
  }
  return found;
}

/**
 * The CIDRs in a prefix list, customer-managed or AWS's own.
 *
 * @param version absent: the current one.
 * @throws what EC2 answers where it does not show them.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListEntries.html
 */
export async function entriesOf(
  { sdk, ec2 }: Eye,
  PrefixListId: string,
  version?: number,
): Promise<string[]> {
  const input = { PrefixListId, ...(version !== undefined && { TargetVersion: version }) };
  const cidrs: string[] = [];
  for await (const page of sdk.paginateGetManagedPrefixListEntries({ client: ec2 }, input)) {
    cidrs.push(...listed(page.Entries).flatMap(({ Cidr }) => Cidr ?? []));
  }
  return cidrs;
}

/** One list that cannot be read must not keep a group's other rules open. */
async function readEntries(eye: Eye, id: string, known: string[]) {
  try {
    return { id, cidrs: [...(await entriesOf(eye, id)), ...known] };
  } catch (error) {
    const { name, message } = error as Error;
    return {
      id,
      cidrs: ["unknown", ...known],
      unread: `the entries of prefix list ${id} could not be read: ${name}: ${message}`.slice(
        0,
        500,
      ),
    };
  }
}

/** The inbound rules of a group, as far as EC2 shows any. Errors of the SDK go up untouched. */
export async function inboundRules(eye: Eye, groupId: string): Promise<SecurityGroupRule[]> {
  return (await rulesOf(eye, [groupId])).filter((one) => !one.IsEgress);
}

/** The ids of a group's outbound rules, as far as EC2 shows any. Errors of the SDK go up untouched. */
export async function outboundRules(eye: Eye, groupId: string): Promise<string[]> {
  const rules = await rulesOf(eye, [groupId]);
  return rules.flatMap(({ IsEgress, SecurityGroupRuleId: id }) => (IsEgress && id ? [id] : []));
}

/** A filter that matches nothing is no error: a group without any rule and no group look alike. */
async function rulesOf({ sdk, ec2 }: Eye, groupIds: string[]): Promise<SecurityGroupRule[]> {
  const rules: SecurityGroupRule[] = [];
  const filter = { Filters: [{ Name: "group-id", Values: groupIds }] };
  for await (const page of sdk.paginateDescribeSecurityGroupRules({ client: ec2 }, filter)) {
    rules.push(...listed(page.SecurityGroupRules));
  }
  return rules;
}

function noneIfGone(error: unknown): SecurityGroupRule[] {
  if (isGone(error)) return [];
  throw error;
}

/**
 * A name alone means the group of the default VPC.
 * Source: EC2 API Reference, AuthorizeSecurityGroupIngress, GroupName,
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
 */
async function idOfName({ sdk, ec2 }: Eye, name: string) {
  const isDefault = [{ Name: "is-default", Values: ["true"] }];
  const { Vpcs } = await ec2.send(new sdk.DescribeVpcsCommand({ Filters: isDefault }));
  const vpc = Vpcs?.[0]?.VpcId;
  if (!vpc) return undefined;
  const command = new sdk.DescribeSecurityGroupsCommand({
    Filters: [
      { Name: "vpc-id", Values: [vpc] },
      { Name: "group-name", Values: [name] },
    ],
  });
  return (await ec2.send(command)).SecurityGroups?.[0]?.GroupId;
}

/** A rule from a security group has no addresses. */
function ingress(rule: SecurityGroupRule, entries: Entries): Ingress {
  return {
    id: rule.SecurityGroupRuleId ?? ruleInWords(rule),
    protocol: rule.IpProtocol ?? "unknown",
    ...(rule.FromPort !== undefined && { fromPort: rule.FromPort }),
    ...(rule.ToPort !== undefined && { toPort: rule.ToPort }),
    cidrs: sources(rule, entries),
  };
}

function sources(rule: SecurityGroupRule, entries: Entries): string[] {
  const cidr = rule.CidrIpv4 ?? rule.CidrIpv6;
  if (cidr !== undefined) return [cidr];
  return rule.PrefixListId ? (entries[rule.PrefixListId] ?? ["unknown"]) : [];
}
