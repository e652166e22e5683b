import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import path from "node:path";
import { AttachUserPolicyCommand, IAMClient } from "@aws-sdk/client-iam";
import { credentials, Stub } from "../../bench/stub";

const PROJECT = path.join(__dirname, "..", "..");

function bench(args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const main = ["-r", "ts-node/register/transpile-only", "bench/main.ts", ...args];
  const child = spawn(process.execPath, main, { cwd: PROJECT });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  return new Promise((done) => {
    child.on("close", (code) => done({ code, out, err }));
  });
}

describe("npm run bench", function () {
  this.timeout(240_000);

  it("prints JSON alone, with a number for every line and every archive", async () => {
    const { code, out } = await bench([
      ...["--runs", "1", "--json"],
      ...["--pack-runs", "1", "--resources", "100"],
    ]);

    assert.equal(code, 0);
    const { runs, latencyMs, node, lines, archives, pack } = JSON.parse(out);
    assert.deepEqual([runs, latencyMs], [1, 5]);
    assert.match(node, /^v\d+/);
    const cuts = ["user", "user, looked at first", "IAM group", "security group"];
    const names = ["floor", "CloudWatcherCore, before each", ...cuts];
    for (const state of ["cold", "warm"]) {
      const named = lines.filter((line: { state: string }) => line.state === state);
      assert.deepEqual(
        named.map(({ name }: { name: string }) => name),
        names,
      );
    }
    for (const { name, ms, floorMs, ratio } of lines) {
      for (const number of [ms.median, ...ms.quartiles, floorMs, ratio]) {
        assert.ok(number > 0, `${name}: ${number}`);
      }
    }
    assert.equal(archives.length, 13);
    for (const { name, kb, kept } of archives) assert.ok(kb > 0 && kept, name);
    assert.deepEqual(
      pack.lines.map(({ name, aim }: { name: string; aim: number }) => [name, aim]),
      [
        ["start", 1.2],
        ["100 resources", 1.3],
      ],
    );
    for (const { name, ms, emptyMs, ratio } of pack.lines) {
      for (const number of [ms, emptyMs, ratio]) assert.ok(number > 0, `${name}: ${number}`);
    }
    assert.deepEqual(pack.growth.groups, [10, 20, 40, 80]);
    assert.equal(pack.growth.ms.length, 4);
    assert.equal(typeof pack.growth.exponent, "number");
  });

  const refused: [name: string, args: string[], sentence: RegExp][] = [
    ["no runs", ["--runs", "0"], /--runs 0: it has to be a whole number from 1 to 1000/],
    ["no number", ["--latency", "5ms"], /--latency 5ms: it has to be a whole number from 0 to/],
    ["a program of nothing", ["--resources", "0"], /--resources 0: it has to be a whole number/],
    ["an unknown option", ["--jsn"], /Unknown option '--jsn'/],
  ];
  for (const [name, args, sentence] of refused) {
    it(`refuses ${name}`, async () => {
      const { code, out, err } = await bench(args);
      assert.deepEqual([code, out], [1, ""]);
      assert.match(err, sentence);
    });
  }
});

describe("the bench's signatures", function () {
  this.timeout(20_000);
  let stub: Stub;
  before(async () => {
    stub = await Stub.start(0);
  });
  after(() => stub.stop());

  /** The status that the floor's request meets. */
  function floor(secretAccessKey: string): Promise<unknown> {
    const child = fork(path.join(PROJECT, "bench", "floor.js"), {
      execArgv: [],
      env: {
        AWS_ENDPOINT_URL: stub.endpoint,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      },
    });
    return new Promise((done) => {
      child.once("message", (status) => {
        child.kill();
        done(status);
      });
    });
  }

  async function sdk(secretAccessKey: string): Promise<unknown> {
    const client = new IAMClient({
      endpoint: stub.endpoint,
      region: "us-east-1",
      credentials: { ...credentials, secretAccessKey },
    });
    const input = { UserName: "bob", PolicyArn: "arn:aws:iam::aws:policy/AWSDenyAll" };
    try {
      return (await client.send(new AttachUserPolicyCommand(input))).$metadata.httpStatusCode;
    } catch (error) {
      return (error as Error).name;
    } finally {
      client.destroy();
    }
  }

  it("are the SDK's: one check accepts both, and neither with another secret", async () => {
    const { secretAccessKey } = credentials;

    assert.deepEqual([await sdk(secretAccessKey), await floor(secretAccessKey)], [200, 200]);
    assert.deepEqual([await sdk("other"), await floor("other")], ["SignatureDoesNotMatch", 403]);
  });
});
