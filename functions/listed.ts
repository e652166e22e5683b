import { isGone } from "./cut";

/**
 * "Not there" is believed where a second call says so too.
 *
 * @param error of the first call; any other is thrown on.
 * @param second asks for the same thing in another way.
 * @throws LookFailed where the second call shows it.
 */
export async function believeGone(
  error: unknown,
  what: string,
  second: () => Promise<unknown>,
): Promise<void> {
  if (!isGone(error)) throw error;
  const isShown = await second().then(
    () => true,
    (other) => {
      if (isGone(other)) return false;
      throw other;
    },
  );
  if (isShown) throw noLook(`AWS says that ${what} is not there, and shows it`);
}

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
