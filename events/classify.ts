import { type Exemption, exemptionFor } from "../rulebook/exemptions";
import { sameName } from "../rulebook/names";
import { matchesExactly } from "../rulebook/policyDocument";
import type { SshRule } from "../rulebook/ssh";
import { type Actor, describeActor, isNamedBy, isOwnRole, readActor } from "./actor";
import { withCaller } from "./caller";
import { ec2Events } from "./ec2";
import { guardDutyNotice } from "./guardDuty";
import { healthNotice } from "./health";
import { type Call, callerInstead, iamEvents, type NewCredentials, type Reading } from "./iam";
import type { EventFacts, Incident, InfrastructureSubject, Subject, UserSubject } from "./incident";
import type { Notice } from "./notice";
import { isOrder, orderNotice } from "./order";
import { cutRecord, type Fields, fieldsOf, isOmitted, textIn } from "./record";
import { isReservedName, type RoleSettings, roleLeftAlone } from "./role";

/** What the owner's settings say about incidents. */
export interface IncidentSettings extends SshRule, RoleSettings {
  newCredentials: NewCredentials;
  /** GuardDuty's findings from this severity on contain the user. */
  guardDutySeverity: number;
  applicationUsers: string[];
  protectedPrincipals: string[];
  exemptions: Exemption[];
  /** Names of the roles of Tourniquet's own Lambdas, exact. */
  ownRoles: string[];
  /** Contain the caller as well as the subject. */
  containActor: boolean;
}

/** The events that a rule must match, by the service that CloudTrail names. */
export const watchedEvents: Record<string, string[]> = {
  "iam.amazonaws.com": Object.keys(iamEvents),
  "ec2.amazonaws.com": Object.keys(ec2Events),
};

/**
 * What an EventBridge event amounts to. Pure: the event, the settings and the time alone decide.
 *
 * @param event what EventBridge hands over: its `detail` is the CloudTrail record, the GuardDuty
 *   finding or the AWS Health event. Or a person's `Order`.
 * @param now ISO time at which exemptions are judged.
 * @param functionArn of the Lambda that classifies; it tells an order's account and region.
 * @returns always an incident: what cannot be read is `Ignore` with a reason. Never throws.
 */
export function classify(
  event: unknown,
  settings: IncidentSettings,
  now: string,
  functionArn?: string,
): Incident {
  const whole = fieldsOf(event);
  const notice = noticeOf(whole, settings, now, functionArn);
  const record = fieldsOf(whole.detail);
  const frame = notice
    ? {
        actor: notice.actor,
        event: notice.event,
        record: cutRecord(isOrder(whole) ? whole : record),
      }
    : frameOf(record);
  try {
    const ruling = notice
      ? rule(notice.reading, settings, frame.actor, now)
      : decide(record, frame, settings, now);
    return { ...frame, ...ruling };
  } catch (error) {
    const alert = `A record could not be classified: ${String(error).slice(0, 200)}. Look at it yourself.`;
    return { ...frame, ...ignore("the record could not be classified", alert) };
  }
}

/** What is no record of a call; undefined: it is one, or should be. */
function noticeOf(
  event: Fields,
  { guardDutySeverity }: IncidentSettings,
  now: string,
  functionArn: string | undefined,
): Notice | undefined {
  if (isOrder(event)) return orderNotice(event, now, functionArn);
  // EventBridge lets nobody but AWS put events whose source begins with "aws.".
  if (event.source === "aws.guardduty") return guardDutyNotice(event, guardDutySeverity);
  return event.source === "aws.health" ? healthNotice(event) : undefined;
}

type Ruling = Pick<Incident, "decision" | "reason" | "subjects" | "alert">;
type Frame = Pick<Incident, "actor" | "event" | "record">;

function ignore(reason: string, alert?: string): Ruling {
  return { decision: "Ignore", reason, subjects: [], ...(alert && { alert }) };
}

function frameOf(record: Fields): Frame {
  return {
    actor: readActor(record.userIdentity),
    event: {
      id: textIn(record, "eventID") ?? "unknown",
      name: textIn(record, "eventName") ?? "unknown",
      source: textIn(record, "eventSource") ?? "unknown",
      time: textIn(record, "eventTime") ?? "unknown",
      region: textIn(record, "awsRegion") ?? "unknown",
      account: textIn(record, "recipientAccountId") ?? "unknown",
      address: textIn(record, "sourceIPAddress") ?? "unknown",
    },
    record: cutRecord(record),
  };
}

