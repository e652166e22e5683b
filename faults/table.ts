import { kinds } from "./kinds";
import type { Outcome, Trial } from "./sweep";
import { befalls, functionOf } from "./sweep";

const MARKS: Record<Outcome["verdict"], string> = {
  contained: "contained",
  told: "told",
  unsure: "error told",
  defect: "**DEFECT**",
};

/** Call by kind of failure, one row for each call of each function; "–": not tried. */
export function rowsOf(trials: Trial[], outcomes: Outcome[]): string[][] {
  const rows = new Map<string, string[]>();
  for (const { target } of trials) {
    const role = functionOf(target);
    const call = `${target.service}:${target.action}`;
    rows.set(`${role} ${call}`, [
      role,
      call,
      ...kinds.map((kind) => {
        const { name } = kind;
        const tried = befalls(kind, target);
        const found = outcomes.find(
          (one) => one.role === role && one.call === call && one.kind === name,
        );
        if (found) return MARKS[found.verdict];
        return tried ? "–" : "";
      }),
    ]);
  }
  const roles = [...new Set([...rows.values()].map(([role]) => role))];
  return [...rows.values()].sort(([one], [other]) => roles.indexOf(one) - roles.indexOf(other));
}

/** The table for a terminal, and the defects with their reasons. */
export function printed(trials: Trial[], outcomes: Outcome[]): string {
  const rows = [head(), ...rowsOf(trials, outcomes)];
  const widths = head().map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "));
  return [...lines, "", ...defects(outcomes), tally(trials, outcomes), ""].join("\n");
}

function head(): string[] {
  return ["function", "call", ...kinds.map(({ name }) => name)];
}

function defects(outcomes: Outcome[]): string[] {
  return outcomes
    .filter(({ verdict }) => verdict === "defect")
    .map(
      ({ role, call, kind, scenario, reasons }) =>
        `DEFECT ${role} ${call}, ${kind} (${scenario}): ${reasons.join("; ")}`,
    );
}

/** "12 of 40 failures tried: 9 contained, …" */
export function tally(trials: Trial[], outcomes: Outcome[]): string {
  const count = (verdict: Outcome["verdict"]) =>
    outcomes.filter((one) => one.verdict === verdict).length;
  return (
    `${outcomes.length} of ${trials.length} failures tried: ${count("contained")} contained, ` +
    `${count("told")} told with what is open, ${count("unsure")} told with the error, ` +
    `${count("defect")} defects.`
  );
}

/** The page in docs/. */
export function page(trials: Trial[], outcomes: Outcome[], scenarios: string[]): string {
  const row = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const missing = trials.length - outcomes.length;
  return `# When AWS fails a call

\`npm run faults -- --write\` wrote this page. It runs these scenarios once as they are: ${scenarios.join(", ")}. Then it makes every call of every function that it saw fail, one at a time, in each of these ways, and judges how it ends. A call that several scenarios make is tried in the first of them. What lasts fails once for one function alone and once for every function that makes the call.

${kinds.map(({ name, says }) => `- **${name}**: ${says}`).join("\n")}

What a cell says:

- **contained**: the executions ended in \`EndState\`, and all that the scenario expects is true.
- **told**: an execution ended in \`Failed\`, and the message named every way in that is open, and none that is not. Where it is the message itself that failed, the execution failed with nothing left open, which the alarm tells. Or nobody was contained, and the message names whom the looks did not let judge.
- **error told**: an execution ended in \`Failed\`, and the message named the error and not what is open: the function that would have looked could not.
- **DEFECT**: anything else, a success above all that is none. \`npm run faults\` then exits with 1.
- **–**: not tried by the run that wrote this page. Empty: there is no such error.

${tally(trials, outcomes)}${missing > 0 ? ` The run was ended before it had tried the other ${missing}.` : ""}

${[row(head()), row(head().map(() => "---")), ...rowsOf(trials, outcomes).map(row)].join("\n")}
${["", ...defects(outcomes).map((one) => `- ${one}`)].join("\n")}
`.trimEnd();
}
