import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { Action, Replacing } from "../case";
import { listed } from "../listed";
import { type Hand, revoke, type Taken } from "./close";
import { type Entries, entriesOf, inboundRules } from "./look";
import { isEvery, permissionOf, ruleInWords, ruleKey } from "./permission";
import {
  madeByCase,
  type Opener,
  type Replacement,
  replacements,
  type Trust,
} from "./replacements";

/**
 * Revokes rules that open SSH, and puts rules in their place that leave the other ports as they were
 * and SSH to the trusted sources.
 *
 * What comes is added before the rules go, so that nothing breaks in between. Only a rule that a
 * look shows is replaced beforehand: a record may come twice, or late, and what it tells may be gone
 * for good. One that no look shows (yet) is replaced once its revocation proves that it was there.
 * So is what had no room, as far as the rules that went have left any.
 *
 * @param seen the group's inbound rules, where they were looked at.
 * @returns `gone`, with nothing changed, where a rule is not what the record told any more.
 */
export async function narrow(
  hand: Hand,
  groupId: string,
  openers: Opener[],
  seen?: SecurityGroupRule[],
): Promise<Taken> {
  const { trust, alerts } = await trustOf(hand);
  const wanted = replacements(openers, trust, hand.caseId);
  if (wanted.length === 0) return { outcome: await revoke(hand, groupId, openers), alerts };

  const there = seen ?? (await look(hand, groupId));
  const ids = openers.map(({ id }) => id);
  const rules = there.filter(({ SecurityGroupRuleId: id = "" }) => ids.includes(id));
  const isThere = (id: string) => rules.some((one) => one.SecurityGroupRuleId === id);
  // A rule that was changed since must not be replaced by what the record tells of it.
  const told = openers.map(({ rule }) => idAndKey(rule));
  if (!rules.every((one) => told.includes(idAndKey(one)))) return { outcome: "gone" };
  const has = there.map(ruleKey);
  const missing = wanted.filter(({ rule }) => !has.includes(ruleKey(rule)));
  const first = missing.filter(({ insteadOf }) => isThere(insteadOf));
  const made = madeByCase(there, hand.caseId);

  const added = await add(hand, groupId, first);
  const outcome = await revoke(hand, groupId, openers);
  const went = outcome === "done" || outcome === "would";
  const later = missing.filter((one) => !first.includes(one));
  const rest = went ? [...(isDone(added) ? [] : first), ...later] : [];
  const { lost, ...fitting } = await addWhatFits(hand, groupId, rest);
  const came = wanted.filter((one) => !lost.includes(one));
  return {
    outcome,
    rules,
    replaced: [...made, ...added.made, ...fitting.made],
    notes: went ? openers.map(({ id, rule }) => inPlaceOf(groupId, id, rule, came)) : [],
    lost: lost.map(({ rule: { Description: _, ...rule } }) => ({ groupId, rule })),
    alerts: [
      ...alerts,
      ...(outcome === "gone" && added.made.length > 0
        ? [
            `${groupId}: ${ids.join(", ")} went meanwhile, by somebody else. What was added in place of it lets in what it had: ${added.made.map(({ id }) => id).join(", ")}. Remove it if that was meant to go too`,
          ]
        : []),
    ],
  };
}

function idAndKey(rule: SecurityGroupRule): string {
  return `${rule.SecurityGroupRuleId} ${ruleKey(rule)}`;
}

/** Lists that cannot be read trust nobody. */
async function trustOf(hand: Hand): Promise<{ trust: Trust; alerts: string[] }> {
  const { sshPorts, trustedCidrs, trustedLists = [] } = hand.settings;
  const lists: Entries = {};
  const alerts: string[] = [];
  await Promise.all(
    trustedLists.map(async (id) => {
      try {
        lists[id] = await entriesOf(hand, id);
      } catch (error) {
        const { name, message } = error as Error;
        alerts.push(
          `The trusted prefix list ${id} could not be read, so SSH is not left to it: ${name}: ${message}`,
        );
      }
    }),
  );
  return { trust: { sshPorts, cidrs: trustedCidrs, lists }, alerts };
}

/** A look that fails must not keep the line open. */
async function look(hand: Hand, groupId: string): Promise<SecurityGroupRule[]> {
  return await inboundRules(hand, groupId).catch(() => []);
}

interface Added {
  outcome: Action["outcome"];
  made: Replacing[];
}

function isDone({ outcome }: Added): boolean {
  return outcome === "done" || outcome === "would";
}

/**
 * Adds rules in one call. What somebody has added meanwhile is there, which is as good; EC2 refuses
 * the whole call for it, so the others are added one by one.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
async function add(hand: Hand, GroupId: string, rules: Replacement[]): Promise<Added> {
  const { sdk, ec2, cut } = hand;
  if (rules.length === 0) return { outcome: "done", made: [] };
  const command = (some: Replacement[]) =>
    new sdk.AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: some.map(({ rule }) => permissionOf(rule)),
    });
  const made: Replacing[] = [];
  const send = async (some: Replacement[]): Promise<void> => {
    try {
      const answer = await ec2.send(command(some));
      made.push(...listed(answer.SecurityGroupRules).map((rule) => replacedBy(rule, some)));
    } catch (error) {
      if ((error as Error).name !== "InvalidPermission.Duplicate") throw error;
      for (const one of some.length > 1 ? some : []) await send([one]);
    }
  };
  const call = "ec2:AuthorizeSecurityGroupIngress";
  const outcome = await cut(call, GroupId, command(rules), () => send(rules));
  return { outcome, made };
}

function replacedBy(rule: SecurityGroupRule, rules: Replacement[]): Replacing {
  const key = ruleKey(rule);
  const insteadOf = rules.find((one) => ruleKey(one.rule) === key)?.insteadOf;
  return { id: rule.SecurityGroupRuleId ?? "", insteadOf: insteadOf ?? "" };
}

/**
 * Adds all, or one by one what a full group has room for: IPv4 and IPv6 are counted apart, and a
 * prefix list by its size.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups
 */
async function addWhatFits(hand: Hand, groupId: string, rules: Replacement[]) {
  const all = await add(hand, groupId, rules);
  if (isDone(all)) return { made: all.made, lost: [] };
  const lost: Replacement[] = [];
  const made = all.made;
  for (const one of rules) {
    const each: Added =
      all.outcome === "full" && rules.length > 1 ? await add(hand, groupId, [one]) : all;
    if (isDone(each)) made.push(...each.made);
    else lost.push(one);
  }
  return { made, lost };
}

function inPlaceOf(
  groupId: string,
  id: string,
  rule: SecurityGroupRule,
  came: Replacement[],
): string {
  const own = came.filter(({ insteadOf }) => insteadOf === id);
  const said = `${groupId}: in place of ${id} (${ruleInWords(rule)}) comes ${inList(own) || "nothing"}`;
  return isEvery(rule) ? `${said}; protocols other than TCP, UDP and ICMP do not` : said;
}

const LISTED = 10;

function inList(rules: Replacement[]): string {
  const words = rules.map(({ rule }) => ruleInWords(rule));
  const rest = words.length - LISTED;
  return rest > 0 ? `${words.slice(0, LISTED).join("; ")} and ${rest} more` : words.join("; ");
}
