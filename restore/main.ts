import path from "node:path";
import { ask, isRefusal, loopback, readArguments, refusal } from "../operator/commandLine";
import { apply, send } from "./apply";
import { kinds } from "./item";
import { type Plan, planRestore, type Wishes } from "./plan";
import { type Eye, lookAtPresent } from "./present";
import { bucketOf, type Found, placeOf, readCase, type Shelf } from "./read";
import { printedOutcome, printedPlan } from "./table";
import { deployedTrust, distrust, type Operator, trustedActorsOf, whoCalls } from "./trust";

// The SDK warns on Node 20 about versions of itself that are not the ones pinned here.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

const HELP = `Gives back what Tourniquet took in one case, with your own AWS credentials.

  npm run restore -- CASE [OTHER …] [options]

  CASE                  a file, s3://BUCKET/cases/ID.json, or an execution's id with --stack
  OTHER                 files: cases of the same subjects, whose grants stay away too
  --stack NAME          whose case bucket has the trustedActors that are deployed; a case's own
                        bucket tells it
  --config-file FILE    where neither tells the stack: its file, which has to be what is deployed
  --dry-run             print the plan and change nothing
  --only KIND,ITEM,…    only these: ${kinds.slice(0, 6).join(", ")},
                        ${kinds.slice(6).join(", ")}; or items as the plan names them
  --force               in spite of what differs from what the case left
  --false-alarm         also give back what the record itself had given
  --yes                 do not ask
  --endpoint URL        an AWS stand-in; loopback only
  --help                this text

Exits with 0 if all is given back (or nothing was to give), 1 if something failed, 2 if it refused
(a wrong option, credentials that are not in trustedActors, or you said no), 3 if the present differs
from what the case left.
`;

interface Options {
  place: string;
  beside: string[];
  stack?: string;
  configFile?: string;
  dryRun: boolean;
  yes: boolean;
  wishes: Wishes;
  endpoint?: string;
}

const optionTypes = {
  stack: { type: "string" },
  "config-file": { type: "string" },
  "dry-run": { type: "boolean" },
  only: { type: "string", multiple: true },
  force: { type: "boolean" },
  "false-alarm": { type: "boolean" },
  yes: { type: "boolean" },
  endpoint: { type: "string" },
  help: { type: "boolean" },
} as const;

/** Reads the command line; undefined where only help is wanted. */
function readOptions(args: string[]): Options | undefined {
  const { values, positionals } = readArguments(args, optionTypes);
  if (values.help) return undefined;
  const [place, ...beside] = positionals;
  if (!place) throw refusal("no CASE was named: a file, s3://BUCKET/KEY, or an execution's id");
  return {
    place: fromCaller(place),
    beside: beside.map(fromCaller),
    dryRun: values["dry-run"] ?? false,
    yes: values.yes ?? false,
    wishes: {
      only: (values.only ?? []).flatMap(onlyIn),
      force: values.force ?? false,
      falseAlarm: values["false-alarm"] ?? false,
    },
    ...(values.stack !== undefined && { stack: values.stack }),
    ...(values["config-file"] !== undefined && {
      configFile: path.resolve(process.env.INIT_CWD ?? "", values["config-file"]),
    }),
    ...(values.endpoint !== undefined && { endpoint: loopback(values.endpoint) }),
  };
}

/** npm runs scripts in the project's folder; a file's path is meant from where npm was called. */
function fromCaller(file: string): string {
  const isFile = /[/\\]|\.json$/.test(file) && !file.startsWith("s3://");
  return isFile ? path.resolve(process.env.INIT_CWD ?? "", file) : file;
}

/** Names may hold commas, so a comma parts only what begins as a kind does. */
function onlyIn(text: string): string[] {
  const parts = text.split(new RegExp(`,(?=(?:${kinds.join("|")})(?:[:,]|$))`));
  const wrong = parts.find(
    (part) => !kinds.some((kind) => part === kind || part.startsWith(`${kind}:`)),
  );
  if (wrong === undefined) return parts;
  throw refusal(`--only ${wrong}: no such kind; they are ${kinds.join(", ")}`);
}

