/** A look that has to be made again: what came back is no answer, or contradicts another one. */
export function noLook(sentence: string): Error {
  return Object.assign(new Error(sentence), { name: "LookFailed" });
}

/**
 * The list of a page; an empty one where there is nothing. The SDK takes any XML for an answer, and
 * what has neither its list nor IAM's word on further pages is none: "nothing there" would be taken
 * for "nothing left to do".
 *
 * @param page of IAM's: it tells whether there is more, whatever it lists.
 */
export function listed<Item>(list: Item[] | undefined, page?: object): Item[] {
  if (list) return list;
  if (page && (page as { IsTruncated?: boolean }).IsTruncated !== undefined) return [];
  throw noLook("An answer of AWS lacks the list that was asked for");
}
