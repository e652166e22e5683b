import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import runtimePackage from "../drill/lambda-runtime/package.json";
import rootPackage from "../package.json";

const ROOT = join(__dirname, "..");
const requirements = readFileSync(join(ROOT, "drill/account/requirements.txt"), "utf8");

/**
 * npm as setup.js sees it: what it installed is what the lock file says, and an outer npm's
 * loglevel, which it leaves in the environment, holds unless a flag says otherwise.
 */
const NPM = `
const fs = require("node:fs");
const folder = process.cwd() === fs.realpathSync(process.env.STUB_ROOT) ? "root" : "lambda-runtime";
fs.appendFileSync(process.env.STUB_LOG, "npm " + process.argv[2] + " in " + folder + "\\n");
if (process.env.STUB_NPM_SAYS) {
  const silent = process.env.npm_config_loglevel === "silent";
  if (!silent || process.argv.includes("--loglevel=error")) console.error(process.env.STUB_NPM_SAYS);
  process.exit(1);
}
fs.mkdirSync("node_modules", { recursive: true });
fs.copyFileSync("package-lock.json", "node_modules/.package-lock.json");
`;

/** A Python that answers the version question, makes a venv of itself, and notes pip's work. */
const PYTHON = `
const fs = require("node:fs");
const [flag, code, ...rest] = process.argv.slice(2);
if (flag === "-c") {
  console.log(process.env.STUB_PYTHON_VERSION || "3 12");
  process.exit(process.env.STUB_NO_ENSUREPIP ? 1 : 0);
}
fs.appendFileSync(process.env.STUB_LOG, code + " " + (rest.includes("--require-hashes") ? "with hashes" : rest[0]) + "\\n");
if (code === "venv") {
  fs.rmSync(rest[1], { recursive: true, force: true });
  fs.mkdirSync(rest[1] + "/bin", { recursive: true });
  fs.symlinkSync(process.argv[1], rest[1] + "/bin/python");
}
`;

/** A Go that builds an executable and leaves a module in the cache that it was given. */
const GO = `
const fs = require("node:fs");
fs.appendFileSync(process.env.STUB_LOG, "go " + process.argv[2] + " " + process.argv.at(-1) + "\\n");
fs.mkdirSync(process.env.GOMODCACHE + "/module", { recursive: true });
if (process.env.STUB_GO_SAYS) {
  console.error(process.env.STUB_GO_SAYS);
  process.exit(1);
}
fs.writeFileSync(process.argv[process.argv.indexOf("-o") + 1], "", { mode: 0o755 });
`;

/** A fresh clone of the project, with only the given tools on the PATH. */
function freshClone(tools: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), "tourniquet-setup-"));
  clones.push(root);
  for (const file of [
    "setup.js",
    "package.json",
    "package-lock.json",
    "drill/lambda-runtime/package.json",
    "drill/lambda-runtime/package-lock.json",
    "drill/account/requirements.txt",
    "tools/pulumi-cli",
  ]) {
    cpSync(join(ROOT, file), join(root, file), { recursive: true });
  }
  const path = join(root, "path");
  mkdirSync(path);
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(path, name), `#!${process.execPath}\n${script}`, { mode: 0o755 });
  }
  const log = join(root, "log");
  const cache = join(root, "cache");
  return {
    root,
    cache,
    /** Runs setup.js; the environment holds nothing but what is said here. */
    setup(env: Record<string, string> = {}, ...flags: string[]) {
      rmSync(log, { force: true });
      const { status, stdout, stderr } = spawnSync(process.execPath, ["setup.js", ...flags], {
        cwd: root,
        env: { PATH: path, STUB_LOG: log, STUB_ROOT: root, XDG_CACHE_HOME: cache, ...env },
        encoding: "utf8",
      });
      const ran = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").sort() : [];
      return { status, stdout, stderr, ran };
    },
  };
}

const clones: string[] = [];
const everything = { npm: NPM, python3: PYTHON };

