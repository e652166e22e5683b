import { isDeepStrictEqual } from "node:util";
import jmespath from "jmespath";
import type { Credentials } from "./account/account";
import { type Caller, codeOf, isMissing, isRefusal } from "./caller";
import { type CallExpectation, type StateExpectation, substitute } from "./scenario";

/** What a look at the account found: a value, or the error code of a call that failed. */
export type Found = { value: unknown } | { error: string };

/** Makes the owner's calls of `expect.state`, in order. */
export async function look(
  expectations: StateExpectation[],
  as: { caller: Caller; names: Record<string, unknown>; owner: Credentials },
): Promise<Found[]> {
  const found: Found[] = [];
  for (const { get, ...call } of expectations) {
    const input = substitute(call.input, as.names);
    try {
      const response = await as.caller.call({ ...call, input }, as.owner);
      const path = substitute(get, as.names);
      found.push({ value: path === undefined ? response : jmespath.search(response, path) });
    } catch (error) {
      found.push({ error: codeOf(error) });
    }
  }
  return found;
}

/** One sentence for each expectation that what was found does not meet. */
export function checkState(
  expectations: StateExpectation[],
  found: Found[],
  names: Record<string, unknown>,
): string[] {
  return expectations.flatMap((expectation, index) => {
    const { service, action, get } = expectation;
    const want = substitute(expectation.want, names);
    const got = found[index] ?? { error: "nobody looked" };
    if (meets(want, got)) return [];
    const [[verb, value] = []] = Object.entries(want);
    const where = `expect.state[${index}] ${service}:${action}${get ? ` ${get}` : ""}`;
    const saw = "error" in got ? got.error : JSON.stringify(got.value);
    const wanted = verb === "absent" ? "absent" : `${verb} ${JSON.stringify(value)}`;
    return [`${where}: wanted ${wanted}, got ${saw}`];
  });
}

function meets(want: StateExpectation["want"], got: Found): boolean {
  if ("absent" in want) {
    return "error" in got ? isMissing(got.error) : got.value === null || got.value === undefined;
  }
  if ("error" in got) return false;
  if ("is" in want) return isDeepStrictEqual(plain(got.value), plain(want.is));
  if ("contains" in want) return holds(got.value, want.contains) === true;
  return holds(got.value, want.lacks) === false;
}

/** undefined where the value is neither list nor text, and can neither contain nor lack a thing. */
function holds(value: unknown, part: unknown): boolean | undefined {
  if (typeof value === "string") return value.includes(String(part));
  if (!Array.isArray(value)) return undefined;
  return value.some((each) => isDeepStrictEqual(plain(each), plain(part)));
}

/** Dates of the SDK become texts, as a scenario file writes them. */
function plain(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

/**
 * One sentence for each text that no message for people has.
 *
 * @param wanted undefined: any messages are right. Empty: none is.
 */
export function checkMessages(
  wanted: string[] | undefined,
  messages: { subject: string; body: string }[],
  names: Record<string, unknown>,
): string[] {
  const told = messages.map(({ subject, body }) => `${subject}\n${body}`);
  const got = told.map((one) => JSON.stringify(one)).join(", ") || "no message";
  if (wanted?.length === 0 && told.length > 0) return [`expect.messages: wanted none, got ${got}`];
  return (wanted ?? []).flatMap((text, index) => {
    const want = substitute(text, names);
    if (told.some((one) => one.includes(want))) return [];
    return [`expect.messages[${index}]: wanted ${JSON.stringify(want)}, got ${got}`];
  });
}

/** One sentence where the decisions differ. */
export function checkDecisions(wanted: string[], got: string[]): string[] {
  if (isDeepStrictEqual(wanted, got)) return [];
  return [`expect.decisions: wanted ${wanted.join(", ")}, got ${got.join(", ") || "none"}`];
}

/**
 * Makes calls that must be refused, or must work, in order.
 *
 * A call that fails for another reason than a refusal proves nothing about rights: it fails both.
 */
export async function checkCalls(
  kind: "denied" | "allowed",
  expectations: CallExpectation[],
  as: { caller: Caller; names: Record<string, unknown>; logins: Map<string, Credentials> },
): Promise<string[]> {
  const failures: string[] = [];
  for (const [index, call] of expectations.entries()) {
    const where = `expect.${kind}[${index}] ${call.service}:${call.action} as ${call.as}`;
    const credentials = as.logins.get(call.as);
    if (!credentials) {
      failures.push(`${where}: nobody is logged in as "${call.as}"`);
      continue;
    }
    const outcome = await outcomeOf(() =>
      as.caller.call({ ...call, input: substitute(call.input, as.names) }, credentials),
    );
    if (outcome !== kind) failures.push(`${where}: wanted ${kind}, got ${outcome}`);
  }
  return failures;
}

async function outcomeOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return "allowed";
  } catch (error) {
    const code = codeOf(error);
    return isRefusal(code) ? "denied" : `${code}: ${(error as Error).message}`;
  }
}
