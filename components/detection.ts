import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { bruteForcePattern, guardDutyPattern } from "../events/guardDuty";
import { healthPattern } from "../events/health";
import { serviceRole } from "./role";

/** What `Detection` watches, and what it starts. */
export interface DetectionArgs {
  /** Event names by event source: "iam.amazonaws.com" → ["CreateAccessKey", …]. */
  events: Record<string, string[]>;
  machineArn: pulumi.Input<string>;
}

interface Watch {
  name: string;
  description: string;
  pattern: unknown;
}

const CALLS = "dangerous-calls";

/** The rules beside the one for calls: what AWS itself says of keys and of SSH. */
const noticeRules: Watch[] = [
  {
    name: "guardduty-findings",
    description: "GuardDuty findings about access keys",
    pattern: guardDutyPattern,
  },
  {
    name: "guardduty-ssh",
    description: "GuardDuty findings about SSH passwords that are tried",
    pattern: bruteForcePattern,
  },
  {
    name: "exposed-keys",
    description: "Access keys that AWS found in public, as AWS Health tells it",
    pattern: healthPattern,
  },
];

/** How long EventBridge tries to start an execution before the event goes to the queue. */
const TRY_FOR_SECONDS = 3600;
const QUEUE_KEEPS_SECONDS = 14 * 24 * 3600;

/** EventBridge rules → state machine; an event that could not be delivered waits in a queue. */
export class Detection extends pulumi.ComponentResource {
  /** The rule for dangerous calls. */
  readonly ruleName: pulumi.Output<string>;
  /** Events that EventBridge gave up on. */
  readonly undelivered: aws.sqs.Queue;

  constructor(name: string, args: DetectionArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:Detection", name, {}, opts);
    const child = { parent: this };

    const makeRule = ({ name: suffix, description, pattern }: Watch) => {
      const ruleName = `${name}-${suffix}`;
      const inputs = { name: ruleName, description, eventPattern: JSON.stringify(pattern) };
      return new aws.cloudwatch.EventRule(ruleName, inputs, child);
    };
    const callRule = makeRule({
      name: CALLS,
      description: "API calls that may open the account",
      pattern: eventPattern(args.events),
    });
    const rules = [
      { name: CALLS, rule: callRule },
      ...noticeRules.map((one) => ({ name: one.name, rule: makeRule(one) })),
    ];
    this.undelivered = new aws.sqs.Queue(
      `${name}-undelivered`,
      {
        name: `${name}-undelivered`,
        messageRetentionSeconds: QUEUE_KEEPS_SECONDS,
        sqsManagedSseEnabled: true,
      },
      child,
    );
    const ruleArns = pulumi.all(rules.map(({ rule }) => rule.arn));
    const mayFill = pulumi.all([this.undelivered.arn, ruleArns]).apply(([queueArn, arns]) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: queueArn,
            Condition: { ArnEquals: { "aws:SourceArn": arns } },
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
    for (const { name: suffix, rule } of rules) {
      new aws.cloudwatch.EventTarget(
        `${name}-${suffix}`,
        {
          rule: rule.name,
          arn: args.machineArn,
          roleArn: starter.arn,
          deadLetterConfig: { arn: this.undelivered.arn },
          retryPolicy: { maximumEventAgeInSeconds: TRY_FOR_SECONDS, maximumRetryAttempts: 185 },
        },
        child,
      );
    }
    this.ruleName = callRule.name;
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
