/**
 * Most values of one filter.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
 */
const MOST_VALUES = 200;

/** The values, each once, in lists that one filter takes. */
export function inFilters(values: string[]): string[][] {
  const all = [...new Set(values)];
  return Array.from({ length: Math.ceil(all.length / MOST_VALUES) }, (_, at) =>
    all.slice(at * MOST_VALUES, (at + 1) * MOST_VALUES),
  );
}
