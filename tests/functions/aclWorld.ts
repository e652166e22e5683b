import * as client from "@aws-sdk/client-ec2";
import * as s3 from "@aws-sdk/client-s3";
import { creation } from "../../functions/infrastructure/acls";
import type { StoredBlocks } from "../../functions/infrastructure/blocks";
import type { AclEntry } from "../../networkAcl/acl";

import { type Answers, type Call, fakeSdk, refusal } from "./fakeSdk";

export type AclAnswers = Answers<typeof client>;

/** What EC2 and the case bucket have, and what was asked of them, in one order. */
export interface World {
  acls: Record<string, AclEntry[]>;
  /** The subnet of each ACL's is named after it: "subnet-" and the ACL's id. */
  blocks: StoredBlocks[];
  calls: Call[];
}

export const VPC = "vpc-1";

/** An inbound entry of TCP 22, unless it says otherwise. */
export function entry(
  number: number,
  action: "allow" | "deny",
  cidr: string,
  over: Partial<AclEntry> = {},
): AclEntry {
  const ports = { fromPort: 22, toPort: 22 };
  return { number, egress: false, action, protocol: "6", cidr, ...ports, ...over };
}

/** The inbound entries of an ACL that nobody has changed. */
export const untouched: AclEntry[] = [
  { number: 100, egress: false, action: "allow", protocol: "-1", cidr: "0.0.0.0/0" },
  { number: 32767, egress: false, action: "deny", protocol: "-1", cidr: "0.0.0.0/0" },
];

/** A block of one case on one ACL, as it lies in the bucket. */
export function stored(
  caseId: string,
  add: AclEntry[],
  over: Partial<StoredBlocks["changes"][0]> & { until?: string } = {},
): StoredBlocks {
  const { until = "2026-06-01T13:00:00.000Z", ...rest } = over;
  const request = { sources: add.map(({ cidr }) => cidr), keep: [], ports: [22] };
  const at = "2026-06-01T12:00:00.000Z";
  const change = { aclId: "acl-1", at, request, block: { add, move: [] }, ...rest };
  return { caseId, until, changes: [change] };
}

/**
 * EC2 with these network ACLs, in which an entry is made and deleted, and a bucket with these blocks.
 *
 * @param answers take the place of what they name; undefined: go on as without.
 */
export function aclWorld(
  world: Omit<World, "calls">,
  answers: {
    ec2?: AclAnswers;
    s3?: Answers<typeof s3>;
  } = {},
) {
  const calls: Call[] = [];
  const entriesOf = (id: string | undefined) => {
    const entries = world.acls[id ?? ""];
    if (!entries) throw refusal("InvalidNetworkAclID.NotFound");
    return entries;
  };
  const at = (input: { RuleNumber?: number; Egress?: boolean }) => (one: AclEntry) =>
    one.number === input.RuleNumber && one.egress === input.Egress;
  const ec2: AclAnswers = {
    DescribeNetworkAcls: ({ NetworkAclIds, Filters }) => {
      const wanted = Filters?.[0]?.Values ?? [];
      const isWanted = (id: string) => wanted.includes(id) || wanted.includes(`subnet-${id}`);
      const ids = NetworkAclIds ?? Object.keys(world.acls).filter(isWanted);
      return {
        NetworkAcls: ids.map((id) => ({
          NetworkAclId: id,
          VpcId: VPC,
          Entries: entriesOf(id).map((one) => creation(id, one)),
          Associations: [{ SubnetId: `subnet-${id}` }],
        })),
      };
    },
    CreateNetworkAclEntry: (input) => {
      const entries = entriesOf(input.NetworkAclId);
      if (entries.some(at(input))) return refusal("NetworkAclEntryAlreadyExists");
      const { From, To } = input.PortRange ?? {};
      entries.push({
        number: input.RuleNumber ?? 0,
        egress: input.Egress ?? false,
        action: input.RuleAction ?? "deny",
        protocol: input.Protocol ?? "-1",
        cidr: input.Ipv6CidrBlock ?? input.CidrBlock ?? "",
        ...(From !== undefined && { fromPort: From }),
        ...(To !== undefined && { toPort: To }),
      });
      return {};
    },
    DeleteNetworkAclEntry: (input) => {
      const entries = entriesOf(input.NetworkAclId);
      const index = entries.findIndex(at(input));
      if (index < 0) return refusal("InvalidNetworkAclEntry.NotFound");
      entries.splice(index, 1);
      return {};
    },
    DescribeVpcs: { Vpcs: [{ VpcId: VPC, CidrBlock: "172.31.0.0/16" }] },
    ...answers.ec2,
  };
  const keyOf = ({ caseId }: StoredBlocks) => `blocks/${caseId}.json`;
  const bucket: Answers<typeof s3> = {
    ListObjectsV2: () => ({
      KeyCount: world.blocks.length,
      Contents: world.blocks.map((one) => ({ Key: keyOf(one) })),
    }),
    GetObject: ({ Key }) => {
      const found = world.blocks.find((one) => keyOf(one) === Key);
      if (!found) return refusal("NoSuchKey");
      const text = JSON.stringify(found);
      return { Body: { transformToString: async () => text } };
    },
    PutObject: ({ Key, Body }) => {
      world.blocks = [
        ...world.blocks.filter((one) => keyOf(one) !== Key),
        JSON.parse(String(Body)) as StoredBlocks,
      ];
      return { ETag: "1" };
    },
    DeleteObject: ({ Key }) => {
      world.blocks = world.blocks.filter((one) => keyOf(one) !== Key);
      return {};
    },
    ...answers.s3,
  };
  const { sdk: ec2Sdk } = fakeSdk(client, "EC2Client", ec2, calls);
  const { sdk: s3Sdk } = fakeSdk(s3, "S3Client", bucket, calls);
  return { ec2Sdk, s3Sdk, calls };
}

/** The calls that change something, one line each. */
export function changesIn(calls: Call[]): string[] {
  return calls
    .filter(([name]) => !/^(Get|List|Describe)/.test(name))
    .map(([name, input]) => {
      const { Key, NetworkAclId, RuleNumber, RuleAction, CidrBlock, Ipv6CidrBlock } =
        input as Record<string, unknown>;
      return [name, Key ?? NetworkAclId, RuleNumber, RuleAction, CidrBlock ?? Ipv6CidrBlock]
        .filter((word) => word !== undefined)
        .join(" ");
    });
}
