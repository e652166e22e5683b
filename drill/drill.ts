import { Account } from "./account/account";
import { captureProgram, type Program } from "./program/capture";
import { deploy } from "./program/deploy";
import type { ScenarioResult } from "./result";
import { runScenario } from "./run";
import type { Scenario } from "./scenario";

/** How a drill is set up. */
export interface DrillOptions {
  /** How many scenarios run side by side, each in an account of its own. */
  workers: number;
  /** An AWS stand-in that runs already; there is one account in it, so one worker. */
  endpoint?: string;
}

/** Accounts to run scenarios in, and the captured program, shared where the settings are the same. */
export class Drill {
  readonly #accounts: Account[];
  readonly #free: Account[];
  readonly #waiting: ((account: Account) => void)[] = [];
  readonly #programs = new Map<string, Promise<Program>>();

  private constructor(accounts: Account[]) {
    this.#accounts = accounts;
    this.#free = [...accounts];
  }

  /** Starts the accounts. `stop` ends what was started. */
  static async start({ workers, endpoint }: DrillOptions): Promise<Drill> {
    const options = endpoint === undefined ? undefined : { endpoint };
    const count = endpoint === undefined ? workers : 1;
    const started = await Promise.allSettled(
      Array.from({ length: count }, () => Account.start(options)),
    );
    const accounts = started.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failed = started.find((each) => each.status === "rejected");
    if (!failed) return new Drill(accounts);
    await Promise.all(accounts.map((account) => account.stop()));
    throw failed.reason;
  }

  /** The accounts, for a look around after the last scenario. */
  get accounts(): readonly Account[] {
    return this.#accounts;
  }

  /** Runs a scenario as soon as an account is free. `started` is called when it is. */
  async run(
    scenario: Scenario,
    options: { repeat?: boolean; started?: () => void } = {},
  ): Promise<ScenarioResult> {
    const account = await this.#take();
    options.started?.();
    try {
      return await runScenario(scenario, {
        account,
        deploy: async ({ lambdaClock, ...o }) =>
          deploy(await this.#capture(o), account, {
            ...(lambdaClock !== undefined && { lambdaClock }),
          }),
        ...(options.repeat !== undefined && { repeat: options.repeat }),
      });
    } finally {
      this.#give(account);
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#accounts.map((account) => account.stop()));
  }

  #capture(o: { settings: Record<string, unknown>; exemptions?: unknown[] }): Promise<Program> {
    const key = JSON.stringify([o.settings, o.exemptions]);
    const program = this.#programs.get(key) ?? captureProgram(o);
    this.#programs.set(key, program);
    return program;
  }

  #take(): Promise<Account> {
    const account = this.#free.pop();
    if (account) return Promise.resolve(account);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #give(account: Account): void {
    const next = this.#waiting.shift();
    if (next) next(account);
    else this.#free.push(account);
  }
}