function decide(record: Fields, frame: Frame, settings: IncidentSettings, now: string): Ruling {
  const { actor, event } = frame;
  if (Object.keys(record).length === 0) {
    return ignore("the event carries no CloudTrail record", NO_EVENT);
  }
  const reader = readerOf(event, settings);
  if (!reader) return ignore(`${event.name} of ${event.source} is no incident`);
  if (record.errorCode !== undefined && record.errorCode !== null) {
    return ignore(`the call failed: ${String(record.errorCode).slice(0, 80)}`);
  }
  if (isOwnRole(actor, settings.ownRoles)) return ignore("Tourniquet's own call");
  if (isNamedBy(actor, settings.trustedActors)) {
    return ignore(`${describeActor(actor)} is in trustedActors`);
  }

  const omitted = isOmitted(record.requestParameters);
  const call: Call = {
    parameters: omitted ? {} : fieldsOf(record.requestParameters),
    response: isOmitted(record.responseElements) ? {} : fieldsOf(record.responseElements),
    // What was left out may name somebody else: the caller stands in for nobody.
    actor: omitted ? { type: "unknown", arn: actor.arn } : actor,
    account: event.account,
  };
  const read = reader(call);
  const unnamed = (omitted || (record.requestParameters ?? null) === null) && "unnamed" in read;
  const reading = (unnamed && callerInstead(event.name, actor)) || read;
  const formerName = "formerName" in reading ? reading.formerName : undefined;
  const ruling = withCaller(rule(reading, settings, actor, now), actor, settings, formerName);
  return omitted || unnamed ? alerted(ruling, omittedAlert(frame, omitted, unnamed)) : ruling;
}

const NO_EVENT =
  "An execution was started with what is neither an event nor an order, so nothing was contained. " +
  'A person\'s order is {"user": "NAME", "reason": "TEXT"} or {"group": "sg-ID", "reason": "TEXT"}.';

function readerOf(
  { source, name }: EventFacts,
  settings: IncidentSettings,
): ((call: Call) => Reading) | undefined {
  if (source === "iam.amazonaws.com" && Object.hasOwn(iamEvents, name)) return iamEvents[name];
  const ec2 = source === "ec2.amazonaws.com" && Object.hasOwn(ec2Events, name) && ec2Events[name];
  return ec2 ? (call) => ec2(call, settings) : undefined;
}

function omittedAlert({ event, actor }: Frame, omitted: boolean, unnamed: boolean): string {
  const lacks = omitted
    ? `CloudTrail left out the parameters of ${event.name} because they are too large, which a policy padded with white space does`
    : `The record of ${event.name} has no parameters`;
  return (
    `${lacks}${unnamed ? ": whose rights it changed is not known" : ""}. ${describeActor(actor)} ` +
    `made the call from ${event.address} at ${event.time}: look at what it changed.`
  );
}

function alerted(ruling: Ruling, alert: string): Ruling {
  return { ...ruling, alert: ruling.alert ? `${ruling.alert} ${alert}` : alert };
}

/** From what the record says to what is done: settings and exemptions that name principals. */
function rule(reading: Reading, settings: IncidentSettings, actor: Actor, now: string): Ruling {
  if ("ignore" in reading) return ignore(reading.ignore, reading.alert);
  const { because, credential, compromised, ordered } = reading;
  if (credential && settings.newCredentials === "never") {
    return ignore(`${because}; newCredentials is "never"`);
  }
  const subject = reading.subjects[0];
  if (!subject) return ignore(because);

  const exemption = exemptionOf(subject, settings, now);
  const exempt = compromised ? undefined : exemption.exemption;
  const credentialCounts = credential && settings.newCredentials === "always";
  if (exempt && !credentialCounts) {
    return ignore(
      `${because}; exempt until ${exempt.expires} by ${exempt.owner}: ${exempt.reason}`,
      credential ? `An exempt admin has a new credential: ${because}.` : undefined,
    );
  }
  const left = leftAlone(reading, subject, settings);
  if (left) return left;
  const reason = [because, ...exemption.complaints].join("; ");
  if (isInfrastructure(subject)) {
    return { decision: "EmergencyActionInfrastructure", reason, subjects: [subject] };
  }
  const owner = credentialCounts ? whateverHeMay(subject) : subject;
  if (owner.kind === "user" && !ordered && runsApplication(owner.name, settings)) {
    const ruling: Ruling = {
      decision: "EmergencyActionApplication",
      reason: `${reason}; user ${owner.name} is in applicationUsers`,
      subjects: [applicationUser(owner, actor, credential === true)],
    };
    return compromised && !owner.accessKeyId ? alerted(ruling, keyUnknown(owner.name)) : ruling;
  }
  return {
    decision: "EmergencyActionAccount",
    reason,
    subjects: [lookedAtIfReserved(owner), ...reading.subjects.slice(1)],
  };
}

