import assert from "node:assert/strict";
import type { Captured } from "../../../drill/program/capture";
import type { Answer } from "../../../drill/program/lambda";
import { Machine } from "../../../drill/program/machine";

const ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:tested";
const functionArn = (name: string) => `arn:aws:lambda:us-east-1:123456789012:function:${name}`;
const LIMIT = 262_144;

type Handler = (payload: unknown, call: number) => unknown;

/** A machine whose functions are plain ones; `calls` has what each was handed. */
function machine(States: Record<string, object>, functions: Record<string, Handler> = {}) {
  const calls: { name: string; payload: unknown }[] = [];
  const definition = JSON.stringify({ StartAt: Object.keys(States)[0], States });
  const captured = {
    type: "aws:sfn/stateMachine:StateMachine",
    name: "tested",
    inputs: { definition },
    state: { arn: ARN },
  } as unknown as Captured;
  const built = new Machine(captured, async (arn, payload): Promise<Answer> => {
    const name = arn.split(":").at(-1) as string;
    calls.push({ name, payload });
    const invocation = { function: name, cold: false, ms: 1 };
    try {
      const result = functions[name]?.(payload, calls.length);
      return { invocation, result };
    } catch (thrown) {
      const { name: errorType, message: errorMessage } = thrown as Error;
      return { invocation, error: { errorType, errorMessage } };
    }
  });
  return { calls, run: (input: unknown) => built.start(input).done };
}

const task = (name: string, more: object = { End: true }) => ({
  Type: "Task",
  Resource: functionArn(name),
  ...more,
});
const thrown = (name: string) => Object.assign(new Error("not yet"), { name });
const catchAll = [{ ErrorEquals: ["States.ALL"], ResultPath: "$.error", Next: "Caught" }];
/** A text that is LIMIT bytes as JSON, its quotes included, give or take `more`. */
const sized = (more: number) => "x".repeat(LIMIT - 2 + more);

describe("a captured state machine", () => {
  it("hands a function its payload and takes its result", async () => {
    const { run, calls } = machine(
      { Look: task("look", { Parameters: { "of.$": "$.user" }, ResultPath: "$.seen", End: true }) },
      { look: () => ({ keys: 2 }) },
    );

    const result = await run({ user: "mallory" });

    assert.deepEqual(calls, [{ name: "look", payload: { of: "mallory" } }]);
    assert.deepEqual(result.output, { user: "mallory", seen: { keys: 2 } });
    assert.deepEqual([result.status, result.path], ["SUCCEEDED", ["Look"]]);
  });

  it("tells the execution's own name in the context, another for each", async () => {
    const { run } = machine({
      Name: {
        Type: "Pass",
        Parameters: { "name.$": "$$.Execution.Name", "id.$": "$$.Execution.Id" },
        End: true,
      },
    });

    const [one, other] = (await Promise.all([run({}), run({})])).map(
      ({ output }) => output as { name: string; id: string },
    );

    assert.equal(one?.id, `${ARN.replace(":stateMachine:", ":execution:")}:${one?.name}`);
    assert.notEqual(one?.name, other?.name);
  });

  it("retries by the name of the error, and counts each try", async () => {
    const Retry = [{ ErrorEquals: ["NotContained"], IntervalSeconds: 30, MaxAttempts: 3 }];
    const { run, calls } = machine(
      { Cut: task("cut", { Retry, End: true }) },
      {
        cut: (_, call) => {
          if (call < 3) throw thrown("NotContained");
          return "cut";
        },
      },
    );

    const result = await run({});

    assert.deepEqual([result.output, calls.length, result.invocations.length], ["cut", 3, 3]);
  });

  it("does not retry an error of another name, and fails with it", async () => {
    const Retry = [{ ErrorEquals: ["NotContained"], MaxAttempts: 3 }];
    const { run, calls } = machine(
      { Cut: task("cut", { Retry, End: true }) },
      {
        cut: () => {
          throw thrown("BadInput");
        },
      },
    );

    const result = await run({});

    assert.deepEqual([result.status, result.error, calls.length], ["FAILED", "BadInput", 1]);
    assert.match(result.cause ?? "", /"errorMessage":"not yet"/);
  });

  it("catches, with the error beside what was there", async () => {
    const { run } = machine(
      { Cut: task("cut", { Catch: catchAll, End: true }), Caught: { Type: "Succeed" } },
      {
        cut: () => {
          throw thrown("AccessDenied");
        },
      },
    );

    const result = await run({ user: "mallory" });

    const output = result.output as { user: string; error: { Error: string } };
    assert.deepEqual(result.path, ["Cut", "Caught"]);
    assert.deepEqual([output.user, output.error.Error], ["mallory", "AccessDenied"]);
  });

  it("shortens a wait", async () => {
    const { run } = machine({ Settle: { Type: "Wait", Seconds: 10, End: true } });

    const start = performance.now();
    assert.equal((await run({})).status, "SUCCEEDED");

    assert.ok(performance.now() - start < 2000);
  });

  it("leaves a wait for a lift asleep, and does nothing after it", async () => {
    const { run, calls } = machine({
      WaitForLift: { Type: "Wait", Seconds: 60, Next: "Lift" },
      Lift: task("lift"),
    });

    const result = await run({});

    assert.deepEqual([result.status, result.path, calls], ["ASLEEP", ["WaitForLift"], []]);
  });

  it("refuses what the interpreter would send to AWS or does not know", () => {
    const Branches = [{ StartAt: "Cut", States: { Cut: task("cut") } }];
    const jsonata = { Type: "Pass", QueryLanguage: "JSONata", End: true };
    assert.throws(
      () => machine({ Both: { Type: "Parallel", Branches, End: true } }),
      /Both is a Parallel state/,
    );
    assert.throws(() => machine({ Pass: jsonata }), /JSONata/);
  });

  // https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: 262,144 bytes, and
  // .../concepts-error-handling.html: States.ALL does not catch States.DataLimitExceeded.
  describe("with more data than a state may have", () => {
    const states = {
      Cut: task("cut", {
        Retry: [{ ErrorEquals: ["States.ALL"], MaxAttempts: 3 }],
        Catch: catchAll,
        End: true,
      }),
      Caught: { Type: "Succeed" },
    };

    it("runs on at the limit", async () => {
      const result = await machine(states, { cut: (payload) => payload }).run(sized(0));
      assert.deepEqual([result.status, result.output], ["SUCCEEDED", sized(0)]);
    });

    it("ends at a larger input, without the call and past every Catch", async () => {
      const { run, calls } = machine(states, { cut: () => "done" });
      const { status, error, path } = await run(sized(1));
      assert.deepEqual(
        [status, error, path, calls.length],
        ["FAILED", "States.DataLimitExceeded", ["Cut"], 0],
      );
    });

    it("ends at a larger result, past every Retry and Catch", async () => {
      const { run, calls } = machine(states, { cut: () => sized(1) });
      const { status, error, cause, path } = await run({});
      assert.deepEqual(
        [status, error, path, calls.length],
        ["FAILED", "States.DataLimitExceeded", ["Cut"], 1],
      );
      assert.match(cause ?? "", /the result of Cut has 262145 bytes/);
    });

    it("ends where a result that fits makes the state too large", async () => {
      const { run } = machine(
        { Cut: { ...states.Cut, ResultPath: "$.case" }, Caught: states.Caught },
        { cut: () => sized(-100) },
      );
      const { status, error, cause } = await run({ record: "x".repeat(200) });
      assert.deepEqual([status, error], ["FAILED", "States.DataLimitExceeded"]);
      assert.match(cause ?? "", /the output of Cut/);
    });
  });
});
