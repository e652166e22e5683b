import { mayCompleteWorld, mayCompleteWorldTogether } from "../rulebook/cidr";
import { type Ingress, mayReachSsh, type SshRule, sshOpenToWorld } from "../rulebook/ssh";
import type { Call, Reading } from "./iam";
import type { RuleFact, SecurityGroupSubject, ToldRule } from "./incident";
import { type Fields, fieldsOf, listIn, textIn } from "./record";

/** Reads the record of one EC2 event; what SSH is comes from the settings. */
export type Ec2Reader = (call: Call, rule: SshRule) => Reading;

/** Every EC2 event that may be an incident, and how its record is read. A new event is a new line. */
export const ec2Events: Record<string, Ec2Reader> = {
  AuthorizeSecurityGroupIngress: authorizedIngress,
  ModifySecurityGroupRules: modifiedRules,
  CreateManagedPrefixList: changedPrefixList,
  ModifyManagedPrefixList: changedPrefixList,
  RestoreManagedPrefixListVersion: restoredPrefixList,
  RunInstances: ranInstances,
  CreateNetworkInterface: createdInterface,
  ModifyNetworkInterfaceAttribute: modifiedInterface,
  ModifyInstanceAttribute: modifiedInstance,
};

/** A rule as a record tells it; without an id where only the request is known. */
interface ReadRule extends Ingress {
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

function storedRule(fields: Fields): ReadRule {
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
function requestedRules(parameters: Fields): ReadRule[] {
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
        // A port that the record leaves out may be what it was: a look tells.
        fromPort: fields.FromPort ?? "unknown",
        toPort: fields.ToPort ?? "unknown",
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

/**
 * Entries that are added, in PascalCase as in ModifySecurityGroupRules, or in camelCase. A list is
 * changed in the background, so that a look may come too early: the record's entries go along.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html
 */
function changedPrefixList({ parameters, response }: Call): Reading {
  const request = prefixListRequest(parameters);
  const id = prefixListId(request) ?? prefixListId(prefixListResponse(response));
  if (!id) return { ignore: "the record names no prefix list" };
  const added = ["addEntry", "addEntries", "entry", "entries"].flatMap((key) =>
    elements(fieldOf(request, key)),
  );
  // An entry that cannot be read may be any.
  const adds = added.map((entry) => textOf(entry, "cidr") ?? "unknown");
  if (!mayCompleteWorldTogether(adds)) {
    return { ignore: `the new entries of prefix list ${id} are no large part of the internet` };
  }
  return {
    subjects: [{ kind: "prefixList", id, adds }],
    because: `prefix list ${id} got ${shortList(adds)}: whether a group lets it reach SSH, a look tells`,
  };
}

function restoredPrefixList({ parameters }: Call): Reading {
  const request = prefixListRequest(parameters);
  const id = prefixListId(request);
  if (!id) return { ignore: "the record names no prefix list" };
  const version = Number(fieldOf(request, "previousVersion"));
  return {
    subjects: [
      { kind: "prefixList", id, adds: [], ...(Number.isSafeInteger(version) && { version }) },
    ],
    because: `prefix list ${id} has former entries again: whether a group lets them reach SSH, a look tells`,
  };
}

/**
 * The response has the groups that the instances really got: the request may leave them to a launch
 * template, to an interface that was there before, or to the VPC's default.
 * Source: tests/fixtures/events/RunInstances-invictus.json
 */
function ranInstances({ parameters, response }: Call): Reading {
  const holders = idsIn(listIn(response.instancesSet), "instanceId");
  return attachedReading([parameters, response], holders, "new instances");
}

function createdInterface({ parameters, response }: Call): Reading {
  const holders = idsIn([fieldsOf(response.networkInterface)], "networkInterfaceId");
  return attachedReading([parameters, response], holders, "a new network interface");
}

function modifiedInterface({ parameters }: Call): Reading {
  return newGroupsReading(parameters, "networkInterfaceId", "a network interface");
}

function modifiedInstance({ parameters }: Call): Reading {
  return newGroupsReading(parameters, "instanceId", "an instance");
}

/**
 * One call changes one attribute, and most are not the groups, of which there is always one.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
 */
function newGroupsReading(parameters: Fields, key: string, holder: string): Reading {
  if (["null", "{}"].includes(JSON.stringify(parameters.groupSet ?? null))) {
    return { ignore: "the record changes no security group" };
  }
  return attachedReading([parameters], idsIn([parameters], key), holder);
}

/** @param holder what got the groups, where the record does not name it. */
function attachedReading(parts: Fields[], holders: string[], holder: string): Reading {
  const sets = parts.flatMap(placesOfGroups).flatMap(({ groupSet }) => listIn(groupSet));
  const groupIds = [...new Set(idsIn(sets, "groupId"))];
  const label = holders.length > 0 ? shortList(holders) : holder;
  if (groupIds.length === 0) {
    // CloudTrail leaves out what is too large: the response of very many instances.
    return {
      ignore: `the record names no security group of ${label}`,
      alert: `Which security groups ${label} got, the record does not tell: look whether one opens SSH to the world.`,
    };
  }
  return {
    subjects: [{ kind: "attachedGroups", groupIds, holders }],
    because: `${label} got ${shortList(groupIds)}: whether one opens SSH to the world, a look tells`,
  };
}

/** Whatever lists groups in a request or a response: itself, its interfaces, its instances and theirs. */
function placesOfGroups(fields: Fields): Fields[] {
  const instances = listIn(fields.instancesSet);
  return [
    fields,
    fieldsOf(fields.networkInterface),
    ...[fields, ...instances].flatMap((one) => listIn(one.networkInterfaceSet)),
    ...instances,
  ];
}

function idsIn(list: Fields[], key: string): string[] {
  return list.flatMap((fields) => textIn(fields, key) ?? []);
}

/** A list, a wrapped one, or the bare element that stands for a list of one. */
function elements(value: unknown): Fields[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) || "items" in fieldsOf(value) ? listIn(value) : [fieldsOf(value)];
}

/** The parameters themselves, or what holds them under the request's name. */
function prefixListRequest(parameters: Fields): Fields {
  const named = Object.entries(parameters).find(([key]) => /PrefixList\w*Request$/.test(key));
  return named ? fieldsOf(named[1]) : parameters;
}

function prefixListResponse(response: Fields): Fields {
  const named = Object.entries(response).find(([key]) => /PrefixList\w*Response$/.test(key));
  return fieldsOf(fieldOf(named ? fieldsOf(named[1]) : response, "prefixList"));
}

function prefixListId(fields: Fields): string | undefined {
  return textOf(fields, "prefixListId");
}

/** A field in camelCase or, as some of EC2's records have it, in PascalCase. */
function fieldOf(fields: Fields, key: string): unknown {
  const pascal = key.charAt(0).toUpperCase() + key.slice(1);
  return Object.hasOwn(fields, key) ? fields[key] : fields[pascal];
}

function textOf(fields: Fields, key: string): string | undefined {
  const value = fieldOf(fields, key);
  return textIn({ value }, "value");
}

function shortList(words: string[]): string {
  const rest = words.length - 4;
  return rest > 0 ? `${words.slice(0, 4).join(", ")} and ${rest} more` : words.join(", ");
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
function toldRule(told: Told, ruleId: string | undefined): ReadRule {
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
  rules: ReadRule[],
  rule: SshRule,
): Reading {
  const { groupId, groupName } = named;
  const label = groupId ?? groupName;
  if (!label) return { ignore: "the record names no security group" };

  // What is in a trusted list is judged when the list changes.
  const isTrusted = (one: ReadRule) => one.prefixList && rule.trustedLists?.includes(one.source);
  const told = distinct(rules.filter((one) => !isTrusted(one)));
  const judgement = sshOpenToWorld(told, rule);
  const subject = (proved: RuleFact[]): SecurityGroupSubject => {
    const facts = proved.length > 0 ? [] : toldFacts(told, rule);
    return {
      kind: "securityGroup",
      ...(groupId && { groupId }),
      ...(groupName && { groupName }),
      rules: proved,
      ...(facts.length > 0 && { told: facts }),
    };
  };

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
function mayOpen({ cidrs }: ReadRule): boolean {
  return cidrs.some((cidr) => cidr === "unknown" || mayCompleteWorld(cidr));
}

/** The rulebook tells rules apart by their id; rules that have none yet get their place. */
function distinct(rules: ReadRule[]): ReadRule[] {
  return rules.map((one, index) => (one.ruleId ? one : { ...one, id: `rule ${index}` }));
}

/** How many rules of one record go along: a state has 256 KB. A look shows the others, if late. */
const MOST_TOLD = 100;

/** What a look that comes too early cannot do without; the large parts of the internet first. */
function toldFacts(told: ReadRule[], rule: SshRule): ToldRule[] {
  const known = told.filter(
    (one) =>
      mayReachSsh(one, rule) === "yes" &&
      (one.prefixList || one.cidrs.some((cidr) => cidr !== "unknown")),
  );
  const narrow = known.filter((one) => !mayOpen(one));
  return [...known.filter(mayOpen), ...narrow].slice(0, MOST_TOLD).map((one) => {
    const { id, ...fact } = ruleFact(one);
    return one.ruleId ? { id, ...fact } : fact;
  });
}

function ruleFact(told: ReadRule): RuleFact {
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
