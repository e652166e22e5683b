import type { Actor } from "./actor";
import type { Reading } from "./iam";
import type { EventFacts, UserSubject } from "./incident";

/** What tells of an incident without being the record of a call: AWS's findings, a person's order. */
export interface Notice {
  actor: Actor;
  event: EventFacts;
  reading: Reading;
}

/** A notice's teller, as an actor. */
export function service(name: string): Actor {
  return { type: "AWSService", arn: "unknown", invokedBy: name };
}

/** Long-lived keys, the ones that IAM can switch off; a session's begins with ASIA. */
export function isUserKey(accessKeyId: string | undefined): accessKeyId is string {
  return accessKeyId !== undefined && /^AKIA\w{1,124}$/.test(accessKeyId);
}

/** The owner of a key, whom only a look tells. */
export function ownerOf(accessKeyId: string): UserSubject {
  return { kind: "user", name: "", proved: false, accessKeyId, reported: true, always: true };
}

/** A text of somebody else in a sentence of ours. */
export function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
