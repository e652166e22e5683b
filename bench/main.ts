import { parseArgs } from "node:util";
import { zippedBytes } from "../drill/program/archive";
import { captureEverything, captureProgram } from "../drill/program/capture";
import { lambdaNode } from "../drill/program/lambda";
import { measure } from "./measure";
import { measurePack, type PackSeries } from "./pack";
import { beside, FEWEST_RUNS, type Line, quantile } from "./ratio";

const ARCHIVE_LIMIT_KB = 120;

const HELP = `Measures the first cut against the bare floor, and the policy pack against an empty one, side by
side in one run, on this machine.

  npm run bench -- [options]

  --runs N      fresh processes for each line (default: 15)
  --pack-runs N fresh servers for each line of the policy pack (default: 3)
  --resources N size of the program that the policy pack is shown (default: 10000)
  --latency MS  how long the AWS stub holds back each answer (default: 5)
  --json        print one JSON object on stdout, and nothing else there
  --help        this text

Exits with 1 if an archive is larger than ${ARCHIVE_LIMIT_KB} KB, or if the cold cut of a security group misses its
aim by more than the run's own spread (told from ${FEWEST_RUNS} runs on). Another missed aim is only told.
`;

/** Reads the command line; undefined where only help is wanted. Throws for what it cannot read. */
function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "15" },
      // Less than a call to AWS takes, so the Lambda's own work weighs more here than there; yet
      // not nothing, or a "round trip" would be the CPU time of one request on one machine.
      latency: { type: "string", default: "5" },
      "pack-runs": { type: "string", default: "3" },
      resources: { type: "string", default: "10000" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    runs: wholeNumber("--runs", values.runs, 1, 1000),
    latencyMs: wholeNumber("--latency", values.latency, 0, 1000),
    packRuns: wholeNumber("--pack-runs", values["pack-runs"], 1, 1000),
    resources: wholeNumber("--resources", values.resources, 10, 100_000),
    json: values.json,
  };
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new Error(`${option} ${text}: it has to be a whole number from ${least} to ${most}`);
}

/** The policy pack beside the empty one. */
function besideEmpty({ name, ms: sample, emptyMs: floor, aim }: PackSeries) {
  const ms = quantile(sample, 0.5);
  const emptyMs = quantile(floor, 0.5);
  const ratio = ms / emptyMs;
  return { name, ms, emptyMs, ratio, aim, kept: ratio <= aim };
}

async function packFigures(runs: number, resources: number) {
  const { series, growth } = await measurePack({ runs, resources });
  const kept = growth.exponent <= growth.aim;
  return { lines: series.map(besideEmpty), growth: { ...growth, kept } };
}

/** Every archive that the program can ship. */
async function archives() {
  return (await captureEverything())
    .filter(({ files }) => files)
    .sort((one, other) => one.name.localeCompare(other.name))
    .map(({ name, files = {} }) => {
      const kb = zippedBytes(files) / 1024;
      return { name, kb, aim: ARCHIVE_LIMIT_KB, kept: kb <= ARCHIVE_LIMIT_KB };
    });
}

/** Rows in columns: the first to the left, the others to the right. */
function columns(rows: string[][]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(width(i)) : cell.padStart(width(i))))
      .join("  ")
      .trimEnd(),
  );
}

function verdict({ aim, kept }: { aim?: number; kept?: boolean }, unit = ""): [string, string] {
  return aim === undefined ? ["–", "–"] : [`≤ ${aim}${unit}`, kept ? "yes" : "NO"];
}

function lineRow(line: Line): string[] {
  const { name, state, ms, floorMs, ratio } = line;
  const [low, high] = ms.quartiles.map((one) => one.toFixed(1));
  const spread = `${ms.median.toFixed(1)} (${low}–${high})`;
  return [`${state}  ${name}`, spread, floorMs.toFixed(1), ratio.toFixed(2), ...verdict(line)];
}

function packText({ lines, growth }: Awaited<ReturnType<typeof packFigures>>): string[] {
  const rows = lines.map((line) => [
    line.name,
    line.ms.toFixed(0),
    line.emptyMs.toFixed(0),
    line.ratio.toFixed(2),
    ...verdict(line),
  ]);
  const grown = growth.groups.map((groups, at) => [`${groups}`, (growth.ms[at] ?? 0).toFixed(0)]);
  return [
    "Policy pack ÷ empty pack, each a server of its own, asked over gRPC; medians.",
    "",
    ...columns([["", "ms", "empty ms", "ratio", "aim", "kept"], ...rows]),
    "",
    "Security groups whose halves of the internet are joined in the stack policy:",
    "",
    ...columns([["groups", "ms"], ...grown]),
    `exponent ${growth.exponent.toFixed(2)} (1 is linear), aim ${verdict(growth).join(", kept: ")}`,
  ];
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  // So that the sandboxes' folders go with us.
  process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));
  const { runs, latencyMs, packRuns, resources, json } = options;
  process.stderr.write(`${runs} runs of a second or two …\n`);
  const program = await captureProgram({ settings: {}, exemptions: [] });
  const sizes = await archives();
  const all = await measure(program, { runs, latencyMs });
  const lines = all.map((series) => beside(series, all));
  const pack = await packFigures(packRuns, resources);
  const node = lambdaNode().version;
  if (json) {
    const told = { runs, latencyMs, node, lines, archives: sizes, pack };
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
  } else {
    const title = ["", "median ms (quartiles)", "floor ms", "ratio", "aim", "kept"];
    const packed = sizes.map(({ name, kb, ...size }) => [
      name,
      kb.toFixed(1),
      ...verdict(size, " KB"),
    ]);
    const text = [
      `First cut ÷ floor, on Node ${node}; every answer is held back for ${latencyMs} ms.`,
      "Cold: a process starts, until the cut is answered; its floor loads nothing and signs by hand.",
      "Warm: the event is handed over, until the same; its floor is one round trip.",
      "",
      ...columns([title, ...lines.map(lineRow)]),
      "",
      ...columns([["archive", "KB zipped", "aim", "kept"], ...packed]),
      "",
      ...packText(pack),
    ];
    process.stdout.write(`${text.join("\n")}\n`);
  }
  const failed = lines.some(({ missed }) => missed) || sizes.some(({ kept }) => !kept);
  return failed ? 1 : 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  },
);
