import * as pulumi from "@pulumi/pulumi";
import { flatten } from "./archive";
import { ACCOUNT, type Captured, type CaptureOrder, PARTITION, REGION } from "./capture";

/**
 * The process that a capture runs in: Pulumi's runtime is one a process, and a program that had
 * run before would leave its state behind. Takes one order over IPC and answers once.
 */
process.once("message", (order: CaptureOrder) => {
  capture(order).then(
    (resources) => process.send?.({ resources }, () => process.exit(0)),
    (error: Error) =>
      process.send?.({ error: String(error?.stack ?? error) }, () => process.exit(1)),
  );
});
process.on("disconnect", () => process.exit(1));

/** Pulumi reports a closure that cannot become text as a rejection that nobody handles. */
const unhandled: unknown[] = [];
process.on("unhandledRejection", (error) => unhandled.push(error));

async function capture({ program, config, project, stack }: CaptureOrder): Promise<Captured[]> {
  const resources: Captured[] = [];
  pulumi.runtime.setAllConfig(config);
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs }) {
        const state = { ...inputs, ...made(type, inputs.name ?? inputs.bucket ?? name) };
        resources.push({ type, name, inputs, state });
        return { id: type === "aws:sqs/queue:Queue" ? state.url : name, state };
      },
      call({ token }) {
        const answer = answers[token];
        // Pulumi drops the message of what is thrown here, so it is kept aside.
        if (!answer) unhandled.push(new Error(`no answer for ${token}: add it to ${__filename}`));
        return answer ?? {};
      },
    },
    project,
    stack,
    false,
  );
  require(program);
  await settled();
  if (unhandled.length > 0) throw unhandled[0];
  for (const one of resources) {
    if (one.type !== "aws:lambda/function:Function") continue;
    one.files = await flatten(one.inputs.code);
    const { code: _, ...inputs } = one.inputs;
    one.inputs = inputs;
    one.state = { ...inputs, arn: one.state.arn };
  }
  return resources;
}

/** Resolves when every registration that the program started has been answered. */
async function settled(): Promise<void> {
  await (pulumi.runtime as unknown as { disconnect(): Promise<void> }).disconnect();
  await new Promise((resolve) => setImmediate(resolve));
}

const answers: Record<string, Record<string, string>> = {
  "aws:index/getCallerIdentity:getCallerIdentity": { accountId: ACCOUNT },
  "aws:index/getPartition:getPartition": { partition: PARTITION },
  "aws:index/getRegion:getRegion": { region: REGION },
};

/** What AWS would add to a resource of which others ask for more than they gave. */
function made(type: string, name: string): Record<string, string> {
  const regional = (service: string, rest: string) =>
    `arn:${PARTITION}:${service}:${REGION}:${ACCOUNT}:${rest}`;
  switch (type) {
    case "aws:cloudwatch/eventRule:EventRule":
      return { arn: regional("events", `rule/${name}`) };
    case "aws:cloudwatch/logGroup:LogGroup":
      return { arn: regional("logs", `log-group:${name}`) };
    case "aws:iam/role:Role":
      return { arn: `arn:${PARTITION}:iam::${ACCOUNT}:role/${name}` };
    case "aws:kms/key:Key":
      return { arn: regional("kms", `key/${name}`) };
    case "aws:lambda/function:Function":
      return { arn: regional("lambda", `function:${name}`) };
    case "aws:s3/bucket:Bucket":
      return { arn: `arn:${PARTITION}:s3:::${name}` };
    case "aws:sfn/stateMachine:StateMachine":
      return { arn: regional("states", `stateMachine:${name}`) };
    case "aws:sns/topic:Topic":
      return { arn: regional("sns", name) };
    case "aws:sqs/queue:Queue":
      return {
        arn: regional("sqs", name),
        url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`,
      };
    default:
      return {};
  }
}
