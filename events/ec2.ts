import { mayCompleteWorld } from "../rulebook/cidr";
import { type Ingress, mayReachSsh, type SshRule, sshOpenToWorld } from "../rulebook/ssh";
import type { Call, Reading } from "./iam";
import type { RuleFact, SecurityGroupSubject } from "./incident";
import { type Fields, fieldsOf, listIn, textIn } from "./record";

/** Reads the record of one EC2 event; what SSH is comes from the settings. */
export type Ec2Reader = (call: Call, rule: SshRule) => Reading;

/** Every EC2 event that may be an incident, and how its record is read. A new event is a new line. */
export const ec2Events: Record<string, Ec2Reader> = {
  AuthorizeSecurityGroupIngress: authorizedIngress,
  ModifySecurityGroupRules: modifiedRules,
  ModifyManagedPrefixList: changedPrefixList,
  RestoreManagedPrefixListVersion: changedPrefixList,
};

/** A rule as a record tells it; without an id where only the request is known. */
interface ToldRule extends Ingress {
  source: string;
  ruleId?: string;
  /** The source is a prefix list, whose entries the record does not tell. */
  prefixList: boolean;
  description?: string;
}

/**
 * The response has the rules as EC2 stored them, with their ids. What it does not show open is
 * judged by the request too: a response that lacks a rule must not hide it.
 */
function authorizedIngress({ parameters, response }: Call, rule: SshRule): Reading {
  const set = listIn(response.securityGroupRuleSet);
  const stored = set.filter(({ isEgress }) => isEgress !== true).map(storedRule);
  const named = {
    groupId: textIn(parameters, "groupId") ?? textIn(set[0] ?? {}, "groupId"),
    groupName: textIn(parameters, "groupName"),
  };
  const reading = groupReading(named, stored, rule);
  return "ignore" in reading ? groupReading(named, requestedRules(parameters), rule) : reading;
}

function storedRule(fields: Fields): ToldRule {
  return toldRule(
    {
      protocol: fields.ipProtocol,
      fromPort: fields.fromPort,
      toPort: fields.toPort,
      cidr: textIn(fields, "cidrIpv4") ?? textIn(fields, "cidrIpv6"),
      prefixListId: textIn(fields, "prefixListId"),
      group: fields.referencedGroupInfo,
      description: textIn(fields, "description"),
    },
    textIn(fields, "securityGroupRuleId"),
  );
}

/** Both forms: the list of permissions, and the flat one of the old command line. */
function requestedRules(parameters: Fields): ToldRule[] {
  const flat = Object.hasOwn(parameters, "ipProtocol") ? [parameters] : [];
  return [...listIn(parameters.ipPermissions), ...flat].flatMap((permission) => {
    const ports = {
      protocol: permission.ipProtocol,
      fromPort: permission.fromPort,
      toPort: permission.toPort,
    };
    const cidrs = [
      textIn(permission, "cidrIp"),
      ...listIn(permission.ipRanges).map((range) => textIn(range, "cidrIp")),
      ...listIn(permission.ipv6Ranges).map((range) => textIn(range, "cidrIpv6")),
    ].filter((cidr) => cidr !== undefined);
    const prefixLists = listIn(permission.prefixListIds)
      .map((list) => textIn(list, "prefixListId"))
      .filter((id) => id !== undefined);
    return [
      ...cidrs.map((cidr) => toldRule({ ...ports, cidr }, undefined)),
      ...prefixLists.map((prefixListId) => toldRule({ ...ports, prefixListId }, undefined)),
    ];
  });
}

/**
 * The one EC2 event in PascalCase, and the only one whose list may be a bare element.
 * Source: tests/fixtures/events/ModifySecurityGroupRules-SHAPE.json
 */
function modifiedRules({ parameters }: Call, rule: SshRule): Reading {
  const request = fieldsOf(parameters.ModifySecurityGroupRulesRequest);
  const changes = request.SecurityGroupRule;
  const rules = (Array.isArray(changes) ? changes : [changes]).map(fieldsOf).map((change) => {
    const fields = fieldsOf(change.SecurityGroupRule);
    return toldRule(
      {
        protocol: fields.IpProtocol,
        fromPort: fields.FromPort,
        toPort: fields.ToPort,
        cidr: textIn(fields, "CidrIpv4") ?? textIn(fields, "CidrIpv6"),
        prefixListId: textIn(fields, "PrefixListId"),
        group: fields.ReferencedGroupId,
        description: textIn(fields, "Description"),
      },
      textIn(change, "SecurityGroupRuleId"),
    );
  });
  return groupReading({ groupId: textIn(request, "GroupId") }, rules, rule);
}

