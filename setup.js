/**
 * Makes what this project needs and does not have yet, and nothing else: the npm packages, the
 * SDK and Node of the Lambda runtime that the drill uses, and a private Python environment with
 * moto, the AWS stand-in. Run by `npm start` and `npm test`; takes no time when all is there.
 * Under CI=true, or with --pulumi-cli, also the real Pulumi CLI, if there is none on the PATH.
 *
 * Plain CommonJS without dependencies: it runs before anything is installed. Everything it says
 * goes to stderr, because stdout belongs to the command that follows it (`--json`).
 */
const { spawn, spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, readdirSync, readFileSync, statSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { findPulumi, hasGo } = require("./tools/pulumi-cli/build");

const ROOT = __dirname;
const LAMBDA_RUNTIME = join(ROOT, "drill", "lambda-runtime");
const REQUIREMENTS = join(ROOT, "drill", "account", "requirements.txt");
const VENV = join(ROOT, ".venv");
const VENV_PYTHON = join(VENV, "bin", "python");
const VENV_STAMP = join(VENV, "requirements.sha256");
const PULUMI_BUILD = join(ROOT, "tools", "pulumi-cli", "build.js");

/** The oldest Python that the pinned moto runs on (its Requires-Python). */
const OLDEST_PYTHON = [3, 10];
const PYTHONS = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|NewConnectionError|NameResolutionError|ConnectTimeout|dial tcp|Temporary failure in name resolution|Network is unreachable/;

/**
 * What stops the setup.
 *
 * @param {string} sentence what is missing and what would be right
 * @param {string} [output] what the failed tool itself said
 */
function setupError(sentence, output = "") {
  return Object.assign(new Error(sentence), { name: "SetupError", output });
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Throws when this Node is older than package.json's "engines" ask for (">=MAJOR.MINOR"). */
function checkNode() {
  const oldest = readJson(join(ROOT, "package.json")).engines.node.replace(">=", "");
  if (isOlder(process.versions.node.split(".").map(Number), oldest.split(".").map(Number))) {
    throw setupError(`Tourniquet needs Node ${oldest} or newer; this is ${process.version}`);
  }
}

function isOlder([major, minor], [oldestMajor, oldestMinor]) {
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

/**
 * Does a folder's node_modules hold the versions of its package-lock.json? npm's own record of
 * what it installed is compared, so that packages a developer installed by hand count as well.
 * Optional ones may be missing: most are for other machines.
 */
function hasPackages(folder) {
  const record = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const installed = readJson(record).packages;
  return Object.entries(readJson(join(folder, "package-lock.json")).packages).every(
    ([path, wanted]) =>
      path === "" ||
      wanted.optional ||
      wanted.devOptional ||
      (path in installed && installed[path].version === wanted.version),
  );
}

/** Is each source of these folders built, and no newer than that? True where there is none. */
function isBuilt(folders, builtFolder) {
  return folders.every((folder) => {
    const sources = existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : [];
    return sources
      .filter((name) => name.endsWith(".ts"))
      .every((name) => {
        const built = join(ROOT, builtFolder(folder), name.replace(/ts$/, "js"));
        const source = join(ROOT, folder, name);
        return existsSync(built) && statSync(built).mtimeMs >= statSync(source).mtimeMs;
      });
  });
}

/** What npm makes after its packages ("prepare"): the compiled policy pack, the bundled clients. */
const builds = [
  {
    name: "policy pack",
    script: "build:pack",
    isMade: () =>
      isBuilt(
        ["policy-pack", "policy-pack/surfaces", "rulebook"],
        (one) => `policy-pack/bin/${one}`,
      ),
  },
  {
    name: "AWS clients",
    script: "build:sdk",
    isMade: () => isBuilt(["sdk"], () => "sdk/bin"),
  },
];

function requirementsHash() {
  return createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
}

/** existsSync follows the link: a venv whose Python was upgraded away does not count. */
function hasVenv() {
  if (!existsSync(VENV_PYTHON) || !existsSync(VENV_STAMP)) return false;
  return readFileSync(VENV_STAMP, "utf8") === requirementsHash();
}

/**
 * A Python on the PATH that can make the venv.
 *
 * @returns {string} its command, e.g. "python3.12"
 * @throws a SetupError that says which Pythons were found, and what each of them lacks
 */
function findPython() {
  const version = OLDEST_PYTHON.join(".");
  const lacks = [];
  for (const python of PYTHONS) {
    const asked = spawnSync(
      python,
      ["-c", "import sys; print(*sys.version_info[:2]); import venv, ensurepip"],
      { encoding: "utf8" },
    );
    if (asked.error || asked.stdout === "") continue;
    const found = asked.stdout.trim().split(" ").map(Number);
    if (isOlder(found, OLDEST_PYTHON)) lacks.push(`${python} is ${found.join(".")}`);
    else if (asked.status !== 0) lacks.push(`${python} lacks venv or ensurepip`);
    else return python;
  }
  throw setupError(
    `The AWS stand-in needs Python ${version} or newer with venv and ensurepip ` +
      `(on Debian and Ubuntu: apt install python3-venv) as python3 on the PATH; ` +
      (lacks.length > 0 ? lacks.join(", ") : "there is none"),
  );
}

/**
 * Runs one tool to its end.
 *
 * @returns {Promise<void>} rejected with a SetupError that holds an excerpt of the tool's output
 */
function run(what, command, args, cwd = ROOT) {
  return new Promise((resolve, reject) => {
    let output = "";
    const keep = (text) => {
      output += text;
    };
    const tool = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    tool.stdout.setEncoding("utf8").on("data", keep);
    tool.stderr.setEncoding("utf8").on("data", keep);
    tool.on("error", (error) => reject(setupError(`${command} did not start: ${error.message}`)));
    tool.on("close", (code, signal) => {
      if (code === 0) return resolve();
      const why = NO_NETWORK.test(output)
        ? "could not reach its package registry: is there a network, or a proxy to set?"
        : `failed (${signal || `exit ${code}`})`;
      reject(setupError(`${what}: ${[command, ...args].join(" ")} ${why}`, excerpt(output)));
    });
  });
}

/** Both ends of a long output: npm says its cause first and then all its options, pip last. */
function excerpt(output) {
  const lines = output.trimEnd().split("\n");
  if (lines.length <= 24) return lines.join("\n");
  return [...lines.slice(0, 12), "…", ...lines.slice(-12)].join("\n");
}

/**
 * NODE_ENV=production would leave out the compiler and the tests' tools, and under
 * `npm run --silent` an inner npm would fail without a word.
 */
function npmCi(what, folder) {
  const args = ["ci", "--include=dev", "--include=optional", "--no-audit", "--loglevel=error"];
  return run(what, "npm", args, folder);
}

/** npm builds what is to build after it ("prepare"), unless it is told to run no scripts. */
async function makePackages(what) {
  await npmCi(what, ROOT);
  for (const { script, isMade } of builds) {
    if (!isMade()) await runScript(what, script);
  }
}

function runScript(what, script) {
  return run(what, "npm", ["run", "--silent", script]);
}

/** The stamp comes last: a run that was interrupted starts over. */
async function makeVenv(what, python) {
  await run(what, python, ["-m", "venv", "--clear", VENV]);
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"];
  await run(what, VENV_PYTHON, [...pip, "-r", REQUIREMENTS]);
  writeFileSync(VENV_STAMP, requirementsHash());
}

/** The CLI is 6 to 12 minutes of work, so a developer asks for it; CI must not leave it out. */
function wantsPulumi() {
  return process.env.CI === "true" || process.argv.includes("--pulumi-cli");
}

function pulumiStep() {
  if (!hasGo()) {
    throw setupError(
      "The real Pulumi CLI is to be run, and there is none: it needs pulumi on the PATH, or Go " +
        "on the PATH to build it with",
    );
  }
  return {
    name: "Pulumi CLI",
    note: "builds the Pulumi CLI from its Go module, once, in 6 to 12 minutes",
    make: (name) => run(name, process.execPath, [PULUMI_BUILD]),
  };
}

/** What is missing: a name to show, what to say of a long one, and how to make it. */
function missingSteps() {
  const steps = [];
  if (!hasPackages(ROOT)) {
    steps.push({ name: "npm packages", make: makePackages });
  } else {
    for (const { name, script, isMade } of builds) {
      if (!isMade()) steps.push({ name, make: (what) => runScript(what, script) });
    }
  }
  if (!hasPackages(LAMBDA_RUNTIME)) {
    steps.push({ name: "Lambda runtime", make: (name) => npmCi(name, LAMBDA_RUNTIME) });
  }
  if (!hasVenv()) {
    const python = findPython();
    steps.push({ name: "AWS stand-in", make: (name) => makeVenv(name, python) });
  }
  if (wantsPulumi() && !findPulumi()) steps.push(pulumiStep());
  return steps;
}

/** One line for each finished step; between them, on a terminal, a live line of what still runs. */
function progress() {
  const started = Date.now();
  const running = new Set();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const clear = () => process.stderr.isTTY && process.stderr.write("\r\x1b[K");
  const draw = () => {
    clear();
    if (running.size > 0) process.stderr.write(`setup: ${[...running].join(", ")} … ${seconds()}`);
  };
  const timer = process.stderr.isTTY ? setInterval(draw, 200) : undefined;
  return {
    start(name, note) {
      running.add(name);
      if (note) process.stderr.write(`setup: ${note}\n`);
    },
    end(name, mark) {
      running.delete(name);
      clear();
      process.stderr.write(`setup: ${mark} ${name} (${seconds()})\n`);
      if (running.size === 0) clearInterval(timer);
    },
  };
}

async function setup() {
  checkNode();
  const steps = missingSteps();
  if (steps.length === 0) return;
  const shown = progress();
  const failures = [];
  await Promise.all(
    steps.map(async ({ name, note, make }) => {
      shown.start(name, note);
      try {
        await make(name);
        shown.end(name, "made");
      } catch (error) {
        shown.end(name, "FAILED");
        failures.push(error);
      }
    }),
  );
  if (failures.length > 0) throw failures;
}

function report(error) {
  if (error.name !== "SetupError") throw error;
  process.stderr.write(`${error.message}\n`);
  if (error.output) process.stderr.write(`${error.output.replace(/^/gm, "    ")}\n`);
}

setup().catch((problem) => {
  process.exitCode = 1;
  for (const error of [].concat(problem)) report(error);
});
