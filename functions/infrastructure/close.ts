import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { RuleFact, SecurityGroupSubject, ToldRule } from "../../events/incident";
import { readCidr } from "../../rulebook/cidr";
import { type Exemption, exemptionFor } from "../../rulebook/exemptions";
import { type SshRule, sshOpenToWorld } from "../../rulebook/ssh";
import { patiently } from "../account/user";
import {
  type Action,
  allEntries,
  type CaseSubject,
  joined,
  type LostRule,
  type Mode,
  type Pass,
  type Replacing,
} from "../case";
import type { Cut } from "../cut";
import {
  type Eye,
  type GroupLook,
  type Known,
  lookAtGroup,
  type NamedGroup,
  outboundRules,
  showsAll,
} from "./look";
import { ruleInWords, ruleKey, ruleOf } from "./permission";
import { madeByCase, type Opener } from "./replacements";

/** What becomes of an open group that is put on an interface: it is closed, or a person hears of it. */
export type AttachedGroups = "alert" | "close";

/** What the infrastructure branch is told when it is deployed. */
export interface InfrastructureSettings extends SshRule {
  mode: Mode;
  exemptions: Exemption[];
  attachedGroups: AttachedGroups;
}

/** What one pass of the branch works with. */
export interface Hand extends Eye {
  cut: Cut;
  caseId: string;
  settings: InfrastructureSettings;
  /** A pass that looks again: it waits for nothing, and what it finds open is reported open. */
  later: boolean;
  /** What the case has lost beside SSH so far. */
  lost: LostRule[];
  /** A rule had gone since the look, and this is the look again. */
  again?: true;
  /** How the rules go. */
  take: Take;
}

/** Takes away rules that open SSH. */
export type Take = (
  hand: Hand,
  groupId: string,
  openers: Opener[],
  /** The group's inbound rules, where they were looked at. */
  seen?: SecurityGroupRule[],
) => Promise<Taken>;

/** What came of it. */
export interface Taken {
  /** Of the revocation; `gone`: a rule is not there, or is another one by now. */
  outcome: Action["outcome"];
  /** The rules as EC2 had them, as far as a look found them. */
  rules?: SecurityGroupRule[];
  replaced?: Replacing[];
  notes?: string[];
  alerts?: string[];
  /** What could not be put in their place. */
  lost?: LostRule[];
}

/** Revokes rules in one call, and puts nothing in their place. */
export async function takeAway(hand: Hand, groupId: string, openers: Opener[]): Promise<Taken> {
  return { outcome: await revoke(hand, groupId, openers) };
}

/**
 * The record has the rules' ids: one call. Where they are gone, somebody was at it: look.
 *
 * The record of a changed rule does not tell its direction. EC2 takes only inbound rules by the call;
 * where none was made that tells, a look does.
 */
export async function closeProved(
  hand: Hand,
  group: SecurityGroupSubject,
  groupId: string,
): Promise<Pass> {
  const asked =
    hand.settings.mode === "observe"
      ? await withoutOutbound(hand, groupId, group.rules)
      : group.rules;
  if (asked.length === 0) {
    const ids = group.rules.map(({ id }) => id).join(", ");
    return { notes: [`${groupId}: outbound rules let nobody in: ${ids}`] };
  }
  const taken = await hand.take(hand, groupId, asked.map(openerOf));
  if (taken.outcome === "gone") {
    return await afterGone(groupId, taken, () => closeFound(hand, group));
  }
  const known = taken.rules ?? [];
  const seen = (rule: RuleFact) =>
    known.find(({ SecurityGroupRuleId }) => SecurityGroupRuleId === rule.id);
  const isTold = taken.outcome === "done" || taken.outcome === "would" || asked.every(seen);
  const told = isTold ? asked : await withoutOutbound(hand, groupId, asked).catch(() => asked);
  const rules = told.map((rule) => seen(rule) ?? rule);
  return passOf(groupId, rules, taken);
}

