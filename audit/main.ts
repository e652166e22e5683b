import * as fs from "node:fs";
import * as path from "node:path";
import { exemptionsOf } from "../policy-pack/exempt";
import type { Clients } from "./account";
import { audit, count, type Subject } from "./audit";
import { HELP, type Options, readOptions } from "./options";
import { json, type Source, sarif, table } from "./report";
import { readState } from "./state";

const PROJECT = path.join(__dirname, "..");

async function look({ state, regions, endpoint }: Options): Promise<Subject & { source: Source }> {
  if (state === undefined) return await lookAtLive(regions, endpoint);
  try {
    const { lines, ...subject } = readState(fs.readFileSync(state, "utf8"));
    return { ...subject, source: { kind: "state", file: state, lines } };
  } catch (error) {
    throw new Error(`--state ${state}: ${(error as Error).message}`);
  }
}

async function lookAtLive(
  regions: string[],
  endpoint: string | undefined,
): Promise<Subject & { source: Source }> {
  // Loaded here: the audit of a state needs no SDK.
  const { lookAtAccount } = require("./account") as typeof import("./account");
  const { EC2Client } = require("@aws-sdk/client-ec2") as typeof import("@aws-sdk/client-ec2");
  const { IAMClient } = require("@aws-sdk/client-iam") as typeof import("@aws-sdk/client-iam");
  const at = endpoint === undefined ? {} : { endpoint };
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const home = regions[0] ?? AWS_REGION ?? AWS_DEFAULT_REGION ?? "us-east-1";
  const clients: Clients = {
    home,
    iam: new IAMClient({ region: home, ...at }),
    ec2: (region) => new EC2Client({ region, ...at }),
  };
  const account = await lookAtAccount(clients, regions);
  return { ...account, source: { kind: "account", regions: account.regions } };
}

const printers = { table, json, sarif };

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  const { source, ...subject } = await look(options);
  const exemptions = exemptionsOf(options.exemptions && path.resolve(options.exemptions), PROJECT);
  const audited = audit(subject, options.settings, exemptions, new Date());
  process.stdout.write(printers[options.format](audited, source));
  return count(audited, "open") > 0 ? 1 : 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 2;
  },
);
