import { type Order, orderNotice } from "../events/order";
import { consoleLink } from "../functions/consoleLink";
import { loopback, readArguments, refusal } from "../operator/commandLine";

/** The part of `@aws-sdk/client-sfn` that is used. */
export interface SfnSdk {
  SFNClient: new (config: { region: string; endpoint?: string }) => SfnClient;
  ListStateMachinesCommand: new (input: { nextToken?: string }) => object;
  StartExecutionCommand: new (input: { stateMachineArn: string; input: string }) => object;
}

interface SfnClient {
  send(command: object): Promise<{
    stateMachines?: { name?: string; stateMachineArn?: string }[];
    nextToken?: string;
    executionArn?: string;
  }>;
}

/** What the command needs of the world. */
export interface World {
  /** Loads the SDK, which only an order needs. */
  sdk(): SfnSdk;
  region: string;
  /** Asks a yes-or-no question; rejects where nobody is there to answer. */
  ask(question: string): Promise<boolean>;
  print(text: string): void;
}

const PROJECT = "tourniquet";

const HELP = `Has Tourniquet contain a user or close a security group, with your own AWS credentials.

  npm run contain -- user NAME [options]
  npm run contain -- group ID [options]

  NAME            the exact name of an IAM user in the stack's account
  ID              of a security group in the stack's account and region: "sg-…"
  --stack NAME    the stack whose state machine does it; needed where there are several
  --reason TEXT   why, for case and alert; at most 256 characters
  --yes           do not ask
  --endpoint URL  an AWS stand-in; loopback only
  --help          this text

It starts an execution and does not wait for it: the alert tells how it ended. Exemptions and
applicationUsers do not count, since you name the user; protectedPrincipals are refused, and where
the stack's mode is observe, nothing is changed. A group loses the rules that open SSH to the world,
exempt or not, and keeps the others. You need states:ListStateMachines and, on the state
machine, states:StartExecution. The region is AWS_REGION's, else us-east-1.

Exits with 0 if the execution was started, 1 if AWS refused, 2 if the command did (a wrong option, no
such state machine, or you said no).
`;

const optionTypes = {
  stack: { type: "string" },
  reason: { type: "string" },
  yes: { type: "boolean" },
  endpoint: { type: "string" },
  help: { type: "boolean" },
} as const;

interface Options {
  order: Order;
  stack?: string;
  yes: boolean;
  endpoint?: string;
}

/**
 * Starts the state machine with an order to contain a user or to close a group, and prints where to see it.
 *
 * @param args the command line after the script's name.
 * @throws a refusal (`isRefusal` of `operator/commandLine.ts`) where the order is not given; an error of the SDK as it is.
 */
export async function contain(args: string[], world: World): Promise<void> {
  const options = readOptions(args, new Date().toISOString());
  if (!options) return world.print(HELP);
  const { order, stack, yes, endpoint } = options;
  const sdk = world.sdk();
  const sfn = new sdk.SFNClient({ region: world.region, ...(endpoint && { endpoint }) });
  const stateMachineArn = await machineOf(sdk, sfn, stack, world.region);
  const what = order.user ? `Contain user ${order.user}` : `Close security group ${order.group}`;
  const question = `${what} by ${stateMachineArn}? [y/N] `;
  if (!yes && !(await world.ask(question))) throw refusal("nothing was started");
  const input = JSON.stringify(order);
  const { executionArn } = await sfn.send(
    new sdk.StartExecutionCommand({ stateMachineArn, input }),
  );
  if (!executionArn) throw new Error("StartExecution answered without an execution's ARN");
  const link = consoleLink(executionArn);
  world.print(`Execution: ${executionArn}\n${link ? `Console:   ${link}\n` : ""}`);
}

/** undefined: only help is wanted. What an order may hold is what the classification accepts. */
function readOptions(args: string[], now: string): Options | undefined {
  const { values, positionals } = readArguments(args, optionTypes);
  if (values.help) return undefined;
  const [kind, name, ...more] = positionals;
  if ((kind !== "user" && kind !== "group") || !name || more.length > 0) {
    const got = positionals.length > 0 ? positionals.join(" ") : "nothing";
    throw refusal(`what to contain should be said as: user NAME, or group ID; got ${got}`);
  }
  const { reason, stack, yes = false, endpoint } = values;
  const order: Order = { [kind]: name, ...(reason !== undefined && { reason }) };
  const { reading } = orderNotice({ ...order }, now);
  if ("ignore" in reading) throw refusal(reading.ignore);
  return {
    order,
    yes,
    ...(stack !== undefined && { stack }),
    ...(endpoint !== undefined && { endpoint: loopback(endpoint) }),
  };
}

/** The ARN of the stack's state machine; without a stack, of the only one there is. */
async function machineOf(
  sdk: SfnSdk,
  sfn: SfnClient,
  stack: string | undefined,
  region: string,
): Promise<string> {
  const machines = await allMachines(sdk, sfn);
  const names = machines.map(({ name }) => name);
  const [found, ...others] = stack
    ? machines.filter(({ name }) => name === `${PROJECT}-${stack}`)
    : machines;
  const there = names.length > 0 ? names.join(", ") : "none";
  if (!found) {
    const wanted = stack ? `${PROJECT}-${stack}` : `${PROJECT}-STACK`;
    throw refusal(`${region} has no state machine ${wanted}; of Tourniquet's there is ${there}`);
  }
  if (others.length > 0) throw refusal(`${region} has ${there}: say which, --stack NAME`);
  return found.arn;
}

async function allMachines(sdk: SfnSdk, sfn: SfnClient): Promise<{ name: string; arn: string }[]> {
  const found: { name: string; arn: string }[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new sdk.ListStateMachinesCommand(nextToken === undefined ? {} : { nextToken }),
    );
    for (const { name = "", stateMachineArn = "" } of page.stateMachines ?? []) {
      if (name.startsWith(`${PROJECT}-`)) found.push({ name, arn: stateMachineArn });
    }
    nextToken = page.nextToken;
  } while (nextToken);
  return found;
}