/** The rules but for those that a look shows to be outbound. */
async function withoutOutbound(eye: Eye, groupId: string, rules: RuleFact[]): Promise<RuleFact[]> {
  const outbound = await outboundRules(eye, groupId);
  return rules.filter(({ id }) => !outbound.includes(id));
}

/** What another look comes to, and what had been put in the place of a rule that went meanwhile. */
async function afterGone(groupId: string, taken: Taken, again: () => Promise<Pass>): Promise<Pass> {
  const found = await again();
  return taken.replaced?.length ? joined([passOf(groupId, [], taken), found]) : found;
}

function openerOf(fact: RuleFact): Opener {
  return { id: fact.id, rule: ruleOf(fact), cidrs: [fact.source] };
}

/** A group to look at. */
export interface Asked extends NamedGroup {
  ordered?: true;
}

/**
 * Looks at a group, and revokes the rules that open SSH to the world, in one call.
 *
 * @param known beside what EC2 shows. It counts where EC2 does not show it after a while either: a
 *   rule with an id is revoked as if it were there, and one without keeps the case open.
 */
export async function closeFound(hand: Hand, group: Asked, known: Known = {}): Promise<Pass> {
  const look = () => lookAtGroup(hand, group, hand.settings, known);
  const found = hand.later ? await look() : await lookPatiently(look, known.told);
  if (!found) {
    const label = group.groupId ?? `group ${group.groupName}`;
    const note = `${label} has no inbound rule, or is not there (any more): nothing to close`;
    const hidden = (known.told ?? []).map((one) => notShown(label, ruleInWords(ruleOf(one))));
    return { ...nothing(hand, group.ordered, note), open: hidden };
  }
  const { groupId } = found;
  // EC2 knows a rule no more that the record tells by its id, or that it has shown.
  const rest = { ...known, told: known.told?.filter(({ id }) => !id) ?? [] };
  const again = () => closeFound({ ...hand, again: true }, { ...group, groupId }, rest);
  const pass = await settle(hand, found, group.ordered, (openers) =>
    closeRules(hand, found, openers, hand.again ? undefined : again),
  );
  return { ...pass, back: givenBack(hand, found) };
}

/** The call that adds a rule may have been carried out, and nobody heard of it; or a person made it. */
function givenBack({ lost }: Hand, { groupId, rules }: GroupLook): LostRule[] {
  const keys = rules.map(ruleKey);
  return lost.filter((one) => one.groupId === groupId && keys.includes(ruleKey(one.rule)));
}

function notShown(label: string, rule: string): string {
  return `${label}: EC2 does not show (yet) what the record tells: ${rule}`;
}

/** Looks until EC2 shows the group's inbound rules, and with them those that the record tells. */
async function lookPatiently(
  look: () => Promise<GroupLook | undefined>,
  told: ToldRule[] = [],
): Promise<GroupLook | undefined> {
  let last: GroupLook | undefined;
  await patiently(async () => {
    last = await look();
    return last && showsAll(last, told) ? last : undefined;
  });
  return last;
}

/**
 * Judges a group that was looked at.
 *
 * @param ordered a person named it: an exemption does not count.
 * @param open what is done where it opens SSH to the world, by the ids of the rules that do.
 */
export async function settle(
  hand: Hand,
  found: GroupLook,
  ordered: true | undefined,
  open: (openers: string[]) => Pass | Promise<Pass>,
): Promise<Pass> {
  const { groupId } = found;
  const now = new Date().toISOString();
  const { exemption } = exemptionFor(hand.settings.exemptions, "ssh-open-to-world", [groupId], now);
  if (exemption && !ordered) {
    return { notes: [`${groupId} is exempt until ${exemption.expires}: ${exemption.reason}`] };
  }
  const unread = found.unread.map((one) => `${groupId}: ${one}`);
  const trustedCidrs = [...hand.settings.trustedCidrs, ...found.trusted];
  const judgement = sshOpenToWorld(found.ingress, { ...hand.settings, trustedCidrs });
  if (judgement.answer === "unknown") {
    return { alerts: judgement.reasons.map((reason) => `${groupId}: ${reason}`), open: unread };
  }
  if (judgement.answer === "no") {
    return hand.later
      ? { ...madeBefore(hand, found), ...seenOpen(groupId, []) }
      : nothing(hand, ordered, `${groupId}: no rule opens SSH to the world`);
  }
  const pass = await open(judgement.openers);
  const openers = found.rules.filter(({ SecurityGroupRuleId: id }) =>
    judgement.openers.some((one) => one === id),
  );
  return {
    ...pass,
    ...(hand.later && seenOpen(groupId, openers)),
    notes: [...judgement.reasons, ...(pass.notes ?? [])],
    open: [...(pass.open ?? []), ...unread],
  };
}

