/**
 * The real Pulumi CLI for the tests: finds one, or builds one from its Go module into a cache
 * outside the work tree. go.mod and go.sum beside this file pin every module of it.
 *
 * Plain CommonJS without dependencies: setup.js asks it before anything is installed.
 * `node tools/pulumi-cli/build.js` builds; `npm run pulumi-cli` does so with a progress line.
 */
const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const { homedir } = require("node:os");
const path = require("node:path");

const CLI = "github.com/pulumi/pulumi/pkg/v3";
const HOST = "pulumi-language-nodejs";

function readHere(name) {
  return fs.readFileSync(path.join(__dirname, name), "utf8");
}

/** The CLI's version as go.mod pins it: "v3.259.0". */
function pinnedVersion() {
  return readHere("go.mod").match(`${CLI} (v[\\d.]+)`)[1];
}

/** Where the CLI is or will be: one folder for each version and set of modules. */
function cacheFolder() {
  const caches = process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache");
  const modules = createHash("sha256").update(readHere("go.mod")).update(readHere("go.sum"));
  const name = `pulumi-${pinnedVersion().slice(1)}-${modules.digest("hex").slice(0, 12)}`;
  return path.join(caches, "tourniquet", name);
}

/** The path of a command on the PATH, if there is one. */
function onPath(command) {
  const folders = (process.env.PATH ?? "").split(path.delimiter).filter(Boolean);
  return folders.map((folder) => path.join(folder, command)).find(isExecutable);
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The CLI to use: the user's own, which has its own language host, or else ours from the cache.
 *
 * @returns {string | undefined} its path; undefined where there is none.
 */
function findPulumi() {
  const own = onPath("pulumi");
  if (own) return own;
  const cached = path.join(cacheFolder(), "pulumi");
  if (!isExecutable(cached)) return undefined;
  placeHost();
  return cached;
}

/** The CLI looks for its language host beside itself. The host is no reason to build again. */
function placeHost() {
  const file = path.join(cacheFolder(), HOST);
  const text = readHere("languageHost.js");
  if (isExecutable(file) && fs.readFileSync(file, "utf8") === text) return;
  replace(file, (fresh) => fs.writeFileSync(fresh, text, { mode: 0o755 }));
}

/** Others may look at the file, or make the same one, at this moment. */
function replace(file, make) {
  const fresh = `${file}.${process.pid}`;
  make(fresh);
  fs.renameSync(fresh, file);
}

function hasGo() {
  return onPath("go") !== undefined;
}

/**
 * Builds the CLI: 6 to 12 minutes on two cores, 3 GB of Go caches for the while, 110 MB afterwards.
 * The caches are ours and go when the build is done; a build that was interrupted goes on with them.
 */
function build() {
  const folder = cacheFolder();
  const caches = path.join(folder, "go");
  const version = `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${pinnedVersion()}`;
  fs.mkdirSync(caches, { recursive: true });
  replace(path.join(folder, "pulumi"), (fresh) =>
    go(
      caches,
      "build",
      "-trimpath",
      "-ldflags",
      `-s -w -X ${version}`,
      "-o",
      fresh,
      `${CLI}/cmd/pulumi`,
    ),
  );
  fs.rmSync(caches, { recursive: true, force: true });
  placeHost();
}

/** @throws what makes a command fail, when Go did; Go has said why. */
function go(caches, ...args) {
  const { status, error } = spawnSync("go", args, {
    cwd: __dirname,
    stdio: "inherit",
    env: {
      ...process.env,
      GOMODCACHE: path.join(caches, "modules"),
      GOCACHE: path.join(caches, "build"),
      // Without -modcacherw the modules could not be removed again.
      GOFLAGS: "-mod=readonly -modcacherw -buildvcs=false",
      GOWORK: "off",
      CGO_ENABLED: "0",
    },
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`go build ended with ${status}`);
}

module.exports = { cacheFolder, findPulumi, hasGo };

if (require.main === module) {
  try {
    build();
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`the Pulumi CLI was not built: ${error.message}\n`);
  }
}
