/** The names of an SDK module's commands, without the suffix. */
type Name<Sdk> = keyof Sdk extends infer Key
  ? Key extends `${infer Command}Command`
    ? Command extends "" | "$"
      ? never
      : Command
    : never
  : never;

/** A command as the SDK types it: its input, and what the service answers. */
type Instance<Sdk, Command extends string> =
  Sdk extends Record<`${Command}Command`, new (input: never) => infer Made> ? Made : never;
type Input<Made> = Made extends { input: infer In } ? Required<In> : never;
type Output<Made> = Made extends {
  resolveMiddleware(...args: never): (...args: never) => Promise<{ output: infer Out }>;
}
  ? Part<Omit<Out, "$metadata">> | Error
  : never;

/** An answer names only what the code reads. */
type Part<T> = T extends Date
  ? T
  : T extends (infer Item)[]
    ? Part<Item>[]
    : T extends object
      ? { [Key in keyof T]?: Part<T[Key]> }
      : T;

/** What the service answers: a result, an error, or a function of the input that gives either. */
export type Answers<Sdk> = {
  [Command in Name<Sdk>]?: Answer<Instance<Sdk, Command>>;
};
type Answer<Made> = Output<Made> | ((input: Input<Made>) => Output<Made> | Promise<Output<Made>>);

export type Call = [name: string, input: object];

/**
 * The SDK's own commands and paginators, with a client that answers from a table and writes every
 * command into `calls` at the moment it is sent. The paginators insist on the real client's class,
 * hence the subclass. A command without an answer is an error, not an empty result.
 */
export function fakeSdk<Sdk extends object>(
  real: Sdk,
  client: keyof Sdk & string,
  answers: Answers<Sdk>,
  calls: Call[] = [],
) {
  const Real = real[client] as new (config: object) => object;
  class Fake extends Real {
    send(command: { input: object; constructor: { name: string } }): Promise<unknown> {
      const name = command.constructor.name.replace(/Command$/, "");
      // As it goes over the wire: what is undefined is not there.
      calls.push([name, JSON.parse(JSON.stringify(command.input))]);
      return answer(answers[name as keyof typeof answers], name, command.input);
    }
  }
  const sdk = { ...real, [client]: Fake } as Sdk;
  return { sdk, calls };
}

async function answer(from: unknown, name: string, input: object): Promise<unknown> {
  if (from === undefined) throw new Error(`no answer for ${name}: add it to the test's table`);
  const result = await (typeof from === "function" ? from(input) : from);
  if (result instanceof Error) throw result;
  return result;
}

/** An error as the SDK names it. */
export function refusal(name: string, message = "said the service"): Error {
  return Object.assign(new Error(message), { name });
}

export const noSuchEntity = refusal("NoSuchEntityException");
export const throttled = refusal("ThrottlingException", "Rate exceeded");

/** Gives the answers one after the other; the last one stays. */
export function inTurn<T>(...answers: [T, ...T[]]): () => T {
  let at = 0;
  return () => answers[Math.min(at++, answers.length - 1)] as T;
}

/** The calls that change something. */
export function cutsIn(calls: Call[]): Call[] {
  return calls.filter(([name]) => !/^(Get|List|Describe)/.test(name));
}

/** For one suite: waits are written down, not waited for. */
export function withoutWaiting(): number[] {
  const real = globalThis.setTimeout;
  const waits: number[] = [];
  beforeEach(() => {
    waits.length = 0;
    globalThis.setTimeout = ((done: () => void, ms: number) => {
      waits.push(ms);
      return real(done, 0);
    }) as typeof setTimeout;
  });
  afterEach(() => {
    globalThis.setTimeout = real;
  });
  return waits;
}

/** For one suite: environment variables as a deployed Lambda has them. */
export function withEnvironment(variables: Record<string, string>): void {
  const before = { ...process.env };
  beforeEach(() => {
    Object.assign(process.env, variables);
  });
  afterEach(() => {
    for (const key of Object.keys(variables)) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
  });
}
