import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledRanges } from "./bundled";
import { fetchIpRanges } from "./fetch";
import { refresh, usage } from "./refresh";

refresh(process.argv.slice(2), {
  bundled: bundledRanges,
  fetchRanges: fetchIpRanges,
  write: (text) => writeFileSync(join(__dirname, "lastKnown.json"), text),
  print: (line) => process.stdout.write(`${line}\n`),
}).catch((error) => {
  const { message, cause } = error as Error;
  const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
  process.stderr.write(`ip-ranges: ${why}\n${usage}\n`);
  process.exitCode = 1;
});
