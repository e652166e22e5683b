import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import { fieldsOf, listIn, textIn } from "../events/record";
import type { Action } from "../functions/case";
import type { Context, Item } from "./item";
import { groupSubject, replacementsOf } from "./replacements";

/** A rule in the terms of EC2, from either way in which a case tells it. */
interface Rule {
  protocol: string;
  fromPort: number;
  toPort: number;
  source: string;
  description?: string;
  tags?: { Key?: string; Value?: string }[];
}

/** A line that somebody else has closed is not for a restore to open. */
const FOUND_GONE = "the case found it gone: somebody else took it, or a call whose answer was lost";

/**
 * The rules of one revocation, each to be authorized anew; its id is new then. What the record had
 * opened is the attack. Where the record tells no ids, or a later pass found the rule, nothing
 * tells whether it was there before.
 */
export function ruleItems(context: Context, action: Action): Item[] {
  const { file, own } = context;
  const groupId = String(action.input.GroupId);
  const now = context.present.securityGroups[groupId];
  const ids = (action.input.SecurityGroupRuleIds ?? []) as string[];
  const first = file.actions.find(
    ({ call, input }) => call === action.call && input.GroupId === groupId,
  );
  const firstIds = (first?.input.SecurityGroupRuleIds ?? []) as string[];
  const provedByRecord = file.incident.subjects.some(
    (one) => one.kind === "securityGroup" && one.rules.length > 0,
  );
  const rules = ids.map((id): Item => {
    const item = { item: `rules:${groupId}:${id}`, kind: "rules" as const, subject: groupId };
    const rule = ruleOf(context, groupId, id);
    if (!rule) {
      const why = "the case does not have the rule: the record of the call that made it does";
      return { ...item, why };
    }
    if (!now) {
      const what = `security group ${groupId} is not there any more`;
      return { ...item, why: what, drift: [what] };
    }
    const ofRecord = own.rules.includes(id);
    const is = now.find((one) => isSame(one, rule));
    // The attack's rule is no state to come back to.
    const isAttack = ofRecord && !context.falseAlarm;
    const drift = is ? driftOf(is, rule, isAttack) : [];
    const sure = own.rules.length > 0 && firstIds.includes(id) && !provedByRecord;
    const held = ofRecord
      ? { by: "attack" as const, why: "the record itself opened it: it is the attack" }
      : action.outcome === "gone"
        ? { by: "named" as const, why: FOUND_GONE }
        : sure
          ? undefined
          : { by: "named" as const, why: "whether it was there before the record is not known" };
    return {
      ...item,
      call: "ec2:AuthorizeSecurityGroupIngress",
      input: { GroupId: groupId, ...requestOf(rule) },
      why: `${rule.source} could reach ${portsOf(rule)} before`,
      there: is !== undefined && !isAttack,
      ...(held && { held }),
      ...(drift.length > 0 && { drift }),
    };
  });
  const heldOf = (id: string) => {
    const { call, held } = rules[ids.indexOf(id)] as Item;
    return held ?? (call ? undefined : { by: "named" as const, why: `${id} does not come back` });
  };
  return [
    ...rules,
    ...replacementsOf(context, groupId, ({ insteadOf }) => ids.includes(insteadOf), heldOf),
  ];
}

function ruleOf(context: Context, groupId: string, id: string): Rule | undefined {
  const rules = groupSubject(context, groupId)?.before.rules ?? [];
  for (const one of rules as Record<string, unknown>[]) {
    if (one.SecurityGroupRuleId === id) return fromEc2(one as SecurityGroupRule);
    if (one.id === id)
      return { ...(one as unknown as Rule), ...tagsToldIn(context.file.incident.record) };
  }
  return undefined;
}

/**
 * The tags that a record gives all rules of its request.
 * Source: tests/fixtures/events/CreateSecurityGroup-invictus.json
 */
function tagsToldIn(record: unknown): Pick<Rule, "tags"> {
  const { tagSpecificationSet } = fieldsOf(fieldsOf(record).requestParameters);
  const told = listIn(tagSpecificationSet)
    .filter(({ resourceType }) => resourceType === "security-group-rule")
    .flatMap(({ tags }) => (Array.isArray(tags) ? tags.map(fieldsOf) : []));
  const tags = told.flatMap((one) => {
    const Key = textIn(one, "key");
    return Key === undefined ? [] : [{ Key, Value: textIn(one, "value") ?? "" }];
  });
  return tags.length > 0 ? { tags } : {};
}

/** A rule that is there again, under an id of its own, where it is not simply the one from before. */
function driftOf(is: SecurityGroupRule, rule: Rule, isAttack: boolean): string[] {
  const id = is.SecurityGroupRuleId;
  if (isAttack) return [`what the record opened is open again, by ${id}`];
  const now = fromEc2(is);
  if (words(now) === words(rule)) return [];
  return [`it is there again as ${id}, with ${words(now)} instead of ${words(rule)}`];
}

/** What people wrote on a rule. */
function words({ description, tags = [] }: Rule): string {
  const listed = tags.map(({ Key, Value }) => `${Key}=${Value}`).sort();
  return (
    (description ? `the description ${JSON.stringify(description)}` : "no description") +
    (listed.length > 0 ? ` and the tags ${listed.join(", ")}` : " and no tags")
  );
}

function fromEc2(rule: SecurityGroupRule): Rule {
  return {
    protocol: rule.IpProtocol ?? "-1",
    fromPort: rule.FromPort ?? -1,
    toPort: rule.ToPort ?? -1,
    source: rule.CidrIpv4 ?? rule.CidrIpv6 ?? rule.PrefixListId ?? "",
    ...(rule.Description && { description: rule.Description }),
    ...(rule.Tags && rule.Tags.length > 0 && { tags: rule.Tags }),
  };
}

/** Source: EC2 API Reference, AuthorizeSecurityGroupIngress, IpPermissions and TagSpecification. */
function requestOf({ protocol, fromPort, toPort, source, description, tags }: Rule) {
  const Description = description === undefined ? {} : { Description: description };
  const from = source.startsWith("pl-")
    ? { PrefixListIds: [{ PrefixListId: source, ...Description }] }
    : source.includes(":")
      ? { Ipv6Ranges: [{ CidrIpv6: source, ...Description }] }
      : { IpRanges: [{ CidrIp: source, ...Description }] };
  const ports = protocol === "-1" ? {} : { FromPort: fromPort, ToPort: toPort };
  return {
    IpPermissions: [{ IpProtocol: protocol, ...ports, ...from }],
    ...(tags && { TagSpecifications: [{ ResourceType: "security-group-rule", Tags: tags }] }),
  };
}

function isSame(one: SecurityGroupRule, other: Rule): boolean {
  const reach = ({ protocol, fromPort, toPort, source }: Rule) =>
    protocol === "-1" ? `all ${source}` : `${protocol} ${fromPort} ${toPort} ${source}`;
  return reach(fromEc2(one)) === reach(other);
}

function portsOf({ protocol, fromPort, toPort }: Rule): string {
  if (protocol === "-1") return "every port";
  return `${protocol} ${fromPort === toPort ? fromPort : `${fromPort}-${toPort}`}`;
}
