import { randomUUID } from "node:crypto";
import type { Captured } from "./capture";
import type { Answer, Invocation } from "./lambda";

/** What became of one execution. */
export interface ExecutionResult {
  /** ASLEEP: it waits for a lift, which comes long after the drill. */
  status: "SUCCEEDED" | "FAILED" | "ASLEEP";
  /** Names of the states that were entered, in order. */
  path: string[];
  states: StateVisit[];
  output?: unknown;
  error?: string;
  cause?: string;
  invocations: Invocation[];
}

/** One state that an execution went through; times as `performance.now()` tells them. */
export interface StateVisit {
  name: string;
  input?: unknown;
  output?: unknown;
  enteredAt: number;
  leftAt: number;
}

/** One execution of a state machine. */
export interface Execution {
  /** Its name, which is unique. */
  id: string;
  input: unknown;
  done: Promise<ExecutionResult>;
}

/**
 * A state holds at most 256 KiB, and what exceeds it ends the execution past every Catch. The
 * interpreter knows no limit.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const LARGEST_STATE_BYTES = 262_144;
const DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded";

/** The error for data that a state cannot hold. The interpreter asks it whether it may be caught. */
function tooLarge(what: string, value: unknown): Error | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(value ?? null), "utf8");
  if (bytes <= LARGEST_STATE_BYTES) return undefined;
  const error = new Error(`${what} has ${bytes} bytes; a state may have ${LARGEST_STATE_BYTES}`);
  return Object.assign(error, {
    name: DATA_LIMIT_EXCEEDED,
    isRetryable: false,
    isCatchable: false,
  });
}

/** Waits pass two hundred times faster here, and retries after this many milliseconds. */
const WAIT_FACTOR = 1 / 200;
const RETRY_MS = 25;

/** The wait for a lift is longer than any drill: an execution that comes to it is put to sleep. */
const WAIT_FOR_LIFT = "WaitForLift";
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How an execution ended that did not end by itself. */
type Ended = Pick<ExecutionResult, "status" | "error" | "cause">;

interface Definition {
  States: Record<string, State>;
}

interface State {
  Type: string;
  Resource?: string;
  Seconds?: number;
  Retry?: unknown[];
  Next?: string;
}