describe("setup.js", () => {
  afterEach(() => {
    for (const root of clones.splice(0)) rmSync(root, { recursive: true });
  });

  it("makes all that a fresh clone lacks, and keeps stdout clean", () => {
    const { status, stdout, stderr, ran } = freshClone(everything).setup();

    assert.deepEqual(ran, [
      "npm ci in lambda-runtime",
      "npm ci in root",
      "pip with hashes",
      "venv --clear",
    ]);
    assert.equal(stdout, "");
    assert.equal(stderr.trim().split("\n").length, 3, stderr);
    assert.equal(status, 0);
  });

  it("does and says nothing when everything is in place", () => {
    const clone = freshClone(everything);
    clone.setup();

    const started = performance.now();
    const second = clone.setup();

    assert.deepEqual(second, { status: 0, stdout: "", stderr: "", ran: [] });
    // 0.1 s on an idle machine, a minute for real work; the rest is for a busy one.
    assert.ok(performance.now() - started < 2000);
  });

  it("makes again only what its lock or requirements changed for", () => {
    const clone = freshClone(everything);
    clone.setup();

    writeFileSync(join(clone.root, "drill/account/requirements.txt"), `${requirements}# newer\n`);
    assert.deepEqual(clone.setup().ran, ["pip with hashes", "venv --clear"]);

    const lock = JSON.parse(readFileSync(join(clone.root, "package-lock.json"), "utf8"));
    lock.packages["node_modules/mocha"].version = "0.0.1";
    writeFileSync(join(clone.root, "package-lock.json"), JSON.stringify(lock));
    assert.deepEqual(clone.setup().ran, ["npm ci in root"]);
  });

  it("compiles the policy pack where npm did not, and again when a source is newer", () => {
    const clone = freshClone(everything);
    const place = (file: string) => {
      mkdirSync(dirname(join(clone.root, file)), { recursive: true });
      writeFileSync(join(clone.root, file), "");
    };
    place("policy-pack/index.ts");
    place("rulebook/ssh.ts");
    // The stand-in for npm runs no scripts, like `npm ci --ignore-scripts`.
    const { ran } = clone.setup();
    assert.deepEqual(
      ran.filter((line) => line.endsWith(" in root")),
      ["npm ci in root", "npm run in root"],
    );

    place("policy-pack/bin/policy-pack/index.js");
    assert.deepEqual(clone.setup().ran, ["npm run in root"]);
    place("policy-pack/bin/rulebook/ssh.js");
    assert.deepEqual(clone.setup().ran, []);
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(clone.root, "rulebook/ssh.ts"), later, later);
    assert.deepEqual(clone.setup().ran, ["npm run in root"]);
  });

  it("bundles the AWS clients where npm did not, and again when what they hold is newer", () => {
    const clone = freshClone(everything);
    const place = (file: string) => {
      mkdirSync(dirname(join(clone.root, file)), { recursive: true });
      writeFileSync(join(clone.root, file), "");
    };
    place("sdk/ec2.ts");
    assert.deepEqual(
      clone.setup().ran.filter((line) => line.endsWith(" in root")),
      ["npm ci in root", "npm run in root"],
    );
    place("sdk/bin/ec2.js");
    assert.deepEqual(clone.setup().ran, []);
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(clone.root, "sdk/ec2.ts"), later, later);
    assert.deepEqual(clone.setup().ran, ["npm run in root"]);
  });

  it("makes the venv again when its Python is gone", () => {
    const clone = freshClone(everything);
    clone.setup();
    rmSync(join(clone.root, ".venv/bin/python"));

    assert.deepEqual(clone.setup().ran, ["pip with hashes", "venv --clear"]);
  });

  const unusable: [
    name: string,
    tools: Record<string, string>,
    env: Record<string, string>,
    RegExp,
  ][] = [
    ["none", { npm: NPM }, {}, /Python 3\.10 or newer with venv and ensurepip .*there is none$/],
    ["too old", everything, { STUB_PYTHON_VERSION: "3 9" }, /; python3 is 3\.9$/],
    ["bare", everything, { STUB_NO_ENSUREPIP: "1" }, /; python3 lacks venv or ensurepip$/],
  ];
  for (const [name, tools, env, sentence] of unusable) {
    it(`says in one sentence which Python it needs, before any work: ${name}`, () => {
      const { status, stderr, ran } = freshClone(tools).setup(env);

      assert.equal(status, 1);
      assert.match(stderr.trimEnd(), sentence);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
      assert.deepEqual(ran, []);
    });
  }

  it("tells a missing network from another failure, with the tool's own words below", () => {
    const clone = freshClone(everything);

    const offline = clone.setup({ STUB_NPM_SAYS: "npm error code ENOTFOUND" });
    assert.equal(offline.status, 1);
    assert.match(offline.stderr, /npm packages: npm ci .* could not reach its package registry/);
    assert.match(offline.stderr, /^ {4}npm error code ENOTFOUND$/m);

    const broken = clone.setup({ STUB_NPM_SAYS: "npm error code EUSAGE" });
    assert.match(
      broken.stderr,
      /npm packages: npm ci .* failed \(exit 1\)\n {4}npm error code EUSAGE/,
    );
  });

  it("shows both ends of a long output", () => {
    const lines = Array.from({ length: 90 }, (_, index) => `line ${index + 1}`);

    const { stderr } = freshClone(everything).setup({ STUB_NPM_SAYS: lines.join("\n") });

    assert.match(stderr, /^ {4}line 1$/m);
    assert.match(stderr, /^ {4}line 90$/m);
    assert.doesNotMatch(stderr, /^ {4}line 45$/m);
  });

  it("lets npm say why it failed under `npm run --silent`", () => {
    const env = { STUB_NPM_SAYS: "npm error code EUSAGE", npm_config_loglevel: "silent" };

    assert.match(freshClone(everything).setup(env).stderr, /^ {4}npm error code EUSAGE$/m);
  });

  it("says in one sentence that npm is missing", () => {
    const { status, stderr } = freshClone({ python3: PYTHON }).setup();

    assert.equal(status, 1);
    assert.match(stderr, /^npm did not start: spawn npm ENOENT$/m);
  });

  it("says in one sentence that Node is too old", () => {
    const clone = freshClone(everything);
    const engines = { node: ">=99.1" };
    writeFileSync(join(clone.root, "package.json"), JSON.stringify({ ...rootPackage, engines }));

    const { status, stderr, ran } = clone.setup();

    assert.deepEqual(
      { status, stderr, ran },
      {
        status: 1,
        stderr: `Tourniquet needs Node 99.1 or newer; this is ${process.version}\n`,
        ran: [],
      },
    );
  });
});

