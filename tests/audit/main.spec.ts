import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const ROOT = path.join(__dirname, "../..");

describe("npm run audit", function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "audit-"));
  });
  after(() => {
    fs.rmSync(folder, { recursive: true });
  });

  function run(...args: string[]) {
    const command = ["-r", "ts-node/register/transpile-only", "audit/main.ts", ...args];
    const env = { PATH: process.env.PATH, INIT_CWD: folder };
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      cwd: ROOT,
      env,
      encoding: "utf8",
    });
    return { code: status, out: stdout, err: stderr };
  }

  function state(name: string, cidr: unknown): string {
    const type = "aws:ec2/securityGroup:SecurityGroup";
    const ingress = [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: [cidr] }];
    const urn = `urn:pulumi:prod::shop::${type}::web`;
    const resources = [{ urn, type, id: "sg-1", inputs: { ingress } }];
    fs.writeFileSync(
      path.join(folder, name),
      JSON.stringify({ version: 3, deployment: { resources } }),
    );
    return name;
  }

  it("exits with 1 where something is open, in a file named from where npm was called", () => {
    const { code, out, err } = run("--state", state("open.json", "0.0.0.0/0"), "--json");

    const { source, open } = JSON.parse(out);
    assert.deepEqual(
      { code, err, source, open },
      {
        code: 1,
        err: "",
        source: { state: path.join(folder, "open.json") },
        open: 1,
      },
    );
  });

  it("exits with 0 where nothing is, and where it cannot be told", () => {
    const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
    const closed = run("--state", state("closed.json", "203.0.113.0/24"));
    const unknown = run("--state", state("unknown.json", { ...secret, ciphertext: "v1:x" }));

    const where = (name: string) => path.join(folder, name);
    assert.deepEqual(closed, {
      code: 0,
      out: `0 open, 0 unknown, 0 exempt in ${where("closed.json")}\n`,
      err: "",
    });
    assert.equal(unknown.code, 0);
    assert.match(unknown.out, /^unknown +ssh-open-to-world .* ingress\[0\]$/m);
    assert.ok(unknown.out.endsWith(`0 open, 1 unknown, 0 exempt in ${where("unknown.json")}\n`));
  });

  it("exempts by the file that it is given", () => {
    fs.writeFileSync(
      path.join(folder, "mine.yaml"),
      "- { rule: ssh-open-to-world, subject: web, owner: o, reason: r, expires: 2999-12-31 }\n",
    );

    const file = state("open.json", "0.0.0.0/0");
    const { code, out } = run("--state", file, "--exemptions", "mine.yaml", "--sarif");

    const [result] = JSON.parse(out).runs[0].results;
    assert.deepEqual([code, result.suppressions.length], [0, 1]);
  });

  it("exits with 2 where it cannot read the state", () => {
    fs.writeFileSync(path.join(folder, "broken.json"), "{");

    assert.deepEqual(run("--state", "broken.json"), {
      code: 2,
      out: "",
      err: `--state ${path.join(folder, "broken.json")}: it is no JSON: it has to be what \`pulumi stack export\` prints\n`,
    });
  });
});
