import assert from "node:assert/strict";
import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import type { Call } from "../../drill/account/account";
import { eventOf, recordOf } from "../../drill/account/cloudTrail";
import { classify } from "../../events/classify";
import { emergencyActionAccount } from "../../functions/EmergencyActionAccount";
import { emergencyActionInfrastructure } from "../../functions/EmergencyActionInfrastructure";
import {
  cutsIn,
  fakeSdk,
  noSuchEntity,
  withEnvironment,
  withoutWaiting,
} from "../functions/fakeSdk";
import { attached, DENY_ALL, settings } from "../functions/given";
import { type Case, corpus, verdict } from "./corpus";
import type { Shown } from "./harness";

const ACCOUNT = { accountId: "123456789012", region: "us-east-1" };
const ssh = { sshPorts: [22], trustedCidrs: [] };

/** What a case's resources make of an account, and the calls that make them so. */
interface Account {
  /** By user or group: policies attached, and inline by name. */
  holders: Record<string, { attached: string[]; inline: Record<string, string> }>;
  members: { user: string; group: string }[];
  boundaries: Record<string, string>;
  documents: Record<string, string>;
  rules: Record<string, ec2.SecurityGroupRule[]>;
  calls: Pick<Call, "service" | "action" | "params" | "response">[];
}

/** A value that the record would have, and the resource has not. */
class NotKnown extends Error {}

/** How a resource is made: the calls, and what they leave. Types that are not here make none. */
const makers: Record<string, (one: Shown, made: Making) => void> = {
  "aws:ec2/securityGroup:SecurityGroup": (one, made) => rules(one, made, one.props.ingress),
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (one, made) =>
    rules(one, made, one.props.ingress),
  "aws:ec2/securityGroupRule:SecurityGroupRule": (one, made) =>
    one.props.type === "egress" ? undefined : rules(one, made, one.props),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (one, made) =>
    rules(one, made, one.props),
  "aws-native:ec2:SecurityGroup": (one, made) => rules(one, made, one.props.securityGroupIngress),
  "aws-native:ec2:SecurityGroupIngress": (one, made) => rules(one, made, one.props),
  "aws:iam/userPolicyAttachment:UserPolicyAttachment": (one, made) =>
    attach(made, "User", made.names(one, "user"), made.arn(one, "policyArn")),
  "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": (one, made) =>
    attach(made, "Group", made.names(one, "group"), made.arn(one, "policyArn")),
  "aws:iam/policyAttachment:PolicyAttachment"(one, made) {
    const arns = made.arn(one, "policyArn");
    attach(made, "User", made.names(one, "users"), arns);
    attach(made, "Group", made.names(one, "groups"), arns);
  },
  "aws:iam/userPolicy:UserPolicy": (one, made) => put(made, "User", made.names(one, "user"), one),
  "aws:iam/groupPolicy:GroupPolicy": (one, made) =>
    put(made, "Group", made.names(one, "group"), one),
  "aws-native:iam:UserPolicy": (one, made) =>
    put(made, "User", made.names(one, "userName"), one, one.props.policyDocument),
  "aws-native:iam:GroupPolicy": (one, made) =>
    put(made, "Group", made.names(one, "groupName"), one, one.props.policyDocument),
  "aws-native:iam:User"(one, made) {
    own(made, "User", one);
    for (const group of made.names(one, "groups")) join(made, made.nameOf(one), group);
  },
  "aws-native:iam:Group": (one, made) => own(made, "Group", one),
  "aws-native:iam:ManagedPolicy"(one, made) {
    const arn = `arn:aws:iam::${ACCOUNT.accountId}:policy/${one.name}`;
    attach(made, "User", made.names(one, "users"), [arn]);
    attach(made, "Group", made.names(one, "groups"), [arn]);
  },
  "aws:iam/accessKey:AccessKey"(one, made) {
    for (const UserName of made.names(one, "user")) {
      const AccessKey = { UserName, AccessKeyId: "AKIA0000000000000001", Status: "Active" };
      const call = { action: "CreateAccessKey", params: { UserName }, response: { AccessKey } };
      made.account.calls.push({ service: "iam", ...call });
    }
  },
  "aws:iam/groupMembership:GroupMembership"(one, made) {
    for (const user of made.names(one, "users")) {
      for (const group of made.names(one, "group")) join(made, user, group);
    }
  },
  "aws:iam/userGroupMembership:UserGroupMembership"(one, made) {
    for (const user of made.names(one, "user")) {
      for (const group of made.names(one, "groups")) join(made, user, group);
    }
  },
};

