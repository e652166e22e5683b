import assert from "node:assert/strict";
import type { Captured } from "../../../drill/program/capture";
import { Lambda } from "../../../drill/program/lambda";

/** A captured Lambda of one file. */
function captured(text: string, timeout = 10): Captured {
  const inputs = { name: "tested", handler: "__index.handler", timeout };
  return {
    type: "aws:lambda/function:Function",
    name: "tested",
    inputs,
    state: { ...inputs, arn: "arn:aws:lambda:us-east-1:123456789012:function:tested" },
    files: { "__index.js": Buffer.from(text) },
  };
}

describe("a Lambda's sandbox", function () {
  this.timeout(30_000);
  const started: Lambda[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((one) => one.stop()));
  });

  function lambda(text: string, timeout?: number, clock = 1): Lambda {
    const one = new Lambda(captured(text, timeout), {
      clock,
      endpoint: "http://127.0.0.1:9",
      region: "us-east-1",
      credentials: { accessKeyId: "AKIATEST", secretAccessKey: "not-a-secret" },
      log: () => undefined,
    });
    started.push(one);
    return one;
  }

  const loads = (name: string) =>
    `exports.handler = async () => { require(${JSON.stringify(name)}); return "loaded"; };`;

  it("refuses an import that was not packed, though the project has it", async () => {
    require.resolve("ipaddr.js");

    const { error } = await lambda(loads("ipaddr.js")).invoke({});

    assert.match(error?.errorMessage ?? "", /Cannot find module 'ipaddr\.js'/);
  });

  it("has the runtime's SDK in reach", async () => {
    assert.equal((await lambda(loads("@aws-sdk/client-iam")).invoke({})).result, "loaded");
  });

  it("names an error as Lambda does: its name, or the type of what is no Error", async () => {
    const named =
      "exports.handler = async () => { throw Object.assign(new Error('x'), { name: 'BadInput' }); };";
    const thrown = "exports.handler = async () => { throw { name: 'BadInput' }; };";

    assert.equal((await lambda(named).invoke({})).error?.errorType, "BadInput");
    assert.equal((await lambda(thrown).invoke({})).error?.errorType, "object");
  });

  it("ends at its captured timeout, and the next event finds a new sandbox", async () => {
    const one = lambda("exports.handler = (hang) => (hang ? new Promise(() => {}) : 'awake');", 1);

    assert.equal((await one.invoke(true)).error?.errorType, "Sandbox.Timedout");
    const next = await one.invoke(false);

    assert.deepEqual([next.result, next.invocation.cold], ["awake", true]);
  });

  it("lets timers and the time limit run faster by the same factor", async () => {
    const text = "exports.handler = (ms) => new Promise((done) => setTimeout(done, ms, 'rung'));";
    const one = lambda(text, 30, 10);

    assert.equal((await one.invoke(5_000)).result, "rung");
    assert.equal(
      (await one.invoke(60_000)).error?.errorMessage,
      "tested timed out after 3 seconds",
    );
  });

  it("starts anew after it has crashed", async () => {
    const one = lambda(
      "exports.handler = (crash) => { if (crash) process.exit(7); return 'awake'; };",
    );

    assert.equal((await one.invoke(true)).error?.errorType, "Runtime.ExitError");

    assert.equal((await one.invoke(false)).result, "awake");
  });
});
