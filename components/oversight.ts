import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Where people are told. */
export class AlertTopic extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: { email?: string }, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:AlertTopic", name, {}, opts);
    const child = { parent: this };
    const topic = new aws.sns.Topic(`${name}-alerts`, { name: `${name}-alerts` }, child);
    if (args.email) {
      new aws.sns.TopicSubscription(
        `${name}-alerts-email`,
        { topic: topic.arn, protocol: "email", endpoint: args.email },
        child,
      );
    }
    this.arn = topic.arn;
    this.registerOutputs({ arn: this.arn });
  }
}

/** What `Oversight` watches. */
export interface OversightArgs {
  topicArn: pulumi.Input<string>;
  machineArn: pulumi.Input<string>;
  undeliveredQueue: pulumi.Input<string>;
  /** Names of the functions that run by the clock. */
  scheduled: string[];
}

/**
 * Alarms on what no state of the machine can report: an execution that ended badly, an event that
 * never reached the machine, and a function that failed outside of it.
 */
export class Oversight extends pulumi.ComponentResource {
  constructor(name: string, args: OversightArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:Oversight", name, {}, opts);
    const alarm = (suffix: string, what: string, metric: Metric) =>
      new aws.cloudwatch.MetricAlarm(
        `${name}-${suffix}`,
        {
          name: `${name}-${suffix}`,
          alarmDescription: what,
          ...metric,
          statistic: "Sum",
          period: 60,
          evaluationPeriods: 1,
          threshold: 1,
          comparisonOperator: "GreaterThanOrEqualToThreshold",
          treatMissingData: "notBreaching",
          alarmActions: [args.topicArn],
        },
        { parent: this },
      );
    for (const { metric, words } of BAD_ENDINGS) {
      alarm(`executions-${words}`, `An execution ${words}: something may not be contained`, {
        namespace: "AWS/States",
        metricName: metric,
        dimensions: { StateMachineArn: args.machineArn },
      });
    }
    alarm("events-undelivered", "A dangerous call never reached the state machine", {
      namespace: "AWS/SQS",
      metricName: "ApproximateNumberOfMessagesVisible",
      dimensions: { QueueName: args.undeliveredQueue },
    });
    for (const functionName of args.scheduled) {
      // Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
      alarm(
        `${functionName.split("-").at(-1)}-failed`,
        `${functionName} failed: its log, /aws/lambda/${functionName}, says what is left, and docs/runbook.md what to do`,
        {
          namespace: "AWS/Lambda",
          metricName: "Errors",
          dimensions: { FunctionName: functionName },
        },
      );
    }
    this.registerOutputs({});
  }
}

interface Metric {
  namespace: string;
  metricName: string;
  dimensions: Record<string, pulumi.Input<string>>;
}

/** Source: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html */
const BAD_ENDINGS = [
  { metric: "ExecutionsFailed", words: "failed" },
  { metric: "ExecutionsTimedOut", words: "timed-out" },
  { metric: "ExecutionsAborted", words: "aborted" },
];