/** Of a group the members, who are named by a look alone. */
function whateverHeMay(subject: Subject): Subject {
  if (subject.kind === "group") return { ...subject, always: true };
  return subject.kind === "user" ? { ...subject, proved: true } : subject;
}

/** What the owner has decided never to contain. */
function leftAlone(
  { because, formerName }: Exclude<Reading, { ignore: string }>,
  subject: Subject,
  settings: IncidentSettings,
): Ruling | undefined {
  if (subject.kind === "role") {
    const left = roleLeftAlone(subject, because, settings);
    return left && ignore(`${because}; ${left.why}`, left.alert);
  }
  const names = subject.kind === "user" ? [subject.name, formerName] : [];
  const spared = settings.protectedPrincipals.find((one) =>
    names.some((name) => name !== undefined && sameName(one, name)),
  );
  if (spared === undefined) return undefined;
  return ignore(
    `${because}; user ${spared} is in protectedPrincipals`,
    `User ${spared} is protected and was not contained, although ${because}. Look at it yourself.`,
  );
}

/** Whether a role is one that only AWS may change, its path tells, which no record has. */
function lookedAtIfReserved(subject: Subject): Subject {
  const reserved = subject.kind === "role" && isReservedName(subject.name);
  return reserved ? { ...subject, proved: false } : subject;
}

function keyUnknown(name: string): string {
  return (
    `User ${name} runs an application, and which of his keys somebody else has is not known: they ` +
    "stay as they are beside the new one. Move the application to it and switch them off."
  );
}

/**
 * Case counts, as it does in the ARNs of the rotation's role: for a user whom that role may not
 * touch, the branch that contains is the right one.
 */
function runsApplication(name: string, { applicationUsers }: IncidentSettings): boolean {
  return applicationUsers.some((pattern) => matchesExactly(pattern, name));
}

/** An application user's new credential needs no look: it is an incident by itself. */
function applicationUser(user: UserSubject, actor: Actor, credential: boolean): Subject {
  const ownCall = actor.userName === user.name && actor.accessKeyId?.startsWith("AKIA");
  return {
    ...user,
    kind: "applicationUser",
    proved: user.proved || credential,
    ...(ownCall && { actorKeyId: actor.accessKeyId as string }),
  };
}

function isInfrastructure(subject: Subject): subject is InfrastructureSubject {
  return ["securityGroup", "prefixList", "attachedGroups", "remoteAddress"].includes(subject.kind);
}

function exemptionOf(subject: Subject, { exemptions }: IncidentSettings, now: string) {
  if (isInfrastructure(subject)) {
    // The groups behind a list, or one of several that are attached, are judged by the look.
    const ids = subject.kind === "securityGroup" && subject.groupId ? [subject.groupId] : [];
    return exemptionFor(exemptions, "ssh-open-to-world", ids, now);
  }
  return exemptionFor(exemptions, "admin-user", exemptNames(subject), now);
}

/** The names by which an owner can exempt a subject: its own, and those of the grant. */
function exemptNames(subject: Exclude<Subject, InfrastructureSubject>): string[] {
  if (subject.kind === "policy") return [subject.arn];
  const { kind, name } = subject;
  const own = kind === "group" || kind === "role" ? `${kind}/${name}` : name;
  const { grant } = subject;
  if (grant?.kind === "attached") return [own, grant.policyArn];
  return grant?.kind === "group" ? [own, `group/${grant.groupName}`] : [own];
}
