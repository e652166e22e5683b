import type { CloudTrailClient, Event } from "@aws-sdk/client-cloudtrail";
import { revokeSessions } from "../../events/role";
import { eventsOf, type TrailSdk, trailRegion } from "./eventHistory";

/** As long as a session of a role may last. */
const HOURS = 12;

/**
 * The sessions of roles that a user had assumed: they outlive his containment, since a session's
 * rights are its role's. One sentence each, with the command that ends it.
 *
 * Asked for by his name, since the temporary keys of a session of his own (GetSessionToken, the
 * console) are known to nobody: such a call's record is of type IAMUser and has his name. And by his
 * keys, since calls that he made under a former name keep that name.
 *
 * CloudTrail may be 15 minutes late, and has an AssumeRole in the region that served it: the
 * sentences say so. A look that fails is a sentence too, since no containment waits for it.
 * Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html
 *
 * @param keyIds the access keys that are known as his.
 */
export async function roleSessionsOf(
  sdk: TrailSdk,
  trail: CloudTrailClient,
  name: string,
  keyIds: string[],
): Promise<string[]> {
  try {
    const since = new Date(Date.now() - HOURS * 3_600_000);
    const events = await Promise.all([
      eventsOf(sdk, trail, { by: "Username", value: name, since }),
      ...keyIds.map((value) => eventsOf(sdk, trail, { by: "AccessKeyId", value, since })),
    ]);
    const made = new Map(
      events
        .flatMap((one) => one.events)
        .filter(({ EventName }) => EventName === "AssumeRole")
        .map((event) => [event.EventId, event]),
    );
    const found = [...made.values()].flatMap((event) => sessionIn(event) ?? []);
    const cut = events.some(({ more }) => more)
      ? [
          `User ${name} made more calls in ${trailRegion()} than were looked through for roles that he assumed: ask CloudTrail for the rest`,
        ]
      : [];
    return [...found.map((session) => sentence(name, session)), ...cut];
  } catch (error) {
    return [
      `Which roles user ${name} had assumed could not be looked up in ${trailRegion()} (${error}): ask CloudTrail for his AssumeRole calls`,
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
    `late, and was asked in ${trailRegion()} only, not where he may have called other regions' STS)`
  );
}

/**
 * A failed call made no session. What has expired is no danger; what does not tell may not have. The
 * session of a role may go by the user's name, since whoever assumes it chooses: it is not he.
 */
function sessionIn({ CloudTrailEvent = "{}" }: Event): Session | undefined {
  const { userIdentity, errorCode, requestParameters, responseElements } = JSON.parse(
    CloudTrailEvent,
  ) as {
    userIdentity?: { type?: string };
    errorCode?: string;
    requestParameters?: { roleArn?: string; roleSessionName?: string };
    responseElements?: { credentials?: { expiration?: string } };
  };
  const role = requestParameters?.roleArn?.split("/").at(-1);
  if (userIdentity?.type !== "IAMUser" || errorCode || !role) return undefined;
  const expires = responseElements?.credentials?.expiration;
  // CloudTrail writes "Jun 1, 2026, 1:00:00 PM", in UTC.
  const time = Date.parse(/Z$|GMT|UTC/.test(expires ?? "") ? `${expires}` : `${expires} UTC`);
  if (time < Date.now()) return undefined;
  const when = Number.isNaN(time) ? "an unknown time" : new Date(time).toISOString();
  return { role, session: requestParameters?.roleSessionName ?? "unknown", expires: when };
}
