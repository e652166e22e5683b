import type { CloudTrailClient, Event } from "@aws-sdk/client-cloudtrail";

/** The SDK module of the event history. */
export type TrailSdk = typeof import("@aws-sdk/client-cloudtrail");

/** What `eventsOf` calls. */
export const trailLookActions = ["cloudtrail:LookupEvents"];

/** What CloudTrail is asked for. It takes one attribute a question. */
export interface Question {
  by: "Username" | "AccessKeyId" | "ResourceName";
  value: string;
  since: Date;
}

/** LookupEvents gives 50 events a page, and twice a second. */
const MOST_PAGES = 10;
/** Milliseconds; a function ends after 30 seconds, whatever it had found. */
const MOST_MS = 10_000;

/** Until when questions that begin now may be asked: ms since 1970. */
export function lookUntil(): number {
  return Date.now() + MOST_MS;
}

/**
 * The events of one question, the newest first, each with its record as JSON in `CloudTrailEvent`.
 * They may be 15 minutes late, and are those of the region that is asked: the Lambda's own, which
 * has IAM's (see `components/homeRegion.ts`).
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
 *
 * @param until no further page is asked for after that: ms since 1970.
 * @returns `more`: there are or may be older ones, which were not looked through.
 * @throws an error of the SDK as it is.
 */
export async function eventsOf(
  sdk: TrailSdk,
  trail: CloudTrailClient,
  { by, value, since }: Question,
  until: number,
): Promise<{ events: Event[]; more: boolean }> {
  const events: Event[] = [];
  let NextToken: string | undefined;
  for (let page = 0; page < MOST_PAGES && Date.now() < until; page++) {
    const answer = await trail.send(
      new sdk.LookupEventsCommand({
        LookupAttributes: [{ AttributeKey: by, AttributeValue: value }],
        StartTime: since,
        ...(NextToken && { NextToken }),
      }),
    );
    events.push(...(answer.Events ?? []));
    NextToken = answer.NextToken;
    if (!NextToken) return { events, more: false };
  }
  return { events, more: true };
}

/** The region whose event history is asked. */
export function trailRegion(): string {
  return process.env.AWS_REGION ?? "this region";
}
