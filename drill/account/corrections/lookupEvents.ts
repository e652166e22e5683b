import { ATTRIBUTES, type Question, type TrailEvent } from "../eventHistory";
import { type Answer, errorAnswer, jsonResult, type Request } from "../wire";
import type { Correction } from "./correction";

const MOST = 50;

/** What LookupEvents takes; CloudTrail throttles it at two a second, which is a scenario's fault to set. */
interface Input extends Question {
  MaxResults?: number;
  NextToken?: string;
}

/** moto's CloudTrail records no calls. */
export const lookupEvents: Correction = {
  service: "cloudtrail",
  actions: ["LookupEvents"],
  source: "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html",
  async handle(request, _principal, backend) {
    const input = request.params as Input;
    const mistake = mistakeIn(input);
    if (mistake) return refused(request, ...mistake);
    const events = backend.events(input);
    // By the last event and not by a count: new events come in front, the look itself among them.
    const from = input.NextToken === undefined ? 0 : after(input.NextToken, events);
    if (from === 0 && input.NextToken !== undefined) {
      return refused(request, "InvalidNextTokenException", "The token is invalid.");
    }
    const Events = events.slice(from, from + (input.MaxResults ?? MOST));
    const isLast = from + Events.length >= events.length;
    return jsonResult({ Events, ...(!isLast && { NextToken: tokenOf(Events.at(-1)) }) });
  },
};

function mistakeIn(input: Input): [code: string, message: string] | undefined {
  const { LookupAttributes = [], StartTime, EndTime, MaxResults = MOST } = input;
  if (LookupAttributes.length > 1 || LookupAttributes.some(unknown)) {
    const message = `LookupAttributes takes one item, by ${Object.keys(ATTRIBUTES).join(", ")}`;
    return ["InvalidLookupAttributesException", message];
  }
  if (StartTime !== undefined && EndTime !== undefined && StartTime > EndTime) {
    return ["InvalidTimeRangeException", "The start time is after the end time."];
  }
  if (MaxResults < 1 || MaxResults > MOST) {
    return ["InvalidMaxResultsException", `MaxResults is from 1 to ${MOST}, got ${MaxResults}`];
  }
  return undefined;
}

function unknown({ AttributeKey }: { AttributeKey: string }): boolean {
  return !Object.hasOwn(ATTRIBUTES, AttributeKey);
}

function tokenOf(event: TrailEvent | undefined): string {
  return Buffer.from(event?.EventId ?? "").toString("base64");
}

/** Where the page after the token begins; 0 where no event fits the token. */
function after(token: string, events: TrailEvent[]): number {
  return events.findIndex((event) => tokenOf(event) === token) + 1;
}

function refused(request: Request, code: string, message: string): Answer {
  return errorAnswer(request, { code, message, status: 400 });
}
