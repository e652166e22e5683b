import type { Call } from "./account";
import { type CloudTrailRecord, recordOf } from "./cloudTrail";
import type { Params } from "./wire";

/** One event as LookupEvents tells it; EventTime in seconds since 1970. */
export interface TrailEvent {
  EventId: string;
  EventName: string;
  ReadOnly: "true" | "false";
  AccessKeyId: string;
  EventTime: number;
  EventSource: string;
  Username: string;
  Resources: Array<{ ResourceType: string; ResourceName: string }>;
  /** The record, as JSON. */
  CloudTrailEvent: string;
}

/** What a question to the event history may hold; times in seconds since 1970. */
export interface Question {
  LookupAttributes?: Array<{ AttributeKey: string; AttributeValue: string }>;
  StartTime?: number;
  EndTime?: number;
}

/**
 * CloudTrail's event history: of the calls those that it records as management events, the newest
 * first. `calls` are those old enough to have arrived, the oldest first.
 *
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
 */
export function eventHistory(
  calls: Call[],
  account: { accountId: string; region: string },
  { LookupAttributes = [], StartTime = 0, EndTime = Number.POSITIVE_INFINITY }: Question,
): TrailEvent[] {
  return calls
    .filter(isRecorded)
    .map((call) => eventOfHistory(call, recordOf(call, account)))
    .filter(({ EventTime }) => EventTime >= Math.floor(StartTime) && EventTime <= EndTime)
    .filter((event) => LookupAttributes.every((attribute) => matches(event, attribute)))
    .reverse();
}

/** Whoever came with an unknown key has no account; what happens to objects are data events. */
function isRecorded({ service, action, caller }: Call): boolean {
  const isData = (service === "s3" && /Object/.test(action)) || action === "Publish";
  return caller.arn !== "" && !isData;
}

function eventOfHistory(call: Call, record: CloudTrailRecord): TrailEvent {
  return {
    EventId: String(record.eventID),
    EventName: record.eventName,
    ReadOnly: record.readOnly ? "true" : "false",
    AccessKeyId: call.accessKeyId,
    EventTime: Date.parse(record.eventTime) / 1000,
    EventSource: record.eventSource,
    Username: username(call),
    Resources: resources(call),
    CloudTrailEvent: JSON.stringify(record),
  };
}

/** A role's session goes by the session's name. */
function username({ caller }: Call): string {
  return caller.federated ?? caller.session ?? caller.name;
}

const RESOURCES: Record<string, string> = {
  UserName: "AWS::IAM::User",
  GroupName: "AWS::IAM::Group",
  RoleName: "AWS::IAM::Role",
  RoleArn: "AWS::IAM::Role",
  PolicyArn: "AWS::IAM::Policy",
  AccessKeyId: "AWS::IAM::AccessKey",
  GroupId: "AWS::EC2::SecurityGroup",
};

/** What the call names, and the keys that it made. */
function resources({ service, params, response }: Call): TrailEvent["Resources"] {
  const { AccessKey, Credentials } = (response ?? {}) as Record<string, Params | undefined>;
  const made = (AccessKey ?? Credentials)?.AccessKeyId;
  const named = {
    ...params,
    ...(service !== "ec2" && made !== undefined && { AccessKeyId: made }),
  };
  return Object.entries(named).flatMap(([key, name]) => {
    const ResourceType = RESOURCES[key];
    if (ResourceType === undefined || typeof name !== "string") return [];
    return [{ ResourceType, ResourceName: name }];
  });
}

/** How to ask by each attribute; a key that is not here is none of CloudTrail's. */
export const ATTRIBUTES: Record<string, (event: TrailEvent, value: string) => boolean> = {
  EventId: (event, value) => event.EventId === value,
  EventName: (event, value) => event.EventName === value,
  ReadOnly: (event, value) => event.ReadOnly === value,
  Username: (event, value) => event.Username === value,
  ResourceType: (event, value) => event.Resources.some((each) => each.ResourceType === value),
  ResourceName: (event, value) => event.Resources.some((each) => each.ResourceName === value),
  EventSource: (event, value) => event.EventSource === value,
  AccessKeyId: (event, value) => event.AccessKeyId === value,
};

function matches(
  event: TrailEvent,
  { AttributeKey, AttributeValue }: { AttributeKey: string; AttributeValue: string },
): boolean {
  return ATTRIBUTES[AttributeKey]?.(event, AttributeValue) ?? false;
}
