import { createInterface } from "node:readline/promises";
import { contain, isRefusal, refusal, type SfnSdk } from "./contain";

// The SDK warns on Node 20 about versions of itself that are not the ones pinned here.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

/** Loaded when an order is given: help and refusals need no SDK. */
function sdk(): SfnSdk {
  try {
    return require("@aws-sdk/client-sfn") as SfnSdk;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "MODULE_NOT_FOUND") throw error;
    throw new Error("@aws-sdk/client-sfn is not installed: npm run setup installs it");
  }
}

async function ask(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw refusal("nobody is there to ask: --yes starts without");
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await asking.question(question)).trim());
  } finally {
    asking.close();
  }
}

const region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "us-east-1";

/** A refusal explains itself; of AWS's errors the name says as much as the message. */
function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isRefusal(error) || error.name === "Error"
    ? error.message
    : `${error.name}: ${error.message}`;
}

const print = (text: string) => process.stdout.write(text);
contain(process.argv.slice(2), { sdk, region, ask, print }).catch((error) => {
  process.stderr.write(`contain: ${described(error)}\n`);
  process.exitCode = isRefusal(error) ? 2 : 1;
});
