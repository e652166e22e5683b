import type { NetworkAcl, NetworkAclEntry } from "@aws-sdk/client-ec2";
import type { StoredBlocks } from "../functions/infrastructure/blocks";
import type { Call } from "./account/account";

/**
 * Every entry that `BreakSessions` asked for, answered or not, and that stands, is written down in
 * `blocks/`: a block that is not outlives everything, since network ACLs carry no description.
 *
 * @returns one sentence for each entry that is not.
 */
export function strandedEntries({
  responderCalls,
  objects,
  acls,
}: {
  responderCalls: Call[];
  objects: { key: string; text: string }[];
  acls: NetworkAcl[];
}): string[] {
  const blocks = objects
    .filter(({ key }) => /\/blocks\/[^/]+\.json$/.test(key))
    .flatMap(({ text }) => (JSON.parse(text) as StoredBlocks).changes);
  const isWritten = (aclId: string, number: number) =>
    blocks.some(
      (one) =>
        one.aclId === aclId &&
        (one.block.add.some((entry) => entry.number === number) ||
          one.block.move.some(({ to }) => to === number)),
    );
  return acls.flatMap(({ NetworkAclId: aclId = "", Entries = [] }) =>
    Entries.filter((entry) => responderCalls.some((call) => asksFor(call, aclId, entry)))
      .map(({ RuleNumber = 0 }) => RuleNumber)
      .filter((number) => !isWritten(aclId, number))
      .map((number) => `${aclId} has the entry ${number}, which no sweep would find`),
  );
}

function asksFor({ action, principal, params }: Call, aclId: string, entry: NetworkAclEntry) {
  return (
    action === "CreateNetworkAclEntry" &&
    /BreakSessions$/.test(principal) &&
    params.NetworkAclId === aclId &&
    Number(params.RuleNumber) === entry.RuleNumber &&
    String(params.Egress) === String(entry.Egress) &&
    params.RuleAction === entry.RuleAction &&
    (params.Ipv6CidrBlock ?? params.CidrBlock) === (entry.Ipv6CidrBlock ?? entry.CidrBlock)
  );
}
