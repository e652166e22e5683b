import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import type { Credentials } from "../account/account";
import { unpack } from "./archive";
import type { Captured } from "./capture";
import { makeFolder, removeFolder } from "./folder";

const RUNTIME = path.join(__dirname, "..", "lambda-runtime", "node_modules");

/** The Node.js that runs the Lambdas, and its version. */
interface LambdaNode {
  path: string;
  version: string;
}

let found: LambdaNode | undefined;

/**
 * The Lambdas' own major version where it is installed and runs here (its binary wants glibc), else
 * ours; asked once a process.
 */
export function lambdaNode(): LambdaNode {
  found ??= runs(path.join(RUNTIME, "node", "bin", "node")) ?? {
    path: process.execPath,
    version: process.version,
  };
  return found;
}

function runs(node: string): LambdaNode | undefined {
  try {
    const version = execFileSync(node, ["--version"], { encoding: "utf8", stdio: "pipe" });
    return { path: node, version: version.trim() };
  } catch {
    return undefined;
  }
}

/** One invocation, as reports tell of it. */
export interface Invocation {
  function: string;
  cold: boolean;
  /** Loading the archive and the SDK; cold invocations only. */
  initMs?: number;
  ms: number;
  /** When it was handed its event and had answered, as `performance.now()` tells it here. */
  span?: { from: number; to: number };
  error?: string;
}

/** Lambda's answer: a result, or an error as Step Functions gets to see it. */
export interface Answer {
  invocation: Invocation;
  result?: unknown;
  error?: { errorType: string; errorMessage: string };
}

interface Started {
  child: ChildProcess;
  initMs: number;
  failure?: Answer["error"];
}

/**
 * A captured Lambda, run from its archive in a process of its own: nothing in reach but the archive
 * and the SDK of the Lambda runtime, nothing in the environment but what was captured and the
 * credentials of its role. One event at a time; further ones wait, where Lambda would start more
 * sandboxes.
 */
export class Lambda {
  readonly name: string;
  readonly arn: string;
  #started: Promise<Started> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #folder: string | undefined;

  constructor(
    private readonly captured: Captured,
    private readonly to: {
      endpoint: string;
      region: string;
      credentials: Credentials;
      log: (line: string) => void;
      /** How many times faster its timers and its time limit run; 1 where it is left out. */
      clock?: number;
    },
  ) {
    this.name = captured.inputs.name;
    this.arn = captured.state.arn;
  }

  /** Invokes the function with an event; never rejects for what the function throws. */
  invoke(event: unknown): Promise<Answer> {
    const answer = this.#last.then(() => this.#invoke(event));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Ends the sandbox and removes its files. */
  async stop(): Promise<void> {
    const started = await this.#started?.catch(() => undefined);
    started?.child.kill("SIGKILL");
    this.#started = undefined;
    if (this.#folder) removeFolder(this.#folder);
  }

  async #invoke(event: unknown): Promise<Answer> {
    const cold = this.#started === undefined;
    this.#started ??= this.#start();
    const { child, initMs, failure } = await this.#started;
    const from = performance.now();
    const start = { function: this.name, cold, ...(cold && { initMs }), span: { from, to: from } };
    if (failure) {
      await this.stop();
      return failed(start, 0, failure);
    }
    const seconds = (this.captured.inputs.timeout as number) / (this.to.clock ?? 1);
    const reply = await this.#ask(child, event, seconds);
    start.span.to = performance.now();
    if (reply === "timed out") {
      await this.stop();
      const errorMessage = `${this.name} timed out after ${seconds} seconds`;
      return failed(start, seconds * 1000, { errorType: "Sandbox.Timedout", errorMessage });
    }
    // A sandbox that has exited answers nothing more: the next event needs a new one.
    if (child.exitCode !== null || child.signalCode !== null) await this.stop();
    return reply.error
      ? failed(start, reply.ms, reply.error)
      : { invocation: { ...start, ms: reply.ms }, result: reply.result };
  }

  #ask(child: ChildProcess, event: unknown, seconds: number) {
    const context = {
      functionName: this.name,
      invokedFunctionArn: this.arn,
      awsRequestId: randomUUID(),
    };
    type Reply = { ms: number; result?: unknown; error?: Answer["error"] };
    return new Promise<Reply | "timed out">((resolve) => {
      const done = (reply: Reply | "timed out") => {
        clearTimeout(timer);
        child.off("message", done);
        child.off("exit", died);
        resolve(reply);
      };
      const died = (code: number | null) =>
        done({
          ms: 0,
          error: {
            errorType: "Runtime.ExitError",
            errorMessage: `${this.name} exited with ${code}`,
          },
        });
      const timer = setTimeout(() => done("timed out"), seconds * 1000);
      child.on("message", done);
      child.on("exit", died);
      // What is no JSON does not reach a Lambda either.
      child.send({ event: JSON.parse(JSON.stringify(event)), context });
    });
  }

  async #start(): Promise<Started> {
    const { inputs, files } = this.captured;
    // Outside the project, so that no module resolution climbs into its node_modules.
    this.#folder = makeFolder("lambda");
    unpack(files ?? {}, this.#folder);
    const bootstrap = path.join(this.#folder, ".sandbox.cjs");
    fs.copyFileSync(path.join(__dirname, "sandbox.js"), bootstrap);
    const child = fork(bootstrap, [this.#folder, inputs.handler, String(this.to.clock ?? 1)], {
      cwd: this.#folder,
      execPath: lambdaNode().path,
      execArgv: [],
      env: this.#environment(this.#folder),
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data) => this.to.log(`${this.name}: ${String(data).trimEnd()}`));
    }
    return new Promise((resolve, reject) => {
      child.once("message", ({ initMs, failure }: Omit<Started, "child">) =>
        resolve({ child, initMs, ...(failure && { failure }) }),
      );
      child.once("error", reject);
      child.once("exit", (code) =>
        reject(new Error(`${this.name} exited with ${code} at its start`)),
      );
    });
  }

  /** Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
  #environment(folder: string): Record<string, string> {
    const { credentials, endpoint, region } = this.to;
    return {
      ...(this.captured.inputs.environment?.variables ?? {}),
      PATH: "/usr/bin:/bin",
      HOME: folder,
      TZ: ":UTC",
      NODE_PATH: RUNTIME,
      NODE_NO_WARNINGS: "1",
      LAMBDA_TASK_ROOT: folder,
      AWS_LAMBDA_FUNCTION_NAME: this.name,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      ...(credentials.sessionToken && { AWS_SESSION_TOKEN: credentials.sessionToken }),
    };
  }
}

function failed(
  start: Pick<Invocation, "function" | "cold" | "initMs" | "span">,
  ms: number,
  error: NonNullable<Answer["error"]>,
): Answer {
  const text = `${error.errorType}: ${error.errorMessage}`;
  return { invocation: { ...start, ms, error: text }, error };
}