/** The account while it is made; looks a case's references up. */
class Making {
  readonly account: Account = {
    holders: {},
    members: [],
    boundaries: {},
    documents: {},
    rules: {},
    calls: [],
  };
  readonly #resources: Shown[];

  constructor(resources: Shown[]) {
    this.#resources = resources;
    for (const one of resources) {
      const document = one.props.policy ?? one.props.policyDocument;
      if (/iam.*Policy$/.test(one.type) && document !== undefined && !isUnknown(document)) {
        this.account.documents[arnOf(one)] = textOf(document);
      }
    }
    for (const one of resources.filter(({ type }) => type === "aws:iam/user:User")) {
      const [boundary] = this.arn(one, "permissionsBoundary");
      if (boundary) this.account.boundaries[this.nameOf(one)] = boundary;
    }
  }

  nameOf({ props, name }: Shown): string {
    const given = props.name ?? props.userName ?? props.groupName;
    return typeof given === "string" ? given : name;
  }

  /** Names of users or groups; one that is unknown is its resource's, or any. */
  names(one: Shown, property: string): string[] {
    return this.#values(one, property).map((value) => {
      if (typeof value === "string") return value;
      const [maker] = this.#makers(one, property);
      return maker ? this.nameOf(maker) : `of-${one.name}`;
    });
  }

  arn(one: Shown, property: string): string[] {
    return this.#values(one, property).map((value) => {
      if (typeof value === "string") return value;
      const [maker] = this.#makers(one, property);
      if (!maker) throw new NotKnown(property);
      return arnOf(maker);
    });
  }

  holder(name: string) {
    this.account.holders[name] ??= { attached: [], inline: {} };
    return this.account.holders[name];
  }

  #values(one: Shown, property: string): unknown[] {
    const value = one.props[property];
    if (value === undefined || value === "") return [];
    return Array.isArray(value) ? value : [value];
  }

  #makers(one: Shown, property: string): Shown[] {
    const names = one.deps?.[property] ?? [];
    return this.#resources.filter(({ name }) => names.includes(name));
  }
}

function isUnknown(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$unknown" in value;
}

function arnOf({ props, name }: Shown): string {
  const given = typeof props.name === "string" ? props.name : name;
  return `arn:aws:iam::${ACCOUNT.accountId}:policy/${given}`;
}

/** A document as the call sends it. */
function textOf(document: unknown): string {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  if (text === undefined || text.includes("$unknown")) throw new NotKnown("document");
  return text;
}

function attach(made: Making, kind: "User" | "Group", names: string[], arns: string[]): void {
  for (const name of names) {
    for (const PolicyArn of arns) {
      made.holder(name).attached.push(PolicyArn);
      const params = { [`${kind}Name`]: name, PolicyArn };
      made.account.calls.push({
        service: "iam",
        action: `Attach${kind}Policy`,
        params,
        response: {},
      });
    }
  }
}

function put(
  made: Making,
  kind: "User" | "Group",
  names: string[],
  { name: PolicyName, props }: Pick<Shown, "name" | "props">,
  document: unknown = props.policy,
): void {
  const PolicyDocument = textOf(document);
  for (const name of names) {
    made.holder(name).inline[PolicyName] = PolicyDocument;
    const params = { [`${kind}Name`]: name, PolicyName, PolicyDocument };
    made.account.calls.push({ service: "iam", action: `Put${kind}Policy`, params, response: {} });
  }
}

function own(made: Making, kind: "User" | "Group", one: Shown): void {
  const name = made.nameOf(one);
  attach(made, kind, [name], made.arn(one, "managedPolicyArns"));
  const policies = (one.props.policies ?? []) as { policyDocument: unknown }[];
  for (const [at, { policyDocument }] of policies.entries()) {
    put(made, kind, [name], { name: `p${at}`, props: {} }, policyDocument);
  }
}

function join(made: Making, user: string, group: string): void {
  made.account.members.push({ user, group });
  const params = { UserName: user, GroupName: group };
  made.account.calls.push({ service: "iam", action: "AddUserToGroup", params, response: {} });
}

