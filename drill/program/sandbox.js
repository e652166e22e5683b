// One Lambda sandbox: loads the handler, then answers one event at a time over IPC, with the error
// shape of Lambda's own Node.js runtime. Plain JavaScript, since it runs outside the project.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
const path = require("node:path");

const [folder, handlerName, clock] = process.argv.slice(2);
const [file, name] = handlerName.split(".");

/** A real Error keeps its name; anything else becomes its typeof, which no Catch matches. */
function shape(error) {
  const real = error instanceof Error || Object.prototype.toString.call(error) === "[object Error]";
  return real
    ? { errorType: error.name, errorMessage: error.message }
    : { errorType: typeof error, errorMessage: String(error) };
}

// A client's time-outs and its waits between tries are timers; a drill that makes them go by need not
// wait as long as AWS would.
if (clock !== "1") {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (call, ms, ...rest) => setTimeout(call, ms / Number(clock), ...rest);
}

const started = performance.now();
let handler;
let failure;
try {
  handler = require(path.join(folder, file))[name];
  if (typeof handler !== "function") throw new Error(`${handlerName} is no function`);
} catch (error) {
  failure = shape(error);
}
process.send({ initMs: performance.now() - started, failure });

process.on("message", async ({ event, context }) => {
  const from = performance.now();
  const answer = (what) => process.send({ ms: performance.now() - from, ...what });
  try {
    const result = await handler(event, context);
    answer({ result: result === undefined ? null : result });
  } catch (error) {
    answer({ error: shape(error) });
  }
});
process.on("disconnect", () => process.exit(0));
