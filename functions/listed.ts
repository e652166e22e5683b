/** A look that has to be made again: what came back is no answer, or contradicts another one. */
export function noLook(sentence: string): Error {
  return Object.assign(new Error(sentence), { name: "LookFailed" });
}

/**
 * The list of a page. AWS sends an empty one where there is nothing; the SDK takes any XML for an
 * answer, and what lacks its list is none: "nothing there" would be taken for "nothing left to do".
 */
export function listed<Item>(list: Item[] | undefined): Item[] {
  if (list) return list;
  throw noLook("An answer of AWS lacks the list that was asked for");
}
