import { sameName } from "./names";

/** An owner's dated permission for one subject to break one rule. */
export interface Exemption {
  rule: "ssh-open-to-world" | "admin-user";
  /** A user name, "group/NAME", "role/NAME", a policy ARN or a security group id; an ARN in another account. */
  subject: string;
  owner: string;
  reason: string;
  /** The last day it holds, to its end in UTC: "2026-12-31". */
  expires: string;
}

const RULES = ["ssh-open-to-world", "admin-user"];
const KEYS = ["rule", "subject", "owner", "reason", "expires"];
const LONGEST_QUOTE = 80;

/**
 * The exemptions in a parsed exemptions file.
 *
 * Nothing at all (an empty file) is no exemption. An entry with a key missing, unknown or malformed
 * exempts nothing, and is complained about by its place, key and value. Never throws.
 */
export function readExemptions(data: unknown): { exemptions: Exemption[]; complaints: string[] } {
  if (data === undefined || data === null) return { exemptions: [], complaints: [] };
  if (!Array.isArray(data)) {
    const complaint = `exemptions must be a list of { ${KEYS.join(", ")} }, got ${shown(data)}`;
    return { exemptions: [], complaints: [complaint] };
  }
  const read = data.map((entry, index) => readEntry(entry, `exemptions[${index}]`));
  return {
    exemptions: read.flatMap(({ exemption }) => exemption ?? []),
    complaints: read.flatMap(({ complaints }) => complaints),
  };
}

/**
 * The exemption that lets one of these subjects break the rule, if there is one today.
 *
 * @param subjects every name by which the owner may have exempted it, compared whole: an ARN
 *   exactly, a name as IAM does.
 * @param now ISO time with its zone; what is no time exempts nothing.
 * @returns also a complaint for each exemption that would hold had it not expired.
 */
export function exemptionFor(
  exemptions: Exemption[],
  rule: Exemption["rule"],
  subjects: string[],
  now: string,
): { exemption?: Exemption; complaints: string[] } {
  const named = exemptions.filter(
    (exemption) =>
      exemption.rule === rule && subjects.some((one) => isSame(exemption.subject, one)),
  );
  const exemption = named.find((candidate) => holds(candidate, now));
  const complaints = named
    .filter((candidate) => !holds(candidate, now))
    .map(
      ({ subject, owner, expires }) =>
        `the exemption of ${subject} from ${rule} by ${owner} expired at the end of ${expires}: renew it or drop it`,
    );
  return { ...(exemption && { exemption }), complaints };
}

function isSame(exempt: string, subject: string): boolean {
  return exempt === subject || (!exempt.includes(":") && sameName(exempt, subject));
}

/** Compared as times: a comparison that is not true, for whatever reason, exempts nothing. */
function holds({ expires }: Exemption, now: string): boolean {
  return isDay(expires) && Date.parse(now) < Date.parse(`${expires}T00:00:00Z`) + 86_400_000;
}

function readEntry(entry: unknown, place: string): { exemption?: Exemption; complaints: string[] } {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
    return { complaints: [`${place} must be { ${KEYS.join(", ")} }, got ${shown(entry)}`] };
  }
  const fields: Record<string, unknown> = { ...entry };
  const expires = dayOf(fields.expires);
  const texts = ["subject", "owner", "reason"].filter((key) => !isText(fields[key]));
  const unknown = Object.keys(fields).filter((key) => !KEYS.includes(key));
  const complaints = [
    ...(RULES.includes(fields.rule as string)
      ? []
      : [`${place}.rule must be ${RULES.join(" or ")}, got ${shown(fields.rule)}`]),
    ...texts.map((key) => `${place}.${key} must be text, got ${shown(fields[key])}`),
    ...(expires === undefined
      ? [`${place}.expires must be a date like 2026-12-31, got ${shown(fields.expires)}`]
      : []),
    ...unknown.map(
      (key) =>
        `${place}.${key} is no key of an exemption (${KEYS.join(", ")}), got ${shown(fields[key])}`,
    ),
  ];
  if (complaints.length > 0 || expires === undefined) return { complaints };
  return {
    exemption: {
      rule: fields.rule as Exemption["rule"],
      subject: fields.subject as string,
      owner: fields.owner as string,
      reason: fields.reason as string,
      expires,
    },
    complaints: [],
  };
}

/** YAML readers turn an unquoted date into a Date at midnight UTC. */
function dayOf(value: unknown): string | undefined {
  if (value instanceof Date) {
    const time = value.getTime();
    return time % 86_400_000 === 0 ? value.toISOString().slice(0, 10) : undefined;
  }
  return typeof value === "string" && isDay(value) ? value : undefined;
}

/** A day that the calendar has: JavaScript reads "2026-02-30" as one in March. */
function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "";
}

function shown(value: unknown): string {
  const text = printable(value);
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}

function printable(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return typeof value;
  }
}