/** The rules of one resource, each source one of EC2's. */
function rules(one: Shown, made: Making, held: unknown): void {
  if (isUnknown(held)) throw new NotKnown("rules");
  const list = (Array.isArray(held) ? held : [held]).filter((rule) => rule !== undefined);
  const of = one.props.securityGroupId ?? one.props.groupId;
  const maker = (one.deps?.securityGroupId ?? one.deps?.groupId)?.[0];
  const groupId = `sg-${maker ?? (typeof of === "string" ? of : one.name)}`;
  const stored = list.flatMap((rule) => sourcesOf(rule as Record<string, unknown>));
  if (stored.length === 0) return;
  const known = made.account.rules[groupId] ?? [];
  const added = stored.map((rule, at) => ({
    ...rule,
    GroupId: groupId,
    IsEgress: false,
    SecurityGroupRuleId: `sgr-${known.length + at}`,
  }));
  made.account.rules[groupId] = [...known, ...added];
  made.account.calls.push({
    service: "ec2",
    action: "AuthorizeSecurityGroupIngress",
    params: { GroupId: groupId, IpPermissions: stored.map(permission) },
    response: { SecurityGroupRuleSet: added },
  });
}

function sourcesOf(rule: Record<string, unknown>): ec2.SecurityGroupRule[] {
  const value = (key: string) => {
    if (isUnknown(rule[key])) throw new NotKnown(key);
    return rule[key];
  };
  const port = (key: string) => (value(key) === undefined ? undefined : Number(value(key)));
  const common = {
    IpProtocol: String(value("protocol") ?? value("ipProtocol") ?? "-1"),
    FromPort: port("fromPort"),
    ToPort: port("toPort"),
  };
  const each = (key: string) =>
    [value(key) ?? []].flat().map((source) => {
      if (isUnknown(source)) throw new NotKnown(key);
      return String(source);
    });
  const four = ["cidrBlocks", "cidrIp", "cidrIpv4"].flatMap(each);
  const six = ["ipv6CidrBlocks", "cidrIpv6"].flatMap(each);
  return [
    ...four.map((CidrIpv4) => ({ ...common, CidrIpv4 })),
    ...six.map((CidrIpv6) => ({ ...common, CidrIpv6 })),
  ];
}

function permission({ IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6 }: ec2.SecurityGroupRule) {
  return {
    IpProtocol,
    FromPort,
    ToPort,
    ...(CidrIpv4 && { IpRanges: [{ CidrIp: CidrIpv4 }] }),
    ...(CidrIpv6 && { Ipv6Ranges: [{ CidrIpv6 }] }),
  };
}

/** What the pipeline does about the calls: the changes that it makes. */
async function contained(account: Account): Promise<boolean> {
  const attachedGroups = "alert" as const;
  const known = { ...settings("enforce"), applicationUsers: [], ...ssh, attachedGroups };
  const told = {
    ...known,
    newCredentials: "admins" as const,
    trustedActors: [],
    ownRoles: [],
    stackRoles: [],
    guardDutySeverity: 7,
    containActor: false,
    containRoles: false,
  };
  for (const call of account.calls) {
    const incident = classify(eventOf(recordOf(whole(call), ACCOUNT)), told, "2026-06-01");
    const input = { incident, caseId: "halves" };
    if (incident.decision === "EmergencyActionAccount") {
      const { sdk, calls } = fakeSdk(iam, "IAMClient", iamOf(account));
      await emergencyActionAccount(sdk, known)(input);
      if (cutsIn(calls).length > 0) return true;
    }
    if (incident.decision === "EmergencyActionInfrastructure") {
      const { sdk, calls } = fakeSdk(ec2, "EC2Client", {
        DescribeSecurityGroupRules: ({ Filters }: { Filters: ec2.Filter[] | undefined }) => ({
          SecurityGroupRules: account.rules[Filters?.[0]?.Values?.[0] ?? ""] ?? [],
        }),
        RevokeSecurityGroupIngress: {},
      });
      await emergencyActionInfrastructure(sdk, known)(input);
      if (cutsIn(calls).length > 0) return true;
    }
  }
  return false;
}

function whole(call: Account["calls"][number]): Call {
  const arn = `arn:aws:iam::${ACCOUNT.accountId}:user/pipeline`;
  const caller = { kind: "user", arn, id: "AIDA0000000000000001", name: "pipeline" };
  return {
    ...call,
    caller,
    accessKeyId: "AKIA0000000000000009",
    userAgent: "tests",
    id: "0f8fad5b-d9cb-469f-a165-70867728950e",
    time: new Date("2026-06-01T12:00:00Z"),
  } as unknown as Call;
}

