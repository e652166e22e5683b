import type { RemoteAddressSubject } from "../../events/incident";
import type { BlockRequest } from "../../networkAcl/plan";
import { standing } from "../../networkAcl/shared";
import { distinct } from "../../networkAcl/trace";
import { type Acl, type AclHand, aclsOfSubnets } from "./acls";
import { changesOf, type StoredBlocks } from "./blocks";
import { nicsBy } from "./reach";
import { cidrOf } from "./remoteAddress";

type Eye = Omit<AclHand, "cut">;

/**
 * The network ACLs before the interface on which an address tries passwords; where the finding names
 * no subnet, before the interface as EC2 shows it, or before all of the instance's. None: they are
 * gone, or the finding names nothing.
 */
export async function aclsTried(eye: Eye, subject: RemoteAddressSubject): Promise<Acl[]> {
  const { subnetId } = subject;
  return aclsOfSubnets(eye, subnetId ? [subnetId] : await subnetsTried(eye, subject));
}

async function subnetsTried(
  eye: Eye,
  { interfaceId, instanceId }: RemoteAddressSubject,
): Promise<string[]> {
  const named = interfaceId ? await nicsBy(eye, "network-interface-id", [interfaceId]) : [];
  const nics =
    named.length === 0 && instanceId
      ? await nicsBy(eye, "attachment.instance-id", [instanceId])
      : named;
  return nics.map(({ subnetId }) => subnetId);
}

/**
 * GuardDuty sees passwords tried on this port only, whichever the owner's SSH ports are.
 * Source: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-ec2.html
 * (UnauthorizedAccess:EC2/SSHBruteForce)
 */
const TRIED_PORT = 22;

/** What blocks one address: SSH alone, since others may use the address beside the attacker. */
export function addressRequest(address: string, sshPorts: number[]): BlockRequest {
  const ports = [...new Set([TRIED_PORT, ...sshPorts])].sort((a, b) => a - b);
  return { sources: [cidrOf(address)], keep: [], ports };
}

/**
 * A block of another case that does what is asked for, stands whole, and outlives `until`. GuardDuty
 * tells of an address again every 15 minutes: one block a finding would use up the entries.
 */
export function standingBlock(
  others: StoredBlocks[],
  acl: Acl,
  request: BlockRequest,
  until: string,
): StoredBlocks | undefined {
  const blocks = standing(acl.entries, request, changesOf(others, acl.id));
  return others.find(
    (one) => one.until > until && one.changes.some((change) => blocks.includes(change)),
  );
}

/**
 * The entries of each family that addresses blocked one by one may take up in a network ACL: a third
 * of what AWS grants unasked. Who has a session when a line is closed has to find room, too.
 */
export const MOST_ADDRESS_ENTRIES = 6;

/** Do blocks of single addresses take up so many entries that there is none for another one? */
export function isCrowded(all: StoredBlocks[], { id }: Acl, request: BlockRequest): boolean {
  const [asked = ""] = request.sources;
  const width = asked.slice(asked.indexOf("/"));
  const single = changesOf(all, id).filter(
    ({ request: { sources, keep } }) =>
      sources.length === 1 && keep.length === 0 && sources[0]?.endsWith(width),
  );
  if (single.some(({ request: { sources } }) => sources[0] === asked)) return false;
  const blocks = distinct(single.map(({ block }) => block));
  return blocks.flatMap(({ add }) => add).length >= MOST_ADDRESS_ENTRIES;
}
