import type { IpRanges } from "./document";
import lastKnown from "./lastKnown.json";

/**
 * The last known ranges, for the preview and as the oldest that a run accepts. Source and date are in
 * the file. It lacks AMAZON and EC2: nobody may trust them, and they are most of the document.
 */
export const bundledRanges: IpRanges = lastKnown;