/** IAM's answers about the account. */
function iamOf({ holders, members, boundaries, documents }: Account) {
  const of = (name: string | undefined) => holders[name ?? ""] ?? { attached: [], inline: {} };
  const inline = (name: string | undefined, policy: string | undefined) => ({
    PolicyDocument: encodeURIComponent(of(name).inline[policy ?? ""] ?? ""),
  });
  type User = { UserName: string | undefined };
  type Group = { GroupName: string | undefined };
  return {
    GetUser: ({ UserName = "" }: User) => {
      const arn = boundaries[UserName];
      return { User: arn ? { PermissionsBoundary: { PermissionsBoundaryArn: arn } } : {} };
    },
    ListAttachedUserPolicies: ({ UserName }: User) => attached(...of(UserName).attached),
    ListUserPolicies: ({ UserName }: User) => ({ PolicyNames: Object.keys(of(UserName).inline) }),
    GetUserPolicy: ({ UserName, PolicyName }: User & { PolicyName: string | undefined }) =>
      inline(UserName, PolicyName),
    ListGroupsForUser: ({ UserName }: User) => ({
      Groups: members
        .filter(({ user }) => user === UserName)
        .map(({ group }) => ({ GroupName: group })),
    }),
    ListAttachedGroupPolicies: ({ GroupName }: Group) => attached(...of(GroupName).attached),
    ListGroupPolicies: ({ GroupName }: Group) => ({
      PolicyNames: Object.keys(of(GroupName).inline),
    }),
    GetGroupPolicy: ({ GroupName, PolicyName }: Group & { PolicyName: string | undefined }) =>
      inline(GroupName, PolicyName),
    GetGroup: ({ GroupName }: Group) => ({
      Users: members
        .filter(({ group }) => group === GroupName)
        .map(({ user }) => ({ UserName: user })),
    }),
    GetPolicy: { Policy: { DefaultVersionId: "v1" } },
    GetPolicyVersion: ({ PolicyArn = "" }: { PolicyArn: string | undefined }) => ({
      PolicyVersion: { Document: encodeURIComponent(documents[PolicyArn] ?? "") },
    }),
    ListAccessKeys: { AccessKeyMetadata: [] },
    ListSSHPublicKeys: { SSHPublicKeys: [] },
    ListServiceSpecificCredentials: { ServiceSpecificCredentials: [] },
    ListSigningCertificates: { Certificates: [] },
    ListMFADevices: { MFADevices: [] },
    GetLoginProfile: noSuchEntity,
    AttachUserPolicy: {},
    UpdateAccessKey: {},
    DetachGroupPolicy: {},
    DeleteGroupPolicy: {},
  };
}

/** The account of a case, or why the pipeline does not meet it. */
function accountOf({ resources }: Case): Account | string {
  try {
    const made = new Making(resources);
    for (const one of resources) makers[one.type]?.(one, made);
    return made.account.calls.length > 0 ? made.account : "makes no watched call";
  } catch (error) {
    if (error instanceof NotKnown) return "a value is known at deployment only";
    throw error;
  }
}

describe("both halves", () => {
  withEnvironment({ DENY_ALL_ARN: DENY_ALL });
  withoutWaiting();
  const read = corpus.map((each) => ({ ...each, account: accountOf(each) }));

  for (const family of ["ssh", "admin"] as const) {
    it(`agree on each ${family} case that the pipeline can meet as an event`, async () => {
      const differ: string[] = [];
      for (const { account, ...each } of read.filter((one) => one.family === family)) {
        if (typeof account === "string") continue;
        const pack = await verdict(each);
        const cut = await contained(account);
        if ((pack === "violation") !== cut)
          differ.push(`${each.id}: pack ${pack}, contained ${cut}`);
      }
      assert.deepEqual(differ, []);
    });
  }

  it("meet this many cases, and the others not for these reasons", async () => {
    const counts: Record<string, number> = {};
    for (const { account, ...each } of read) {
      const reason = typeof account === "string" ? account : "met";
      const key = `${each.family} ${await verdict(each)}: ${reason}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    assert.deepEqual(counts, {
      "admin ok: a value is known at deployment only": 2,
      "admin ok: makes no watched call": 54,
      "admin ok: met": 72,
      "admin violation: met": 40,
      "ssh ok: a value is known at deployment only": 1,
      "ssh ok: makes no watched call": 19,
      "ssh ok: met": 89,
      "ssh unknown: a value is known at deployment only": 1,
      "ssh violation: makes no watched call": 1,
      "ssh violation: met": 103,
    });
  });

  // EKS opens the port itself, in a group of its own making.
  it("leave to the pack alone what no watched call of the program opens", async () => {
    const types: string[] = [];
    for (const { account, ...each } of read.filter((one) => typeof one.account === "string")) {
      if ((await verdict(each)) === "violation") {
        types.push(`${account}: ${each.resources.map(({ type }) => type).join(", ")}`);
      }
    }
    assert.deepEqual(types, ["makes no watched call: aws:eks/nodeGroup:NodeGroup"]);
  });
});
