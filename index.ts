import * as path from "node:path";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { CaseBucket } from "./components/caseBucket";
import { deployedTrust } from "./components/deployedTrust";
import { Detection } from "./components/detection";
import { homeRegionOf } from "./components/homeRegion";
import { AlertTopic, Oversight } from "./components/oversight";
import { Response } from "./components/response";
import { SyncedGroups } from "./components/syncedGroups";
import { tagging } from "./components/tags";
import { watchedEvents } from "./events/classify";
import { consoleLink as linkOf } from "./functions/consoleLink";
import { readSettings } from "./settings";

const settings = readSettings(
  pulumi.runtime.allConfig(),
  process.env.TOURNIQUET_EXEMPTIONS_FILE ?? path.join(__dirname, "exemptions.yaml"),
);
const name = `${pulumi.getProject()}-${pulumi.getStack()}`;

const account = aws.getCallerIdentityOutput().accountId;
const place = pulumi
  .all([aws.getPartitionOutput().partition, aws.getRegionOutput().region, account])
  .apply(([partition, region, id]) => ({
    partition,
    region: homeRegionOf(partition, region),
    account: id,
  }));

const opts = { transformations: [tagging(name)] };
const topic = new AlertTopic(name, settings.alertEmail ? { email: settings.alertEmail } : {}, opts);
const caseBucket = new CaseBucket(name, { account }, opts);
const response = new Response(name, { settings, place, topicArn: topic.arn, caseBucket }, opts);
const { trustedActors } = settings;
deployedTrust(name, { trustedActors, caseBucket, deployed: response });
const detection = new Detection(
  name,
  { events: watchedEvents, machineArn: response.machineArn },
  opts,
);
const synced =
  settings.syncedGroups.length > 0
    ? [new SyncedGroups(name, { settings, place, topicArn: topic.arn }, opts)]
    : [];
new Oversight(
  name,
  {
    topicArn: topic.arn,
    machineArn: response.machineArn,
    undeliveredQueue: detection.undelivered.name,
    scheduled: [...response.scheduled, ...synced.map(({ scheduled }) => scheduled)],
  },
  opts,
);

export const mode = settings.mode;
export const stateMachineArn = response.machineArn;
export const ruleName = detection.ruleName;
export const alertTopicArn = topic.arn;
export const caseBucketName = caseBucket.name;
export const secretKeyArn = response.secretKeyArn;
export const consoleLink = response.machineArn.apply(linkOf);
