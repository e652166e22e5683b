import type { EC2Client, NetworkAcl, NetworkAclEntry } from "@aws-sdk/client-ec2";
import {
  type AclChange,
  type AclEntry,
  type AclLift,
  type Move,
  sameEntry,
} from "../../networkAcl/acl";
import type { Action } from "../case";
import { type Cut, triesOf } from "../cut";
import { listed } from "../listed";
import { inFilters } from "./filters";

/** What a look at network ACLs and a change of them need. */
export interface AclHand {
  sdk: typeof import("../../sdk/networkAcl");
  ec2: EC2Client;
  cut: Cut;
}

/** A network ACL as a look found it. */
export interface Acl {
  id: string;
  vpcId: string;
  entries: AclEntry[];
  /** The subnets that it guards. */
  subnetIds: string[];
}

/** What the changes here call. */
export const aclCuts = ["ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry"];

/** The network ACLs that guard these subnets. */
export async function aclsOfSubnets(
  hand: Omit<AclHand, "cut">,
  subnetIds: string[],
): Promise<Acl[]> {
  const found: Acl[] = [];
  for (const Values of inFilters(subnetIds)) {
    const Filters = [{ Name: "association.subnet-id", Values }];
    found.push(...(await acls(hand, { Filters })));
  }
  return found.filter(({ id }, at) => found.findIndex((one) => one.id === id) === at);
}

/** One network ACL as it is now. @throws InvalidNetworkAclID.NotFound where there is none. */
export async function aclOf(hand: Omit<AclHand, "cut">, id: string): Promise<Acl | undefined> {
  return (await acls(hand, { NetworkAclIds: [id] }))[0];
}

/** The same by a filter, to which an ACL that is not there is an empty list. */
export async function aclIfThere(hand: Omit<AclHand, "cut">, id: string): Promise<Acl | undefined> {
  return (await acls(hand, { Filters: [{ Name: "network-acl-id", Values: [id] }] }))[0];
}

async function acls(
  { sdk, ec2 }: Omit<AclHand, "cut">,
  input: { NetworkAclIds?: string[]; Filters?: { Name: string; Values: string[] }[] },
): Promise<Acl[]> {
  const found: Acl[] = [];
  for await (const page of sdk.paginateDescribeNetworkAcls({ client: ec2 }, input)) {
    found.push(...listed(page.NetworkAcls).map(readAcl));
  }
  return found;
}

function readAcl(acl: NetworkAcl): Acl {
  const { NetworkAclId = "", VpcId = "", Entries = [], Associations = [] } = acl;
  return {
    id: NetworkAclId,
    vpcId: VpcId,
    entries: Entries.map(readEntry),
    subnetIds: Associations.flatMap(({ SubnetId }) => SubnetId ?? []),
  };
}

function readEntry(entry: NetworkAclEntry): AclEntry {
  const { RuleNumber, Egress, RuleAction, Protocol, PortRange, IcmpTypeCode } = entry;
  return {
    number: RuleNumber ?? 0,
    egress: Egress ?? false,
    action: RuleAction ?? "deny",
    protocol: Protocol ?? "-1",
    cidr: entry.Ipv6CidrBlock || entry.CidrBlock || "",
    ...(PortRange?.From !== undefined && { fromPort: PortRange.From }),
    ...(PortRange?.To !== undefined && { toPort: PortRange.To }),
    ...(IcmpTypeCode && {
      icmp: { type: IcmpTypeCode.Type ?? -1, code: IcmpTypeCode.Code ?? -1 },
    }),
  };
}

/** What a change of an ACL came to. */
export interface Changed {
  /** The entries that were made. */
  made: AclEntry[];
  /** The moves that were made. */
  moved: Move[];
  /** Why it was not all: a number is taken since the look, the quota is used up, or a call failed. */
  stopped?: "taken" | "full" | "failed";
}

/**
 * Makes what a block adds and moves, as far as it is not there. Entries that allow come first: a
 * source that is to be kept is then never cut off in between.
 */
export async function block(hand: AclHand, acl: Acl, change: AclChange): Promise<Changed> {
  const changed: Changed = { made: [], moved: [] };
  const isThere = (entry: AclEntry) => acl.entries.some((one) => sameEntry(one, entry));
  for (const move of change.move) {
    if (!isThere(move.entry)) continue;
    changed.stopped = await makeMove(hand, acl, move);
    if (changed.stopped) return changed;
    changed.moved.push(move);
  }
  const missing = change.add.filter((entry) => !isThere(entry));
  const inOrder = [
    ...missing.filter(({ action }) => action === "allow"),
    ...missing.filter(({ action }) => action === "deny"),
  ];
  for (const entry of inOrder) {
    changed.stopped = await create(hand, acl.id, entry);
    if (changed.stopped) return changed;
    changed.made.push(entry);
  }
  return changed;
}

