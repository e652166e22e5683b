import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Drill } from "../drill/drill";
import { loadScenario } from "../drill/scenario";
import { isOf, keepOutcome, readOutcomes, timeLeft } from "./state";
import { attempt, type Run, targetsOf, trialsOf } from "./sweep";
import { page, printed } from "./table";

const PROJECT = path.join(__dirname, "..");
const PAGE = path.join(PROJECT, "docs", "faults.md");
/** Two: an account with all AWS policies loaded takes some 260 MB. */
const WORKERS = 2;

/**
 * The scenarios whose calls are made to fail: all branches, every credential, user, group and role,
 * every kind of policy, session blocks from their making to their end. A function's call is made to
 * fail in the first of them that has it.
 */
const BASE = [
  "lab-admin-user-with-a-fresh-key",
  "user-with-every-credential",
  "group-managed-policy-by-a-member",
  "group-inline-policy",
  "added-to-the-admins",
  "inline-admin-policy",
  "policy-version-that-makes-admins",
  "ten-policies-attached",
  "renamed-user",
  "health-exposed-key",
  "opponent-named",
  "role-made-an-admin",
  "role-with-ten-policies",
  "session-of-an-assumed-role-contained",
  "application-user-new-key",
  "application-user-rotated-before",
  "ssh-beside-others",
  "ssh-restrict-range",
  "prefix-list-opened",
  "sessions-cut",
  "sessions-room-is-made",
  "sessions-sweep",
  "guardduty-ssh-brute-force",
];

const HELP = `Makes AWS fail every call of every function, one at a time, and judges how it ends.

  npm run faults -- [options]

  --only TEXT     the calls whose "FUNCTION SERVICE:CALL" holds the text, e.g. "StripAccount iam:List"
  --minutes N     start no further try after this time; the table says what was not tried
  --state FILE    keep each outcome in this file, and go on where it ends
  --write         write docs/faults.md, of what this run and FILE have
  --json          print one JSON array on stdout, and nothing else there
  --help          this text

Exits with 1 if there is a defect: a success that is none, or a failure that does not say what is open.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      only: { type: "string" },
      minutes: { type: "string", default: "600" },
      state: { type: "string" },
      write: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const deadline = performance.now() + minutes(values.minutes) * 60_000;
  const scenarios = BASE.map((name) =>
    loadScenario(path.join(PROJECT, "scenarios", `${name}.yaml`)),
  );
  const drill = await Drill.start({ workers: WORKERS });
  try {
    const run: Run = (scenario) => drill.run(scenario);
    const trials = trialsOf(await targetsOf(scenarios, run), values.only);
    if (trials.length === 0) throw new Error(`--only ${values.only}: no call of a function has it`);
    const { state } = values;
    const known = state === undefined ? [] : readOutcomes(state);
    const outcomes = known.filter((one) => trials.some((trial) => isOf(one, trial)));
    const waiting = trials.filter((trial) => !outcomes.some((one) => isOf(one, trial)));
    const began = { at: performance.now(), with: outcomes.length };
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        if (performance.now() > deadline) return;
        const outcome = await attempt(next, run);
        const broken = outcome.reasons.find((one) => /fetch failed|The stand-in failed/.test(one));
        if (broken) throw new Error(`The AWS stand-in broke, and says nothing of AWS: ${broken}`);
        outcomes.push(outcome);
        if (state !== undefined) keepOutcome(state, outcome);
        const { role, call, kind, verdict, reasons } = outcome;
        const line = `${role} ${call}, ${kind}: ${[verdict, ...reasons].join("; ")}`;
        const left = timeLeft(
          performance.now() - began.at,
          outcomes.length - began.with,
          trials.length - outcomes.length,
        );
        process.stderr.write(`[${outcomes.length}/${trials.length}, ${left}] ${line}\n`);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    if (values.json) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`);
    else process.stdout.write(printed(trials, outcomes));
    const names = scenarios.map(({ name }) => name);
    if (values.write) writeFileSync(PAGE, `${page(trials, outcomes, names)}\n`);
    return outcomes.some(({ verdict }) => verdict === "defect") ? 1 : 0;
  } finally {
    await drill.stop();
  }
}

function minutes(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text);
  throw new Error(`--minutes ${text}: it has to be a number above 0`);
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
