import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { serviceRole } from "./role";

/**
 * Runs a function once an hour, by EventBridge Scheduler and a role that may do that alone.
 *
 * A run that fails is retried by Lambda twice; what fails for good, `Oversight` tells.
 * Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
export function hourly(
  name: string,
  functionArn: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): aws.scheduler.Schedule {
  const statements = pulumi
    .output(functionArn)
    .apply((Resource) => [{ Effect: "Allow" as const, Action: "lambda:InvokeFunction", Resource }]);
  const role = serviceRole(name, "scheduler", statements, opts);
  return new aws.scheduler.Schedule(
    name,
    {
      name,
      scheduleExpression: "rate(1 hour)",
      flexibleTimeWindow: { mode: "FLEXIBLE", maximumWindowInMinutes: 15 },
      target: { arn: functionArn, roleArn: role.arn },
    },
    opts,
  );
}
