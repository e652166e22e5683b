import { createInterface } from "node:readline/promises";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** What the commands of an operator, restore and contain, have alike. */

/** The error for what a command does not do; the message says what would be right. */
export function refusal(message: string): Error {
  return Object.assign(new Error(message), { name: "Refusal" });
}

/** The command would not, and why: not an error of AWS. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === "Refusal";
}

/** Options and positionals. @throws a refusal that names the wrong one. */
export function readArguments<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: string[],
  options: T,
) {
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    throw refusal((error as Error).message);
  }
}

/** An `--endpoint`, which gets the operator's signed requests. @throws a refusal of another machine. */
export function loopback(endpoint: string): string {
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : "";
  if (/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)) return endpoint;
  throw refusal(
    `--endpoint ${endpoint}: not on this machine; it has to be a URL such as http://127.0.0.1:5000`,
  );
}

/** Asks the person at the terminal. @throws a refusal, saying what to do without one. */
export async function ask(question: string, without: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw refusal(`nobody is there to ask: ${without}`);
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await asking.question(question)).trim());
  } finally {
    asking.close();
  }
}
