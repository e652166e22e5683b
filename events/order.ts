import type { Reading } from "./iam";
import type { Notice } from "./notice";
import { type Fields, nameIn, textIn } from "./record";

/** What a person may hand to the state machine instead of an event; nothing else is an order. */
export interface Order {
  /** The exact name of an IAM user of this account. */
  user: string;
  /** Why; at most 256 characters, for case and alert. */
  reason?: string;
}

const LONGEST_REASON = 256;

/** No event: EventBridge always hands over a `detail`. */
export function isOrder(input: Fields): boolean {
  return !Object.hasOwn(input, "detail") && Object.hasOwn(input, "user");
}

/**
 * Reads a person's order to contain a user. Who gave it is in CloudTrail's record of StartExecution.
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
  const unknown = Object.keys(input).filter((key) => key !== "user" && key !== "reason");
  const name = nameIn(input, "user");
  const given = Object.hasOwn(input, "reason");
  const reason = textIn(input, "reason");
  const wrong = [
    ...(name && name.length <= 64 ? [] : ["user is no name of an IAM user"]),
    ...(given && (!reason || reason.length > LONGEST_REASON)
      ? [`reason is no text of at most ${LONGEST_REASON} characters`]
      : []),
    ...(unknown.length > 0 ? [`it has keys other than user and reason`] : []),
  ];
  if (!name || wrong.length > 0) {
    const why = `the order cannot be read: ${wrong.join(", ")}`;
    return {
      ignore: why,
      alert: `A person's order was not carried out, since ${why}. It should be {"user": "NAME", "reason": "TEXT"}.`,
    };
  }
  return {
    subjects: [{ kind: "user", name, proved: true, reported: true }],
    because: `a person ordered user ${name} contained${reason ? `: ${reason}` : ""}`,
    compromised: true,
    ordered: true,
  };
}
