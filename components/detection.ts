import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { serviceRole } from "./role";

/** What `Detection` watches, and what it starts. */
export interface DetectionArgs {
  /** Event names by event source: "iam.amazonaws.com" → ["CreateAccessKey", …]. */
  events: Record<string, string[]>;
  machineArn: pulumi.Input<string>;
}

/** How long EventBridge tries to start an execution before the event goes to the queue. */
const TRY_FOR_SECONDS = 3600;
const QUEUE_KEEPS_SECONDS = 14 * 24 * 3600;

/** EventBridge rule → state machine; an event that could not be delivered waits in a queue. */
export class Detection extends pulumi.ComponentResource {
  readonly ruleName: pulumi.Output<string>;
  /** Events that EventBridge gave up on. */
  readonly undelivered: aws.sqs.Queue;

  constructor(name: string, args: DetectionArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:Detection", name, {}, opts);
    const child = { parent: this };

    const rule = new aws.cloudwatch.EventRule(
      `${name}-dangerous-calls`,
      {
        name: `${name}-dangerous-calls`,
        description: "API calls that may open the account",
        eventPattern: JSON.stringify(eventPattern(args.events)),
      },
      child,
    );
    this.undelivered = new aws.sqs.Queue(
      `${name}-undelivered`,
      {
        name: `${name}-undelivered`,
        messageRetentionSeconds: QUEUE_KEEPS_SECONDS,
        sqsManagedSseEnabled: true,
      },
      child,
    );
    const mayFill = pulumi.all([this.undelivered.arn, rule.arn]).apply(([queueArn, ruleArn]) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: queueArn,
            Condition: { ArnEquals: { "aws:SourceArn": ruleArn } },
          },
        ],
      }),
    );
    new aws.sqs.QueuePolicy(
      `${name}-undelivered`,
      { queueUrl: this.undelivered.url, policy: mayFill },
      child,
    );
    const starter = serviceRole(
      `${name}-events`,
      "events",
      pulumi
        .output(args.machineArn)
        .apply((Resource) => [
          { Effect: "Allow" as const, Action: "states:StartExecution", Resource },
        ]),
      child,
    );
    new aws.cloudwatch.EventTarget(
      `${name}-dangerous-calls`,
      {
        rule: rule.name,
        arn: args.machineArn,
        roleArn: starter.arn,
        deadLetterConfig: { arn: this.undelivered.arn },
        retryPolicy: { maximumEventAgeInSeconds: TRY_FOR_SECONDS, maximumRetryAttempts: 185 },
      },
      child,
    );
    this.ruleName = rule.name;
    this.registerOutputs({ ruleName: this.ruleName });
  }
}

/**
 * The pattern of the rule: successful calls by these names.
 *
 * Source: CloudTrail's events carry `source` "aws.SERVICE" and this detail-type,
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 */
export function eventPattern(events: Record<string, string[]>) {
  return {
    source: Object.keys(events).map((source) => `aws.${source.split(".")[0]}`),
    "detail-type": ["AWS API Call via CloudTrail"],
    detail: {
      eventSource: Object.keys(events),
      eventName: Object.values(events).flat(),
      errorCode: [{ exists: false }],
    },
  };
}
