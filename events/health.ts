import type { Reading } from "./iam";
import { isUserKey, type Notice, ownerOf, service, shortened } from "./notice";
import { type Fields, fieldsOf, listIn, nameIn, textIn } from "./record";

const EXPOSED = "AWS_RISK_CREDENTIALS_EXPOSED";
/**
 * AWS supposes it only: a person hears of it, and nothing is switched off by a guess. Where AWS is
 * sure it says so by `EXPOSED`, or by its quarantine policy, which start the account branch.
 * No page of AWS lists these codes; both are in the list
 * that https://github.com/hmrc/platsec-compliance-alerting alerts of (EVENT_TYPE_CODES), and
 * `aws health describe-event-types --filter services=RISK` shows them to an account with support.
 */
const SUSPECTED = "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED";

/** What the rule asks for: AWS has found an access key of this account in public, or supposes so. */
export const healthPattern = {
  source: ["aws.health"],
  "detail-type": ["AWS Health Event"],
  detail: { eventTypeCode: [EXPOSED, SUSPECTED] },
};

/**
 * Reads an event of AWS Health about exposed keys.
 *
 * Its entities are the key ids. The owner's name is in the metadata of some events only; elsewhere
 * the subject is the key's owner, whom a look tells. A closed event asks for nothing any more.
 *
 * @param event the whole EventBridge event.
 * Sources: https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html,
 *   https://github.com/aws-samples/notify-and-remediate-exposed-access-key (an event whole)
 */
export function healthNotice(event: Fields): Notice {
  const detail = fieldsOf(event.detail);
  const arn = textIn(detail, "eventArn");
  return {
    actor: service("health.amazonaws.com"),
    event: {
      // The last part names the event, in each of its updates; the whole is too long for a version.
      id: arn?.split("/").at(-1) ?? textIn(event, "id") ?? "unknown",
      name: textIn(detail, "eventTypeCode") ?? "unknown",
      source: "health.amazonaws.com",
      time: textIn(event, "time") ?? "unknown",
      region: textIn(detail, "eventRegion") ?? textIn(event, "region") ?? "unknown",
      account: textIn(event, "account") ?? "unknown",
      address: "health.amazonaws.com",
    },
    reading: read(detail, textIn(event, "account")),
  };
}

function read(detail: Fields, account: string | undefined): Reading {
  const left = (why: string): Reading => ({
    ignore: why,
    alert: `AWS found access keys in public, and none was switched off: ${why}. Look at AWS Health.`,
  });
  if (detail.eventTypeCode === SUSPECTED) return suspected(detail, account);
  if (detail.eventTypeCode !== EXPOSED) {
    return { ignore: "the AWS Health event tells of no exposed key" };
  }
  if (detail.statusCode === "closed") return { ignore: "the AWS Health event is closed" };
  const affected = textIn(detail, "affectedAccount");
  // Some events have the key here; only an account's number tells of another account.
  if (affected && /^\d{12}$/.test(affected) && affected !== account) {
    return left(`they are of account ${affected}`);
  }
  const keys = keysIn(detail);
  const [first] = keys;
  if (!first) return left("the event names no key of an IAM user");

  const metadata = fieldsOf(detail.eventMetadata);
  const url = textIn(metadata, "exposedUrl");
  const because = `AWS found ${keys.join(", ")} ${url ? `at ${shortened(url)}` : "in public"}`;
  const name = nameIn(metadata, "userName");
  if (keys.length === 1 && name && metadata.publicKey === first) {
    const subject = { kind: "user", name, proved: true, reported: true } as const;
    return { subjects: [{ ...subject, accessKeyId: first }], because, compromised: true };
  }
  return { subjects: keys.map(ownerOf), because, compromised: true };
}

function suspected(detail: Fields, account: string | undefined): Reading {
  if (detail.statusCode === "closed") return { ignore: "the AWS Health event is closed" };
  const keys = keysIn(detail);
  const which = keys.length > 0 ? `access keys are public: ${keys.join(", ")}` : "keys are public";
  return {
    ignore: "AWS supposes only that keys are public",
    alert:
      `AWS supposes that ${which} (account ${textIn(detail, "affectedAccount") ?? account}). ` +
      "Nothing was switched off by that. Look at AWS Health and the support case; " +
      "aws iam get-access-key-last-used --access-key-id KEY names the owner, and " +
      "npm run contain -- user NAME contains him.",
  };
}

/** The ids of users' keys among the affected entities, each once. */
function keysIn(detail: Fields): string[] {
  const ids = listIn(detail.affectedEntities).map((entity) => textIn(entity, "entityValue"));
  return [...new Set(ids.filter(isUserKey))];
}
