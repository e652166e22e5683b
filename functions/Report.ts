import { describeActor } from "../events/actor";
import type { Incident, Subject } from "../events/incident";
import type { Action, Case } from "./case";

type SnsSdk = typeof import("@aws-sdk/client-sns");

/** What the handler calls; its role is granted exactly this, on the alert topic. */
export const reportActions = ["sns:Publish"];

/** What a Catch caught. */
interface Caught {
  Error?: string;
  Cause?: string;
}

/** What the state machine hands over when an execution ends, well or not. */
export interface ReportInput {
  state: Caught & {
    CloudWatcherCore?: Incident;
    case?: Case;
    /** Where the case was written, or the error that kept it from being written. */
    recorded?: Caught & { bucket?: string; key?: string };
    error?: Caught;
    /** There was a report already: what has failed since is the lift of a session block. */
    report?: unknown;
  };
  /** The execution's ARN. */
  execution: string;
}

/** One message for people. */
export interface Message {
  subject: string;
  /** Plain text that reads well in an e-mail. */
  body: string;
  /** The same for a chat channel; see `chatOf`. */
  chat: ChatNotification;
}

/** Source: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html, Event schema. */
interface ChatNotification {
  version: "1.0";
  source: "custom";
  id: string;
  content: { textType: "client-markdown"; title: string; description: string; nextSteps: string[] };
  metadata: { threadId: string; summary: string; eventType: string; relatedResources: string[] };
}

/**
 * Tells people what happened, each subscription in its own form. Runs once per cold start and returns
 * the handler.
 * Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, MessageStructure.
 */
export function report(sdk: SnsSdk) {
  const sns = new sdk.SNSClient({});

  return async (input: ReportInput): Promise<Message> => {
    const message = write(input);
    await sns.send(
      new sdk.PublishCommand({
        TopicArn: process.env.TOPIC_ARN ?? "",
        Subject: message.subject,
        MessageStructure: "json",
        Message: JSON.stringify({
          default: message.body,
          email: message.body,
          // Chat channels subscribe by HTTPS.
          https: JSON.stringify(message.chat),
        }),
      }),
    );
    return message;
  };
}

/**
 * The message about one incident: who did what from where, what was taken, what is left to do.
 * The subject is one line of at most 100 ASCII characters, which SNS asks for.
 * Source: SNS API Reference, Publish, Subject,
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export function write(input: ReportInput): Message {
  const { CloudWatcherCore: incident, case: known } = input.state;
  const error = errorOf(input);
  const title = `Tourniquet: ${outcomeOf(input)}`;
  const lines = [
    ...(incident ? whatHappened(incident) : ["An event could not be judged."]),
    ...(known ? ["", ...whatWasDone(known)] : []),
    ...(error ? ["", `Failed: ${error.Error}: ${causeOf(error.Cause)}`] : []),
    ...whereItIs(input),
  ];
  const body = lines.join("\n").slice(0, LONGEST_BODY);
  return {
    subject: title.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100),
    body,
    chat: chatOf(input, title, body),
  };
}

/**
 * SNS takes 256 KB in all, a chat channel far less of one message: the rest is in the case.
 * Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, Message.
 */
const LONGEST_BODY = 60_000;
const LONGEST_CHAT = 3_000;

/** Messages about the same subjects share a thread. */
function chatOf(input: ReportInput, title: string, body: string): ChatNotification {
  const { CloudWatcherCore: incident, case: known } = input.state;
  const about = (incident?.subjects ?? []).map(nameOf);
  return {
    version: "1.0",
    source: "custom",
    id: input.execution.split(":").at(-1) ?? "",
    content: {
      textType: "client-markdown",
      title,
      description: body.slice(0, LONGEST_CHAT),
      nextSteps: [...openIn(known), ...(known?.alerts ?? [])].slice(0, 10),
    },
    metadata: {
      threadId: about.join(" ") || title,
      summary: title,
      eventType: outcomeOf(input).split(",")[0] ?? "",
      relatedResources: about,
    },
  };
}

