import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import jmespath from "jmespath";
import type { Account, Arrival, Call, Credentials } from "./account/account";
import { eventOf, recordOf } from "./account/cloudTrail";
import { Caller, codeOf, isRead } from "./caller";
import { tooDeep } from "./depth";
import {
  checkCalls,
  checkDecisions,
  checkMessages,
  checkState,
  type Found,
  look,
} from "./expectations";
import { brokenLaws, storedObjects } from "./laws";
import type { Deployment, Execution, ExecutionResult } from "./program/deploy";
import {
  callName,
  changesAccount,
  decisionOf,
  isCut,
  type MadeCall,
  messagesIn,
  resultOf,
  roundTrips,
  type ScenarioResult,
  type Watched,
} from "./result";
import type { Scenario, ScenarioCall, ScenarioEvent } from "./scenario";
import { substitute } from "./scenario";
import { networkAcls, snapshot } from "./snapshot";

/** How a scenario is run. */
export interface RunOptions {
  account: Account;
  /** Deploys the program, as the scenario's settings and exemptions make it, into the account. */
  deploy(o: {
    settings: Record<string, unknown>;
    exemptions?: unknown[];
    lambdaClock?: number;
  }): Promise<Deployment>;
  /** Deliver every event a second time, whatever the scenario says. */
  repeat?: boolean;
}

/** The responder's calls start executions too; more rounds of them than this are a loop. */
const MOST_ROUNDS = 6;
/** No scenario takes this long: something hangs. */
const LONGEST_MS = 90_000;

/**
 * Runs one scenario in the account, which is emptied first.
 *
 * Given calls → deployment → attack calls → their events, delivered together (CloudTrail takes
 * minutes, so a burst is over before its first event arrives) → executions → expectations and laws.
 * Never throws for what goes wrong in a scenario: that is one of its failures.
 */
export async function runScenario(
  scenario: Scenario,
  options: RunOptions,
): Promise<ScenarioResult> {
  const run = new Run(scenario, options);
  try {
    await run.play();
  } catch (error) {
    run.failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    await run.end();
  }
  return run.result();
}

/** An event of the attack, with the executions it started. */
interface Delivered {
  event: Record<string, unknown>;
  executions: Watched[];
}

