import type { RemoteAddressSubject } from "../../events/incident";
import { notRoutable, readCidr, within } from "../../rulebook/cidr";
import type { Pass } from "../case";
import type { Hand } from "./close";
import { entriesOf } from "./look";
import { cidrsOfVpc } from "./reach";

/**
 * Judges an address that tries SSH passwords. It becomes a subject, to be blocked where sessions are
 * broken, unless the owner trusts it, or it is the VPC's own or none of the internet's: that is a
 * colleague or an instance of his, whom a person has to look at.
 */
export async function judgeAddress(hand: Hand, subject: RemoteAddressSubject): Promise<Pass> {
  if (hand.later) return {};
  const { address, instanceId = "an instance" } = subject;
  const tries = `${address} tries SSH passwords on ${instanceId}`;
  const [lists, own] = await Promise.all([trustedEntries(hand), ownCidrs(hand, subject.vpcId)]);
  const why = whyKept(address, [...hand.settings.trustedCidrs, ...lists], own);
  if (why) return { alerts: [`${tries}, and ${why}: it is not blocked. Look at it.`] };
  return { subjects: [subject], alerts: [tries] };
}

/**
 * Why an address is never blocked; undefined: nothing speaks for it.
 *
 * @param trusted CIDRs of the owner's.
 * @param own the CIDRs of the VPC in which it tries.
 */
export function whyKept(address: string, trusted: string[], own: string[]): string | undefined {
  if (isIn(address, trusted)) return "is in trustedCidrs";
  if (isIn(address, own)) return "is in the same VPC";
  return isPublic(address) ? undefined : "is no address of the internet";
}

/** The CIDR that holds one address and no other. */
export function cidrOf(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function isIn(address: string, cidrs: string[]): boolean {
  const one = blockOf(address);
  const blocks = cidrs.flatMap((cidr) => readCidr(cidr) ?? []);
  return (
    one !== undefined &&
    within(
      one,
      blocks.filter(({ family }) => family === one.family),
    )
  );
}

/** What cannot be read is not public: it is not blocked. */
function isPublic(address: string): boolean {
  const one = blockOf(address);
  return one !== undefined && !within(one, notRoutable(one.family));
}

function blockOf(address: string) {
  return readCidr(cidrOf(address))?.[0];
}

async function trustedEntries(hand: Hand): Promise<string[]> {
  const { trustedLists = [] } = hand.settings;
  return (await Promise.all(trustedLists.map((id) => entriesOf(hand, id)))).flat();
}

async function ownCidrs({ sdk, ec2 }: Hand, vpcId: string | undefined): Promise<string[]> {
  if (!vpcId) return [];
  const Filters = [{ Name: "vpc-id", Values: [vpcId] }];
  const { Vpcs = [] } = await ec2.send(new sdk.DescribeVpcsCommand({ Filters }));
  return Vpcs.flatMap(cidrsOfVpc);
}
