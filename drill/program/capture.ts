import { type ChildProcess, fork } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { parse, stringify } from "yaml";
import type { Files } from "./archive";
import { makeFolder, removeFolder } from "./folder";

/** Where the program is deployed to, in the drill. */
export const ACCOUNT = "123456789012";
export const REGION = "us-east-1";
export const PARTITION = "aws";

/** One resource that the program registered. */
export interface Captured {
  /** Pulumi's type token, e.g. "aws:iam/role:Role". */
  type: string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the program gave, resolved
  inputs: Record<string, any>;
  /** The inputs and what AWS adds to them: ARNs, URLs. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  state: Record<string, any>;
  /** A Lambda's archive, file by file. */
  files?: Files;
}

/** What `pulumi up` would deploy. */
export interface Program {
  resources: Captured[];
}

/** What the capturing process is asked for. */
export interface CaptureOrder {
  /** Path of the program's main file. */
  program: string;
  /** Configuration as Pulumi hands it over: keys with namespace, values as text. */
  config: Record<string, string>;
  project: string;
  stack: string;
}

const ROOT = path.join(__dirname, "..", "..");

/**
 * Runs the Pulumi program under mocks, in a process of its own, and returns what it registered.
 *
 * @param settings over those of Pulumi.lab.yaml, without the namespace: { mode: "observe" }.
 * @param exemptions instead of exemptions.yaml.
 * @param limitMs after which a program that has not ended is an error.
 * @throws what the program throws, a handler that cannot become text among it.
 */
export async function captureProgram(o: {
  settings: Record<string, unknown>;
  exemptions?: unknown[];
  program?: string;
  limitMs?: number;
}): Promise<Program> {
  const order: CaptureOrder = {
    program: o.program ?? path.join(ROOT, "index.ts"),
    config: { ...stackConfig(), ...asConfig(o.settings) },
    project: "tourniquet",
    stack: "lab",
  };
  const folder = makeFolder("capture");
  try {
    const exemptions = path.join(folder, "exemptions.yaml");
    if (o.exemptions) fs.writeFileSync(exemptions, stringify(o.exemptions));
    const child = startChild(o.exemptions && exemptions);
    return { resources: await answerOf(child, order, o.limitMs ?? LONGEST_MS) };
  } finally {
    removeFolder(folder);
  }
}

/**
 * Everything that the program can deploy, each resource once: some functions exist only where a
 * setting asks for them, and one takes another's place.
 */
export async function captureEverything(): Promise<Captured[]> {
  const settings = {
    applicationUsers: ["app-*"],
    containRoles: true,
    syncedGroups: [{ group: "sg-0123456789abcdef0", service: "EC2_INSTANCE_CONNECT" }],
  };
  const programs = await Promise.all([
    captureProgram({ settings }),
    captureProgram({ settings: { ...settings, openSsh: "restrict" } }),
  ]);
  const all = programs.flatMap(({ resources }) => resources);
  return [...new Map(all.map((one) => [`${one.type} ${one.name}`, one])).values()];
}

/** The lab stack's own settings, as Pulumi would hand them over. */
function stackConfig(): Record<string, string> {
  const text = fs.readFileSync(path.join(ROOT, "Pulumi.lab.yaml"), "utf8");
  return Object.fromEntries(
    Object.entries(parse(text).config as Record<string, unknown>).map(([k, v]) => [k, asText(v)]),
  );
}

function asConfig(settings: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`tourniquet:${key}`, asText(value)]),
  );
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A capture takes three seconds; what takes this long hangs. */
const LONGEST_MS = 120_000;

function startChild(exemptionsFile?: string): ChildProcess {
  // What the operator has set for his own AWS and Pulumi must not decide what the drill runs.
  const own = Object.entries(process.env).filter(([name]) => !/^(AWS|PULUMI)_/.test(name));
  return fork(path.join(__dirname, "captureChild.ts"), [], {
    cwd: ROOT,
    execArgv: ["-r", "ts-node/register/transpile-only"],
    env: {
      ...Object.fromEntries(own),
      NODE_NO_WARNINGS: "1",
      ...(exemptionsFile && { TOURNIQUET_EXEMPTIONS_FILE: exemptionsFile }),
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    serialization: "advanced",
  });
}

function answerOf(child: ChildProcess, order: CaptureOrder, limitMs: number): Promise<Captured[]> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += data));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the program had not ended after ${limitMs / 1000} s:\n${output}`));
      child.kill("SIGKILL");
    }, limitMs);
    child.once("message", ({ resources, error }: { resources?: Captured[]; error?: string }) =>
      resources ? resolve(resources) : reject(new Error(`the program failed: ${error}`)),
    );
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`the program ended with ${code} before it was captured:\n${output}`));
    });
    child.send(order);
  });
}
