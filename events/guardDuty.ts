import type { Reading } from "./iam";
import { isUserKey, type Notice, ownerOf, service, shortened } from "./notice";
import { type Fields, fieldsOf, nameIn, textIn } from "./record";

/** What the rule asks for. GuardDuty's findings about IAM all have this resource type. */
export const guardDutyPattern = {
  source: ["aws.guardduty"],
  "detail-type": ["GuardDuty Finding"],
  detail: { resource: { resourceType: ["AccessKey"] } },
};

/**
 * Reads a GuardDuty finding about an access key.
 *
 * Only an IAM user is contained: where `userType` is another, `userName` is that of a role. A sample
 * and an archived finding are nothing; a milder one is an alert. An administrator account also gets
 * the findings of its members, whose users of the same name are other users.
 *
 * @param event the whole EventBridge event.
 * @param severity findings from this on, 1 to 10, contain the user.
 * Sources: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html,
 *   https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html,
 *   https://docs.aws.amazon.com/guardduty/latest/APIReference/API_AccessKeyDetails.html
 */
export function guardDutyNotice(event: Fields, severity: number): Notice {
  const finding = fieldsOf(event.detail);
  const action = fieldsOf(fieldsOf(finding.service).action);
  const call = fieldsOf(action.awsApiCallAction);
  return {
    actor: service("guardduty.amazonaws.com"),
    event: {
      // The same for each update of a finding, so that a repeated one is answered already.
      id: textIn(finding, "id") ?? textIn(event, "id") ?? "unknown",
      name: textIn(finding, "type") ?? "unknown",
      source: "guardduty.amazonaws.com",
      time: textIn(finding, "updatedAt") ?? textIn(event, "time") ?? "unknown",
      region: textIn(finding, "region") ?? textIn(event, "region") ?? "unknown",
      account: textIn(event, "account") ?? "unknown",
      address: textIn(fieldsOf(call.remoteIpDetails), "ipAddressV4") ?? "unknown",
    },
    reading: read(finding, textIn(event, "account"), severity),
  };
}

/** What is neither number nor text is not made a text of: not everything can be. */
function severityOf({ severity }: Fields): number | string {
  if (typeof severity === "number") return severity;
  return typeof severity === "string" ? shortened(severity) : "unknown";
}

function read(finding: Fields, account: string | undefined, severity: number): Reading {
  const { resourceType, accessKeyDetails } = fieldsOf(finding.resource);
  const key = fieldsOf(accessKeyDetails);
  const name = nameIn(key, "userName");
  const userType = textIn(key, "userType") ?? "unknown";
  const title = shortened(textIn(finding, "title") ?? textIn(finding, "type") ?? "a finding");
  const owner = `${userType === "IAMUser" ? "user" : userType} ${name ?? "unknown"}`;
  const what = `GuardDuty says of ${owner}: ${title} (severity ${severityOf(finding)})`;
  const left = (why: string): Reading => ({ ignore: why, alert: `${what}. ${why}: look at it.` });

  if (resourceType !== "AccessKey") return { ignore: "the finding is about no access key" };
  if (isSample(finding)) return { ignore: "a sample finding" };
  if (fieldsOf(finding.service).archived === true) return { ignore: "an archived finding" };
  const grave = typeof finding.severity !== "number" || finding.severity >= severity;
  if (userType !== "IAMUser") {
    const why = "Only IAM users are contained";
    return grave ? left(why) : { ignore: why };
  }
  if (finding.accountId !== undefined && finding.accountId !== account) {
    return left(`He is a user of account ${textIn(finding, "accountId") ?? "unknown"}`);
  }
  if (typeof finding.severity !== "number") return left("Its severity cannot be read");
  if (!grave) return left(`Users are contained from severity ${severity} on`);

  const accessKeyId = textIn(key, "accessKeyId");
  if (!name) {
    if (!isUserKey(accessKeyId)) return left("It names neither a user nor his key");
    return { subjects: [ownerOf(accessKeyId)], because: what, compromised: true };
  }
  const ownKey = isUserKey(accessKeyId) && { accessKeyId };
  return {
    subjects: [{ kind: "user", name, proved: true, reported: true, ...ownKey }],
    because: what,
    compromised: true,
  };
}

/** Generated findings say so in `additionalInfo`, or in the JSON text that it holds. */
function isSample(finding: Fields): boolean {
  const info = fieldsOf(fieldsOf(finding.service).additionalInfo);
  if (info.sample === true) return true;
  try {
    return fieldsOf(JSON.parse(String(info.value))).sample === true;
  } catch {
    return false;
  }
}