function clientsFor(endpoint: string | undefined, region: string) {
  const at = { region, ...(endpoint && { endpoint }) };
  const iamSdk = require("@aws-sdk/client-iam") as Eye["iamSdk"];
  const ec2Sdk = require("@aws-sdk/client-ec2") as Eye["ec2Sdk"];
  return {
    iamSdk,
    iam: new iamSdk.IAMClient(at),
    ec2Sdk,
    ec2: new ec2Sdk.EC2Client(at),
  };
}

async function operatorOf(endpoint: string | undefined, region: string): Promise<Operator> {
  const stsSdk = require("@aws-sdk/client-sts") as typeof import("@aws-sdk/client-sts");
  const { iamSdk, iam } = clientsFor(endpoint, region);
  const sts = new stsSdk.STSClient({ region, ...(endpoint && { endpoint }) });
  return await whoCalls(stsSdk, sts, iamSdk, iam);
}

/** What cases are read with. A bucket in another region is found by what S3 answers. */
function shelfFor(endpoint: string | undefined, region: string) {
  const sdk = require("@aws-sdk/client-s3") as typeof import("@aws-sdk/client-s3");
  const at = endpoint ? { endpoint, forcePathStyle: true } : { followRegionRedirects: true };
  return { sdk, s3: new sdk.S3Client({ region, ...at }) };
}

/** Why the operator may not; undefined where he may. */
async function refusalOf(
  operator: Operator,
  { file, stack: told }: Found,
  o: Options,
  shelf: Shelf,
) {
  const { account } = file.incident.event;
  if (operator.account !== account) {
    return `the case is of account ${account}, and your credentials are of ${operator.account}`;
  }
  const stack = told ?? o.stack;
  if (stack) return distrust(operator, await deployedTrust(shelf, stack, account));
  const where = o.configFile;
  if (where) return distrust(operator, { actors: trustedActorsOf(where), where });
  return "whose trustedActors the restore's calls are judged by is not known: name the stack, --stack lab";
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(HELP);
    return 0;
  }
  const home = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? "us-east-1";
  const operator = await operatorOf(options.endpoint, home);
  const { stack, endpoint } = options;
  const shelf = shelfFor(endpoint, home);
  const place = placeOf(options.place, stack, operator.account);
  const found = await readCase(place, options.beside, shelf);
  const { region } = found.file.incident.event;
  const at = /^[a-z]+(-[a-z]+)+-\d+$/.test(region) ? region : home;
  const eye = { ...clientsFor(endpoint, at), shelf };
  const bucket = found.bucket ?? (stack && bucketOf(stack, operator.account));
  const plan = planRestore(
    found.file,
    await lookAtPresent(eye, found.file, bucket),
    options.wishes,
    found.others,
  );
  const because = await refusalOf(operator, found, options, shelf);
  print([...head(found, operator), ...printedPlan(plan)]);
  return await carryOut(plan, because, options, eye);
}

async function carryOut(plan: Plan, because: string | undefined, options: Options, eye: Eye) {
  const stopped = plan.stops.length > 0;
  if (options.dryRun && because) print(["", `It would be refused: ${because}.`]);
  if (stopped) {
    print([
      "",
      "Nothing was changed, since the present differs from what the case left. Look at each " +
        "difference; --force gives back all the same, --only ITEM that item.",
    ]);
    return 3;
  }
  if (options.dryRun || plan.steps.length === 0) return 0;
  if (because) throw refusal(because);
  const isAgreed =
    options.yes ||
    (await ask("\nGive this back? [y/N] ", "--yes gives back without, --dry-run only prints"));
  if (!isAgreed) throw refusal("nothing was changed");
  const outcomes = await apply(
    plan.steps,
    (step) => send(eye, step),
    (outcome) => print([printedOutcome(outcome)]),
  );
  return outcomes.every(({ outcome }) => outcome === "done" || outcome === "there") ? 0 : 1;
}

function head({ file, where, others, complaints }: Found, { actor }: Operator): string[] {
  const { event, reason } = file.incident;
  return [
    `Case ${file.id} (${where}): ${event.name} at ${event.time}; ${reason}`,
    `You are ${actor.arn}.`,
    ...(others.length > 0
      ? [`Read beside it: ${others.map(({ id }) => id).join(", ")}, of the same subjects.`]
      : []),
    ...complaints,
    "",
  ].map((line) => line.replaceAll(/\p{Cc}/gu, "?"));
}

function print(lines: string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`restore: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = isRefusal(error) ? 2 : 1;
  },
);
