import { type AclChange, type AclEntry, sameEntry } from "./acl";

/** Where an entry is after these changes, in the order in which they were made. */
export function movedBy(changes: AclChange[]): (entry: AclEntry) => AclEntry {
  const moves = changes.flatMap(({ move }) => move);
  return (entry) => {
    let now = entry;
    for (const { entry: was, to } of moves) {
      if (sameEntry(was, now)) now = { ...now, number: to };
    }
    return now;
  };
}
