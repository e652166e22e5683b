import type { CloudTrailClient, Event } from "@aws-sdk/client-cloudtrail";
import { revokeSessions } from "../../events/role";
import { eventsOf, lookUntil, type Question, type TrailSdk, trailRegion } from "./eventHistory";

/** As long as a session of a role may last. */
const HOURS = 12;
/** Sessions whose own AssumeRole calls are asked for: LookupEvents answers twice a second. */
const MOST_FOLLOWED = 8;
/** From the user's own session on: worker → deployer → admin. */
const MOST_LINKS = 3;
/** Milliseconds that a session lasts at most which a session of a role has assumed. */
const CHAINED_MS = 3_600_000;
/** Roles that are told of by name: a state of the execution holds 256 KB, and a user may assume any. */
const MOST_ROLES = 20;

/** A role of which a contained user has sessions that go on. */
export interface AssumedRole {
  /** Its name, without the path. */
  role: string;
  /** As its newest session was asked for. */
  arn: string;
  /** Is it a role of the account that is asked? */
  isOwn: boolean;
  /** The sessions, when they end and how a person ends them. */
  sentence: string;
}

/** What CloudTrail shows of a user's sessions of roles. */
export interface RoleSessions {
  /** The one that was assumed last before the others; at most `MOST_ROLES`. */
  roles: AssumedRole[];
  /** What it does not show, in sentences. */
  unsure: string[];
}

/**
 * The sessions of roles that a user had assumed: they outlive his containment, since a session's
 * rights are its role's. So do the sessions of further roles that such a session had assumed, even
 * where it has ended. One sentence a role, with the command that ends all its sessions: who calls
 * AssumeRole in a loop makes no longer message by it.
 *
 * Asked for by his name, since the temporary keys of a session of his own (GetSessionToken, the
 * console) are known to nobody: such a call's record is of type IAMUser and has his name. And by his
 * keys, since calls that he made under a former name keep that name. What a session did has its
 * temporary key, which the record of AssumeRole tells.
 *
 * CloudTrail may be 15 minutes late, and has an AssumeRole in the region that served it: the
 * sentences say so. A look that fails is a sentence too, since no containment waits for it.
 * Sources: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html (AssumeRole's record),
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html (role chaining),
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html
 *
 * @param keyIds the access keys that are known as his.
 */
export async function roleSessionsOf(
  sdk: TrailSdk,
  trail: CloudTrailClient,
  name: string,
  keyIds: string[],
): Promise<RoleSessions> {
  const since = new Date(Date.now() - HOURS * 3_600_000);
  const until = lookUntil();
  const ask: Ask = (by, value) => eventsOf(sdk, trail, { by, value, since }, until);
  try {
    const answers = await Promise.all([
      ask("Username", name),
      ...keyIds.map((id) => ask("AccessKeyId", id)),
    ]);
    const own = sessionsIn(
      answers.flatMap(({ events }) => events),
      "IAMUser",
    );
    const cut = answers.some(({ more }) => more)
      ? [
          `User ${name} made more calls in ${trailRegion()} than were looked through for roles that he assumed: ask CloudTrail for the rest`,
        ]
      : [];
    const { found, unfollowed } = await chained(ask, own);
    const alive = [...own, ...found].filter(isAlive);
    const { roles, rest } = byRole(name, alive);
    return { roles, unsure: [...rest, ...cut, ...unknown(name, unfollowed)] };
  } catch (error) {
    const unsure = `Which roles user ${name} had assumed could not be looked up in ${trailRegion()} (${error}): ask CloudTrail for his AssumeRole calls`;
    return { roles: [], unsure: [unsure] };
  }
}

type Ask = (by: Question["by"], value: string) => ReturnType<typeof eventsOf>;

interface Session {
  role: string;
  arn: string;
  isOwn: boolean;
  session: string;
  /** Milliseconds since 1970 at which it was assumed; 0 where the event does not tell. */
  at: number;
  /** Absent: the record does not tell. */
  expires?: Date;
  /** Of its temporary credentials. */
  keyId?: string;
  /** The roles whose sessions led to it, the user's own first. */
  through: string[];
}

/** A session of which it is not known what it had assumed, and the error where there was one. */
type Unfollowed = Session & { because?: string };

/**
 * The sessions of further roles that these had assumed, link by link and one after the other, and
 * those of which that is not known.
 */
async function chained(ask: Ask, own: Session[]) {
  const found: Session[] = [];
  const unfollowed: Unfollowed[] = [];
  let followed = 0;
  for (const from of own.filter(mayHaveAssumed)) await follow(from);
  return { found, unfollowed };

  async function follow(from: Session): Promise<void> {
    if (!from.keyId || from.through.length + 1 >= MOST_LINKS || followed >= MOST_FOLLOWED) {
      unfollowed.push(from);
      return;
    }
    followed += 1;
    try {
      const { events, more } = await ask("AccessKeyId", from.keyId);
      if (more) unfollowed.push(from);
      for (const next of sessionsIn(events, "AssumedRole", [...from.through, from.role])) {
        found.push(next);
        await follow(next);
      }
    } catch (because) {
      unfollowed.push({ ...from, because: String(because) });
    }
  }
}

