import type { CloudTrailClient, Event } from "@aws-sdk/client-cloudtrail";
import { type Actor, describeActor, isOwnRole, readActor } from "../../events/actor";
import { type Call, type IamReader, iamEvents, type Reading } from "../../events/iam";
import type { Incident, Subject } from "../../events/incident";
import { type Fields, fieldsOf, isOmitted, nameIn, textIn } from "../../events/record";
import { howToEnd, isReservedName, revokeSessions } from "../../events/role";
import type { Case, CaseSubject, Pass } from "../case";
import { eventsOf, lookUntil, type TrailSdk, trailRegion } from "./eventHistory";

/** The subjects that somebody can open again by a call that CloudTrail has under their names. */
type Contested = Extract<CaseSubject, { kind: "user" | "group" | "role" | "policy" }>;

/** Whose event history is asked, and whose calls are nobody's answer to a containment. */
export interface Trail {
  sdk: TrailSdk;
  client: CloudTrailClient;
  /** Names of the roles of Tourniquet's own Lambdas, exact. */
  ownRoles: string[];
}

/**
 * Who has opened a subject again since it was first cut: whoever made a call about it that is an
 * incident by itself, as the classification reads it. One alert for each, with the calls, the last
 * one's time and address, and how he is stopped.
 *
 * Asked for by the subject's name, under which CloudTrail has the calls that name it, whoever made
 * them. It may be 15 minutes late: where it shows nothing, the sentence has the command that asks
 * again, and is an alert while the subject is open. So it is where the look fails: no containment
 * waits for it.
 * Sources: https://repost.aws/knowledge-center/iam-deleted-user-role (IAM names are resource names),
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
 */
export async function opponentsOf(
  trail: Trail,
  subject: Contested,
  known: Case,
  { event }: Incident,
): Promise<Pass> {
  const since = firstCutAt(subject, known) ?? event.time;
  const question = { by: "ResourceName" as const, value: nameOf(subject), since: second(since) };
  const ask = `aws cloudtrail lookup-events --region ${trailRegion()} --start-time ${question.since.toISOString()} --lookup-attributes '${JSON.stringify([{ AttributeKey: question.by, AttributeValue: question.value }])}'`;
  try {
    const { events, more } = await eventsOf(trail.sdk, trail.client, question, lookUntil());
    const moves = events.flatMap((one) => moveIn(one, subject, trail.ownRoles) ?? []);
    // What started it all may have come in the second of the first cut.
    const answers = moves.filter(({ id }) => id !== event.id);
    if (answers.length > 0) return { alerts: sentences(subject, since, answers) };
    const why = more ? "among the newest calls" : "(yet): it may be 15 minutes late";
    return unknown(
      known,
      `Whether somebody opens ${wordsFor(subject)} again, CloudTrail does not show ${why}. Ask it later: ${ask}`,
    );
  } catch (error) {
    return unknown(
      known,
      `Whether somebody opens ${wordsFor(subject)} again could not be looked up (${error}). Ask CloudTrail: ${ask}`,
    );
  }
}

function unknown({ open }: Case, sentence: string): Pass {
  return open.length > 0 ? { alerts: [sentence] } : { notes: [sentence] };
}

/**
 * What may take the deny or the grant's bound off a role. For the classification they are no
 * incidents, since a role is contained by a setting only.
 */
const ROLE_LOSSES = [
  "DetachRolePolicy",
  "DeleteRolePolicy",
  "DeleteRolePermissionsBoundary",
  "PutRolePermissionsBoundary",
];

/** One call by which somebody opened the subject. */
interface Move {
  id: string;
  call: string;
  time: string;
  address: string;
  actor: Actor;
  /** Of a federated user, the IAM user who made him. */
  issuer?: string;
}

/** Undefined where the call opened nothing. */
function moveIn(event: Event, subject: Contested, ownRoles: string[]): Move | undefined {
  const record = fieldsOf(JSON.parse(event.CloudTrailEvent ?? "{}"));
  const call = textIn(record, "eventName") ?? "";
  const reader = readerOf(call, subject);
  const actor = readActor(record.userIdentity);
  const failed = record.errorCode !== undefined && record.errorCode !== null;
  if (!reader || failed || isOwnRole(actor, ownRoles)) return undefined;
  // Of parameters that were left out CloudTrail says no more than that it found them by the name.
  const opens = isOmitted(record.requestParameters) || opened(reader, record, actor, subject);
  if (!opens) return undefined;
  const issuer = issuerIn(fieldsOf(record.userIdentity));
  return {
    id: textIn(record, "eventID") ?? "unknown",
    call,
    time: textIn(record, "eventTime") ?? "unknown",
    address: textIn(record, "sourceIPAddress") ?? "an unknown address",
    actor,
    ...(issuer && { issuer }),
  };
}

