import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import {
  type Block,
  cidrsOf,
  type Family,
  families,
  ofFamily,
  readCidr,
  subtract,
  within,
} from "../../rulebook/cidr";
import { sshOpenToWorld } from "../../rulebook/ssh";
import type { Entries } from "./look";
import { isEvery, ruleKey } from "./permission";

/** A rule that is about to go, with its sources as CIDRs. */
export interface Opener {
  id: string;
  rule: SecurityGroupRule;
  cidrs: string[];
}

/** To whom SSH is left. */
export interface Trust {
  sshPorts: number[];
  cidrs: string[];
  /** Prefix lists and what is in them. */
  lists: Entries;
}

/** A rule that comes in another one's place. */
export interface Replacement {
  /** The id of the rule that goes. */
  insteadOf: string;
  rule: SecurityGroupRule;
}

/**
 * What takes the place of rules that open SSH: their sources keep every other port, and those of the
 * trusted sources that came in through them keep SSH. Nobody gets what he had not.
 *
 * A rule for all protocols cannot be written without SSH: TCP, UDP and ICMP stay.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
 *
 * @param caseId stands in the descriptions.
 * @returns each rule once: EC2 refuses a request that has one twice.
 */
export function replacements(openers: Opener[], trust: Trust, caseId: string): Replacement[] {
  const all = openers.flatMap((opener) =>
    [...otherPorts(opener, trust.sshPorts), ...trustedSsh(opener, trust)].map((rule) => ({
      insteadOf: opener.id,
      rule: { ...rule, Description: descriptionOf(caseId, opener.id) },
    })),
  );
  const keys = all.map(({ rule }) => ruleKey(rule));
  return all.filter((_, index) => keys.indexOf(keys[index] as string) === index);
}

/**
 * EC2 takes 255 characters: letters, digits, spaces, and some marks.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
 */
function descriptionOf(caseId: string, ruleId: string): string {
  return `${madeBy(caseId)}${ruleId}`.slice(0, 255);
}

function madeBy(caseId: string): string {
  const id = caseId.replaceAll(/[^\w .:/()#,@[\]+=&;{}!$*-]/g, "-").slice(0, 200);
  return `Tourniquet case ${id} in place of `;
}

/** Rules that the case made, by their description: the answer of the call may have been lost. */
export function madeByCase(rules: SecurityGroupRule[], caseId: string) {
  return rules.flatMap(({ SecurityGroupRuleId: id = "", Description = "" }) =>
    Description.startsWith(madeBy(caseId))
      ? [{ id, insteadOf: Description.slice(madeBy(caseId).length) }]
      : [],
  );
}

/** The rule without the SSH ports. */
function otherPorts({ rule, cidrs }: Opener, sshPorts: number[]): SecurityGroupRule[] {
  const { CidrIpv4, CidrIpv6, PrefixListId } = rule;
  const source = {
    ...(CidrIpv4 && { CidrIpv4 }),
    ...(CidrIpv6 && { CidrIpv6 }),
    ...(PrefixListId && { PrefixListId }),
  };
  const ports = [portsOf(rule)];
  const ssh = sshPorts.map((port) => ({ first: port, last: port }));
  return [
    ...minus(ports, ssh).map(tcp),
    ...(isEvery(rule)
      ? [
          { IpProtocol: "udp", FromPort: 0, ToPort: 65535 },
          ...familiesOf(cidrs).map((family) => ({
            IpProtocol: family === "ipv4" ? "icmp" : "icmpv6",
            FromPort: -1,
            ToPort: -1,
          })),
        ]
      : []),
  ].map((what) => ({ ...what, ...source }));
}

/** SSH from who is trusted and came in through the rule. */
function trustedSsh({ rule, cidrs }: Opener, trust: Trust): SecurityGroupRule[] {
  const ssh = trust.sshPorts.map((port) => ({ first: port, last: port }));
  const ports = minus([portsOf(rule)], minus([portsOf(rule)], ssh));
  const sources = sourcesOf(cidrs, trust);
  return ports.flatMap((each) => sources.map((source) => ({ ...tcp(each), ...source })));
}

/**
 * What the rule and the trusted sources have in common. A list that is in the rule whole is named,
 * since its owner may change it; of others the part counts that the rule had.
 */
function sourcesOf(cidrs: string[], trust: Trust): SecurityGroupRule[] {
  const own = blocksOf(cidrs);
  const lists = Object.entries(worldless(trust)).filter(([, entries]) => entries.length > 0);
  const isInside = (entries: string[]) =>
    blocksOf(entries).every((one) => within(one, ofFamily(own, one.family)));
  const whole = lists.filter(([, entries]) => isInside(entries));
  const parts = lists.filter((one) => !whole.includes(one)).flatMap(([, entries]) => entries);
  const trusted = blocksOf([...trust.cidrs, ...parts]);
  return [
    ...families.flatMap((family) =>
      cidrsOf(family, common(ofFamily(own, family), ofFamily(trusted, family))).map((cidr) =>
        family === "ipv4" ? { CidrIpv4: cidr } : { CidrIpv6: cidr },
      ),
    ),
    ...whole.map(([PrefixListId]) => ({ PrefixListId })),
  ];
}

/** No list makes the world, or half of it, a trusted source: the settings see to the CIDRs. */
function worldless({ sshPorts, cidrs, lists }: Trust): Entries {
  const all = [...cidrs, ...Object.values(lists).flat()];
  const rule = { id: "trusted", protocol: "tcp", cidrs: all };
  return sshOpenToWorld([rule], { sshPorts, trustedCidrs: [] }).answer === "no" ? lists : {};
}

function familiesOf(cidrs: string[]): Family[] {
  const blocks = blocksOf(cidrs);
  return families.filter((family) => ofFamily(blocks, family).length > 0);
}

function blocksOf(cidrs: string[]): Block[] {
  return cidrs.flatMap((cidr) => readCidr(cidr) ?? []);
}

function common(some: Block[], others: Block[]) {
  return subtract(some, subtract(some, others));
}

interface Ports {
  first: number;
  last: number;
}

/** The ports of a TCP rule; -1 and missing mean all. */
function portsOf(rule: SecurityGroupRule): Ports {
  const all = isEvery(rule);
  const { FromPort = -1, ToPort = -1 } = rule;
  return {
    first: all || FromPort < 0 ? 0 : FromPort,
    last: all || ToPort < 0 ? 65535 : ToPort,
  };
}

function tcp({ first, last }: Ports) {
  return { IpProtocol: "tcp", FromPort: first, ToPort: last };
}

function minus(some: Ports[], others: Ports[]): Ports[] {
  const wide = (ports: Ports[]) =>
    ports.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
  return subtract(wide(some), wide(others)).map(({ first, last }) => ({
    first: Number(first),
    last: Number(last),
  }));
}
