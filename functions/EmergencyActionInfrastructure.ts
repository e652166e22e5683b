import type { EC2Client, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { SecurityGroupSubject } from "../events/incident";
import { type Exemption, exemptionFor } from "../rulebook/exemptions";
import { type Ingress, type SshRule, sshOpenToWorld } from "../rulebook/ssh";
import { patiently } from "./account/user";
import {
  addToCase,
  type BranchInput,
  type Case,
  type CaseSubject,
  lookedAgain,
  type Mode,
  openCase,
  type Pass,
} from "./case";
import { type Cut, cutting, isGone } from "./cut";
import { listed } from "./listed";

type Ec2Sdk = typeof import("../sdk/ec2");

/** What the infrastructure branch is told when it is deployed. */
export interface InfrastructureSettings extends SshRule {
  mode: Mode;
  exemptions: Exemption[];
}

/** What the handler calls; its role is granted exactly this, and the cut only in `enforce`. */
export const emergencyActionInfrastructureActions = {
  looks: ["ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"],
  cuts: ["ec2:RevokeSecurityGroupIngress"],
};

interface Hand {
  sdk: Ec2Sdk;
  ec2: EC2Client;
  cut: Cut;
  settings: InfrastructureSettings;
}

/**
 * Revokes the rules of a security group that open SSH to the world, and no others, in one call.
 *
 * The first pass takes the rules that the record proves, with nothing awaited before; where the
 * record proves none, and in every later pass, a look finds them. Runs once per cold start and
 * returns the handler. Failed looks are thrown; a failed cut is in the case's `open`.
 */
export function emergencyActionInfrastructure(sdk: Ec2Sdk, settings: InfrastructureSettings) {
  const ec2 = new sdk.EC2Client({});

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const later = input.case !== undefined;
    const actions: Case["actions"] = [];
    const hand: Hand = { sdk, ec2, cut: cutting(settings.mode, actions, before.actions), settings };
    const groups = input.incident.subjects.filter((one) => one.kind === "securityGroup");
    const passes = await Promise.all(
      groups.map((group) =>
        !later && group.groupId && group.rules.length > 0
          ? closeProved(hand, group, group.groupId)
          : closeFound(hand, group, later),
      ),
    );
    const after = addToCase(before, passes, actions);
    return later ? lookedAgain(after) : after;
  };
}

/** The record has the rules' ids: one call. */
async function closeProved(
  hand: Hand,
  group: SecurityGroupSubject,
  groupId: string,
): Promise<Pass> {
  const ids = group.rules.map(({ id }) => id);
  const outcome = await revoke(hand, groupId, ids);
  const subject: CaseSubject = { kind: "securityGroup", groupId, before: { rules: group.rules } };
  if (outcome !== "gone") return { subjects: [subject] };
  return closeFound(hand, group, false);
}

async function closeFound(hand: Hand, group: SecurityGroupSubject, later: boolean): Promise<Pass> {
  const look = () => inboundRules(hand, group);
  const found = later ? await look() : await patiently(look);
  const label = group.groupId ?? `group ${group.groupName}`;
  if (!found) {
    return { notes: [`${label} has no rules, or is not there (any more): nothing to close`] };
  }
  const { groupId, rules } = found;
  const now = new Date().toISOString();
  const exempt = exemptionFor(hand.settings.exemptions, "ssh-open-to-world", [groupId], now);
  if (exempt.exemption) {
    const note = `${groupId} is exempt until ${exempt.exemption.expires}: ${exempt.exemption.reason}`;
    return { notes: [note] };
  }
  const judgement = sshOpenToWorld(rules.map(ingress), hand.settings);
  if (judgement.answer !== "yes") {
    if (judgement.answer === "unknown") {
      return { alerts: judgement.reasons.map((reason) => `${groupId}: ${reason}`) };
    }
    return later ? {} : { notes: [`${groupId}: no rule opens SSH to the world`] };
  }
  const openers = rules.filter(({ SecurityGroupRuleId: id = "" }) =>
    judgement.openers.includes(id),
  );
  await revoke(hand, groupId, judgement.openers);
  return {
    subjects: [{ kind: "securityGroup", groupId, before: { rules: openers } }],
    notes: judgement.reasons,
    // A later pass finds what somebody opened again, or what the first cut had missed.
    open: later ? judgement.openers.map((id) => `${groupId} was open again by ${id}`) : [],
  };
}

function revoke({ sdk, ec2, cut }: Hand, GroupId: string, SecurityGroupRuleIds: string[]) {
  const command = new sdk.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds });
  return cut("ec2:RevokeSecurityGroupIngress", GroupId, command, () => ec2.send(command));
}

/** A group's inbound rules; undefined where there is no such group. */
async function inboundRules(
  { sdk, ec2 }: Hand,
  group: SecurityGroupSubject,
): Promise<{ groupId: string; rules: SecurityGroupRule[] } | undefined> {
  const groupId = group.groupId ?? (await idOfName({ sdk, ec2 }, group.groupName ?? ""));
  if (!groupId) return undefined;
  const rules: SecurityGroupRule[] = [];
  const filter = { Filters: [{ Name: "group-id", Values: [groupId] }] };
  try {
    for await (const page of sdk.paginateDescribeSecurityGroupRules({ client: ec2 }, filter)) {
      rules.push(...listed(page.SecurityGroupRules));
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  // A filter that matches nothing is no error: a group without any rule and no group look alike.
  return rules.length === 0 ? undefined : { groupId, rules: rules.filter((one) => !one.IsEgress) };
}

/**
 * A name alone means the group of the default VPC.
 * Source: EC2 API Reference, AuthorizeSecurityGroupIngress, GroupName,
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
 */
async function idOfName({ sdk, ec2 }: Pick<Hand, "sdk" | "ec2">, name: string) {
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

/** A rule from a security group has no addresses; a prefix list's entries are not known here. */
function ingress(rule: SecurityGroupRule): Ingress {
  const cidr = rule.CidrIpv4 ?? rule.CidrIpv6 ?? (rule.PrefixListId ? "unknown" : undefined);
  return {
    id: rule.SecurityGroupRuleId ?? "",
    protocol: rule.IpProtocol ?? "unknown",
    ...(rule.FromPort !== undefined && { fromPort: rule.FromPort }),
    ...(rule.ToPort !== undefined && { toPort: rule.ToPort }),
    cidrs: cidr === undefined ? [] : [cidr],
  };
}
