import type { CloudTrailClient } from "@aws-sdk/client-cloudtrail";
import { revokeSessions } from "../../events/role";

/** The SDK module of the event history. */
export type TrailSdk = typeof import("@aws-sdk/client-cloudtrail");

/** What `roleSessionsOf` calls. */
export const trailLookActions = ["cloudtrail:LookupEvents"];

/** As long as a session of a role may last. */
const HOURS = 12;
/** LookupEvents gives 50 events a page, and twice a second. */
const MOST_PAGES = 10;

/**
 * The sessions of roles that a user had assumed with these keys: they outlive his containment, since
 * a session's rights are its role's. One sentence each, with the command that ends it.
 *
 * CloudTrail may be 15 minutes late, and has an AssumeRole in the region whose endpoint was called:
 * the sentences say so. A look that fails is a sentence too, since no containment waits for it.
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
 */
export async function roleSessionsOf(
  sdk: TrailSdk,
  trail: CloudTrailClient,
  name: string,
  keyIds: string[],
): Promise<string[]> {
  try {
    const events = await Promise.all(keyIds.map((id) => eventsOf(sdk, trail, id)));
    const found = events.flatMap((one) => one.records.flatMap((record) => sessionIn(record) ?? []));
    const cut = events.some(({ more }) => more)
      ? [
          `User ${name} made more calls than were looked through for roles that he assumed: ask CloudTrail for the rest`,
        ]
      : [];
    return [...found.map((session) => sentence(name, session)), ...cut];
  } catch (error) {
    return [
      `Which roles user ${name} had assumed could not be looked up (${error}): ask CloudTrail for the AssumeRole calls of ${keyIds.join(", ")}`,
    ];
  }
}

interface Session {
  role: string;
  session: string;
  expires: string;
}

function sentence(name: string, { role, session, expires }: Session): string {
  return (
    `User ${name} had assumed role ${role}: its session ${session} lasts until ${expires}. This ` +
    `ends the sessions that the role has: ${revokeSessions(role)} (CloudTrail may be 15 minutes ` +
    "late, and other regions' were not asked)"
  );
}

async function eventsOf(sdk: TrailSdk, trail: CloudTrailClient, AccessKeyId: string) {
  const records: unknown[] = [];
  let NextToken: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await trail.send(
      new sdk.LookupEventsCommand({
        LookupAttributes: [{ AttributeKey: "AccessKeyId", AttributeValue: AccessKeyId }],
        StartTime: new Date(Date.now() - HOURS * 3_600_000),
        ...(NextToken && { NextToken }),
      }),
    );
    const made = (answer.Events ?? []).filter(({ EventName }) => EventName === "AssumeRole");
    records.push(...made.map(({ CloudTrailEvent = "{}" }) => JSON.parse(CloudTrailEvent)));
    NextToken = answer.NextToken;
    if (!NextToken) return { records, more: false };
  }
  return { records, more: true };
}

/** A failed call made no session. What has expired is no danger; what does not tell may not have. */
function sessionIn(record: unknown): Session | undefined {
  const { errorCode, requestParameters, responseElements } = record as {
    errorCode?: string;
    requestParameters?: { roleArn?: string; roleSessionName?: string };
    responseElements?: { credentials?: { expiration?: string } };
  };
  const role = requestParameters?.roleArn?.split("/").at(-1);
  if (errorCode || !role) return undefined;
  const expires = responseElements?.credentials?.expiration;
  // CloudTrail writes "Jun 1, 2026, 1:00:00 PM", in UTC.
  const time = Date.parse(/Z$|GMT|UTC/.test(expires ?? "") ? `${expires}` : `${expires} UTC`);
  if (time < Date.now()) return undefined;
  const when = Number.isNaN(time) ? "an unknown time" : new Date(time).toISOString();
  return { role, session: requestParameters?.roleSessionName ?? "unknown", expires: when };
}
