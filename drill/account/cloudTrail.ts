import { randomUUID } from "node:crypto";
import type { Call } from "./account";
import { SOURCE_ADDRESS } from "./conditions";
import type { Params } from "./wire";

/** One CloudTrail record. */
export type CloudTrailRecord = Record<string, unknown> & {
  eventName: string;
  eventSource: string;
  eventTime: string;
  awsRegion: string;
  recipientAccountId: string;
};

/** The envelope in which EventBridge delivers a record. */
export interface EventBridgeEvent {
  version: "0";
  id: string;
  "detail-type": "AWS API Call via CloudTrail";
  source: string;
  account: string;
  time: string;
  region: string;
  resources: string[];
  detail: CloudTrailRecord;
}

/** EC2 calls whose parameters CloudTrail keeps in the API's own spelling, under the request's name. */
const NAMED_REQUESTS = [
  "ModifySecurityGroupRules",
  "CreateManagedPrefixList",
  "ModifyManagedPrefixList",
];

/** EC2 calls that put security groups on interfaces. */
const PUTS_GROUPS = [
  "RunInstances",
  "CreateNetworkInterface",
  "ModifyNetworkInterfaceAttribute",
  "ModifyInstanceAttribute",
];

const READS = /^(Get|List|Describe|Head|Lookup|Simulate|Generate|Decrypt)/;
const NUMBERS =
  /^(from|to)Port$|^(attachmentCount|deviceIndex|durationSeconds|maxCount|maxEntries|minCount|ruleNumber|maxItems|credentialAgeDays)$/i;
const BOOLEANS =
  /^(isEgress|egress|isAttachable|isDefaultVersion|primary|setAsDefault|passwordResetRequired|allUsers)$/i;

/**
 * The record that CloudTrail writes for a call.
 *
 * Spelling, lists, dates and nulls follow records that AWS delivered, which the tests compare with.
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
 */
export function recordOf(
  call: Call,
  account: { accountId: string; region: string },
): CloudTrailRecord {
  const { accountId, region } = account;
  const { service, action, errorCode, errorMessage, via } = call;
  const invokedBy = via && `${via}.amazonaws.com`;
  return {
    eventVersion: "1.11",
    userIdentity: { ...userIdentity(call, accountId), ...(invokedBy && { invokedBy }) },
    eventTime: `${call.time.toISOString().slice(0, 19)}Z`,
    eventSource: `${service}.amazonaws.com`,
    eventName: action,
    awsRegion: region,
    sourceIPAddress: invokedBy ?? SOURCE_ADDRESS,
    userAgent: invokedBy ?? call.userAgent,
    ...(errorCode && { errorCode: trailCode(service, errorCode), errorMessage }),
    requestParameters: service === "ec2" ? ec2Request(call) : iamRequest(call),
    responseElements: errorCode ? null : responseElements(call, accountId),
    requestID: randomUUID(),
    eventID: call.id,
    readOnly: READS.test(action) || service === "sts",
    eventType: "AwsApiCall",
    managementEvent: true,
    recipientAccountId: accountId,
    eventCategory: "Management",
  };
}

/** The event that EventBridge delivers for a record. */
export function eventOf(record: CloudTrailRecord): EventBridgeEvent {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "AWS API Call via CloudTrail",
    source: `aws.${record.eventSource.split(".")[0]}`,
    account: record.recipientAccountId,
    time: record.eventTime,
    region: record.awsRegion,
    resources: [],
    detail: record,
  };
}

function userIdentity(call: Call, accountId: string): Params {
  const { caller, accessKeyId } = call;
  const { arn, id, name } = caller;
  const common = { arn, accountId, accessKeyId };
  if (caller.kind === "root") return { type: "Root", principalId: accountId, ...common };
  const attributes = { creationDate: caller.issued, mfaAuthenticated: String(caller.mfa === true) };
  if (caller.federated) return federatedUser(call, accountId, attributes);
  if (caller.kind === "user") {
    const user = { type: "IAMUser", principalId: id, ...common, userName: name };
    return caller.issued ? { ...user, sessionContext: { attributes } } : user;
  }
  const role = `arn:aws:iam::${accountId}:role/${name}`;
  const sessionIssuer = { type: "Role", principalId: id, arn: role, accountId, userName: name };
  return {
    type: "AssumedRole",
    principalId: `${id}:${caller.session}`,
    ...common,
    sessionContext: { sessionIssuer, attributes },
  };
}