class Run {
  readonly failures: string[] = [];
  readonly #unmet: string[] = [];
  readonly #scenario: Scenario;
  readonly #options: RunOptions;
  readonly #account: Account;
  readonly #caller: Caller;
  readonly #names: Record<string, unknown> = {};
  /** Inputs that a person hands to the state machine himself. */
  readonly #orders = new WeakSet<object>();
  readonly #logins = new Map<string, Credentials>();
  readonly #delivered: Delivered[] = [];
  readonly #watched: Watched[] = [];
  readonly #calls: MadeCall[] = [];
  #deployment?: Deployment;
  #phase: "before" | "attack" | "repeat" | "after" = "before";
  /** Which step of the attack is on its way: the next call that fits is its call. */
  #pending?: { service: string; action: string; accessKeyId: string; call?: Call };
  /** What the attacker answers to the cuts, call by call. */
  readonly #answers: Promise<void>[] = [];
  /** When the first event arrived. */
  #arrival?: number;
  /** What the attacker does once the first cut has arrived, and before it takes effect. */
  #race?: Promise<void>;
  #firstCut!: () => void;
  readonly #cut = new Promise<void>((resolve) => {
    this.#firstCut = resolve;
  });

  constructor(scenario: Scenario, options: RunOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#account = options.account;
    this.#caller = new Caller(options.account);
    this.#logins.set("owner", options.account.owner);
  }

  async play(): Promise<void> {
    await this.#account.reset();
    this.#account.onCall((call) => this.#onCall(call));
    this.#account.onArrival((arrival) => this.#onArrival(arrival));
    await this.#prepare();
    const { settings, lambdaClock } = this.#scenario;
    const exemptions = substitute(this.#scenario.exemptions, this.#names);
    this.#deployment = await this.#options.deploy({
      settings,
      ...(exemptions && { exemptions }),
      ...(lambdaClock !== undefined && { lambdaClock }),
    });
    for (const fault of this.#scenario.faults) this.#account.fail(fault);
    this.#account.iamDelayMs = this.#scenario.iamDelayMs;
    this.#account.trailDelayMs = this.#scenario.trailDelayMs;
    this.#account.answerDelayMs = this.#scenario.answerDelayMs;

    await this.#attack();
    if (this.#scenario.lift) await this.#lift();
    if (this.#scenario.tick) {
      const failed = await this.#deployment.tick();
      this.failures.push(...failed.map((one) => `tick: ${one}`));
    }
    await this.#account.inEffect();
    const state = await this.#expectations();
    if (this.#scenario.repeat || this.#options.repeat) await this.#repeat(state);
    this.#phase = "after";
    await this.#laws();
  }

  async end(): Promise<void> {
    this.#phase = "after";
    await this.#deployment?.stop();
    this.#caller.close();
  }

  /** What the account looks like before the attack. */
  async #prepare(): Promise<void> {
    Object.assign(this.#names, { account: this.#account.accountId, region: this.#account.region });
    const owner = this.#account.owner;
    const ec2 = (action: string, input: Record<string, unknown>) =>
      this.#caller.call({ service: "ec2", action, input }, owner);
    const isDefault = { Filters: [{ Name: "is-default", Values: ["true"] }] };
    const vpc = jmespath.search(await ec2("DescribeVpcs", isDefault), "Vpcs[0].VpcId");
    const inVpc = { Filters: [{ Name: "vpc-id", Values: [vpc] }] };
    const subnets = "sort_by(Subnets, &AvailabilityZone)[0].SubnetId";
    const subnet = jmespath.search(await ec2("DescribeSubnets", inVpc), subnets);
    Object.assign(this.#names, { vpc, subnet });
    for (const [index, step] of this.#scenario.given.entries()) {
      await this.#call(step, `given[${index}]`);
    }
  }

  async #attack(): Promise<void> {
    this.#phase = "attack";
    const steps = [...this.#scenario.attack.entries()];
    const events: Record<string, unknown>[] = [];
    for (const [index, step] of steps) {
      if (step.when === "start") events.push(await this.#step(step, index));
    }
    for (const event of events) this.#deliver(event);
    const fightBack = steps.filter(([, step]) => step.when === "first-cut");
    const settled = this.#settle();
    if (fightBack.length > 0) {
      await Promise.race([this.#cut, settled]);
      if (!this.#calls.some(isCut)) {
        this.failures.push("attack: no call took the attacker's power away, so nobody fights back");
      } else {
        for (const [index, step] of fightBack) this.#deliver(await this.#step(step, index));
      }
    }
    await settled;
    await this.#settle();
    if (!this.#race && steps.some(([, step]) => step.when === "before-cut")) {
      this.failures.push("attack: the responder changes nothing, so nothing comes before it");
    }
    const meanwhile = steps.filter(([, step]) => step.when === "blocked");
    for (const [index, step] of meanwhile) this.#deliver(await this.#step(step, index));
    await this.#settle();
  }

  /** The waits for a lift are over, the oldest first. */
  async #lift(): Promise<void> {
    const asleep = this.#watched.filter(({ result }) => result?.status === "ASLEEP");
    if (asleep.length === 0) this.failures.push("lift: no execution waits for a lift");
    for (const { execution, result, cause } of asleep) {
      const deployment = this.#deployment as Deployment;
      this.#watch(deployment.wake(execution, result as ExecutionResult), cause);
      await this.#settle();
    }
  }

  /** Takes one step of the attack; what it returns is the event that CloudTrail delivers for it. */
  async #step(step: ScenarioCall | ScenarioEvent, index: number): Promise<Record<string, unknown>> {
    if (step.kind === "event") {
      const event = substitute(step.event, this.#names);
      if (step.start) {
        this.#orders.add(event);
        return event;
      }
      const whole = "detail-type" in event || "detail" in event;
      return whole ? event : (eventOf(event as never) as unknown as Record<string, unknown>);
    }
    const { accessKeyId } = this.#credentials(step.as);
    this.#pending = { service: step.service, action: step.action, accessKeyId };
    await this.#call(step, `attack[${index}]`);
    const { call } = this.#pending;
    this.#pending = undefined;
    // A key that AWS does not know any more leaves no record: there is no account to write it to.
    return call ? this.#eventOf(call) : {};
  }

  #eventOf(call: Call): Record<string, unknown> {
    return eventOf(recordOf(call, this.#account)) as unknown as Record<string, unknown>;
  }

  async #call(step: ScenarioCall, key: string): Promise<void> {
    const input = substitute(step.input, this.#names);
    const what = `${key} ${step.service}:${step.action}`;
    let response: Record<string, unknown>;
    try {
      response = await this.#caller.call({ ...step, input }, this.#credentials(step.as));
    } catch (error) {
      if (step.mayFail) return;
      const message = error instanceof Error ? error.message : "";
      throw new Error(`${what} as ${step.as} failed: ${codeOf(error)}: ${message}`);
    }
    for (const [name, expression] of Object.entries(step.save)) {
      const value = jmespath.search(response, substitute(expression, this.#names));
      if (value === null) throw new Error(`${what}: save.${name}: "${expression}" finds nothing`);
      this.#names[name] = value;
    }
    if (step.login) this.#login(step.login, response, what);
  }

  #login(name: string, response: Record<string, unknown>, what: string): void {
    const made = (response.AccessKey ?? response.Credentials) as Record<string, string> | undefined;
    const { AccessKeyId, SecretAccessKey, SessionToken } = made ?? {};
    if (!AccessKeyId || !SecretAccessKey) {
      throw new Error(
        `${what}: login: ${name}: the response holds neither AccessKey nor Credentials`,
      );
    }
    this.#logins.set(name, {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      ...(SessionToken && { sessionToken: SessionToken }),
    });
    this.#account.name(AccessKeyId, name);
  }

  #credentials(as: string): Credentials {
    const found = this.#logins.get(as);
    if (found) return found;
    throw new Error(`nobody is logged in as "${as}": the call that should have done it failed`);
  }

  #deliver(event: Record<string, unknown>): void {
    this.#delivered.push({ event, executions: this.#put(event, "attack") });
  }

  #put(event: Record<string, unknown>, cause: Watched["cause"]): Watched[] {
    this.#arrival ??= performance.now();
    const deployment = this.#deployment as Deployment;
    const executions = this.#orders.has(event)
      ? deployment.start(event)
      : deployment.putEvent(event as never);
    return executions.map((execution) => this.#watch(execution, cause));
  }

  #watch(execution: Execution, cause: Watched["cause"]): Watched {
    const watched: Watched = { execution, cause, startedAt: performance.now() };
    this.#watched.push(watched);
    const ended = (result?: ExecutionResult) => {
      watched.endedAt = performance.now();
      watched.result = result;
    };
    execution.done.then(ended, (error) => {
      ended();
      this.failures.push(`execution ${execution.id} broke off: ${error?.message ?? error}`);
    });
    return watched;
  }

  /** Every call in the account passes here as it is answered. */
  #onCall(call: Call): void {
    if (this.#phase !== "attack" && this.#phase !== "repeat") return;
    const at = performance.now();
    const repeated = this.#phase === "repeat";
    const pending = this.#pending;
    if (
      pending &&
      !pending.call &&
      call.service === pending.service &&
      call.action === pending.action &&
      call.accessKeyId === pending.accessKeyId
    ) {
      pending.call = call;
      this.#calls.push({ call, at, by: "attacker", repeated });
      return;
    }
    if (this.#isAnswer(call)) {
      this.#calls.push({ call, at, by: "attacker", repeated });
      return;
    }
    // The owner looks and prepares; only the program's own roles respond.
    if (this.#isLogin(call.accessKeyId)) return;
    const made = { call, at, by: "responder" as const, repeated };
    this.#calls.push(made);
    if (isCut(made)) {
      this.#firstCut();
      this.#answers.push(this.#answerCut());
    }
    this.#put(this.#eventOf(call), "responder");
  }

  /** The steps of the attack that come after each cut. */
  #eachCut(): [index: number, step: ScenarioCall][] {
    return [...this.#scenario.attack.entries()].flatMap(([index, step]) =>
      step.kind === "call" && step.when === "each-cut" ? [[index, step]] : [],
    );
  }

  #isAnswer({ service, action, accessKeyId }: Call): boolean {
    return this.#eachCut().some(
      ([, step]) =>
        step.service === service &&
        step.action === action &&
        this.#logins.get(step.as)?.accessKeyId === accessKeyId,
    );
  }

  /** Never rejects: what goes wrong is a failure of the scenario. */
  async #answerCut(): Promise<void> {
    // The cut is known before it is answered: an attacker sees it later.
    await setImmediate();
    for (const [index, step] of this.#eachCut()) {
      await this.#call(step, `attack[${index}]`).catch((error: Error) =>
        this.failures.push(error.message),
      );
    }
  }

  /** The responder's first change waits until what comes before it is done. */
  #onArrival({ service, action, accessKeyId }: Arrival): Promise<void> | undefined {
    if (this.#phase !== "attack" || isRead(action) || this.#isLogin(accessKeyId)) return undefined;
    if (!changesAccount(service)) return undefined;
    this.#race ??= this.#beforeCut();
    return this.#race;
  }

  async #beforeCut(): Promise<void> {
    for (const [index, step] of this.#scenario.attack.entries()) {
      if (step.when === "before-cut") this.#deliver(await this.#step(step, index));
    }
  }

  #isLogin(accessKeyId: string): boolean {
    return [...this.#logins.values()].some((login) => login.accessKeyId === accessKeyId);
  }

  /** Waits until no execution runs any more, those included that the responder's calls start. */
  async #settle(): Promise<void> {
    const deadline = performance.now() + LONGEST_MS;
    for (let round = 0; ; round++) {
      const running = this.#watched.filter(({ endedAt }) => endedAt === undefined);
      if (running.length === 0) {
        await Promise.all(this.#answers);
        return;
      }
      if (round > MOST_ROUNDS) {
        throw new Error(
          `the responder answers its own calls without end: after ${MOST_ROUNDS} rounds ` +
            `${running.length} executions still run`,
        );
      }
      const ended = Promise.allSettled(running.map(({ execution }) => execution.done));
      await within(ended, deadline - performance.now(), () => {
        const names = running.filter(({ endedAt }) => endedAt === undefined);
        return `${names.map(({ execution }) => execution.id).join(", ")}: not ended after ${LONGEST_MS / 1000} s`;
      });
    }
  }

  async #expectations(): Promise<Found[]> {
    const { expect } = this.#scenario;
    const before = this.failures.length;
    if (expect.decisions)
      this.failures.push(...checkDecisions(expect.decisions, this.#decisions()));
    // The looks are the owner's own and come after the attack: they are no events.
    this.#phase = "after";
    const state = await this.#look();
    this.failures.push(...checkState(expect.state, state, this.#names));
    const checked = { caller: this.#caller, names: this.#names, logins: this.#logins };
    this.failures.push(...(await checkCalls("denied", expect.denied, checked)));
    this.failures.push(...(await checkCalls("allowed", expect.allowed, checked)));
    this.failures.push(...checkMessages(expect.messages, messagesIn(this.#calls), this.#names));
    this.#unmet.push(...this.failures.slice(before));
    return state;
  }

  #look(): Promise<Found[]> {
    return look(this.#scenario.expect.state, {
      caller: this.#caller,
      names: this.#names,
      owner: this.#account.owner,
    });
  }

  /** Delivers the attack's events once more: there is nothing left to do, so nothing may change. */
  async #repeat(before: Found[]): Promise<void> {
    const whole = await snapshot(this.#caller, this.#account.owner);
    this.#phase = "repeat";
    for (const { event } of this.#delivered) this.#put(event, "repeat");
    await this.#settle();
    this.#phase = "after";
    const after = await this.#look();
    for (const [index, value] of after.entries()) {
      if (same(value, before[index])) continue;
      this.failures.push(
        `repeat: a second delivery changed expect.state[${index}] from ` +
          `${JSON.stringify(before[index])} to ${JSON.stringify(value)}`,
      );
    }
    const now = await snapshot(this.#caller, this.#account.owner);
    for (const [what, value] of Object.entries(now)) {
      if (same(value, whole[what])) continue;
      const made = this.#calls.filter((each) => each.repeated && each.by === "responder");
      const changes = made
        .filter(({ call }) => !isRead(call.action))
        .map(({ call }) => callName(call));
      this.failures.push(
        `repeat: a second delivery changed ${what}; it called ${changes.join(", ")}`,
      );
    }
  }

  result(): ScenarioResult {
    return resultOf({
      scenario: this.#scenario,
      failures: this.failures,
      unmet: this.#unmet,
      decisions: this.#decisions(),
      calls: this.#calls,
      executions: this.#watched,
      arrival: this.#arrival ?? 0,
      ...(this.#deployment && { runtime: this.#deployment.runtime }),
    });
  }

  #decisions(): string[] {
    return this.#delivered.map(({ executions }) => {
      if (executions.length === 0) return "Ignore";
      return executions.map(decisionOf).join(" and ");
    });
  }

  async #laws(): Promise<void> {
    const attacked = this.#watched.filter(({ cause }) => cause === "attack");
    this.failures.push(
      ...tooDeep(roundTrips(this.#calls, attacked), this.#scenario.expect.roundTrips),
      ...brokenLaws({
        ends: this.#scenario.expect.ends,
        executions: this.#watched.flatMap(({ execution, cause, result }) =>
          result ? [{ id: execution.id, cause, input: execution.input, result }] : [],
        ),
        responderCalls: this.#calls.filter(({ by }) => by === "responder").map(({ call }) => call),
        secrets: [...this.#account.secrets],
        events: this.#scenario.attack.flatMap((step) =>
          step.kind === "event" ? [step.event] : [],
        ),
        logs: (this.#deployment as Deployment).logs,
        objects: await storedObjects(this.#caller, this.#account.owner),
        acls: await networkAcls(this.#caller, this.#account.owner),
      }),
    );
  }
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function within<T>(work: Promise<T>, ms: number, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), Math.max(ms, 0));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
