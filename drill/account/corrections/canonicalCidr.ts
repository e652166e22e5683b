import ipaddr from "ipaddr.js";
import type { Correction } from "./correction";

/** EC2 clears the host bits of a rule's source; moto keeps them, and 8.8.8.8/0 is then not /0. */
export const canonicalCidr: Correction = {
  service: "ec2",
  actions: [
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
    "ModifySecurityGroupRules",
  ],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html",
  async handle(request, _principal, backend) {
    const query = new URLSearchParams(request.body.toString("utf8"));
    for (const [name, value] of [...query]) {
      if (/\bCidrIp(v[46])?$/.test(name)) query.set(name, canonical(value));
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