/** Whoever GetFederationToken was called for: the user who called it is the issuer. */
function federatedUser({ caller, accessKeyId }: Call, accountId: string, attributes: Params) {
  const { arn, id, name, issuerArn } = caller;
  return {
    type: "FederatedUser",
    principalId: `${accountId}:${caller.federated}`,
    arn,
    accountId,
    accessKeyId,
    sessionContext: {
      sessionIssuer: {
        type: "IAMUser",
        principalId: id,
        arn: issuerArn,
        accountId,
        userName: name,
      },
      attributes,
    },
  };
}

/** EC2 says whose fault it was; IAM names the exception and not the wire's code. */
function trailCode(service: string, code: string): string {
  if (service === "ec2") return `Client.${code}`;
  const plain = code === "AccessDenied" || code === "Throttling" || code.endsWith("Exception");
  return service === "iam" && !plain ? `${code}Exception` : code;
}

function iamRequest({ params }: Call): Params | null {
  return Object.keys(params).length > 0 ? (camel(params) as Params) : null;
}

function ec2Request({ action, params }: Call): Params {
  if (NAMED_REQUESTS.includes(action)) return { [`${action}Request`]: tagged(params) };
  if (PUTS_GROUPS.includes(action)) return groupsRequest(action, params);
  const { TagSpecification, SecurityGroupRuleId, IpPermissions, ...plain } = params;
  return {
    ...(camel(plain, inItems) as Params),
    ...(TagSpecification !== undefined && {
      tagSpecificationSet: tagSpecifications(TagSpecification),
    }),
    ...(SecurityGroupRuleId !== undefined && {
      securityGroupRuleIds: { items: ruleIds(SecurityGroupRuleId) },
    }),
    ...(/SecurityGroup(In|E)gress$/.test(action) && {
      ipPermissions: Array.isArray(IpPermissions) ? { items: IpPermissions.map(ipPermission) } : {},
    }),
  };
}

/**
 * The lists have the names that the answers give them, and a new interface has them always. Of the
 * request for instances, what says which and how many is a list of one.
 * Sources: tests/fixtures/events, RunInstances, CreateNetworkInterface and the two changes.
 */
function groupsRequest(action: string, params: Params): Params {
  const { TagSpecification, SecurityGroupId, GroupId, NetworkInterface, ...rest } = params;
  const { ImageId, KeyName, MinCount, MaxCount, UserData, PrivateIpAddresses, ...plain } = rest;
  const which = { ImageId, MinCount, MaxCount, ...(KeyName !== undefined && { KeyName }) };
  const isNew = action === "CreateNetworkInterface";
  const ids = SecurityGroupId ?? GroupId;
  return {
    ...(camel(plain, inItems) as Params),
    ...(action === "RunInstances" && { instancesSet: inItems([camel(which)]) }),
    ...((ids !== undefined || isNew) && { groupSet: groupSet(ids) }),
    ...(isNew && { privateIpAddressesSet: setOf(camel(PrivateIpAddresses)) }),
    ...(NetworkInterface !== undefined && {
      networkInterfaceSet: setOf((NetworkInterface as Params[]).map(interfaceRequest)),
    }),
    ...(TagSpecification !== undefined && {
      tagSpecificationSet: tagSpecifications(TagSpecification),
    }),
    ...(UserData !== undefined && { userData: "<sensitiveDataRemoved>" }),
  };
}

function interfaceRequest({ SecurityGroupId, ...plain }: Params): Params {
  return {
    ...(camel(plain, inItems) as Params),
    ...(SecurityGroupId !== undefined && { groupSet: groupSet(SecurityGroupId) }),
  };
}

