import { readCidr } from "../rulebook/cidr";
import type { Reading } from "./iam";
import { isUserKey, type Notice, ownerOf, service, shortened } from "./notice";
import { type Fields, fieldsOf, nameIn, textIn } from "./record";

/** What the rule asks for. GuardDuty's findings about IAM all have this resource type. */
export const guardDutyPattern = {
  source: ["aws.guardduty"],
  "detail-type": ["GuardDuty Finding"],
  detail: { resource: { resourceType: ["AccessKey"] } },
};

const BRUTE_FORCE = "UnauthorizedAccess:EC2/SSHBruteForce";

/** The findings about SSH passwords that are tried. */
export const bruteForcePattern = {
  source: ["aws.guardduty"],
  "detail-type": ["GuardDuty Finding"],
  detail: { type: [BRUTE_FORCE] },
};

/**
 * Reads a GuardDuty finding about an access key, or about SSH passwords that are tried.
 *
 * The address that tries passwords on an instance here is a subject whatever the severity, which is
 * low for a target; where the instance is the one that tries, somebody has it: an alert.
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
      address:
        textIn(fieldsOf(call.remoteIpDetails), "ipAddressV4") ??
        remoteAddress(finding) ??
        "unknown",
    },
    reading:
      finding.type === BRUTE_FORCE
        ? bruteForce(finding, textIn(event, "account"))
        : read(finding, textIn(event, "account"), severity),
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

/**
 * Source: https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-ec2.html
 * (UnauthorizedAccess:EC2/SSHBruteForce),
 * https://docs.aws.amazon.com/guardduty/latest/APIReference/API_NetworkConnectionAction.html
 */
function bruteForce(finding: Fields, account: string | undefined): Reading {
  const { resourceRole, archived } = fieldsOf(finding.service);
  const address = remoteAddress(finding);
  const details = fieldsOf(fieldsOf(finding.resource).instanceDetails);
  const instanceId = textIn(details, "instanceId");
  if (isSample(finding)) return { ignore: "a sample finding" };
  if (archived === true) return { ignore: "an archived finding" };
  const what = `GuardDuty says that ${address ?? "somebody"} tries SSH passwords on ${instanceId ?? "an instance"}`;
  if (resourceRole !== "TARGET" || connectionOf(finding).connectionDirection !== "INBOUND") {
    const why = `${instanceId ?? "an instance"} of this account tries SSH passwords elsewhere`;
    return { ignore: why, alert: `GuardDuty says that ${why}: somebody may have it. Look at it.` };
  }
  if (finding.accountId !== undefined && finding.accountId !== account) {
    const why = "the instance is another account's";
    return { ignore: why, alert: `${what}. But ${why}: look at it there.` };
  }
  if (!address) return { ignore: "the finding names no address", alert: `${what}. Look at it.` };
  const at = interfaceOf(details, finding);
  const ids = {
    interfaceId: textIn(at, "networkInterfaceId"),
    instanceId,
    subnetId: textIn(at, "subnetId"),
    vpcId: textIn(at, "vpcId"),
  };
  const known = Object.entries(ids).filter(([, id]) => id !== undefined);
  return {
    subjects: [{ kind: "remoteAddress", address, ...Object.fromEntries(known) }],
    because: what,
    compromised: true,
  };
}

function connectionOf(finding: Fields): Fields {
  return fieldsOf(fieldsOf(fieldsOf(finding.service).action).networkConnectionAction);
}

function remoteAddress(finding: Fields): string | undefined {
  const details = fieldsOf(connectionOf(finding).remoteIpDetails);
  const address = textIn(details, "ipAddressV4") ?? textIn(details, "ipAddressV6");
  const bits = address?.includes(":") ? 128 : 32;
  return address && readCidr(`${address}/${bits}`) ? address : undefined;
}

/** The interface that was connected to, where the finding tells; else the first. */
function interfaceOf({ networkInterfaces }: Fields, finding: Fields): Fields {
  const all = (Array.isArray(networkInterfaces) ? networkInterfaces : []).map(fieldsOf);
  const local = textIn(fieldsOf(connectionOf(finding).localIpDetails), "ipAddressV4");
  return all.find((one) => local && one.privateIpAddress === local) ?? all[0] ?? {};
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
