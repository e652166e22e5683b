import type { Look } from "./account/look";
import type { RoleLook } from "./account/role";
import type { Case, CaseSubject } from "./case";

/**
 * Bytes of JSON that a case may have. A state of an execution holds 262,144, and more ends it past
 * every Catch, with nobody told; beside the case it has the record, what failed and the report.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, "Maximum input or
 * output size for a task, state, or execution"
 */
const MOST_BYTES = 150_000;

/** Bytes that the notes, and those that the alerts, may have in all. */
const MOST_TEXT_BYTES = { notes: 12_000, alerts: 24_000 };

/** Characters of one note or alert. */
const LONGEST_TEXT = 4_000;

/** What a case leaves out is in the function's log. No secret is in a note or an alert. */
function log(left: object): void {
  console.log(JSON.stringify({ leftOutOfTheCase: left }));
}

/**
 * The notes or alerts of a case with those of a pass, each once, as far as there is room: what is
 * known already stays, and what finds no room is told of by its number.
 */
export function withTexts(kind: "notes" | "alerts", known: string[], found: string[]): string[] {
  const news = [...new Set(found.map(shortened))].filter((text) => !known.includes(text));
  const all = [...known];
  let bytes = bytesOf(known);
  const left = news.filter((text) => {
    const more = bytesOf(text) + 1;
    if (bytes + more > MOST_TEXT_BYTES[kind]) return true;
    bytes += more;
    all.push(text);
    return false;
  });
  if (left.length === 0) return all;
  log({ [kind]: left });
  const rest = `… and ${left.length} more, in the log of ${process.env.AWS_LAMBDA_FUNCTION_NAME ?? "the Lambda"}`;
  return [...new Set([...all, rest])];
}

function shortened(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  log({ text });
  return `${text.slice(0, LONGEST_TEXT)}…`;
}

type Looked = Extract<CaseSubject, { kind: "user" | "applicationUser" | "role" }>;

/**
 * The case, without policy documents where it would be too large with them: the subject that has
 * most of them loses all of his, then the next. A user's look is then one that did not show all: the
 * pass that acts on it looks afresh, and a restore decides nothing by it.
 */
export function withinBounds(known: Case): Case {
  const bytes = bytesOf(known);
  if (bytes <= MOST_BYTES) return known;
  if (known.subjects.some((one) => "after" in one)) return withinBounds(withoutAfter(known));
  const one = known.subjects
    .filter(isLooked)
    .sort((a, b) => documentBytes(b) - documentBytes(a))
    .at(0);
  const size = one ? documentBytes(one) : 0;
  if (!one || size === 0) return known;
  log({ documentsOf: `${one.kind} ${one.name}`, bytes: size });
  const note = `The case lacks the policy documents of ${one.kind === "role" ? "role" : "user"} ${one.name} as they were before: with them it had ${bytes} bytes, and ${MOST_BYTES} is the most`;
  return withinBounds({
    ...known,
    subjects: known.subjects.map((each) => (each === one ? withoutDocuments(one, size) : each)),
    notes: [...known.notes, note],
  });
}

/** The state before is what a restore needs; the state after everybody can look at. */
function withoutAfter(known: Case): Case {
  log({ after: known.subjects.length });
  const subjects = known.subjects.map((one) => {
    if (!("after" in one)) return one;
    const { after: _, ...rest } = one;
    return rest;
  });
  const note = "The case lacks the state after the containment: it has no room for it";
  return { ...known, subjects, notes: [...new Set([...known.notes, note])] };
}

function isLooked(one: CaseSubject): one is Looked {
  return one.kind === "user" || one.kind === "applicationUser" || one.kind === "role";
}

function documentBytes({ before }: Looked): number {
  if (!before) return 0;
  const groups = "groups" in before ? before.groups : [];
  const all = [before.inline, before.documents, ...groups.map(({ inline }) => inline)].flat();
  return all.length === 0 ? 0 : bytesOf(all);
}

function withoutDocuments(one: Looked, size: number): CaseSubject {
  if (!one.before) return one;
  const none = { inline: [], documents: [] };
  if (one.kind === "role") return { ...one, before: { ...one.before, ...none } satisfies RoleLook };
  const { groups, failed = [] } = one.before;
  const left = {
    call: "iam:GetUserPolicy, iam:GetGroupPolicy and iam:GetPolicyVersion",
    error: `TooLarge: the case has no room for the ${size} bytes that they showed`,
  };
  const before: Look = {
    ...one.before,
    ...none,
    groups: groups.map((group) => ({ ...group, inline: [] })),
    failed: [...failed, left],
  };
  return { ...one, before };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value), "utf8");
}