/** The roles, the one that was assumed last before the others, and how many more there are. */
function byRole(name: string, sessions: Session[]): { roles: AssumedRole[]; rest: string[] } {
  const newestFirst = [...sessions].sort((one, other) => other.at - one.at);
  const arns = [...new Set(newestFirst.map(({ arn }) => arn))];
  const more = arns.length - MOST_ROLES;
  const roles = arns.slice(0, MOST_ROLES).flatMap((arn) => {
    const its = newestFirst.filter((one) => one.arn === arn);
    const [newest] = its;
    return newest ? [roleOf(name, newest, its)] : [];
  });
  const words = `User ${name} had assumed ${more} more roles whose sessions go on: ask CloudTrail for his AssumeRole calls`;
  return { roles, rest: more > 0 ? [words] : [] };
}

/** @param sessions of the one role. */
function roleOf(name: string, newest: Session, sessions: Session[]): AssumedRole {
  const { role, arn, isOwn, session, through } = newest;
  const by = through.length > 0 ? ` by its session of role ${through.join(", then of role ")}` : "";
  const which =
    sessions.length === 1
      ? `its session ${session} lasts`
      : `${sessions.length} sessions, the newest of them ${session}, last`;
  const sentence =
    `User ${name} had assumed role ${isOwn ? role : arn}${by}: ${which} until ${lastEnd(sessions)}. This ` +
    `ends the sessions that the role has${isOwn ? "" : ", in its account"}: ${revokeSessions(role)} (CloudTrail may be 15 minutes ` +
    `late, and was asked in ${trailRegion()} only, not where he may have called other regions' STS)`;
  return { role, arn, isOwn, sentence };
}

/** When the last of them ends. One that does not tell may outlive the others. */
function lastEnd(sessions: Session[]): string {
  const ends = sessions.map(({ expires }) => expires?.getTime() ?? Number.POSITIVE_INFINITY);
  const last = Math.max(...ends);
  return Number.isFinite(last) ? new Date(last).toISOString() : "an unknown time";
}

/** One sentence a reason: an application may have hundreds of sessions. */
function unknown(name: string, unfollowed: Unfollowed[]): string[] {
  return [...new Set(unfollowed.map(({ because }) => because))].map((reason) => {
    const its = unfollowed.filter(({ because }) => because === reason);
    const each = [...new Set(its.map(({ role }) => role))];
    const rest = each.length - MOST_ROLES;
    const roles = `${each.slice(0, MOST_ROLES).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
    const count = its.length === 1 ? "one session" : `${its.length} sessions`;
    const why = reason
      ? `could not be looked up in ${trailRegion()} (${reason})`
      : "was not looked up";
    return `What user ${name} had assumed in turn by ${count} of role ${roles} ${why}: ask CloudTrail for their AssumeRole calls`;
  });
}

/** What ended so long ago has left no session of a further role. */
function mayHaveAssumed({ expires }: Session): boolean {
  return expires === undefined || expires.getTime() + CHAINED_MS >= Date.now();
}

/** What has expired is no danger; what does not tell may not have. */
function isAlive({ expires }: Session): boolean {
  return expires === undefined || expires.getTime() >= Date.now();
}

function sessionsIn(events: Event[], caller: string, through: string[] = []): Session[] {
  const made = events.filter(({ EventName }) => EventName === "AssumeRole");
  const each = new Map(made.map((event) => [event.EventId, event]));
  return [...each.values()].flatMap((event) => sessionIn(event, caller, through) ?? []);
}

/**
 * A failed call made no session. The session of a role may go by the user's name, since whoever
 * assumes it chooses: it is not he.
 */
function sessionIn(
  { CloudTrailEvent = "{}", EventTime }: Event,
  caller: string,
  through: string[],
): Session | undefined {
  const { userIdentity, errorCode, recipientAccountId, requestParameters, responseElements } =
    JSON.parse(CloudTrailEvent) as {
      userIdentity?: { type?: string };
      recipientAccountId?: string;
      errorCode?: string;
      requestParameters?: { roleArn?: string; roleSessionName?: string };
      responseElements?: { credentials?: { accessKeyId?: string; expiration?: string } };
    };
  const arn = requestParameters?.roleArn ?? "";
  const role = arn.split("/").at(-1);
  if (userIdentity?.type !== caller || errorCode || !role) return undefined;
  const { accessKeyId, expiration } = responseElements?.credentials ?? {};
  // CloudTrail writes "Jun 1, 2026, 1:00:00 PM", in UTC.
  const text = /Z$|GMT|UTC/.test(expiration ?? "") ? `${expiration}` : `${expiration} UTC`;
  const expires = new Date(text);
  return {
    role,
    arn,
    // Of another account's role there is a record in both.
    isOwn: arn.split(":")[4] === recipientAccountId,
    session: requestParameters?.roleSessionName ?? "unknown",
    at: EventTime?.getTime() ?? 0,
    ...(!Number.isNaN(expires.getTime()) && { expires }),
    ...(accessKeyId && { keyId: accessKeyId }),
    through,
  };
}
