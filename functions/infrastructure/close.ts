import type { SecurityGroupSubject } from "../../events/incident";
import { type Exemption, exemptionFor } from "../../rulebook/exemptions";
import { type SshRule, sshOpenToWorld } from "../../rulebook/ssh";
import { patiently } from "../account/user";
import type { CaseSubject, Mode, Pass } from "../case";
import type { Cut } from "../cut";
import { type Entries, type Eye, type GroupLook, lookAtGroup, type NamedGroup } from "./look";

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
  /** A rule had gone since the look, and this is the look again. */
  again?: true;
}

/** The record has the rules' ids: one call. Where they are gone, somebody was at it: look. */
export async function closeProved(
  hand: Hand,
  group: SecurityGroupSubject,
  groupId: string,
): Promise<Pass> {
  const ids = group.rules.map(({ id }) => id);
  const outcome = await revoke(hand, groupId, ids);
  const subject: CaseSubject = { kind: "securityGroup", groupId, before: { rules: group.rules } };
  if (outcome !== "gone") return { subjects: [subject] };
  return closeFound(hand, group);
}

/** A group to look at. */
export interface Asked extends NamedGroup {
  ordered?: true;
}

/**
 * Looks at a group, and revokes the rules that open SSH to the world, in one call.
 *
 * @param known entries of prefix lists beside those that EC2 shows.
 */
export async function closeFound(hand: Hand, group: Asked, known: Entries = {}): Promise<Pass> {
  const look = () => lookAtGroup(hand, group, hand.settings, known);
  const found = hand.later ? await look() : await patiently(look);
  if (!found) {
    const label = group.groupId ?? `group ${group.groupName}`;
    const note = `${label} has no rules, or is not there (any more): nothing to close`;
    return nothing(hand, group.ordered, note);
  }
  const { groupId } = found;
  const again = () => closeFound({ ...hand, again: true }, { ...group, groupId }, known);
  return settle(hand, found, group.ordered, (openers) =>
    closeRules(hand, found, openers, hand.again ? undefined : again),
  );
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
    return hand.later ? {} : nothing(hand, ordered, `${groupId}: no rule opens SSH to the world`);
  }
  const pass = await open(judgement.openers);
  return {
    ...pass,
    notes: [...judgement.reasons, ...(pass.notes ?? [])],
    open: [...(pass.open ?? []), ...unread],
  };
}

/** Whoever orders a closing hears that there is nothing to close. */
function nothing({ later }: Hand, ordered: true | undefined, note: string): Pass {
  return ordered && !later
    ? { alerts: [`A person ordered it closed: ${note}`] }
    : { notes: [note] };
}

/**
 * Revokes these rules of a group that was looked at, in one call.
 *
 * @param again what is done where EC2 does not know one of them any more: it refuses the whole call
 *   then, and the others are open until the next pass, seconds later.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 * (InvalidSecurityGroupRuleId.NotFound)
 */
export async function closeRules(
  hand: Hand,
  { groupId, rules }: GroupLook,
  ids: string[],
  again?: () => Promise<Pass>,
): Promise<Pass> {
  const openers = rules.filter(({ SecurityGroupRuleId: id = "" }) => ids.includes(id));
  const outcome = await revoke(hand, groupId, ids);
  if (outcome === "gone" && again) return again();
  return {
    subjects: [{ kind: "securityGroup", groupId, before: { rules: openers } }],
    // A later pass finds what somebody opened again, or what the first cut had missed.
    open: hand.later ? ids.map((id) => `${groupId} was open again by ${id}`) : [],
  };
}

function revoke({ sdk, ec2, cut }: Hand, GroupId: string, SecurityGroupRuleIds: string[]) {
  const command = new sdk.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds });
  return cut("ec2:RevokeSecurityGroupIngress", GroupId, command, () => ec2.send(command));
}
