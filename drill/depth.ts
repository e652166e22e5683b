/** A call with the time at which it arrived and was answered, in ms of any one clock. */
export interface TimedCall {
  /** Who made it: of a responder, the name of its function. */
  principal: string;
  from: number;
  to: number;
  /** Did it take power away? */
  cut: boolean;
}

/** One run of a function, by the same clock. */
export interface TimedInvocation {
  function: string;
  from: number;
  to: number;
}

/** How many calls wait for each other at most: the round trips that a containment takes. */
export interface Depth {
  /** Up to the first cut and with it, in the invocation that made it. */
  firstCut: number;
  /** Of the invocation that made the first cut, and of the first StripAccount after it. */
  containment: number;
}

/**
 * What took more round trips than it may, in words; empty where nothing did.
 *
 * @param depth undefined where nothing was taken, which is no containment within any bound.
 */
export function tooDeep(depth: Depth | undefined, most: Depth | undefined): string[] {
  if (!most) return [];
  if (!depth) return ["expect.roundTrips: nothing was taken"];
  return (["firstCut", "containment"] as const)
    .filter((part) => depth[part] > most[part])
    .map((part) => `expect.roundTrips.${part}: ${depth[part]}, and at most ${most[part]} may be`);
}

/**
 * The round trips of an execution; undefined where none of its calls took anything.
 *
 * A call that started after another was answered counts as one that waited for it. That is an upper
 * bound: a busy machine may send the second of two independent calls so late that the first has been
 * answered. A scenario's `answerDelayMs` tells the two apart.
 */
export function depthOf(invocations: TimedInvocation[], calls: TimedCall[]): Depth | undefined {
  const first = earliest(calls.filter(({ cut }) => cut));
  const cutter = first && invocations.find((one) => made(one, first));
  if (!first || !cutter) return undefined;
  const strip = earliest(
    invocations.filter((one) => /StripAccount$/.test(one.function) && one.from >= cutter.to),
  );
  const within = (one: TimedInvocation | undefined) =>
    one ? calls.filter((call) => made(one, call)) : [];
  const before = within(cutter).filter(({ to }) => to <= first.from);
  return {
    firstCut: longestChain(before) + 1,
    containment: longestChain(within(cutter)) + longestChain(within(strip)),
  };
}

/** How many of the calls can stand in a row, each started after the one before was answered. */
export function longestChain(calls: Pick<TimedCall, "from" | "to">[]): number {
  const depths: { to: number; depth: number }[] = [];
  for (const { from, to } of [...calls].sort((one, other) => one.from - other.from)) {
    const before = depths.filter((each) => each.to <= from).map(({ depth }) => depth);
    depths.push({ to, depth: 1 + Math.max(0, ...before) });
  }
  return Math.max(0, ...depths.map(({ depth }) => depth));
}

function made(invocation: TimedInvocation, { principal, from }: TimedCall): boolean {
  return principal === invocation.function && invocation.from <= from && from <= invocation.to;
}

function earliest<T extends { from: number }>(all: T[]): T | undefined {
  return [...all].sort((one, other) => one.from - other.from)[0];
}