/**
 * Takes entries away, those that deny first, and gives those that were moved their numbers back.
 *
 * @returns whether all of it was done, or found gone.
 */
export async function unblock(hand: AclHand, acl: Acl, lift: AclLift): Promise<boolean> {
  let isDone = true;
  for (const action of ["deny", "allow"]) {
    for (const entry of lift.remove.filter((one) => one.action === action)) {
      if ((await remove(hand, acl.id, entry)) === "failed") isDone = false;
    }
    // What is kept from a wider deny would be cut off if it went before that one.
    if (!isDone) return false;
  }
  for (const move of lift.move) {
    if (await makeMove(hand, acl, move)) return false;
  }
  return true;
}

/**
 * EC2 shows a change a little later.
 * Source: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
 */
const PAUSES_MS = [0, 500, 1500];

/**
 * Is a network ACL as a change should have left it? The SDK takes any page for an answer, so a call
 * that went to nobody looks like one that was made.
 */
export async function isChanged(
  hand: Omit<AclHand, "cut">,
  id: string,
  { add = [], remove: removed = [], move = [] }: Partial<AclChange & AclLift>,
): Promise<boolean> {
  const added = [...add, ...move.map(({ entry, to }) => ({ ...entry, number: to }))];
  const gone = [...removed, ...move.map(({ entry }) => entry)];
  if (added.length + gone.length === 0) return true;
  for (const pause of PAUSES_MS) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const entries = (await aclOf(hand, id))?.entries ?? [];
    const stands = (wanted: AclEntry) => entries.some((one) => sameEntry(one, wanted));
    if (added.every(stands) && !gone.some(stands)) return true;
  }
  return false;
}

/** Under its new number first, so that what it decides is decided all the time. */
async function makeMove(hand: AclHand, acl: Acl, { entry, to }: Move): Promise<Changed["stopped"]> {
  const moved = { ...entry, number: to };
  // Where an earlier try ended between the two calls, the entry is there twice.
  const isThere = acl.entries.some((one) => sameEntry(one, moved));
  const stopped = isThere ? undefined : await create(hand, acl.id, moved);
  if (stopped) return stopped;
  return (await remove(hand, acl.id, entry)) === "failed" ? "failed" : undefined;
}

/**
 * What makes an entry.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html
 */
export function creation(
  NetworkAclId: string,
  { number, egress, action, protocol, cidr, fromPort, toPort, icmp }: AclEntry,
) {
  return {
    NetworkAclId,
    RuleNumber: number,
    Egress: egress,
    RuleAction: action,
    Protocol: protocol,
    ...(cidr.includes(":") ? { Ipv6CidrBlock: cidr } : { CidrBlock: cidr }),
    ...(fromPort !== undefined && { PortRange: { From: fromPort, To: toPort } }),
    ...(icmp && { IcmpTypeCode: { Type: icmp.type, Code: icmp.code } }),
  };
}

async function create(
  { sdk, ec2, cut }: AclHand,
  NetworkAclId: string,
  entry: AclEntry,
): Promise<Changed["stopped"]> {
  const command = new sdk.CreateNetworkAclEntryCommand(creation(NetworkAclId, entry));
  let isTaken = false;
  const outcome = await cut("ec2:CreateNetworkAclEntry", NetworkAclId, command, () =>
    ec2.send(command).catch(async (error) => {
      if (error?.name !== "NetworkAclEntryAlreadyExists") throw error;
      const isOwn =
        isRetried(error) && (await isChanged({ sdk, ec2 }, NetworkAclId, { add: [entry] }));
      if (isOwn) return;
      isTaken = true;
      throw error;
    }),
  );
  if (isTaken) return "taken";
  if (outcome === "full") return "full";
  return outcome === "failed" || outcome === "gone" ? "failed" : undefined;
}

/**
 * Did the client ask more than once? Then what has the number may be what it asked for itself: an
 * answer that is lost is a `TimeoutError`, which it retries, and CreateNetworkAclEntry takes no
 * client token.
 * Source: https://github.com/smithy-lang/smithy-typescript/blob/main/packages/types/src/response.ts
 */
function isRetried(error: unknown): boolean {
  return triesOf(error) > 1;
}

/** What takes an entry away. */
export function removal(NetworkAclId: string, { number, egress }: AclEntry) {
  return { NetworkAclId, RuleNumber: number, Egress: egress };
}

/** Takes one entry away. */
export function remove(
  { sdk, ec2, cut }: AclHand,
  NetworkAclId: string,
  entry: AclEntry,
): Promise<Action["outcome"]> {
  const command = new sdk.DeleteNetworkAclEntryCommand(removal(NetworkAclId, entry));
  return cut("ec2:DeleteNetworkAclEntry", NetworkAclId, command, () => ec2.send(command));
}