function groupSet(ids: unknown): Params {
  return setOf(Array.isArray(ids) ? ids.map((groupId) => ({ groupId })) : []);
}

/** An empty list is an empty object. */
function setOf(items: unknown): Params {
  return Array.isArray(items) && items.length > 0 ? { items } : {};
}

function ipPermission(permission: Params): Params {
  const { Groups, IpRanges, Ipv6Ranges, PrefixListIds, ...plain } = permission;
  const list = (items: unknown) => (items === undefined ? {} : camel(items, inItems));
  return {
    ...(camel(plain) as Params),
    groups: list(Groups),
    ipRanges: list(IpRanges),
    ipv6Ranges: list(Ipv6Ranges),
    prefixListIds: list(PrefixListIds),
  };
}

function tagSpecifications(specifications: unknown): Params {
  const items = (Array.isArray(specifications) ? specifications : []).map(
    ({ ResourceType, Tag }) => ({ resourceType: ResourceType, tags: camel(Tag) }),
  );
  return { items };
}

function ruleIds(ids: unknown): Params[] {
  return (Array.isArray(ids) ? ids : [ids]).map((id) => ({ securityGroupRuleId: id }));
}

/** One element stands alone; elements of a list carry their place as `tag`. */
function tagged(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item, index) =>
      typeof item === "object" ? { ...(tagged(item) as Params), tag: index + 1 } : item,
    );
    return items.length === 1 ? items[0] : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, scalar(key, tagged(inner))]),
  );
}

function responseElements(call: Call, accountId: string): Params | null {
  const { service, action, response } = call;
  // STS counts as reading, and records what it gives away all the same.
  if (READS.test(action) && !/^Get\w+Token$/.test(action)) return null;
  // moto repeats the document, which the API does not: CreatePolicyVersion, PolicyVersion.
  const { PolicyVersion, ...answered } = (response ?? {}) as Record<string, Params>;
  const { Document: _document, ...version } = PolicyVersion ?? {};
  if (service === "iam" && PolicyVersion) answered.PolicyVersion = version;
  if (service !== "ec2") return response ? (camel(answered) as Params) : null;
  const { requestId: _, return: __, ...rest } = (response ?? {}) as Params;
  if (NAMED_REQUESTS.includes(action)) {
    const xmlns = "http://ec2.amazonaws.com/doc/2016-11-15/";
    const given =
      Object.keys(rest).length > 0 ? (camel(rest, inItems) as Params) : { return: true };
    return { [`${action}Response`]: { xmlns, requestId: randomUUID(), ...given } };
  }
  const elements = camel(rest, inItems) as Params;
  const rules = (elements.securityGroupRuleSet as { items?: Params[] } | undefined)?.items;
  for (const rule of rules ?? []) rule.groupOwnerId = accountId;
  return { requestId: randomUUID(), _return: true, ...elements };
}

type ListForm = (items: unknown[]) => unknown;
const inItems: ListForm = (items) => ({ items });
const asList: ListForm = (items) => items;

/** First letters small: CloudTrail writes "sAMLAssertionID" for SAMLAssertionID. */
function camel(value: unknown, listForm: ListForm = asList): unknown {
  if (Array.isArray(value)) return listForm(value.map((item) => camel(item, listForm)));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== "");
  return Object.fromEntries(
    entries.map(([key, inner]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      scalar(key, camel(inner, listForm)),
    ]),
  );
}

function scalar(key: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (NUMBERS.test(key)) return Number(value);
  if (BOOLEANS.test(key)) return value === "true";
  return /Date$|^Expiration$/.test(key) ? trailDate(value) : value;
}

/** "Jul 10, 2023 12:24:50 PM": dates in IAM's response elements. */
function trailDate(iso: string): string {
  const date = new Date(iso);
  const day = { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" } as const;
  const time = { hour: "numeric", minute: "2-digit", second: "2-digit", timeZone: "UTC" } as const;
  const clock = date.toLocaleTimeString("en-US", time).replace(/\s/, " ");
  return `${date.toLocaleDateString("en-US", day)} ${clock}`;
}
