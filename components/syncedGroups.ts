import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { type SyncSettings, syncGroups, syncGroupsActions } from "../functions/SyncGroups";
import { bundledRanges } from "../ipRanges/bundled";
import { publishedCidrs } from "../ipRanges/document";
import type { Settings } from "../settings";
import type { Place, Statement } from "./permissions";
import { responder } from "./responder";
import { hourly } from "./schedule";

/** What the sync needs to know. */
export interface SyncedGroupsArgs {
  settings: Settings;
  place: pulumi.Input<Place>;
  topicArn: pulumi.Input<string>;
}

/** The function's name, and its role's, without the stack's. */
export const SYNC_GROUPS = "SyncGroups";

/**
 * AWS's topic of changes of its address ranges. It is in partition aws alone; elsewhere the clock
 * does.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/subscribe-notifications.html
 */
const RANGES_CHANGED = "arn:aws:sns:us-east-1:806199016981:AmazonIpSpaceChanged";

/**
 * Keeps the groups of `syncedGroups` in step: hourly, and when AWS says that its ranges changed.
 * Made only where the setting names a group, since its role may add rules.
 */
export class SyncedGroups extends pulumi.ComponentResource {
  /** The name of the function, which runs by the clock. */
  readonly scheduled: string;

  constructor(name: string, args: SyncedGroupsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:SyncedGroups", name, {}, opts);
    const child = { parent: this };
    const functionName = `${name}-${SYNC_GROUPS}`;
    this.scheduled = functionName;
    const { mode, syncedGroups } = args.settings;
    const sync: SyncSettings = {
      mode,
      groups: syncedGroups.map((one) => ({
        ...one,
        lastKnown: publishedCidrs(bundledRanges, one),
      })),
      oldest: bundledRanges.syncToken,
    };
    const statements = pulumi
      .all([args.place, args.topicArn])
      .apply(([place, topic]) => statementsOf(sync, place, topic));
    const lambda = responder(
      {
        name: functionName,
        callbackFactory: () =>
          syncGroups(require("@aws-sdk/client-ec2"), require("@aws-sdk/client-sns"), sync),
        statements,
        environment: { TOPIC_ARN: args.topicArn },
        packages: ["ipaddr.js"],
      },
      child,
    );
    hourly(`${functionName}-hourly`, lambda.arn, child);
    subscribe(functionName, lambda, args.place, child);
    this.registerOutputs({});
  }
}

/** The changes are on the groups of the setting, by ARN, and there are none in `observe`. */
function statementsOf({ mode, groups }: SyncSettings, place: Place, topicArn: string): Statement[] {
  const { partition, region, account } = place;
  const allow = (Action: string[], Resource: string | string[]): Statement => ({
    Effect: "Allow",
    Action,
    Resource,
  });
  const arns = groups.map(
    ({ group }) => `arn:${partition}:ec2:${region}:${account}:security-group/${group}`,
  );
  const { looks, cuts, grants } = syncGroupsActions;
  return [
    allow(looks, "*"),
    ...(mode === "enforce" ? [allow([...cuts, ...grants], arns)] : []),
    allow(["sns:Publish"], topicArn),
  ];
}

/** A subscription is made in the topic's region, which is the home region of partition aws. */
function subscribe(
  name: string,
  lambda: aws.lambda.Function,
  place: pulumi.Input<Place>,
  opts: pulumi.CustomResourceOptions,
): void {
  pulumi.output(place).apply(({ partition }) => {
    if (partition !== "aws") return;
    const permission = new aws.lambda.Permission(
      name,
      {
        function: lambda.name,
        action: "lambda:InvokeFunction",
        principal: "sns.amazonaws.com",
        sourceArn: RANGES_CHANGED,
      },
      opts,
    );
    new aws.sns.TopicSubscription(
      `${name}-ranges-changed`,
      { topic: RANGES_CHANGED, protocol: "lambda", endpoint: lambda.arn },
      { ...opts, dependsOn: [permission] },
    );
  });
}
