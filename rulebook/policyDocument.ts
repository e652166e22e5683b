import { type Answer, some } from "./answer";

/** One statement of an identity policy, with its elements in one form each. */
export interface Statement {
  /** "unknown" where it may be either. IAM refuses a statement without; it is read as "Allow". */
  effect: "Allow" | "Deny" | "unknown";
  action: Element;
  resource: Element;
  /** Does it hold under a condition only? An empty Condition is none. */
  conditional: boolean | "unknown";
}

/** Action or NotAction, Resource or NotResource. */
export interface Element {
  /** What the patterns do not match (NotAction, NotResource). */
  inverted: boolean;
  /** With `*` and `?`; a pattern that is not known is "unknown". */
  patterns: string[];
}

/**
 * Characters of a document with its white space, and of its patterns. IAM takes 10,240 from a
 * customer, white space apart; what is longer never took effect, or is AWS's and known by its name.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const LONGEST_DOCUMENT = 1_000_000;
const LONGEST_PATTERNS = 20_480;

/**
 * The statements of a policy document, in whatever form it comes.
 *
 * Forms: an object; JSON text; JSON text encoded for a URL as RFC 3986 has it (IAM's API, CloudTrail),
 * so that a "+" is a plus. Element names count in any case. An element that is missing, or holds
 * something other than text, is "unknown".
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 *
 * @returns undefined for what has no statements to read, or more than IAM takes. Never throws.
 */
export function readDocument(document: unknown): Statement[] | undefined {
  const fields = fieldsOf(typeof document === "string" ? parse(document) : document);
  const found = fields?.("Statement") ?? [];
  if (found.length === 0) return undefined;
  const statements = found.flatMap(listOf).map(readStatement);
  const patterns = statements.flatMap(({ action, resource }) =>
    action.patterns.concat(resource.patterns),
  );
  return patterns.join("").length > LONGEST_PATTERNS ? undefined : statements;
}

/**
 * Does a policy deny anything, under whatever condition? "unknown" for what cannot be read.
 */
export function hasDeny(document: unknown): Answer {
  const statements = readDocument(document);
  if (statements === undefined) return "unknown";
  return some(
    statements.map(({ effect }) => {
      if (effect === "unknown") return "unknown";
      return effect === "Deny" ? "yes" : "no";
    }),
  );
}

/**
 * Does an IAM pattern match a whole text? `*` is any run of characters, `?` is one; case does not
 * count. Takes time in proportion to both lengths multiplied, at the most.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  return pattern === "*" || matchesExactly(pattern.toLowerCase(), text.toLowerCase());
}

/** As `matchesPattern`, but case counts: IAM compares ARNs that way. */
export function matchesExactly(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let position = 0;
  // Only the last star is ever tried again: an earlier one could not do better.
  while (position < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      resume = position;
    } else if (pattern[at] === "?" || pattern[at] === text[position]) {
      at++;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

/** A document's JSON, plain or encoded for a URL; undefined for what is neither. */
export function parse(text: string): unknown {
  if (text.length > LONGEST_DOCUMENT) return undefined;
  const plain = text.trim();
  return json(() => plain) ?? json(() => decodeURIComponent(plain));
}

function json(text: () => string): unknown {
  try {
    return JSON.parse(text());
  } catch {
    return undefined;
  }
}

/** A look-up by element name in any case; undefined for what is no object. */
export function fieldsOf(value: unknown): ((name: string) => unknown[]) | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return (name) =>
    entries
      .filter(([key, held]) => key.toLowerCase() === name.toLowerCase() && held != null)
      .map(([, held]) => held);
}

function readStatement(value: unknown): Statement {
  const fields = fieldsOf(value);
  if (fields === undefined) {
    return { effect: "unknown", action: anything(), resource: anything(), conditional: "unknown" };
  }
  return {
    effect: readEffect(fields("Effect")),
    action: readElement(fields("Action"), fields("NotAction")),
    resource: readElement(fields("Resource"), fields("NotResource")),
    conditional: readCondition(fields("Condition")),
  };
}

function readEffect(found: unknown[]): Statement["effect"] {
  if (found.length === 0 || found[0] === "Allow") return "Allow";
  return found.length === 1 && found[0] === "Deny" ? "Deny" : "unknown";
}

function readElement(plain: unknown[], inverted: unknown[]): Element {
  const given = plain.length > 0 ? plain : inverted;
  if (given.length === 0 || (plain.length > 0 && inverted.length > 0)) return anything();
  return {
    inverted: plain.length === 0,
    patterns: given
      .flatMap(listOf)
      .map((pattern) => (typeof pattern === "string" ? pattern : "unknown")),
  };
}

function readCondition(found: unknown[]): Statement["conditional"] {
  if (found.includes("unknown")) return "unknown";
  return found.some((condition) => fieldsOf(condition) === undefined || hasEntries(condition));
}

function hasEntries(value: unknown): boolean {
  return Object.keys(value as object).length > 0;
}

function anything(): Element {
  return { inverted: false, patterns: ["unknown"] };
}

/** IAM writes a list of one as the one itself. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
