import { describeActor } from "../events/actor";
import type { Incident, Subject } from "../events/incident";
import type { Case } from "./case";
import { clientTimes } from "./client";
import { ruleInWords } from "./infrastructure/permission";
import { actionLines } from "./report/actions";
import {
  type Caught,
  caseAt,
  causeOf,
  placesOf,
  type Recorded,
  repeats,
  shelvedCase,
} from "./report/places";
import { tasksAfter } from "./report/tasks";

type SnsSdk = typeof import("@aws-sdk/client-sns");

/** What the handler calls; its role is granted exactly this, on the alert topic. */
export const reportActions = ["sns:Publish"];

/** What the state machine hands over when an execution ends, well or not. */
export interface ReportInput {
  state: Caught & {
    CloudWatcherCore?: Incident;
    case?: Case;
    recorded?: Recorded;
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
  const sns = new sdk.SNSClient(clientTimes);

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
  const { CloudWatcherCore: incident, case: known, recorded } = input.state;
  const error = errorOf(input);
  const title = `Tourniquet: ${titleOf(outcomeOf(input), incident)}`;
  const at = caseAt(recorded);
  const tasks = tasksAfter({
    ...(incident && { incident }),
    ...(known && { known }),
    ...(at && { caseAt: at }),
    execution: input.execution,
    unfinished: outcomeOf(input) === "NOT CONTAINED",
    blocked: outcomeOf(input) === "session block NOT LIFTED",
  });
  const lines = [
    ...(incident ? whatHappened(incident) : ["An event could not be judged."]),
    ...listedUnder("This repeats:", repeats(recorded)),
    ...listedUnder("STILL OPEN:", openIn(known)),
    ...listedUnder("LOST beside the open line, since it could not be added again:", lostIn(known)),
    ...(error ? ["", `Failed: ${failureOf(error, known)}`] : []),
    ...(known ? ["", ...whatWasDone(known)] : []),
    ...listedUnder("Left to do:", tasks),
    ...listedUnder("Worth knowing:", [...(known?.notes ?? []), ...indexNotes(recorded)]),
    ...placesOf(recorded, known, input.execution),
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

/**
 * A text in which a chat client finds no link with a text of its own, and nobody to call: an attacker
 * chooses names, and a policy's path may hold any of `<>[]()`. A space parts what Markdown and Slack
 * read as one.
 * Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html, Path;
 * https://spec.commonmark.org/0.31.2/#links; https://docs.slack.dev/messaging/formatting-message-text
 */
function unlinked(text: string): string {
  return text.replaceAll(/\](?=[([:])|<(?=\S)/g, "$& ");
}

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
      title: unlinked(title),
      description: unlinked(body).slice(0, LONGEST_CHAT),
      nextSteps: [...openIn(known), ...lostIn(known), ...(known?.alerts ?? [])]
        .slice(0, 10)
        .map(unlinked),
    },
    metadata: {
      threadId: about.join(" ") || title,
      summary: unlinked(title),
      eventType: outcomeOf(input),
      relatedResources: about.map(unlinked),
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

/** How it ended, in the words that begin a title; those in capitals ask for a person at once. */
type Outcome =
  | "session block NOT LIFTED"
  | "NOT CONTAINED"
  | "contained, MORE LOST"
  | "contained, NO CASE"
  | "contained"
  | "would contain"
  | "look at"
  | "nothing to do for";

function outcomeOf(input: ReportInput): Outcome {
  const { CloudWatcherCore: incident, case: known, recorded, report } = input.state;
  if (report) return "session block NOT LIFTED";
  if (errorOf(input) || openIn(known).length > 0) return "NOT CONTAINED";
  if (known?.lost?.length) return "contained, MORE LOST";
  if (!known || known.actions.every(({ outcome }) => outcome === "gone")) {
    return incident?.alert || known?.alerts.length ? "look at" : "nothing to do for";
  }
  if (known.mode === "observe") return "would contain";
  const { place, lacks } = shelvedCase(recorded);
  return lacks && !place ? "contained, NO CASE" : "contained";
}

function titleOf(outcome: Outcome, incident: Incident | undefined): string {
  const about = incident ? aboutOf(incident) : "an event";
  const by = incident?.actor.type === "Operator" && outcome === "contained" ? " by" : "";
  return `${outcome}${/[A-Z]$/.test(outcome) ? "," : by} ${about}`;
}

function openIn(known: Case | undefined): string[] {
  return [...(known?.open ?? []), ...(known?.unblocked ?? []), ...(known?.undecided ?? [])];
}

function lostIn(known: Case | undefined): string[] {
  return (known?.lost ?? []).map(({ groupId, rule }) => `${groupId}: ${ruleInWords(rule)}`);
}

function aboutOf({ actor, event }: Incident): string {
  if (actor.type === "Operator") return `a person's order in ${event.account}`;
  if (event.name === "unknown") return "what is no known event";
  return `${event.name} in ${event.account}`;
}

/** A finding, an exposed key and an order are nobody's call: see `events/notice.ts`. */
function openingOf({ actor, event }: Incident): string {
  const { name, time } = event;
  const from = event.address === "unknown" ? "an unknown address" : event.address;
  if (actor.type === "Operator") {
    return `A person ordered this at ${time}; CloudTrail's record of StartExecution says who.`;
  }
  if (name === "unknown") return "An execution was started by what is no known event.";
  switch (event.source) {
    case "guardduty.amazonaws.com":
      return `GuardDuty found ${name} at ${time}, with calls from ${from}.`;
    case "health.amazonaws.com":
      return `AWS Health told of ${name} at ${time}.`;
    default:
      return `${capitalized(describeActor(actor))} called ${name} from ${from} at ${time}.`;
  }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function whatHappened(incident: Incident): string[] {
  const { reason, alert } = incident;
  return [openingOf(incident), `Judged: ${reason}.`, ...(alert ? ["", alert] : [])];
}

/** What six looks found open is listed already. */
function failureOf({ Error: error, Cause }: Caught, known: Case | undefined): string {
  const looked = error === "NotContained" && openIn(known).length > 0;
  return looked ? `${error}: after ${known?.round} looks` : `${error}: ${causeOf(Cause)}`;
}

function indexNotes(recorded: Recorded | undefined): string[] {
  return shelvedCase(recorded).place?.notes ?? [];
}

function listedUnder(heading: string, items: string[]): string[] {
  return items.length > 0 ? ["", heading, ...items.map((one) => `- ${one}`)] : [];
}

function whatWasDone(known: Case): string[] {
  const done = actionLines(known);
  return [
    ...(known.mode === "observe" ? ["Observed only: NOTHING WAS CHANGED."] : []),
    ...(done.length > 0
      ? [
          known.mode === "observe" ? "enforce would have done:" : "Done:",
          ...done.map((one) => `- ${one}`),
        ]
      : ["No call was made."]),
    ...listedUnder("Look at this:", known.alerts),
  ];
}
