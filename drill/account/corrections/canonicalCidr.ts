import ipaddr from "ipaddr.js";
import type { Correction } from "./correction";

/** EC2 clears the host bits of the source of a rule or of an ACL's entry; moto keeps them, and 8.8.8.8/0 is then not /0. */
export const canonicalCidr: Correction = {
  service: "ec2",
  actions: [
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
    "ModifySecurityGroupRules",
    "CreateNetworkAclEntry",
    "ReplaceNetworkAclEntry",
  ],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html",
  async handle(request, _principal, backend) {
    const query = new URLSearchParams(request.body.toString("utf8"));
    for (const [name, value] of [...query]) {
      if (/\b(CidrIp(v[46])?|(Ipv6)?CidrBlock)$/.test(name)) query.set(name, canonical(value));
    }
    return await backend.forward({ ...request, body: Buffer.from(query.toString()) });
  },
};

function canonical(cidr: string): string {
  if (ipaddr.IPv4.isValidCIDR(cidr)) {
    return `${ipaddr.IPv4.networkAddressFromCIDR(cidr)}/${cidr.split("/")[1]}`;
  }
  if (ipaddr.IPv6.isValidCIDR(cidr)) {
    return `${ipaddr.IPv6.networkAddressFromCIDR(cidr)}/${cidr.split("/")[1]}`;
  }
  return cidr;
}
