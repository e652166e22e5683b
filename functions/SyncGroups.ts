import type { EC2Client, SecurityGroupRule } from "@aws-sdk/client-ec2";
import { type IpRanges, publishedCidrs } from "../ipRanges/document";
import { fetchIpRanges, readNotification } from "../ipRanges/fetch";
import type { Action, Mode } from "./case";
import { clientTimes } from "./client";
import { type Cut, cutting } from "./cut";
import { listed, noLook } from "./listed";
import { type MissingRule, planSync, type SyncedGroup } from "./syncedGroups/plan";

type Ec2Sdk = typeof import("@aws-sdk/client-ec2");
type SnsSdk = typeof import("@aws-sdk/client-sns");

/** What the function is told when it is deployed. */
export interface SyncSettings {
  mode: Mode;
  groups: (SyncedGroup & {
    /** The service's CIDRs in the bundled copy. */
    lastKnown: string[];
  })[];
  /** The bundled copy's syncToken: an older document is refused. */
  oldest: number;
}

/** What the handler calls; its role is granted exactly this, and the rest only in `enforce`. */
export const syncGroupsActions = {
  looks: ["ec2:DescribeSecurityGroupRules"],
  cuts: ["ec2:RevokeSecurityGroupIngress"],
  /** The exception: it adds rules, to the groups of the setting alone. */
  grants: ["ec2:AuthorizeSecurityGroupIngress"],
};

/** What one run did. */
export interface SyncResult {
  /** When AWS published the ranges. */
  createDate: string;
  actions: Action[];
  alerts: string[];
}

interface Hand {
  sdk: Ec2Sdk;
  ec2: EC2Client;
  cut: Cut;
}

/**
 * Keeps security groups at exactly the published ranges of a service plus fixed CIDRs: additions
 * first, then removals, and only the rules that differ.
 *
 * Runs by the clock and by AWS's notification. Only a document that was fetched now counts, or one
 * that is as new as the notification: where there is none, nothing is changed and the run fails.
 * People are told of every change, and of what was refused.
 *
 * @param fetchRanges another one in tests alone.
 * @throws what the fetch throws; SyncFailed where a group could not be brought into step.
 */
export function syncGroups(
  sdk: Ec2Sdk,
  snsSdk: SnsSdk,
  settings: SyncSettings,
  fetchRanges: typeof fetchIpRanges = fetchIpRanges,
) {
  const ec2 = new sdk.EC2Client(clientTimes);
  const sns = new snsSdk.SNSClient(clientTimes);
  let newest: IpRanges | undefined;

  return async (event: unknown): Promise<SyncResult> => {
    const notified = notificationIn(event);
    if (!newest || !notified || notified.syncToken > newest.syncToken) {
      newest = await fetchRanges(Math.max(settings.oldest, newest?.syncToken ?? 0), notified);
    }
    const ranges = newest;
    const actions: Action[] = [];
    const hand = { sdk, ec2, cut: cutting(settings.mode, actions) };
    const passes = await Promise.all(settings.groups.map((group) => sync(hand, group, ranges)));
    const failed = [
      ...passes.flatMap((pass) => pass.failed ?? []),
      ...actions
        .filter(({ outcome }) => outcome === "failed" || outcome === "full")
        .map(({ call, subject, error }) => `${call} on ${subject}: ${error}`),
    ];
    const result = {
      createDate: ranges.createDate,
      actions,
      alerts: [...passes.flatMap(({ alerts }) => alerts), ...failed],
    };
    if (actions.length + result.alerts.length > 0) {
      await sns.send(
        new snsSdk.PublishCommand({ TopicArn: process.env.TOPIC_ARN ?? "", ...messageOf(result) }),
      );
    }
    if (failed.length > 0) {
      throw Object.assign(new Error(failed.join("; ")), { name: "SyncFailed" });
    }
    return result;
  };
}

/** Of several records the newest; SNS hands over one. */
function notificationIn(event: unknown) {
  const { Records } = Object(event) as { Records?: unknown };
  const said = (Array.isArray(Records) ? Records : []).flatMap(
    (record) => readNotification(record?.Sns?.Message) ?? [],
  );
  return said.sort((a, b) => b.syncToken - a.syncToken)[0];
}

