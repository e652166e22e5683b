import { ask, isRefusal } from "../operator/commandLine";
import { contain, type SfnSdk } from "./contain";

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

const region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "us-east-1";

/** A refusal explains itself; of AWS's errors the name says as much as the message. */
function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isRefusal(error) || error.name === "Error"
    ? error.message
    : `${error.name}: ${error.message}`;
}

const print = (text: string) => process.stdout.write(text);
contain(process.argv.slice(2), {
  sdk,
  region,
  ask: (question) => ask(question, "--yes starts without"),
  print,
}).catch((error) => {
  process.stderr.write(`contain: ${described(error)}\n`);
  process.exitCode = isRefusal(error) ? 2 : 1;
});
