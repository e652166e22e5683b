import { styleText } from "node:util";
import { isRead } from "./caller";
import type { ReportedCall, ScenarioResult } from "./result";

/** One line of a scenario's story. */
export interface Moment {
  /** In ms since the first event arrived. */
  at: number;
  what: "attack" | "event" | "first cut" | "response" | "contained" | "verified";
  text: string;
}

/**
 * The story of a scenario in order of time: attack, event, first cut, contained, verified.
 * The responder's looks are counted, not listed: what it changed is what happened.
 */
export function timelineOf(result: ScenarioResult): Moment[] {
  const { calls, decisions, firstCutMs, containedMs, verifiedMs, depth } = result;
  const changes = calls.filter((call) => call.by === "responder" && !isRead(call.action));
  const looks = calls.filter((call) => call.by === "responder" && isRead(call.action));
  const moments: Moment[] = [
    ...calls
      .filter(({ by }) => by === "attacker")
      .map((call): Moment => ({ at: call.at, what: "attack", text: tellAttack(call) })),
    { at: 0, what: "event", text: decisions.length > 0 ? decisions.join(", ") : "none arrived" },
    ...changes.map(
      (call): Moment => ({
        at: call.at,
        what: call.at === firstCutMs ? "first cut" : "response",
        text: `${nameOf(call)} by ${call.principal}`,
      }),
    ),
  ];
  if (containedMs !== null) {
    const taken = changes.filter(({ at, service }) => at <= containedMs && CONTAINS.test(service));
    const deep = depth ? `, ${counted(depth.containment, "round trip")} deep` : "";
    const text = `by ${counted(taken.length, "change")} and ${counted(looks.length, "look")} in all${deep}`;
    moments.push({ at: containedMs, what: "contained", text });
  }
  if (verifiedMs !== null) {
    moments.push({ at: verifiedMs, what: "verified", text: "a look found nothing left to do" });
  }
  // Stable: what happened at the same time stays in the order above.
  return moments.sort((one, other) => one.at - other.at);
}

/** Where the attacker's power lies; a case or a message takes none of it away. */
const CONTAINS = /^(iam|ec2)$/;

function tellAttack(call: ReportedCall): string {
  const refused = call.errorCode ? `, refused: ${call.errorCode}` : "";
  return `${nameOf(call)} by ${call.principal}${refused}`;
}

function nameOf({ service, action, errorCode, by }: ReportedCall): string {
  return `${service}:${action}${errorCode && by === "responder" ? ` (${errorCode})` : ""}`;
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** "12 ms", or a dash where there is nothing to tell. */
export function milliseconds(ms: number | null): string {
  return ms === null ? "–" : `${Math.round(ms)} ms`;
}

type Style = Parameters<typeof styleText>[0];

const STYLES: Record<Moment["what"], Style> = {
  attack: "red",
  event: "yellow",
  "first cut": ["bold", "green"],
  response: "dim",
  contained: "green",
  verified: "cyan",
};

/** The timeline as lines for a terminal or a plain log. */
export function printedTimeline(result: ScenarioResult, colour: boolean): string[] {
  const paint = (style: Style, text: string) => (colour ? styleText(style, text) : text);
  const head = result.passed ? paint("green", "✔") : paint("red", "✘");
  const moments = timelineOf(result).map(({ at, what, text }) => {
    const time = `${at.toFixed(1)} ms`.padStart(12);
    return `  ${time}  ${paint(STYLES[what], what.padEnd(9))}  ${text}`;
  });
  const paths = result.executions
    .filter(({ cause, path }) => cause === "attack" && path.length > 0)
    .map(({ path, ms }) => `  ${paint("dim", `${path.join(" → ")} (${ms} ms)`)}`);
  const failures = result.failures.map((failure) => `  ${paint("red", `failed: ${failure}`)}`);
  return [`${head} ${paint("bold", result.name)}`, ...moments, ...paths, ...failures, ""];
}

/** The summary of all scenarios: one row each, then one sentence. */
export function printedSummary(results: ScenarioResult[], colour: boolean): string[] {
  const paint = (style: Style, text: string) => (colour ? styleText(style, text) : text);
  const rows = results.map((result) => [
    result.name,
    result.passed ? "passed" : "FAILED",
    [...new Set(result.decisions)].map((each) => each.replace("EmergencyAction", "")).join(", "),
    milliseconds(result.firstCutMs),
    milliseconds(result.containedMs),
    milliseconds(result.verifiedMs),
  ]);
  const head = ["scenario", "result", "decision", "first cut", "contained", "verified"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i < 3 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ");
  const failed = results.filter(({ passed }) => !passed).length;
  const verdict =
    failed === 0
      ? paint("green", `All ${results.length} scenarios passed.`)
      : paint("red", `${failed} of ${results.length} scenarios failed.`);
  return [
    paint("bold", line(head)),
    ...rows.map((row, i) => (results[i]?.passed ? line(row) : paint("red", line(row)))),
    "",
    verdict,
  ];
}