function seenOpen(groupId: string, rules: unknown[]): Pass {
  return { after: { [`securityGroup ${groupId}`]: { rules } } };
}

/** Whoever orders a closing hears that there is nothing to close. */
function nothing({ later }: Hand, ordered: true | undefined, note: string): Pass {
  return ordered && !later
    ? { alerts: [`A person ordered it closed: ${note}`] }
    : { notes: [note] };
}

/**
 * Takes these rules of a group that was looked at, in one call.
 *
 * @param again what is done where EC2 does not know one of them any more: it refuses the whole call
 *   then, and the others are open until the next pass, seconds later.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 * (InvalidSecurityGroupRuleId.NotFound)
 */
export async function closeRules(
  hand: Hand,
  found: GroupLook,
  ids: string[],
  again?: () => Promise<Pass>,
): Promise<Pass> {
  const { groupId, rules, unshown, ingress } = found;
  const openers = [...rules, ...unshown].flatMap((rule): Opener[] => {
    const { SecurityGroupRuleId: id = "" } = rule;
    const cidrs = ingress.find((one) => one.id === id)?.cidrs ?? [];
    return ids.includes(id) ? [{ id, rule, cidrs }] : [];
  });
  const unnamed = ids.filter((id) => !openers.some((one) => one.id === id));
  const hidden = unnamed.map((id) => notShown(groupId, id));
  if (openers.length === 0) return { open: hidden };
  const taken = await hand.take(hand, groupId, openers, rules);
  if (taken.outcome === "gone" && again) return await afterGone(groupId, taken, again);
  const prefixLists = entriesBehind(openers);
  return {
    ...passOf(
      groupId,
      openers.map(({ rule }) => rule),
      taken,
    ),
    // A later pass finds what somebody opened again, or what the first cut had missed.
    open: hand.later ? ids.map((id) => `${groupId} was open again by ${id}`) : hidden,
    ...(prefixLists && { prefixLists }),
  };
}

/** What the prefix lists of these rules have: once a rule is gone, whoever has its list may change it. */
function entriesBehind(openers: Opener[]): Pass["prefixLists"] {
  return allEntries(
    openers.map(({ rule: { PrefixListId }, cidrs }) =>
      PrefixListId ? { [PrefixListId]: cidrs.filter((cidr) => readCidr(cidr)) } : undefined,
    ),
  );
}

/** What the case added, where the answer of the call was lost. */
function madeBefore({ caseId }: Hand, { groupId, rules }: GroupLook): Pass {
  const replaced = madeByCase(rules, caseId);
  return replaced.length > 0 ? { subjects: [subjectOf(groupId, [], replaced)] } : {};
}

function passOf(groupId: string, rules: unknown[], taken: Taken): Pass {
  const { replaced, notes = [], alerts = [], lost = [] } = taken;
  return { subjects: [subjectOf(groupId, rules, replaced)], notes, alerts, lost };
}

function subjectOf(groupId: string, rules: unknown[], replaced: Replacing[] = []): CaseSubject {
  return {
    kind: "securityGroup",
    groupId,
    before: { rules },
    ...(replaced.length > 0 && { replaced }),
  };
}

/** The call that takes rules away. */
export function revoke({ sdk, ec2, cut }: Hand, GroupId: string, openers: Opener[]) {
  const SecurityGroupRuleIds = openers.map(({ id }) => id);
  const command = new sdk.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds });
  return cut("ec2:RevokeSecurityGroupIngress", GroupId, command, () => ec2.send(command));
}