function nameOf(subject: Subject): string {
  switch (subject.kind) {
    case "policy":
      return subject.arn;
    case "securityGroup":
      return subject.groupId ?? subject.groupName ?? "a security group";
    case "prefixList":
      return subject.id;
    case "attachedGroups":
      return subject.groupIds.join(" ");
    case "remoteAddress":
      return subject.address;
    default:
      return `${subject.kind === "applicationUser" ? "user" : subject.kind} ${subject.name}`;
  }
}

/** A failed `IngestionAction` leaves its error in place of the state. */
function errorOf({ state }: ReportInput): Caught | undefined {
  return state.error ?? (state.Error ? state : undefined);
}

function outcomeOf(input: ReportInput): string {
  const { CloudWatcherCore: incident, case: known } = input.state;
  const about = incident ? `${incident.event.name} in ${incident.event.account}` : "an event";
  if (input.state.report) return `session block NOT LIFTED, ${about}`;
  if (errorOf(input) || openIn(known).length > 0) return `NOT CONTAINED, ${about}`;
  if (!known || known.actions.every(({ outcome }) => outcome === "gone")) {
    const alert = incident?.alert || known?.alerts.length;
    return alert ? `look at ${about}` : `nothing to do for ${about}`;
  }
  return known.mode === "observe" ? `would contain ${about}` : `contained ${about}`;
}

function openIn(known: Case | undefined): string[] {
  return [...(known?.open ?? []), ...(known?.unblocked ?? [])];
}

function whatHappened({ event, actor, reason, alert }: Incident): string[] {
  return [
    `${describeActor(actor)} called ${event.name} from ${event.address} at ${event.time}.`,
    `Judged: ${reason}.`,
    ...(alert ? ["", alert] : []),
  ];
}

function whatWasDone(known: Case): string[] {
  const heading = known.mode === "observe" ? "enforce would have called:" : "Calls made:";
  return [
    ...(known.actions.length > 0
      ? [heading, ...known.actions.map(actionLine)]
      : ["No call was made."]),
    ...(known.alerts.length > 0
      ? ["", "Look at this:", ...known.alerts.map((one) => `- ${one}`)]
      : []),
    ...(known.notes.length > 0
      ? ["", "Worth knowing:", ...known.notes.map((one) => `- ${one}`)]
      : []),
    ...(openIn(known).length > 0
      ? ["", "STILL OPEN:", ...openIn(known).map((one) => `- ${one}`)]
      : []),
    ...(known.blockedUntil ? ["", `Network ACLs are blocked until ${known.blockedUntil}.`] : []),
  ];
}

function actionLine({ call, subject, input, outcome, error }: Action): string {
  const what = input.PolicyArn ?? input.AccessKeyId ?? input.PolicyName ?? input.GroupName ?? "";
  const end = outcome === "done" || outcome === "would" ? "" : ` (${outcome}: ${error})`;
  return `- ${call} ${subject}${what ? `, ${what}` : ""}${end}`;
}

/** A Lambda's cause is JSON; its message is what a person wants. */
function causeOf(cause: string | undefined): string {
  try {
    return String(JSON.parse(cause ?? "").errorMessage ?? cause);
  } catch {
    return cause ?? "no cause was given";
  }
}

/** The consoles' hosts, by the partition of an ARN. */
const CONSOLES: Record<string, string> = {
  aws: "console.aws.amazon.com",
  "aws-cn": "console.amazonaws.cn",
  "aws-us-gov": "console.amazonaws-us-gov.com",
};

function whereItIs({ state: { recorded, case: known }, execution }: ReportInput): string[] {
  const written = recorded?.key
    ? [`Case: s3://${recorded.bucket}/${recorded.key}`]
    : recorded?.Error
      ? [`The case could not be written: ${recorded.Error}: ${causeOf(recorded.Cause)}`]
      : [];
  const taken = known?.actions.some(({ outcome }) => outcome === "done");
  const back =
    recorded?.key && taken
      ? [`Give back: npm run restore -- s3://${recorded.bucket}/${recorded.key} --dry-run`]
      : [];
  const [, partition = "", , region] = execution.split(":");
  const host = CONSOLES[partition];
  const link = host
    ? [`https://${host}/states/home?region=${region}#/v2/executions/details/${execution}`]
    : [];
  return ["", ...written, ...back, `Execution: ${execution}`, ...link];
}
