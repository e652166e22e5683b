import type { IpPermission, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { ToldRule } from "../../events/incident";
import { readCidr } from "../../rulebook/cidr";

/** As AuthorizeSecurityGroupIngress takes it. */
export function permissionOf(rule: SecurityGroupRule): IpPermission {
  const { IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, PrefixListId, Description } = rule;
  const what = { IpProtocol, FromPort, ToPort };
  if (CidrIpv4) return { ...what, IpRanges: [{ CidrIp: CidrIpv4, Description }] };
  if (CidrIpv6) return { ...what, Ipv6Ranges: [{ CidrIpv6, Description }] };
  return { ...what, PrefixListIds: [{ PrefixListId, Description }] };
}

/** The rules of a permission, one a source; other groups as a source are left out. */
export function rulesOf({ IpProtocol, FromPort, ToPort, ...from }: IpPermission) {
  return [
    ...(from.IpRanges ?? []).map(({ CidrIp, ...rest }) => ({ ...rest, CidrIpv4: CidrIp })),
    ...(from.Ipv6Ranges ?? []),
    ...(from.PrefixListIds ?? []),
  ].map((source): SecurityGroupRule => ({ IpProtocol, FromPort, ToPort, ...source }));
}

/** "tcp 23-65535 from 0.0.0.0/0". */
export function ruleInWords(rule: SecurityGroupRule): string {
  const { IpProtocol, FromPort, ToPort } = rule;
  const source = rule.CidrIpv4 ?? rule.CidrIpv6 ?? rule.PrefixListId;
  if (isEvery(rule)) return `every protocol from ${source}`;
  if (FromPort === -1) return `${IpProtocol} from ${source}`;
  return `${IpProtocol} ${FromPort === ToPort ? FromPort : `${FromPort}-${ToPort}`} from ${source}`;
}

/** Is it for every protocol? */
export function isEvery({ IpProtocol }: SecurityGroupRule): boolean {
  return IpProtocol === "-1" || IpProtocol?.toLowerCase() === "all";
}

/** What makes a rule another one to EC2: not its description, nor how its source is spelled. */
export function ruleKey(rule: SecurityGroupRule): string {
  const cidr = rule.CidrIpv4 ?? rule.CidrIpv6;
  const blocks = (readCidr(cidr) ?? []).map(
    ({ family, first, last }) => `${family} ${first}-${last}`,
  );
  const source = cidr ? blocks.join() : (rule.PrefixListId ?? rule.SecurityGroupRuleId);
  const protocol = PROTOCOLS[rule.IpProtocol ?? ""] ?? rule.IpProtocol;
  return `${protocol} ${rule.FromPort}-${rule.ToPort} ${source}`;
}

/** EC2 tells these by name, whichever way they were given. */
const PROTOCOLS: Record<string, string> = { "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6" };

/** A rule that the record tells, as EC2 would. EC2 knows no ports of a rule for every protocol. */
export function ruleOf({ id, protocol, fromPort, toPort, source }: ToldRule): SecurityGroupRule {
  const every = isEvery({ IpProtocol: protocol });
  return {
    ...(id && { SecurityGroupRuleId: id }),
    IpProtocol: every ? "-1" : protocol,
    ...(fromPort !== undefined && { FromPort: every ? -1 : fromPort }),
    ...(toPort !== undefined && { ToPort: every ? -1 : toPort }),
    ...sourceOf(source),
  };
}

function sourceOf(source: string): SecurityGroupRule {
  if (source.startsWith("pl-")) return { PrefixListId: source };
  return source.includes(":") ? { CidrIpv6: source } : { CidrIpv4: source };
}
