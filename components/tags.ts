import type * as pulumi from "@pulumi/pulumi";

/** The resource types of this program that take tags. */
const TAGGABLE = [
  "aws:cloudwatch/eventRule:EventRule",
  "aws:cloudwatch/logGroup:LogGroup",
  "aws:cloudwatch/metricAlarm:MetricAlarm",
  "aws:iam/role:Role",
  "aws:kms/key:Key",
  "aws:lambda/function:Function",
  "aws:s3/bucket:Bucket",
  "aws:sfn/stateMachine:StateMachine",
  "aws:sns/topic:Topic",
  "aws:sqs/queue:Queue",
];

/** A transformation that tags everything below a component with the stack that it belongs to. */
export function tagging(stack: string): pulumi.ResourceTransformation {
  return ({ type, props, opts }) =>
    TAGGABLE.includes(type)
      ? { props: { ...props, tags: { ...props.tags, tourniquet: stack } }, opts }
      : undefined;
}