describe("the real CLI in setup.js", () => {
  afterEach(() => {
    for (const root of clones.splice(0)) rmSync(root, { recursive: true });
  });

  const built = ["go build github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"];
  /** What was run, the other steps left out. */
  const goOf = ({ ran }: { ran: string[] }) => ran.filter((line) => line.startsWith("go "));

  it("is nobody's business who does not ask for it", () => {
    const done = freshClone({ ...everything, go: GO }).setup();

    assert.equal(done.status, 0);
    assert.deepEqual(goOf(done), []);
  });

  it("is built once in CI, outside the work tree, and says how long that takes", () => {
    const clone = freshClone({ ...everything, go: GO });

    const first = clone.setup({ CI: "true" });
    assert.equal(first.status, 0, first.stderr);
    assert.deepEqual(goOf(first), built);
    assert.match(first.stderr, /^setup: builds the Pulumi CLI .* in 6 to 12 minutes$/m);
    assert.match(first.stderr, /^setup: made Pulumi CLI \(/m);

    const second = clone.setup({ CI: "true" });
    assert.deepEqual(second, { status: 0, stdout: "", stderr: "", ran: [] });
  });

  it("leaves the CLI with its language host, and nothing that was needed for the build", () => {
    const clone = freshClone({ ...everything, go: GO });
    clone.setup({ CI: "true" });

    const tourniquet = join(clone.cache, "tourniquet");
    const [folder = "none", ...more] = readdirSync(tourniquet);
    assert.match(folder, /^pulumi-\d+\.\d+\.\d+-[0-9a-f]{12}$/);
    assert.deepEqual(more, []);
    assert.deepEqual(readdirSync(join(tourniquet, folder)).sort(), [
      "pulumi",
      "pulumi-language-nodejs",
    ]);
  });

  it("is built for a developer who asks for it", () => {
    const done = freshClone({ ...everything, go: GO }).setup({}, "--pulumi-cli");

    assert.deepEqual(goOf(done), built);
  });

  it("is the user's own where there is one", () => {
    const done = freshClone({ ...everything, go: GO, pulumi: "" }).setup({ CI: "true" });

    assert.equal(done.status, 0);
    assert.deepEqual(goOf(done), []);
  });

  it("is built again when its modules change", () => {
    const clone = freshClone({ ...everything, go: GO });
    clone.setup({ CI: "true" });
    appendFileSync(join(clone.root, "tools/pulumi-cli/go.sum"), "\n");

    assert.deepEqual(goOf(clone.setup({ CI: "true" })), built);
  });

  it("gets its language host anew when that changes, without a build", () => {
    const clone = freshClone({ ...everything, go: GO });
    clone.setup({ CI: "true" });
    appendFileSync(join(clone.root, "tools/pulumi-cli/languageHost.js"), "// newer\n");

    assert.deepEqual(goOf(clone.setup({ CI: "true" })), []);
    const tourniquet = join(clone.cache, "tourniquet");
    const host = join(tourniquet, readdirSync(tourniquet)[0] as string, "pulumi-language-nodejs");
    assert.match(readFileSync(host, "utf8"), /\/\/ newer\n$/);
  });

  it("says in one sentence that CI lacks Go, before any work", () => {
    const { status, stderr, ran } = freshClone(everything).setup({ CI: "true" });

    assert.equal(status, 1);
    assert.match(stderr, /^The real Pulumi CLI is to be run, .* or Go on the PATH to build it/);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    assert.deepEqual(ran, []);
  });

  it("says why Go failed, and goes on from there the next time", () => {
    const clone = freshClone({ ...everything, go: GO });
    const { status, stderr } = clone.setup({ CI: "true", STUB_GO_SAYS: "dial tcp: no such host" });

    assert.equal(status, 1);
    assert.match(stderr, /Pulumi CLI: .* could not reach its package registry/);
    assert.match(stderr, /^ {4}dial tcp: no such host$/m);
    const tourniquet = join(clone.cache, "tourniquet");
    const folder = join(tourniquet, readdirSync(tourniquet)[0] as string);
    assert.deepEqual(readdirSync(join(folder, "go/modules")), ["module"]);
    assert.deepEqual(goOf(clone.setup({ CI: "true" })), built);
  });
});

describe("requirements.txt", () => {
  const entries = requirements
    .replace(/ \\\n/g, " ")
    .split("\n")
    .filter((line) => line !== "" && !/^\s*#/.test(line));

  it("pins each package to one version, and that to its hashes", () => {
    const loose = entries.filter(
      (entry) => !/^[a-z0-9.-]+==[\w.]+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+$/.test(entry),
    );
    assert.deepEqual(loose, []);
  });

  it("holds what requirements.in asks for", () => {
    const asked = readFileSync(join(ROOT, "drill/account/requirements.in"), "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.replace(/\[.*\]/, ""));
    const pinned = entries.map((entry) => entry.split(" ")[0]);

    assert.ok(asked.length > 0);
    assert.deepEqual(
      asked.filter((line) => !pinned.includes(line)),
      [],
    );
  });
});

describe("the drilled Lambdas' runtime", () => {
  it("has the SDK clients at the versions that the tests use", () => {
    const ours: Record<string, string> = rootPackage.devDependencies;
    const theirs = runtimePackage.dependencies;

    assert.deepEqual(
      theirs,
      Object.fromEntries(Object.keys(theirs).map((name) => [name, ours[name]])),
    );
  });

  it("has nothing in reach but the SDK, and Node where it could be installed", () => {
    assert.deepEqual(
      Object.keys(runtimePackage.dependencies).filter((name) => !name.startsWith("@aws-sdk/")),
      [],
    );
    assert.deepEqual(Object.keys(runtimePackage.optionalDependencies), ["node"]);
  });

  it("has lock files without the host that they were made against", () => {
    for (const file of ["package-lock.json", "drill/lambda-runtime/package-lock.json"]) {
      assert.doesNotMatch(readFileSync(join(ROOT, file), "utf8"), /"resolved"/, file);
    }
    assert.doesNotMatch(requirements, /:\/\/|--index-url|--find-links/);
  });
});
