import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Drill } from "./drill";
import { reportHtml } from "./report";
import type { ScenarioResult } from "./result";
import { loadScenario, type Scenario, ScenarioFileError, scenarioFiles } from "./scenario";
import { milliseconds, printedSummary, printedTimeline } from "./timeline";

const PROJECT = path.join(__dirname, "..");
const REPORT = path.join(PROJECT, ".drill", "report.html");
/** Two: an account with all AWS policies loaded takes some 260 MB. */
const WORKERS = 2;

const HELP = `Runs attacks against the real program and the Lambda code it would ship, on this machine.

  npm run drill -- [options]

  --scenario FILE_OR_FOLDER …  which scenarios to run (default: scenarios/)
  --json                       print one JSON array on stdout, and nothing else there
  --keep                       leave the AWS stand-in running and say how to look around
  --endpoint URL               use a stand-in that runs already; loopback only
  --help                       this text

Exits with 1 if a scenario failed or a scenario file has a mistake.
`;

interface Options {
  scenarios: string[];
  json: boolean;
  keep: boolean;
  endpoint?: string;
}

/** Reads the command line; undefined where only help is wanted. Throws for what it cannot read. */
function readOptions(args: string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      scenario: { type: "string", multiple: true },
      json: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      endpoint: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const named = [...(values.scenario ?? []), ...positionals].map(found);
  return {
    scenarios: named.length > 0 ? named : [path.relative("", path.join(PROJECT, "scenarios"))],
    json: values.json,
    keep: values.keep,
    ...(values.endpoint !== undefined && { endpoint: loopback(values.endpoint) }),
  };
}

/** npm runs scripts in the project's folder; a path may be meant from where npm was called. */
function found(file: string): string {
  const meant = path.resolve(process.env.INIT_CWD ?? "", file);
  return !existsSync(file) && existsSync(meant) ? meant : file;
}

/** The drill attacks what it is pointed at, so it may only be pointed at this machine. */
function loopback(endpoint: string): string {
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : "";
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)) return endpoint;
  throw new Error(
    `--endpoint ${endpoint}: not on this machine; it has to be a URL such as http://127.0.0.1:5000`,
  );
}

/** A scenario file that could not be read, as a result among the others. */
function unread(file: string, mistakes: string[]): ScenarioResult {
  return {
    name: file,
    file,
    passed: false,
    failures: mistakes,
    decisions: [],
    firstCutMs: null,
    containedMs: null,
    verifiedMs: null,
    calls: [],
    executions: [],
  };
}

function readScenario(file: string): Scenario | ScenarioResult {
  try {
    return loadScenario(file);
  } catch (error) {
    if (!(error instanceof ScenarioFileError)) throw error;
    for (const mistake of error.mistakes) process.stderr.write(`error: ${mistake}\n`);
    return unread(file, error.mistakes);
  }
}

/** Runs all scenarios with live progress; the results come in the order of the files. */
async function runAll(
  entries: (Scenario | ScenarioResult)[],
  drill: Drill,
  json: boolean,
): Promise<ScenarioResult[]> {
  const { Listr } = await import("listr2");
  const results: ScenarioResult[] = [];
  const tasks = entries.map((entry, index) => ({
    title: entry.name,
    task: async (_: unknown, task: { title: string }) => {
      const result = "passed" in entry ? entry : await drill.run(entry);
      results[index] = result;
      if (!result.passed) throw new Error(`${result.name}: ${result.failures[0]}`);
      const cut = result.firstCutMs;
      const took = cut === null ? result.decisions.join(", ") : `first cut ${milliseconds(cut)}`;
      task.title = `${result.name}: ${took}`;
    },
  }));
  const plain = process.stdout.isTTY ? "default" : "verbose";
  await new Listr(tasks, {
    concurrent: WORKERS,
    exitOnError: false,
    collectErrors: false,
    registerSignalListeners: false,
    renderer: json ? "silent" : plain,
    fallbackRenderer: "verbose",
  }).run();
  return results;
}

/** What `--json` prints: exactly these keys. */
function jsonOf(results: ScenarioResult[]): string {
  const told = results.map(
    ({ name, passed, failures, decisions, firstCutMs, containedMs, depth, calls }) => ({
      name,
      passed,
      failures,
      decisions,
      firstCutMs,
      containedMs,
      depth: depth ?? null,
      calls: calls.map(({ service, action, principal, at }) => ({
        service,
        action,
        principal,
        at,
      })),
    }),
  );
  return `${JSON.stringify(told, null, 2)}\n`;
}

function writeReport(results: ScenarioResult[]): void {
  const runtime = results.find((result) => result.runtime)?.runtime;
  mkdirSync(path.dirname(REPORT), { recursive: true });
  const head = { at: new Date().toISOString(), ...(runtime && { runtime }) };
  writeFileSync(REPORT, reportHtml(results, head));
}

function print(results: ScenarioResult[]): void {
  const colour = process.stdout.isTTY === true && !process.env.NO_COLOR;
  const runtime = results.find((result) => result.runtime)?.runtime;
  const lines = [
    "",
    ...results.flatMap((result) => printedTimeline(result, colour)),
    ...printedSummary(results, colour),
    ...(runtime ? [`Lambdas ran on Node ${runtime.node} with AWS SDK ${runtime.sdk}.`] : []),
    `Report: ${pathToFileURL(REPORT).href}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Says how to look around in the account of the last scenario. */
function howToLook(drill: Drill): string {
  const [account] = drill.accounts;
  if (!account) return "";
  const { accessKeyId, secretAccessKey } = account.owner;
  return `
The AWS stand-in keeps running as the last scenario left it. Look around with the AWS CLI:
  export AWS_ENDPOINT_URL=${account.endpoint} AWS_REGION=${account.region}
  export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}
  aws iam list-users
Ctrl-C ends it.
`;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  const entries = scenarioFiles(options.scenarios).map(readScenario);
  const drill = await Drill.start({
    workers: options.keep ? 1 : Math.min(WORKERS, entries.length),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
  });
  let code: number | undefined;
  const interrupt = () => {
    // Children end with this process: the Lambdas by their channel, the stand-in by its input.
    void Promise.race([drill.stop(), new Promise((done) => setTimeout(done, 2000))]).then(() =>
      process.exit(code ?? 130),
    );
  };
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const results = await runAll(entries, drill, options.json);
    writeReport(results);
    if (options.json) process.stdout.write(jsonOf(results));
    else print(results);
    code = results.every(({ passed }) => passed) ? 0 : 1;
    if (options.keep) {
      process.stderr.write(howToLook(drill));
      await new Promise(() => setInterval(() => undefined, 60_000));
    }
    return code;
  } finally {
    await drill.stop();
  }
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
