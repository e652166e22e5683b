import type { Outcome } from "./apply";
import type { Plan } from "./plan";

/** The plan as a person reads it. What an attacker may have named cannot move the cursor. */
export function printedPlan({ steps, there, left, drift, stops }: Plan): string[] {
  const rows = steps.map(({ item, call, why }, index) => [`${index + 1}`, item, call, why]);
  return [
    ...(steps.length > 0
      ? [
          "To give back, in this order:",
          ...table([["", "item", "call", "why"], ...rows]),
          "",
          "The calls:",
          ...steps.map(
            ({ call, input }, index) => `  ${index + 1}  ${call} ${JSON.stringify(input)}`,
          ),
        ]
      : ["There is nothing to give back."]),
    ...section("As before already:", there),
    ...section(
      "Not given back:",
      left.map(({ item, why, command }) => `${item}: ${why}${command ? `: ${command}` : ""}`),
    ),
    ...section(
      "Different from what the case left:",
      drift.map((one) => `${one.item}: ${one.what}${stops.includes(one) ? "" : " (no obstacle)"}`),
    ),
  ].map(harmless);
}

/** One line for what came of a step. */
export function printedOutcome({ step, outcome, because }: Outcome): string {
  return harmless(`${outcome.padEnd(6)} ${step.call} ${step.item}${because ? `: ${because}` : ""}`);
}

function section(heading: string, lines: string[]): string[] {
  return lines.length > 0 ? ["", heading, ...lines.map((line) => `  ${line}`)] : [];
}

function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}

function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}