// Node.js 20 has no Promise.withResolvers, which the interpreter calls.
(Promise as { withResolvers?: unknown }).withResolvers ??= () => {
  let resolve: unknown;
  let reject: unknown;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

// The interpreter's types are for ES modules only; this is the part of it that is used.
const { StateMachine } = require("aws-local-stepfunctions") as {
  StateMachine: new (
    definition: unknown,
    options: unknown,
  ) => {
    run(
      input: unknown,
      options: unknown,
    ): { abort(): void; result: Promise<unknown>; eventLogs: AsyncIterable<Log> };
  };
};

interface Log {
  type: string;
  timestamp: number;
  state?: { name: string; input?: unknown; output?: unknown };
}

/** A captured state machine, run by an interpreter; its Lambdas are called through `invoke`. */
export class Machine {
  readonly arn: string;
  readonly #definition: Definition;
  readonly #machine: InstanceType<typeof StateMachine>;

  constructor(
    captured: Captured,
    private readonly invoke: (functionArn: string, payload: unknown) => Promise<Answer>,
  ) {
    this.arn = captured.state.arn;
    this.#definition = JSON.parse(captured.inputs.definition);
    if (captured.inputs.definition.includes('"JSONata"')) {
      throw new Error(`${captured.name}: the interpreter ignores JSONata silently`);
    }
    for (const [name, { Type }] of Object.entries(this.#definition.States)) {
      // The interpreter would call AWS itself for a task inside one.
      if (Type !== "Parallel" && Type !== "Map") continue;
      throw new Error(`${captured.name}: ${name} is a ${Type} state, which the drill does not run`);
    }
    // Building validates, which takes longer than most executions: once a machine.
    this.#machine = new StateMachine(this.#definition, { validationOptions: { checkArn: false } });
  }

  /** Starts an execution. */
  start(input: unknown): Execution {
    const id = randomUUID();
    return { id, input, done: this.#run(this.#machine, id, input) };
  }

  /** The rest of an execution that sleeps, as if its wait were over. */
  wake({ id, input }: Execution, { states }: ExecutionResult): Execution {
    const StartAt = this.#definition.States[WAIT_FOR_LIFT]?.Next;
    // It was validated whole; here the states before are out of reach, which is no defect.
    const options = { validationOptions: { noValidate: true } };
    const rest = new StateMachine({ ...this.#definition, StartAt }, options);
    return { id, input, done: this.#run(rest, id, states.at(-1)?.input) };
  }

  async #run(
    machine: InstanceType<typeof StateMachine>,
    id: string,
    input: unknown,
  ): Promise<ExecutionResult> {
    const invocations: Invocation[] = [];
    const states: StateVisit[] = [];
    const execution = machine.run(JSON.parse(JSON.stringify(input)), {
      overrides: {
        taskResourceLocalHandlers: this.#handlers(invocations),
        waitTimeOverrides: this.#waits(),
        retryIntervalOverrides: this.#retries(),
      },
      context: this.#context(id, input),
    });
    const watching = this.#watch(execution, states);
    const rest = () => ({ path: states.map(({ name }) => name), states, invocations });
    try {
      const output = await execution.result;
      const ended = await watching;
      return { ...(ended ?? { status: "SUCCEEDED", output }), ...rest() };
    } catch (thrown) {
      const { name, message } = ((thrown as Error).cause ?? thrown) as Error;
      const ended = await watching;
      return { ...(ended ?? { status: "FAILED", error: name, cause: message }), ...rest() };
    }
  }

  /** A function's ARN as the resource: the input is its event, and its result the task's. */
  #handlers(invocations: Invocation[]) {
    const tasks = Object.entries(this.#definition.States).filter(([, one]) => one.Type === "Task");
    return Object.fromEntries(
      tasks.map(([name, { Resource = "" }]) => [
        name,
        async (payload: unknown) => {
          if (!/^arn:[^:]+:lambda:/.test(Resource)) {
            throw new Error(
              `${name} has the resource ${Resource}; the drill runs functions by ARN`,
            );
          }
          const excess = tooLarge(`the input of ${name}`, payload);
          if (excess) throw excess;
          const answer = await this.invoke(Resource, payload);
          invocations.push(answer.invocation);
          if (answer.error) {
            const { errorType, errorMessage } = answer.error;
            throw Object.assign(new Error(JSON.stringify({ errorType, errorMessage })), {
              name: errorType,
            });
          }
          const surplus = tooLarge(`the result of ${name}`, answer.result);
          if (surplus) throw surplus;
          return answer.result;
        },
      ]),
    );
  }

  #waits(): Record<string, number> {
    const waits = Object.entries(this.#definition.States).filter(([, one]) => one.Type === "Wait");
    return Object.fromEntries(
      waits.map(([name, { Seconds = 0 }]) => [
        name,
        name === WAIT_FOR_LIFT ? LONGEST_TIMER_MS : Seconds * 1000 * WAIT_FACTOR,
      ]),
    );
  }

  #retries(): Record<string, number> {
    const retried = Object.entries(this.#definition.States).filter(([, one]) => one.Retry);
    return Object.fromEntries(retried.map(([name]) => [name, RETRY_MS]));
  }

  /** Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
  #context(id: string, input: unknown) {
    const name = this.arn.split(":").at(-1);
    return {
      Execution: {
        Id: `${this.arn.replace(":stateMachine:", ":execution:")}:${id}`,
        Name: id,
        Input: input,
        StartTime: new Date().toISOString(),
      },
      StateMachine: { Id: this.arn, Name: name },
    };
  }

  /**
   * Notes the states that an execution goes through, and ends it where AWS would and the
   * interpreter would not.
   *
   * @returns what became of an execution that was ended here; undefined where it ended by itself.
   */
  async #watch(
    { eventLogs, abort }: { eventLogs: AsyncIterable<Log>; abort(): void },
    states: StateVisit[],
  ): Promise<Ended | undefined> {
    let ended: Ended | undefined;
    const end = (how: Ended) => {
      ended ??= how;
      abort();
    };
    for await (const { type, timestamp, state } of eventLogs) {
      if (!state) continue;
      const at = timestamp - performance.timeOrigin;
      if (type.endsWith("StateEntered")) {
        states.push({ name: state.name, input: state.input, enteredAt: at, leftAt: at });
        if (state.name === WAIT_FOR_LIFT) end({ status: "ASLEEP" });
      }
      const visit = states.at(-1);
      if (!visit || visit.name !== state.name) continue;
      visit.leftAt = at;
      if (!type.endsWith("StateExited") || ended) continue;
      visit.output = state.output;
      const { message: cause } = tooLarge(`the output of ${state.name}`, state.output) ?? {};
      if (cause) end({ status: "FAILED", error: DATA_LIMIT_EXCEEDED, cause });
    }
    return ended;
  }
}
