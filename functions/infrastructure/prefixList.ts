import type { PrefixListSubject } from "../../events/incident";
import type { Pass } from "../case";
import { joined } from "../case";
import { closeFound, type Hand } from "./close";
import { entriesOf, groupsFrom } from "./look";

/**
 * Closes every group that a changed prefix list opens. The list itself stays as it is: others may
 * use it for what is no SSH.
 */
export async function closeReferring(hand: Hand, list: PrefixListSubject): Promise<Pass> {
  const [groups, entries] = await Promise.all([
    groupsFrom(hand, list.id),
    hand.later ? [] : added(hand, list),
  ]);
  if (groups.length === 0) {
    return hand.later ? {} : { notes: [`no security group has a rule from ${list.id}`] };
  }
  return joined(
    await Promise.all(
      groups.map((groupId) => closeFound(hand, { groupId }, { entries: { [list.id]: entries } })),
    ),
  );
}

/** EC2 changes a list in the background: what the record adds counts as if it were there. */
async function added(hand: Hand, { id, adds, version }: PrefixListSubject): Promise<string[]> {
  return version === undefined ? adds : [...adds, ...(await entriesOf(hand, id, version))];
}
