import type { Look } from "../functions/account/look";
import type { Action } from "../functions/case";
import type { CaseFile } from "./caseFile";
import type { Present } from "./present";
import type { RecordsOwn } from "./recordsOwn";

/** What `--only` may name, in the order in which it is given back: what denies goes last. */
export const kinds = [
  "policies",
  "groups",
  "keys",
  "ssh-keys",
  "service-credentials",
  "certificates",
  "password",
  "mfa",
  "rules",
  "replacements",
  "network-acls",
  "boundary",
  "deny",
] as const;
/** What an item is; `--only` takes it. */
export type Kind = (typeof kinds)[number];

/** A call of several that give one thing back. */
export interface ItemCall {
  /** As IAM policies write it. */
  call: string;
  input: Record<string, unknown>;
  why: string;
}

/** One thing that the case took: how to give it back, and what speaks against it. */
export interface Item {
  item: string;
  kind: Kind;
  subject: string;
  /** Absent: there is no call that gives it back. */
  call?: string;
  input?: Record<string, unknown>;
  /** Instead of one call: several, in this order. */
  calls?: ItemCall[];
  why: string;
  /** It is as it was before. */
  there?: boolean;
  /**
   * Why it is left out, unless the operator says otherwise: `attack` by --false-alarm, `named` by
   * naming the item, `kind` by naming its kind or the item.
   */
  held?: { by: "attack" | "named" | "kind"; why: string };
  command?: string;
  drift?: string[];
}

/** What an item's reader knows. */
export interface Context {
  file: CaseFile;
  present: Present;
  own: RecordsOwn;
  /** The incident was none: what the record gave comes back, and what it set stays. */
  falseAlarm: boolean;
}

/** How one call of a responder is taken back. */
export type Reader = (context: Context, action: Action) => Item[];

/** Why an item is held: nothing tells what was before. */
export const NO_BEFORE = "the case lacks the state before, so whether it was there is not known";
/** Why an item is held: the first look had not found it. */
export const LATER = "it came after the case's first look, so it was not there before";

/** Held where the case's look does not say that it was there before the incident. */
export function unlessBefore(
  before: Look | undefined,
  had: boolean | undefined,
): Pick<Item, "held"> {
  if (!before) return { held: { by: "named", why: NO_BEFORE } };
  return had ? {} : { held: { by: "named", why: LATER } };
}

/** Why an item is held: it came with the incident. */
export const ATTACK = "the record itself gave it: it is the attack";

/** Held where it is what the record itself gave; `--false-alarm` gives it back. */
export function attack(is: boolean): Pick<Item, "held"> {
  return is ? { held: { by: "attack", why: ATTACK } } : {};
}

/** Held where a record took the owner's own AWSDenyAll off: the case's stays in its place. */
export function heldForOwner({ own }: Context, subject: string): Pick<Item, "held"> {
  if (!own.deniesTaken.includes(subject)) return {};
  const why = "the record took the owner's own AWSDenyAll off; the case's stays in its place";
  return { held: { by: "attack", why } };
}

/** Is this ARN AWSDenyAll, in whatever partition? */
export function isDenyAll(arn: unknown): boolean {
  return /^arn:[^:]+:iam::aws:policy\/AWSDenyAll$/.test(String(arn));
}
