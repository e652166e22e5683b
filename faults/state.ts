import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Outcome, Trial } from "./sweep";
import { functionOf } from "./sweep";

/**
 * What earlier runs found, one outcome a line: a sweep of an hour can be made in pieces. A line that
 * a run was ended in is left out, and so tried again.
 */
export function readOutcomes(file: string): Outcome[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Outcome];
      } catch {
        return [];
      }
    });
}

/** Adds an outcome to the file, on a line of its own even behind one that was cut off. */
export function keepOutcome(file: string, outcome: Outcome): void {
  appendFileSync(file, `\n${JSON.stringify(outcome)}`);
}

/** Is this what came of the trial? */
export function isOf({ role, call, kind }: Outcome, trial: Trial): boolean {
  const { target } = trial;
  return (
    role === functionOf(target) &&
    call === `${target.service}:${target.action}` &&
    kind === trial.kind.name
  );
}

/** What is left, in words: "about 34 min". Kinds take turns, so the mean so far holds. */
export function timeLeft(ms: number, tried: number, left: number): string {
  return `about ${Math.ceil((ms / tried) * (left / 60_000))} min`;
}
