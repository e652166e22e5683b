import type { IpPermission, SecurityGroupRule } from "@aws-sdk/client-ec2";

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
