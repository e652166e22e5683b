import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import { isSuspiciousShrink, type RangesOf, rangesName } from "../../ipRanges/document";
import { readCidr } from "../../rulebook/cidr";

/** A security group that is kept at the published ranges of a service plus fixed CIDRs. */
export interface SyncedGroup extends RangesOf {
  /** "sg-…" */
  group: string;
  /** Fixed sources beside the published ones. */
  cidrs: string[];
  /** TCP ports; what else the group opens is left alone. */
  ports: number[];
  /** How many inbound rules of each family the group may have: the account's quota. */
  quota: number;
}

/** A rule that is missing. */
export interface MissingRule {
  port: number;
  cidr: string;
  description: string;
}

/** What brings a group into step. */
export interface SyncPlan {
  add: MissingRule[];
  remove: SecurityGroupRule[];
  /** Why nothing is changed, although something differs. */
  refused?: string;
  /** What a person must look at beside it. */
  alerts: string[];
}

/**
 * What has to be added and removed so that exactly the wanted sources reach the group's ports.
 *
 * A rule counts where it is for one of the ports alone. One that opens them with others (a range of
 * ports, every protocol) would take the others with it, so it is an alert.
 *
 * @param rules the group's inbound rules.
 * @param published the service's CIDRs now.
 * @param lastKnown its CIDRs when the program was deployed; a group that has none of them yet is
 *   measured by it.
 */
export function planSync(
  rules: SecurityGroupRule[],
  group: SyncedGroup,
  published: string[],
  lastKnown: string[],
): SyncPlan {
  const wanted = wantedRules(group, published);
  const own = rules.filter((rule) => isForPort(rule, group.ports));
  const has = own.map(keyOfRule);
  const needs = wanted.map(({ port, cidr }) => keyOf(port, cidr));
  const add = wanted.filter(({ port, cidr }) => !has.includes(keyOf(port, cidr)));
  const remove = own.filter((rule) => !needs.includes(keyOfRule(rule)));
  const alerts = rules
    .filter((rule) => !own.includes(rule) && opensAlong(rule, group.ports))
    .map(
      (rule) =>
        `${group.group}: ${rule.SecurityGroupRuleId} opens port ${group.ports.join(", ")} among others and was left: narrow it`,
    );
  const refused =
    add.length + remove.length > 0
      ? (shrinks(own, group, published, lastKnown) ?? overQuota(rules, add, group))
      : undefined;
  return refused ? { add: [], remove: [], refused, alerts } : { add, remove, alerts };
}

/** Each port from each source, once: two spellings of one CIDR are one rule to EC2. */
function wantedRules(group: SyncedGroup, published: string[]): MissingRule[] {
  const described = [
    ...published.map((cidr) => ({ cidr, description: descriptionOf(group) })),
    ...group.cidrs.map((cidr) => ({ cidr, description: "Tourniquet: syncedGroups" })),
  ];
  const each = group.ports.flatMap((port) => described.map((one) => ({ port, ...one })));
  const keys = each.map(({ port, cidr }) => keyOf(port, cidr));
  return each.filter((_, index) => keys.indexOf(keys[index] as string) === index);
}

/** By it a later run knows the rules that stand for published ranges. */
function descriptionOf(group: SyncedGroup): string {
  return `Tourniquet: ${rangesName(group)}`;
}

function isTcp({ IpProtocol }: SecurityGroupRule): boolean {
  return IpProtocol === "tcp" || IpProtocol === "6";
}

function isForPort(rule: SecurityGroupRule, ports: number[]): boolean {
  return isTcp(rule) && rule.FromPort === rule.ToPort && ports.includes(rule.FromPort ?? -1);
}

function opensAlong(rule: SecurityGroupRule, ports: number[]): boolean {
  if (rule.IpProtocol === "-1") return true;
  const { FromPort = 0, ToPort = 65535 } = rule;
  return isTcp(rule) && ports.some((port) => FromPort <= port && port <= ToPort);
}

function keyOfRule(rule: SecurityGroupRule): string {
  const cidr = rule.CidrIpv4 ?? rule.CidrIpv6;
  return cidr ? keyOf(rule.FromPort, cidr) : `${rule.SecurityGroupRuleId}`;
}

/** What EC2 takes for one rule: it clears host bits, and writes IPv6 in its own way. */
function keyOf(port: number | undefined, cidr: string): string {
  const blocks = (readCidr(cidr) ?? []).map(
    ({ family, first, last }) => `${family} ${first}-${last}`,
  );
  return `${port} ${blocks.join()}`;
}

function shrinks(
  own: SecurityGroupRule[],
  group: SyncedGroup,
  published: string[],
  lastKnown: string[],
): string | undefined {
  const made = own
    .filter(({ Description }) => Description === descriptionOf(group))
    .map((rule) => blocksOf(rule.CidrIpv4 ?? rule.CidrIpv6 ?? ""));
  const before = made.length > 0 ? [...new Set(made)] : lastKnown.map(blocksOf);
  const now = published.map(blocksOf);
  if (!isSuspiciousShrink(before, now)) return undefined;
  const gone = before.filter((one) => !now.includes(one)).length;
  return `${group.group} was left as it is: ${gone} of ${before.length} ranges of ${rangesName(group)} are gone at once, which is more than half. If AWS means it, remove the rules of the ranges that are gone yourself`;
}

function blocksOf(cidr: string): string {
  return keyOf(undefined, cidr);
}

/**
 * Additions come first, so both must fit for a moment. IPv4 and IPv6 are counted apart; a group or a
 * prefix list as a source counts in both, the list by its size, which is not known here.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups
 */
function overQuota(
  rules: SecurityGroupRule[],
  add: MissingRule[],
  { group, quota }: SyncedGroup,
): string | undefined {
  const isIpv6 = (cidr: string) => cidr.includes(":");
  for (const ipv6 of [false, true]) {
    const there = rules.filter(({ CidrIpv4, CidrIpv6 }) => !(ipv6 ? CidrIpv4 : CidrIpv6)).length;
    const more = add.filter(({ cidr }) => isIpv6(cidr) === ipv6).length;
    if (more > 0 && there + more > quota) {
      return `${group} was left as it is: it has ${there} inbound rules of ${ipv6 ? "IPv6" : "IPv4"} and needs ${more} more, and its quota is ${quota}. Name a region, or raise the quota and say so in syncedGroups`;
    }
  }
  return undefined;
}
