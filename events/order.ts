import type { Reading } from "./iam";
import type { Subject } from "./incident";
import type { Notice } from "./notice";
import { type Fields, nameIn, textIn } from "./record";

/**
 * What a person may hand to the state machine instead of an event; nothing else is an order. One of
 * `user` and `group` is there.
 */
export interface Order {
  /** The exact name of an IAM user of this account. */
  user?: string;
  /** The id of a security group of this account and region, "sg-…". */
  group?: string;
  /** Why; at most 256 characters, for case and alert. */
  reason?: string;
}

const LONGEST_REASON = 256;

/** No event: EventBridge always hands over a `detail`. */
export function isOrder(input: Fields): boolean {
  const named = ["user", "group"].some((key) => Object.hasOwn(input, key));
  return named && !Object.hasOwn(input, "detail");
}

/**
 * Reads a person's order to contain a user or to close a security group. Who gave it is in CloudTrail's record of StartExecution.
 *
 * @param now ISO time: when it arrived.
 * @param functionArn of the Lambda that reads it: the order itself tells neither account nor region,
 *   which the case must have to be restored from.
 */
export function orderNotice(input: Fields, now: string, functionArn = ""): Notice {
  const [, , , region, account] = functionArn.split(":");
  return {
    actor: { type: "Operator", arn: "unknown" },
    event: {
      id: "unknown",
      name: "StartExecution",
      source: "states.amazonaws.com",
      time: now,
      region: region || "unknown",
      account: account || "unknown",
      address: "unknown",
    },
    reading: read(input),
  };
}

function read(input: Fields): Reading {
  const unknown = Object.keys(input).filter((key) => !["user", "group", "reason"].includes(key));
  const name = nameIn(input, "user");
  const groupId = textIn(input, "group");
  const given = (key: string) => Object.hasOwn(input, key);
  const reason = textIn(input, "reason");
  const wrong = [
    ...(given("user") && (!name || name.length > 64) ? ["user is no name of an IAM user"] : []),
    ...(given("group") && !/^sg-[0-9a-f]{8,17}$/.test(groupId ?? "")
      ? ["group is no id of a security group"]
      : []),
    ...(given("user") && given("group") ? ["it names a user and a group"] : []),
    ...(given("reason") && (!reason || reason.length > LONGEST_REASON)
      ? [`reason is no text of at most ${LONGEST_REASON} characters`]
      : []),
    ...(unknown.length > 0 ? ["it has keys other than user, group and reason"] : []),
  ];
  const subject = subjectOf(name, groupId);
  if (!subject || wrong.length > 0) {
    const why = `the order cannot be read: ${wrong.join(", ")}`;
    return {
      ignore: why,
      alert: `A person's order was not carried out, since ${why}. It should be {"user": "NAME", "reason": "TEXT"} or {"group": "sg-ID", "reason": "TEXT"}.`,
    };
  }
  const what = name ? `user ${name} contained` : `security group ${groupId} closed`;
  return {
    subjects: [subject],
    because: `a person ordered ${what}${reason ? `: ${reason}` : ""}`,
    compromised: true,
    ordered: true,
  };
}

function subjectOf(name: string | undefined, groupId: string | undefined): Subject | undefined {
  if (name) return { kind: "user", name, proved: true, reported: true };
  return groupId ? { kind: "securityGroup", groupId, rules: [], ordered: true } : undefined;
}
