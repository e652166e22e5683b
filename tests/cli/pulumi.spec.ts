import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { makeFolder, removeFolder } from "../../drill/program/folder";

const ROOT = path.join(__dirname, "..", "..");

describe("the suites of the real CLI, where there is none", function () {
  this.timeout(60_000);

  let nothing: string;
  before(() => {
    nothing = makeFolder("nothing");
  });
  after(() => removeFolder(nothing));

  /** Runs mocha on the other suites, with no `pulumi` on the PATH and none in the cache. */
  function mocha(env: Record<string, string>) {
    const suites = ["preview", "up"].map((name) => path.join("tests", "cli", `${name}.spec.ts`));
    return spawnSync(
      process.execPath,
      [require.resolve("mocha/bin/mocha.js"), "--no-config", "-r", TS_NODE, ...suites],
      { cwd: ROOT, env: { PATH: nothing, XDG_CACHE_HOME: nothing, ...env }, encoding: "utf8" },
    );
  }
  const TS_NODE = "ts-node/register/transpile-only";

  it("say in one line that they were not run, and how to get it", () => {
    const { status, stdout, stderr } = mocha({});

    assert.equal(
      stderr,
      "The real CLI was not run: install Pulumi or run `npm run pulumi-cli` (Go, 6 to 12 minutes)\n",
    );
    assert.match(stdout, /\b0 passing/);
    assert.equal(status, 0);
  });

  it("fail in CI", () => {
    const { status, stderr } = mocha({ CI: "true" });

    assert.notEqual(status, 0);
    assert.match(stderr, /CI needs the real CLI: npm run pulumi-cli/);
  });
});
