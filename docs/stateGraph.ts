import * as fs from "node:fs";
import * as path from "node:path";
import { definition } from "../components/stateMachine";

/** Where the picture is kept. */
export const picture = path.join(__dirname, "state-graph.svg");

/** The whole machine, its optional states included; the ARNs do not show. */
function wholeMachine() {
  const arn = "arn:aws:lambda:us-east-1:123456789012:function:any";
  const arns = {
    CloudWatcherCore: arn,
    EmergencyActionAccount: arn,
    StripAccount: arn,
    VerifyAccount: arn,
    EmergencyActionInfrastructure: arn,
    EmergencyActionApplication: arn,
    BreakSessions: arn,
    LiftSessionBlock: arn,
    RecordCase: arn,
    Report: arn,
  };
  return definition(arns, { sessionBlockMinutes: 60 });
}

const SHAPES: Record<string, string> = {
  Task: 'shape=box, style="rounded,filled", fillcolor="#e8f0fe"',
  Choice: 'shape=diamond, style=filled, fillcolor="#fff7e0"',
  Succeed: 'shape=box, style="rounded,filled", fillcolor="#e3f5e6"',
  Fail: 'shape=box, style="rounded,filled", fillcolor="#fde7e7"',
};

/** Graphviz's text of the state machine; catches that lead to `Failed` are left out but for one. */
export function stateGraph(): string {
  const { States, StartAt } = wholeMachine();
  const lines = Object.entries(States).flatMap(([name, state]) => {
    const targets = [
      ...("Next" in state ? [state.Next] : []),
      ...("Choices" in state ? state.Choices.map(({ Next }) => Next) : []),
      ...("Default" in state ? [state.Default] : []),
    ];
    return [
      `"${name}" [${SHAPES[state.Type] ?? "shape=box, style=rounded"}]`,
      ...[...new Set(targets)].map((target) => `"${name}" -> "${target}"`),
    ];
  });
  return [
    "digraph {",
    'rankdir=TB; bgcolor="white"; node [fontname="Helvetica", fontsize=11]; edge [color="#667788"]',
    '"any task" [shape=plaintext]; "any task" -> "Failed" [style=dashed, label="Catch", fontsize=10]',
    `"event" [shape=plaintext]; "event" -> "${StartAt}"`,
    ...lines,
    "}",
  ].join("\n");
}

/** The picture as SVG. */
export async function draw(): Promise<string> {
  const { instance } = await import("@viz-js/viz");
  return (await instance()).renderString(stateGraph(), { format: "svg" });
}

if (require.main === module) {
  void draw().then((svg) => fs.writeFileSync(picture, svg));
}
