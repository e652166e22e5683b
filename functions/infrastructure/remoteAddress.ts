import type { RemoteAddressSubject } from "../../events/incident";
import { readCidr, within } from "../../rulebook/cidr";
import type { Pass } from "../case";
import type { Hand } from "./close";

/**
 * Judges an address that tries SSH passwords. It becomes a subject, for its sessions to be broken,
 * unless the owner trusts it or it is one of the VPC's own: that is a colleague or an instance of
 * his, whom a person has to look at.
 */
export async function judgeAddress(hand: Hand, subject: RemoteAddressSubject): Promise<Pass> {
  if (hand.later) return {};
  const { address, instanceId = "an instance" } = subject;
  const tries = `${address} tries SSH passwords on ${instanceId}`;
  if (isIn(address, hand.settings.trustedCidrs)) {
    return { alerts: [`${tries}, and is in trustedCidrs: it is not blocked. Look at it.`] };
  }
  if (isIn(address, await cidrsOf(hand, subject.vpcId))) {
    return { alerts: [`${tries}, and is in the same VPC: it is not blocked. Look at it.`] };
  }
  return { subjects: [subject], alerts: [tries] };
}

function isIn(address: string, cidrs: string[]): boolean {
  const [one] = readCidr(`${address}/${address.includes(":") ? 128 : 32}`) ?? [];
  const blocks = cidrs.flatMap((cidr) => readCidr(cidr) ?? []);
  return (
    one !== undefined &&
    within(
      one,
      blocks.filter(({ family }) => family === one.family),
    )
  );
}

/** Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Vpc.html */
async function cidrsOf({ sdk, ec2 }: Hand, vpcId: string | undefined): Promise<string[]> {
  if (!vpcId) return [];
  const { Vpcs = [] } = await ec2.send(
    new sdk.DescribeVpcsCommand({ Filters: [{ Name: "vpc-id", Values: [vpcId] }] }),
  );
  return Vpcs.flatMap((vpc) => [
    ...(vpc.CidrBlock ? [vpc.CidrBlock] : []),
    ...(vpc.CidrBlockAssociationSet ?? []).flatMap(({ CidrBlock }) => CidrBlock ?? []),
    ...(vpc.Ipv6CidrBlockAssociationSet ?? []).flatMap(({ Ipv6CidrBlock }) => Ipv6CidrBlock ?? []),
  ]);
}
