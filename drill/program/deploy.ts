import * as path from "node:path";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import type { Account } from "../account/account";
import type { Captured, Program } from "./capture";
import { Lambda, lambdaNode } from "./lambda";
import { type Execution, type ExecutionResult, Machine } from "./machine";
import { eventMatcher } from "./pattern";

export type { Execution, ExecutionResult } from "./machine";

/** A program at work in an account. */
export interface Deployment {
  /** Hands an event to the default bus; answers the executions that it started. */
  putEvent(event: unknown): Execution[];
  /** Starts the state machine with an input, as a person does in the console. */
  start(input: unknown): Execution[];
  /** Lets an execution that waits for a lift go on. */
  wake(execution: Execution, result: ExecutionResult): Execution;
  /** Runs what the program runs by the clock, once; answers what failed, as its alarm would. */
  tick(): Promise<string[]>;
  executions: Execution[];
  /** What the Lambdas wrote. */
  logs: string[];
  /** What ran the Lambdas. */
  runtime: { node: string; sdk: string };
  stop(): Promise<void>;
}

/** How a resource is made in the account; what is only looked at elsewhere is not made at all. */
const makers: Record<string, (one: Captured, to: Clients) => Promise<unknown>> = {
  "aws:iam/role:Role": ({ inputs }, { iam }) =>
    iam.send(
      new CreateRoleCommand({
        RoleName: inputs.name,
        AssumeRolePolicyDocument: inputs.assumeRolePolicy,
      }),
    ),
  "aws:iam/rolePolicy:RolePolicy": ({ inputs, name }, { iam }) =>
    iam.send(
      new PutRolePolicyCommand({
        RoleName: inputs.role,
        PolicyName: name,
        PolicyDocument: inputs.policy,
      }),
    ),
  "aws:s3/bucket:Bucket": ({ inputs }, { s3 }) =>
    s3.send(new CreateBucketCommand({ Bucket: inputs.bucket })),
  "aws:s3/bucketObjectv2:BucketObjectv2": ({ inputs }, { s3 }) =>
    s3.send(new PutObjectCommand({ Bucket: inputs.bucket, Key: inputs.key, Body: inputs.content })),
  "aws:sns/topic:Topic": ({ inputs }, { sns }) =>
    sns.send(new CreateTopicCommand({ Name: inputs.name })),
};

/** What makes no difference to a scenario. */
const notMade = [
  "aws:cloudwatch/eventRule:EventRule",
  "aws:cloudwatch/eventTarget:EventTarget",
  "aws:cloudwatch/logGroup:LogGroup",
  "aws:cloudwatch/metricAlarm:MetricAlarm",
  "aws:kms/alias:Alias",
  "aws:kms/key:Key",
  "aws:lambda/function:Function",
  "aws:lambda/permission:Permission",
  "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
  "aws:s3/bucketPolicy:BucketPolicy",
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
  "aws:s3/bucketVersioning:BucketVersioning",
  "aws:scheduler/schedule:Schedule",
  "aws:sfn/stateMachine:StateMachine",
  "aws:sns/topicSubscription:TopicSubscription",
  "aws:sqs/queue:Queue",
  "aws:sqs/queuePolicy:QueuePolicy",
];

interface Clients {
  iam: IAMClient;
  s3: S3Client;
  sns: SNSClient;
}

/**
 * Puts a captured program to work: its roles, bucket and topic in the account, its Lambdas in
 * processes of their own under their own roles, its rules in front of its state machine.
 *
 * @param options.lambdaClock how many times faster time passes for the Lambdas.
 * @throws for a resource of a type that it does not know, naming it.
 */
export async function deploy(
  program: Program,
  account: Account,
  { lambdaClock }: { lambdaClock?: number } = {},
): Promise<Deployment> {
  const { resources } = program;
  await makeAll(resources, account);
  const logs: string[] = [];
  const functions = await Promise.all(
    ofType(resources, "aws:lambda/function:Function").map(
      async (one) =>
        new Lambda(one, {
          endpoint: account.endpoint,
          region: account.region,
          credentials: await account.roleCredentials(one.inputs.role, one.inputs.name),
          log: (line) => logs.push(line),
          ...(lambdaClock !== undefined && { clock: lambdaClock }),
        }),
    ),
  );
  const invoke = (arn: string, payload: unknown) => {
    const called = functions.find((candidate) => candidate.arn === arn);
    if (!called) throw new Error(`${arn} is called, and the program does not have it`);
    return called.invoke(payload);
  };
  const machines = ofType(resources, "aws:sfn/stateMachine:StateMachine").map(
    (one) => new Machine(one, invoke),
  );
  const schedules = ofType(resources, "aws:scheduler/schedule:Schedule");
  const routes = routesOf(resources, machines);
  const executions: Execution[] = [];
  return {
    executions,
    logs,
    runtime: runtime(),
    putEvent(event) {
      const started = routes
        .filter(({ matches }) => matches(event as Parameters<typeof matches>[0]))
        .map(({ machine }) => machine.start(event));
      executions.push(...started);
      return started;
    },
    start(input) {
      const started = machines.map((machine) => machine.start(input));
      executions.push(...started);
      return started;
    },
    wake(execution, result) {
      const woken = (machines[0] as Machine).wake(execution, result);
      executions.push(woken);
      return woken;
    },
    async tick() {
      const failures: string[] = [];
      for (const { inputs, name } of schedules) {
        const { error } = await invoke(inputs.target.arn, {});
        if (error) failures.push(`${name}: ${error.errorType}: ${error.errorMessage}`);
      }
      return failures;
    },
    stop: async () => {
      await Promise.all(functions.map((one) => one.stop()));
    },
  };
}

async function makeAll(resources: Captured[], account: Account): Promise<void> {
  const at = {
    endpoint: account.endpoint,
    region: account.region,
    credentials: account.owner,
    forcePathStyle: true,
  };
  const clients = { iam: new IAMClient(at), s3: new S3Client(at), sns: new SNSClient(at) };
  // A resource registers once its inputs are known, so the captured order is a valid one.
  for (const one of resources) {
    if (one.type.startsWith("tourniquet:") || notMade.includes(one.type)) continue;
    const make = makers[one.type];
    if (!make) throw new Error(`the drill cannot make ${one.name}, a ${one.type}`);
    await make(one, clients);
  }
  for (const client of Object.values(clients)) client.destroy();
}

function routesOf(resources: Captured[], machines: Machine[]) {
  return ofType(resources, "aws:cloudwatch/eventTarget:EventTarget").map(({ inputs, name }) => {
    if (inputs.input || inputs.inputPath || inputs.inputTransformer) {
      throw new Error(`the target ${name} changes its input, which the drill does not`);
    }
    const rule = ofType(resources, "aws:cloudwatch/eventRule:EventRule").find(
      (one) => one.inputs.name === inputs.rule,
    );
    const machine = machines.find(({ arn }) => arn === inputs.arn);
    if (!rule || !machine) throw new Error(`the target ${name} has no rule or no state machine`);
    return { matches: eventMatcher(rule.inputs.eventPattern), machine };
  });
}

function ofType(resources: Captured[], type: string): Captured[] {
  return resources.filter((one) => one.type === type);
}

function runtime(): Deployment["runtime"] {
  const sdk = require(
    path.join(__dirname, "..", "lambda-runtime", "node_modules/@aws-sdk/client-iam/package.json"),
  );
  return { node: lambdaNode().version, sdk: sdk.version };
}