function readerOf(call: string, { kind }: Contested): IamReader | undefined {
  if (kind === "role" && ROLE_LOSSES.includes(call)) return roleLoss;
  return Object.hasOwn(iamEvents, call) ? iamEvents[call] : undefined;
}

function roleLoss({ parameters }: Call): Reading {
  const name = nameIn(parameters, "roleName");
  if (!name) return { ignore: "it names no role" };
  return { subjects: [{ kind: "role", name, proved: false }], because: "the role lost a policy" };
}

/** A quarantine by AWS is an incident too, and opens nothing. */
function opened(reader: IamReader, record: Fields, actor: Actor, subject: Contested): boolean {
  const reading = reader({
    parameters: fieldsOf(record.requestParameters),
    response: fieldsOf(record.responseElements),
    actor,
    account: textIn(record, "recipientAccountId") ?? "unknown",
  });
  if ("ignore" in reading || reading.compromised) return false;
  return reading.subjects.some((one) => concerns(one, subject));
}

function issuerIn(identity: Fields): string | undefined {
  const issuer = fieldsOf(fieldsOf(identity.sessionContext).sessionIssuer);
  return issuer.type === "IAMUser" ? nameIn(issuer, "userName") : undefined;
}

/** A policy is opened again by whoever gives it to somebody, too. */
function concerns(found: Subject, subject: Contested): boolean {
  if (subject.kind !== "policy") return found.kind === subject.kind && found.name === subject.name;
  const grant = "grant" in found ? found.grant : undefined;
  const given = grant?.kind === "attached" && grant.policyArn === subject.arn;
  return given || (found.kind === "policy" && found.arn === subject.arn);
}

function sentences(subject: Contested, since: string, moves: Move[]): string[] {
  const arns = [...new Set(moves.map(({ actor }) => actor.arn))];
  return arns.map((arn) => {
    const his = moves.filter(({ actor }) => actor.arn === arn);
    const last = his.reduce((one, other) => (other.time > one.time ? other : one));
    const calls = [...new Set(his.map(({ call }) => call))]
      .sort()
      .map((call) => `${call} ${times(his.filter((one) => one.call === call).length)}`);
    return (
      `${who(last.actor)} opened ${wordsFor(subject)} again ${times(his.length)} since ${since}: ` +
      `${calls.join(", ")}, last at ${last.time} from ${last.address}. ${howToStop(last)}`
    );
  });
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function who(actor: Actor): string {
  const words = describeActor(actor);
  return words.includes(actor.arn) ? words : `${words} (${actor.arn})`;
}

function howToStop({ actor, issuer }: Move): string {
  const user = actor.userName ?? issuer;
  if (user) return `Contain him if he is not one of yours: npm run contain -- user ${user}`;
  const role = actor.roleArn?.split("/").at(-1);
  if (role) return isReservedName(role) ? howToEnd(role) : `To end it: ${revokeSessions(role)}`;
  return "No call of this account stops that caller: look at it yourself.";
}

function nameOf(subject: Contested): string {
  return subject.kind === "policy" ? subject.arn : subject.name;
}

function wordsFor(subject: Contested): string {
  return `${subject.kind} ${nameOf(subject)}`;
}

/** ISO time of the first call that took something from the subject. */
function firstCutAt(subject: Contested, { actions }: Case): string | undefined {
  const about = (one: { subject: string; input: Record<string, unknown> }) =>
    subject.kind === "policy"
      ? one.input.PolicyArn === subject.arn
      : one.subject === wordsFor(subject);
  const cuts = actions.filter((one) => one.outcome === "done" && about(one));
  return cuts.map(({ at }) => at).sort()[0];
}

/** CloudTrail's times are whole seconds. */
function second(time: string): Date {
  const ms = Date.parse(time);
  return new Date(Number.isNaN(ms) ? 0 : Math.floor(ms / 1000) * 1000);
}
