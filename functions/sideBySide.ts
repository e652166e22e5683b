/**
 * How many at a time: a user's look is a dozen calls, and the SDK keeps 50 connections; what waits
 * longer for one than a client waits for an answer would count as unanswered.
 * Source: https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-maxsockets.html
 */
const MOST = 8;

/** Does the same for each, a few at a time; the results in order. Rejects with the first failure. */
export async function sideBySide<One, Result>(
  ones: One[],
  take: (one: One) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async () => {
    for (let at = next++; at < ones.length; at = next++) {
      results[at] = await take(ones[at] as One);
    }
  };
  await Promise.all(Array.from({ length: Math.min(MOST, ones.length) }, work));
  return results;
}
