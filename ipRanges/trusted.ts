import { bundledRanges } from "./bundled";
import { notPublished, publishedCidrs, readRangesOf } from "./document";

/** The entries of `trustedCidrs`, told apart. */
export interface TrustedSources {
  /** Those that were written, and what AWS published for those named aws:SERVICE[:REGION]. */
  trustedCidrs: string[];
  /** Managed prefix lists by id, "pl-…": what is in them is only known at run time. */
  trustedLists: string[];
}

const LIST = /^pl-[0-9a-f]{8,17}$/;

/** Is this the id of a managed prefix list? */
export function isPrefixList(entry: string): boolean {
  return LIST.test(entry);
}

/** What is wrong with an entry that names published ranges; undefined where nothing is. */
export function rangesWrong(entry: string): string | undefined {
  const of = readRangesOf(entry);
  return of ? notPublished(bundledRanges, of) : "aws:SERVICE or aws:SERVICE:REGION is its form";
}

/**
 * What the entries of `trustedCidrs` stand for. Published ranges are those of the bundled copy, so
 * that two previews of one program trust the same: a newer copy is a change that somebody reviews.
 *
 * @param entries right ones: see `rangesWrong`.
 */
export function trustedSources(entries: string[]): TrustedSources {
  const cidrs = entries.flatMap((entry) => {
    const of = readRangesOf(entry);
    if (of) return publishedCidrs(bundledRanges, of);
    return isPrefixList(entry) ? [] : [entry];
  });
  return { trustedCidrs: [...new Set(cidrs)], trustedLists: entries.filter(isPrefixList) };
}