function changedPrefixList({ parameters }: Call): Reading {
  const request = fieldsOf(Object.values(parameters).find((value) => fieldsOf(value).PrefixListId));
  const id = textIn(parameters, "prefixListId") ?? textIn(request, "PrefixListId");
  if (!id) return { ignore: "the record names no prefix list" };
  return {
    ignore: `prefix list ${id} changed, and its groups are not followed yet`,
    alert:
      `The managed prefix list ${id} changed. Tourniquet does not follow prefix lists to the ` +
      "security groups that refer to them: look at its entries, and at those groups, yourself.",
  };
}

interface Told {
  protocol: unknown;
  fromPort?: unknown;
  toPort?: unknown;
  cidr?: string | undefined;
  prefixListId?: string | undefined;
  group?: unknown;
  description?: string | undefined;
}

/** A rule from another security group has no addresses; one that tells no source has unknown ones. */
function toldRule(told: Told, ruleId: string | undefined): ToldRule {
  const source = told.cidr ?? told.prefixListId ?? (told.group ? "a security group" : "unknown");
  const addresses = told.cidr ?? (told.prefixListId || !told.group ? "unknown" : undefined);
  const fromPort = portIn(told.fromPort);
  const toPort = portIn(told.toPort);
  return {
    id: ruleId ?? source,
    source,
    protocol: protocolIn(told.protocol),
    cidrs: addresses === undefined ? [] : [addresses],
    prefixList: told.prefixListId !== undefined && told.cidr === undefined,
    ...(ruleId && { ruleId }),
    ...(fromPort !== undefined && { fromPort }),
    ...(toPort !== undefined && { toPort }),
    ...(told.description && { description: told.description }),
  };
}

function protocolIn(value: unknown): string | number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" ? value : "unknown";
}

function portIn(value: unknown): number | string | undefined {
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}

function groupReading(
  named: { groupId?: string | undefined; groupName?: string | undefined },
  rules: ToldRule[],
  rule: SshRule,
): Reading {
  const { groupId, groupName } = named;
  const label = groupId ?? groupName;
  if (!label) return { ignore: "the record names no security group" };

  // What is in a trusted list is judged when the list changes.
  const isTrusted = (one: ToldRule) => one.prefixList && rule.trustedLists?.includes(one.source);
  const told = distinct(rules.filter((one) => !isTrusted(one)));
  const judgement = sshOpenToWorld(told, rule);
  const subject = (proved: RuleFact[]): SecurityGroupSubject => ({
    kind: "securityGroup",
    ...(groupId && { groupId }),
    ...(groupName && { groupName }),
    rules: proved,
  });

  if (judgement.answer === "yes") {
    const openers = told.filter(({ id }) => judgement.openers.includes(id));
    const known = groupId !== undefined && openers.every(({ ruleId }) => ruleId !== undefined);
    return {
      subjects: [subject(known ? openers.map(ruleFact) : [])],
      because: `${label} lets ${openers.map(({ source }) => source).join(", ")} reach SSH`,
    };
  }
  const open = told.find((one) => mayReachSsh(one, rule) !== "no" && mayOpen(one));
  if (!open) return { ignore: `the new rules of ${label} do not open SSH to the world` };
  return {
    subjects: [subject([])],
    because: `${label} lets ${open.source} reach SSH: whether the world comes with it, a look tells`,
  };
}

/** A prefix list, an unknown source, or a part of the internet that others may complete. */
function mayOpen({ cidrs }: ToldRule): boolean {
  return cidrs.some((cidr) => cidr === "unknown" || mayCompleteWorld(cidr));
}

/** The rulebook tells rules apart by their id; rules that have none yet get their place. */
function distinct(rules: ToldRule[]): ToldRule[] {
  return rules.map((one, index) => (one.ruleId ? one : { ...one, id: `rule ${index}` }));
}

function ruleFact(told: ToldRule): RuleFact {
  const fromPort = Number(told.fromPort ?? -1);
  const toPort = Number(told.toPort ?? -1);
  return {
    id: told.id,
    protocol: String(told.protocol),
    fromPort,
    toPort,
    source: told.source,
    ...(told.description && { description: told.description }),
  };
}
