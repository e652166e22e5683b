import { type Answer, errorAnswer, type Params, type Request, readAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

/** Inbound rules of a group, where nobody had the quota raised. */
const QUOTA = 60;

/**
 * EC2 adds all rules of a request or none, and answers with all that it added; moto adds those before
 * the one that it refuses, and answers with the rules of the last permission.
 */
export const authorizeWhole: Correction = {
  service: "ec2",
  actions: ["AuthorizeSecurityGroupIngress"],
  source:
    "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html",
  async handle(request, _principal, backend) {
    const { GroupId, IpPermissions } = request.params;
    const asked = listOf(IpPermissions).flatMap(rulesOf);
    if (!GroupId || asked.length === 0) return await backend.forward(request);
    const there = await inbound(String(GroupId), backend);
    const refuse = (code: string, message: string) =>
      errorAnswer(request, { code, message, status: 400 });
    if (asked.some((rule) => there.includes(rule))) {
      return refuse("InvalidPermission.Duplicate", "The specified rule already exists");
    }
    if (there.length + asked.length > QUOTA) {
      const message = "The maximum number of rules per security group has been reached.";
      return refuse("RulesPerSecurityGroupLimitExceeded", message);
    }
    return await oneByOne(request, backend);
  },
};

/** The rules of a permission, in words. */
function rulesOf(permission: Params): string[] {
  const { IpProtocol, FromPort = "-1", ToPort = "-1" } = permission;
  const sources = [
    ...listOf(permission.IpRanges).map(({ CidrIp }) => CidrIp),
    ...listOf(permission.Ipv6Ranges).map(({ CidrIpv6 }) => CidrIpv6),
    ...listOf(permission.PrefixListIds).map(({ PrefixListId }) => PrefixListId),
    ...listOf(permission.UserIdGroupPairs).map(({ GroupId }) => GroupId),
  ];
  return sources.map((source) => `${IpProtocol} ${FromPort} ${ToPort} ${source}`);
}

async function inbound(groupId: string, backend: Backend): Promise<string[]> {
  const action = "DescribeSecurityGroupRules";
  const filter = { "Filter.1.Name": "group-id", "Filter.1.Value.1": groupId };
  const answer = await backend.ask("ec2", action, filter);
  const content = readAnswer({ service: "ec2", action } as Request, answer) as Params;
  return listOf(content.securityGroupRuleSet)
    .filter(({ isEgress }) => String(isEgress) !== "true")
    .map((rule) => {
      const { ipProtocol, fromPort, toPort, cidrIpv4, cidrIpv6, prefixListId } = rule;
      const group = (rule.referencedGroupInfo as Params | undefined)?.groupId;
      return `${ipProtocol} ${fromPort} ${toPort} ${cidrIpv4 ?? cidrIpv6 ?? prefixListId ?? group}`;
    });
}

/** One request a permission, and what moto answers to each, as one answer. */
async function oneByOne(request: Request, backend: Backend): Promise<Answer> {
  const query = [...new URLSearchParams(request.body.toString("utf8"))];
  const numbers = new Set(query.flatMap(([key]) => PERMISSION.exec(key)?.[1] ?? []));
  const items: string[] = [];
  let whole: Answer | undefined;
  for (const number of numbers) {
    const own = query.flatMap(([key, value]) => {
      const found = PERMISSION.exec(key);
      if (!found) return [[key, value]];
      return found[1] === number ? [[key.replace(PERMISSION, "IpPermissions.1."), value]] : [];
    });
    const body = Buffer.from(new URLSearchParams(own as [string, string][]).toString());
    const answer = await backend.forward({ ...request, body });
    if (answer.status !== 200) return answer;
    items.push(RULES.exec(answer.body.toString("utf8"))?.[1] ?? "");
    whole = answer;
  }
  if (!whole) return await backend.forward(request);
  const set = `<securityGroupRuleSet>${items.join("")}</securityGroupRuleSet>`;
  return { ...whole, body: Buffer.from(whole.body.toString("utf8").replace(RULES, () => set)) };
}

const PERMISSION = /^IpPermissions\.(\d+)\./;
const RULES = /<securityGroupRuleSet>([\s\S]*?)<\/securityGroupRuleSet>/;

function listOf(value: unknown): Params[] {
  return Array.isArray(value) ? value : [];
}
