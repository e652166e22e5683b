import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const PROJECT = path.join(__dirname, "..", "..");
const BROKEN = "tests/fixtures/scenarios/broken/many-mistakes.yaml";

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function drill(args: string[], env: Record<string, string> = {}) {
  const main = ["-r", "ts-node/register/transpile-only", "drill/main.ts", ...args];
  const child = spawn(process.execPath, main, { cwd: PROJECT, env: { ...process.env, ...env } });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  const ended = new Promise<Ended>((done) => {
    child.on("close", (code) => done({ code, out, err }));
  });
  return { child, ended };
}

function childrenOf(parent: number): number[] {
  const processes = execFileSync("ps", ["-axo", "pid=,ppid="], { encoding: "utf8" });
  const pairs = processes.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((go) => setTimeout(go, ms));
}

/** Resolves when the condition holds; the test's own time-out is the other end. */
async function until(condition: () => boolean, child: ChildProcess): Promise<void> {
  while (!condition() && child.exitCode === null) await pause(50);
}

describe("npm run drill", function () {
  this.timeout(120_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "drill-cli-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("explains itself", async () => {
    const { code, out } = await drill(["--help"]).ended;
    assert.equal(code, 0);
    assert.match(out, /--scenario FILE_OR_FOLDER …/);
  });

  const refused: [name: string, args: string[], sentence: RegExp][] = [
    ["another machine", ["--endpoint", "http://example.com"], /example\.com: not on this machine/],
    ["a host that only looks local", ["--endpoint", "http://localhost.example.com"], /not on this/],
    ["no URL", ["--endpoint", "5000"], /it has to be a URL such as http:\/\/127\.0\.0\.1:5000/],
    ["a file that is not there", ["--scenario", "nowhere.yaml"], /no scenario at "nowhere\.yaml"/],
    ["an unknown option", ["--jsn"], /Unknown option '--jsn'/],
  ];
  for (const [name, args, sentence] of refused) {
    it(`refuses ${name}`, async () => {
      const { code, out, err } = await drill(args).ended;
      assert.equal(code, 1);
      assert.equal(out, "");
      assert.match(err, sentence);
    });
  }

  it("prints JSON alone, with the broken file named and the others run", async () => {
    const scenarios = ["--scenario", BROKEN, "scenarios/ssh-to-an-office.yaml"];
    const { code, out, err } = await drill(["--json", ...scenarios]).ended;
    assert.equal(code, 1);
    const [broken, sound] = JSON.parse(out);
    assert.equal(broken.passed, false);
    assert.match(err, /many-mistakes\.yaml:2:1 setings: no such key/);
    assert.deepEqual(Object.keys(sound), [
      "name",
      "passed",
      "failures",
      "decisions",
      "firstCutMs",
      "containedMs",
      "depth",
      "calls",
    ]);
    assert.deepEqual(sound.failures, []);
    assert.deepEqual(sound.decisions, ["Ignore"]);
  });

  it("exits with 1 where a scenario fails, and tells why in log and report", async () => {
    const file = path.join(folder, "fails.yaml");
    const steps = "attack:\n  - { call: iam:CreateUser, input: { UserName: bob } }\n";
    writeFileSync(
      file,
      `name: fails <b>\n${steps}expect: { decisions: [EmergencyActionAccount] }\n`,
    );
    const { code, out } = await drill(["--scenario", file]).ended;
    assert.equal(code, 1);
    assert.match(out, /failed: expect\.decisions: wanted EmergencyActionAccount, got Ignore/);
    assert.match(out, /1 of 1 scenarios failed\./);
    assert.ok(!out.includes("\u001b"), "no colours in a plain log");
    assert.match(out, /Lambdas ran on Node v\d+/);
    assert.ok(existsSync(path.join(PROJECT, ".drill", "report.html")));
  });

  it("leaves no process and no file behind when interrupted", async () => {
    const { child, ended } = drill(["--scenario", "scenarios/inline-admin-policy.yaml"], {
      TMPDIR: folder,
    });
    const left = () => readdirSync(folder).filter((name) => name.startsWith("tourniquet-"));
    const lambdaRuns = () => left().some((name) => name.startsWith("tourniquet-lambda-"));
    await until(lambdaRuns, child);
    assert.ok(lambdaRuns(), "interrupted while a Lambda ran");
    const children = childrenOf(child.pid ?? 0);
    assert.ok(children.length >= 2, "at least the stand-in and a Lambda");
    child.kill("SIGINT");
    assert.equal((await ended).code, 130);
    // They notice that their parent is gone a moment later.
    for (let tries = 0; tries < 40 && children.some(isAlive); tries++) await pause(50);
    assert.deepEqual(children.filter(isAlive), []);
    assert.deepEqual(left(), []);
  });
});