/** One group; whatever goes wrong with it must not stop the others. */
async function sync(
  hand: Hand,
  group: SyncSettings["groups"][number],
  ranges: IpRanges,
): Promise<{ alerts: string[]; failed?: string }> {
  try {
    const rules = await inboundRules(hand, group.group);
    const plan = planSync(rules, group, publishedCidrs(ranges, group), group.lastKnown);
    const alerts = [...(plan.refused ? [plan.refused] : []), ...plan.alerts];
    const added = plan.add.length === 0 || (await authorize(hand, group.group, plan.add));
    // What is missing may be what somebody needs in place of what would go.
    if (added && plan.remove.length > 0) await revoke(hand, group.group, plan.remove);
    return { alerts };
  } catch (error) {
    return { alerts: [], failed: `${group.group}: ${String(error)}` };
  }
}

async function inboundRules({ sdk, ec2 }: Hand, groupId: string): Promise<SecurityGroupRule[]> {
  const filter = { Filters: [{ Name: "group-id", Values: [groupId] }] };
  const rules: SecurityGroupRule[] = [];
  for await (const page of sdk.paginateDescribeSecurityGroupRules({ client: ec2 }, filter)) {
    rules.push(...listed(page.SecurityGroupRules));
  }
  if (rules.some(({ GroupId }) => GroupId !== groupId)) {
    throw noLook(`The look at ${groupId} shows rules of other groups`);
  }
  return rules.filter(({ IsEgress }) => !IsEgress);
}

async function authorize({ sdk, ec2, cut }: Hand, GroupId: string, add: MissingRule[]) {
  const ports = [...new Set(add.map(({ port }) => port))];
  const IpPermissions = ports.map((port) => {
    const ofPort = add.filter((one) => one.port === port);
    const ipv4 = ofPort.filter(({ cidr }) => !cidr.includes(":"));
    const ipv6 = ofPort.filter(({ cidr }) => cidr.includes(":"));
    return {
      IpProtocol: "tcp",
      FromPort: port,
      ToPort: port,
      IpRanges: ipv4.map(({ cidr, description }) => ({ CidrIp: cidr, Description: description })),
      Ipv6Ranges: ipv6.map(({ cidr, description }) => ({
        CidrIpv6: cidr,
        Description: description,
      })),
    };
  });
  const command = new sdk.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions });
  const call = "ec2:AuthorizeSecurityGroupIngress";
  const outcome = await cut(call, GroupId, command, () => ec2.send(command));
  return outcome === "done" || outcome === "would";
}

async function revoke({ sdk, ec2, cut }: Hand, GroupId: string, remove: SecurityGroupRule[]) {
  const SecurityGroupRuleIds = remove.flatMap(
    ({ SecurityGroupRuleId }) => SecurityGroupRuleId ?? [],
  );
  const command = new sdk.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds });
  await cut("ec2:RevokeSecurityGroupIngress", GroupId, command, () => ec2.send(command));
}

function messageOf({ createDate, actions, alerts }: SyncResult) {
  const done = actions.some(({ outcome }) => outcome === "done");
  const would = actions.some(({ outcome }) => outcome === "would");
  const what = done ? "synced groups changed" : would ? "would change synced groups" : "";
  return {
    Subject: `Tourniquet: ${alerts.length > 0 ? "look at the synced groups" : what}`,
    Message: [
      `AWS published its address ranges at ${createDate}.`,
      ...actions.flatMap(({ call, subject, outcome, input }) => [
        `- ${outcome}: ${call} ${subject}`,
        ...rulesIn(input).map((rule) => `  ${rule}`),
      ]),
      ...(alerts.length > 0 ? ["", "Look at this:", ...alerts.map((one) => `- ${one}`)] : []),
    ].join("\n"),
  };
}

function rulesIn(input: Action["input"]): string[] {
  const permissions = (input.IpPermissions ?? []) as {
    FromPort: number;
    IpRanges: { CidrIp: string }[];
    Ipv6Ranges: { CidrIpv6: string }[];
  }[];
  const added = permissions.flatMap(({ FromPort, IpRanges, Ipv6Ranges }) =>
    [...IpRanges.map(({ CidrIp }) => CidrIp), ...Ipv6Ranges.map(({ CidrIpv6 }) => CidrIpv6)].map(
      (cidr) => `tcp ${FromPort} from ${cidr}`,
    ),
  );
  return [...added, ...((input.SecurityGroupRuleIds ?? []) as string[])];
}
