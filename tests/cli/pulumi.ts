import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { Files } from "../../drill/program/archive";
import { makeFolder, removeFolder } from "../../drill/program/folder";

const { findPulumi } = require("../../tools/pulumi-cli/build") as {
  findPulumi(): string | undefined;
};

const ROOT = path.join(__dirname, "..", "..");

/** The policy pack, as a user names it. */
export const PACK = path.join(ROOT, "policy-pack");

/**
 * The real Pulumi CLI: the one on the PATH, or else the one that `npm run pulumi-cli` has built.
 * A suite that needs it defines its tests only where there is one; in CI there must be one.
 */
export const cli = findPulumi();

if (!cli) {
  if (process.env.CI === "true") throw new Error("CI needs the real CLI: npm run pulumi-cli");
  process.stderr.write(
    "The real CLI was not run: install Pulumi or run `npm run pulumi-cli` (Go, 6 to 12 minutes)\n",
  );
}

/** What one command of the CLI ended with. */
export interface Result {
  code: number;
  /** All that it printed, both streams. */
  text: string;
}

/** One thing that the stand-in provider was asked to do. */
export interface Done {
  done: "create" | "update" | "delete";
  type: string;
  /** The resource's logical name. */
  name: string;
  inputs: Record<string, unknown>;
  /** A Lambda's archive, as uploaded. */
  files?: Files;
}

/** As long as a command may take on a busy machine; an `up` of Tourniquet takes five seconds. */
const LONGEST_MS = 240_000;

/**
 * One stack of a project, with the real CLI and the stand-in provider. Everything that the CLI
 * writes (state, workspace, the stack's settings) is in a folder of its own.
 */
export class CliStack {
  private readonly folder = makeFolder("cli");
  private readonly journal = path.join(this.folder, "journal");
  private readonly name: string;
  private readonly pack: string[];

  /**
   * @param o.project the folder of the project's Pulumi.yaml.
   * @param o.stack its name; the settings are those of the project's Pulumi.<stack>.yaml.
   * @param o.pack the folder of a policy pack that previews and updates are held to.
   */
  constructor(o: { project: string; stack: string; pack?: string }) {
    this.name = o.stack;
    this.pack = o.pack ? ["--policy-pack", o.pack] : [];
    this.copyProject(o.project);
    this.placeProvider();
    fs.mkdirSync(path.join(this.folder, "state"));
  }

  /** `stack init` writes into Pulumi.<stack>.yaml, so the CLI works on copies of both files. */
  private copyProject(project: string): void {
    const definition = parse(fs.readFileSync(path.join(project, "Pulumi.yaml"), "utf8"));
    const copy = { ...definition, main: project };
    fs.writeFileSync(path.join(this.folder, "Pulumi.yaml"), stringify(copy));
    const settings = `Pulumi.${this.name}.yaml`;
    fs.copyFileSync(path.join(project, settings), path.join(this.folder, settings));
    fs.symlinkSync(path.join(ROOT, "node_modules"), path.join(this.folder, "node_modules"));
  }

  private placeProvider(): void {
    const { version } = require("@pulumi/aws/package.json") as { version: string };
    const plugin = path.join(this.folder, "home", "plugins", `resource-aws-v${version}`);
    fs.mkdirSync(plugin, { recursive: true });
    const standIn = path.join(ROOT, "tools", "pulumi-cli", "standInAws.js");
    fs.symlinkSync(standIn, path.join(plugin, "pulumi-resource-aws"));
  }

  /** Runs one command of the CLI: `run("stack", "output")`. Never rejects for a failed command. */
  run(...command: string[]): Promise<Result> {
    const args = ["--non-interactive", "--color", "never", ...command];
    const options = {
      cwd: this.folder,
      env: this.environment(),
      maxBuffer: 1 << 26,
      timeout: LONGEST_MS,
    };
    return new Promise((resolve) =>
      execFile(cli as string, args, options, (error, stdout, stderr) => {
        if (!error) return resolve({ code: 0, text: stdout + stderr });
        // Not started, or killed after its time: then the message is all that there is to say.
        const ended = typeof error.code === "number";
        const text = stdout + stderr + (ended ? "" : error.message);
        resolve({ code: ended ? Number(error.code) : 1, text });
      }),
    );
  }

  private environment(): NodeJS.ProcessEnv {
    // What the operator has set for his own AWS and Pulumi must not decide what a test runs; and
    // the coverage is that of the tests, not of the CLI's programs.
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(AWS|PULUMI|TOURNIQUET)_|^NODE_V8_COVERAGE$/.test(name),
    );
    return {
      ...Object.fromEntries(own),
      PULUMI_HOME: path.join(this.folder, "home"),
      PULUMI_BACKEND_URL: `file://${path.join(this.folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
      // Three times as fast, and `tsc --noEmit` has looked at the types.
      PULUMI_NODEJS_TRANSPILE_ONLY: "true",
      TOURNIQUET_STAND_IN_JOURNAL: this.journal,
    };
  }

  init(): Promise<Result> {
    return this.run("stack", "init", this.name);
  }

  /** @param path a key, or an element of a list: "tourniquet:applicationUsers[0]". */
  set(path: string, value: string): Promise<Result> {
    return this.run("config", "set", "--path", path, value);
  }

  /** Writes settings into the stack's file, as its owner does by hand: `{ "tourniquet:mode": "observe" }`. */
  write(settings: Record<string, unknown>): void {
    const file = path.join(this.folder, `Pulumi.${this.name}.yaml`);
    const before = parse(fs.readFileSync(file, "utf8"));
    fs.writeFileSync(file, stringify({ ...before, config: { ...before.config, ...settings } }));
  }

  preview(...more: string[]): Promise<Result> {
    return this.run("preview", ...this.pack, ...more);
  }

  /** Without the preview that the CLI would put before it: that one is tested by itself. */
  up(...more: string[]): Promise<Result> {
    return this.run("up", "--yes", "--skip-preview", ...this.pack, ...more);
  }

  refresh(...more: string[]): Promise<Result> {
    return this.run("refresh", "--yes", "--skip-preview", ...more);
  }

  destroy(): Promise<Result> {
    return this.run("destroy", "--yes", "--skip-preview");
  }

  /** What the provider did since the last time this was asked. */
  takeDone(): Done[] {
    if (!fs.existsSync(this.journal)) return [];
    const lines = fs.readFileSync(this.journal, "utf8").trimEnd().split("\n");
    fs.rmSync(this.journal);
    return lines.map((line) => {
      const { files, ...done } = JSON.parse(line);
      return files ? { ...done, files: decoded(files) } : done;
    });
  }

  remove(): void {
    removeFolder(this.folder);
  }
}

function decoded(files: Record<string, string>): Files {
  return Object.fromEntries(
    Object.entries(files).map(([name, base64]) => [name, Buffer.from(base64, "base64")]),
  );
}
