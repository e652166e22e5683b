import { type AclChange, type AclEntry, sameEntry } from "./acl";
import { type BlockRequest, planBlock } from "./plan";
import { entriesNow } from "./trace";

/** What was asked of an ACL, and the block that was planned for it. */
export interface Asked {
  request: BlockRequest;
  block: AclChange;
}

/**
 * The blocks of others that do what is asked and nothing else, whole and by themselves. Whoever asks
 * the same may share one: the same block is then written down for both, and goes with the last of
 * them. So all incidents with the same sources take the entries of one.
 *
 * @param others on this ACL, not lifted yet, the oldest first.
 */
export function standing<One extends Asked>(
  entries: AclEntry[],
  asked: BlockRequest,
  others: One[],
): One[] {
  return others.filter(({ request, block }, at) => {
    if (wordsOf(request) !== wordsOf(asked)) return false;
    const blocks = others.map((one) => one.block);
    const now = entriesNow(entries, block, blocks.slice(at + 1));
    const isWhole = now.every((own) => entries.some((entry) => sameEntry(entry, own)));
    if (now.length === 0 || !isWhole) return false;
    const { add, notes } = planBlock(entries, asked, blocks, block);
    return add.length + notes.length === 0;
  });
}

function wordsOf({ sources, keep, ports }: BlockRequest): string {
  return JSON.stringify([sources, keep, ports]);
}
