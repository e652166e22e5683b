import {
  DescribeRegionsCommand,
  type EC2Client,
  paginateDescribeSecurityGroupRules,
  paginateGetManagedPrefixListEntries,
  type SecurityGroupRule,
} from "@aws-sdk/client-ec2";
import {
  type AttachedPolicy,
  GetLoginProfileCommand,
  type GroupDetail,
  type IAMClient,
  type ManagedPolicyDetail,
  type PolicyDetail,
  paginateGetAccountAuthorizationDetails,
  paginateListAccessKeys,
  type UserDetail,
} from "@aws-sdk/client-iam";
import { join } from "../policy-pack/graph";
import type { Finding } from "../policy-pack/judge";
import type { Resource } from "../policy-pack/resource";
import { makesAdmin } from "../rulebook/admin";
import type { Subject } from "./audit";

/** What the audit of an account calls: IAM permissions by these names, on every resource. */
export const accountActions = [
  "ec2:DescribeRegions",
  "ec2:DescribeSecurityGroupRules",
  "ec2:GetManagedPrefixListEntries",
  "iam:GetAccountAuthorizationDetails",
  "iam:GetLoginProfile",
  "iam:ListAccessKeys",
];

/** The clients of one account. */
export interface Clients {
  iam: IAMClient;
  ec2(region: string): EC2Client;
  /** The region that is asked for the others, and in which IAM answers. */
  home: string;
}

/** A live account, in the terms of the policy pack. */
export interface LiveAccount extends Subject {
  /** The regions that were asked, in alphabetical order. */
  regions: string[];
}

/** A resource, and what a finding in it says to a person who holds the AWS CLI. */
interface Found {
  /** Its URN is no more than an id here: a user and his grants would share their ARN. */
  resource: Resource;
  /** The ARN of the user or group that it is part of, and where in that it is. */
  arn?: string;
  place?: string;
  undo?: string;
}

/**
 * Looks at an account with calls that change nothing: IAM, and the security groups of every region
 * that is enabled.
 *
 * @param only the regions to ask; none means all. IAM is asked in any case, as it has no regions.
 * @throws Error that names call, region and what AWS said: what was not seen is never called closed.
 */
export async function lookAtAccount(clients: Clients, only: string[]): Promise<LiveAccount> {
  const regions = await regionsOf(clients, only);
  const looks = await Promise.allSettled([
    identities(clients),
    ...regions.map((region) => openings(clients.ec2(region), region)),
  ]);
  const failures = looks.flatMap((look) => (look.status === "rejected" ? [look.reason] : []));
  if (failures.length > 0) {
    throw new Error(failures.map((failure) => (failure as Error).message).join("\n"));
  }
  const found = looks.flatMap((look) => (look.status === "fulfilled" ? look.value : []));
  const parts = new Map(found.map((one) => [one.resource.urn, one]));
  return {
    regions,
    resources: found.map(({ resource }) => resource),
    notes: [],
    worded: (finding) => worded(finding, parts.get(finding.urn)),
  };
}

/** Exempt is the ARN, and not what a part of it is called by whoever made that. */
function worded(finding: Finding, found: Found | undefined): Finding {
  const { urn } = finding;
  const { arn = urn, place = finding.place, undo = finding.fix } = found ?? {};
  const subjects = finding.subjects.map((names) =>
    names.map((name) => (name === urn ? arn : name)),
  );
  return { ...finding, urn: arn, place, fix: undo, subjects };
}

/**
 * The regions that the account has enabled: DescribeRegions leaves out the others by itself.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
 */
async function regionsOf({ ec2, home }: Clients, only: string[]): Promise<string[]> {
  const { Regions = [] } = await asked("ec2:DescribeRegions", home, () =>
    ec2(home).send(new DescribeRegionsCommand({})),
  );
  const enabled = Regions.filter(({ OptInStatus }) => OptInStatus !== "not-opted-in")
    .flatMap(({ RegionName }) => RegionName ?? [])
    .sort();
  if (enabled.length === 0) throw failed("ec2:DescribeRegions", home, "it named no region");
  const missing = only.filter((region) => !enabled.includes(region));
  if (missing.length > 0) {
    const those = missing.join(", ");
    throw new Error(
      `--region ${those}: not enabled in this account, which has ${enabled.join(", ")}`,
    );
  }
  return only.length > 0 ? enabled.filter((region) => only.includes(region)) : enabled;
}

async function openings(ec2: EC2Client, region: string): Promise<Found[]> {
  const pages = paginateDescribeSecurityGroupRules({ client: ec2, pageSize: 1000 }, {});
  const rules = await collected("ec2:DescribeSecurityGroupRules", region, pages, (page) =>
    (page.SecurityGroupRules ?? []).filter(({ IsEgress }) => !IsEgress),
  );
  const listIds = new Set(rules.flatMap(({ PrefixListId }) => PrefixListId ?? []));
  const lists: Found[] = [];
  for (const id of listIds) lists.push(await prefixList(ec2, region, id));
  const groups = new Map(rules.map((rule) => [rule.GroupId, group(rule, region)]));
  return [...groups.values(), ...lists, ...rules.map((rule) => inbound(rule, region))];
}

/** AWS's own lists answer as the customer's do. */
async function prefixList(ec2: EC2Client, region: string, id: string): Promise<Found> {
  const page = { client: ec2, pageSize: 100 };
  const pages = paginateGetManagedPrefixListEntries(page, { PrefixListId: id });
  const call = `ec2:GetManagedPrefixListEntries of ${id}`;
  const cidrs = await collected(call, region, pages, ({ Entries = [] }) =>
    Entries.flatMap(({ Cidr }) => Cidr ?? []),
  );
  const entries = cidrs.map((cidr) => ({ cidr }));
  const type = "aws:ec2/managedPrefixList:ManagedPrefixList";
  return { resource: resource({ type, name: id, urn: id, props: { id, entries } }) };
}

function group(rule: SecurityGroupRule, region: string): Found {
  const id = String(rule.GroupId);
  const type = "aws:ec2/securityGroup:SecurityGroup";
  return { resource: resource({ type, name: id, urn: groupArn(rule, region), props: { id } }) };
}

function inbound(rule: SecurityGroupRule, region: string): Found {
  const id = String(rule.SecurityGroupRuleId);
  const props = {
    securityGroupId: rule.GroupId,
    ipProtocol: rule.IpProtocol,
    fromPort: rule.FromPort,
    toPort: rule.ToPort,
    cidrIpv4: rule.CidrIpv4,
    cidrIpv6: rule.CidrIpv6,
    prefixListId: rule.PrefixListId,
  };
  const type = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
  const arn = groupArn(rule, region);
  return {
    resource: resource({ type, name: id, urn: `${arn}#${id}`, props }),
    arn,
    place: id,
    undo: command("ec2 revoke-security-group-ingress", {
      region,
      "group-id": String(rule.GroupId),
      "security-group-rule-ids": id,
    }),
  };
}

function groupArn({ GroupId, GroupOwnerId }: SecurityGroupRule, region: string): string {
  return `arn:${partitionOf(region)}:ec2:${region}:${GroupOwnerId}:security-group/${GroupId}`;
}

/** Source: https://github.com/boto/botocore, botocore/data/partitions.json (regionRegex). */
function partitionOf(region: string): string {
  const partitions: Record<string, string> = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eu-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
  };
  const prefix = Object.keys(partitions).find((begins) => region.startsWith(begins));
  return prefix === undefined ? "aws" : (partitions[prefix] as string);
}

/** Users, groups and customer policies; of the users that are admins also the ways in. */
async function identities({ iam, home }: Clients): Promise<Found[]> {
  const pages = paginateGetAccountAuthorizationDetails(
    { client: iam, pageSize: 1000 },
    { Filter: ["User", "Group", "LocalManagedPolicy"] },
  );
  const found = await collected(
    "iam:GetAccountAuthorizationDetails",
    home,
    pages,
    ({ UserDetailList = [], GroupDetailList = [], Policies = [] }) => [
      ...UserDetailList.flatMap(userResources),
      ...GroupDetailList.flatMap(groupResources),
      ...Policies.map(customerPolicy),
    ],
  );
  const admins = join(found.map(({ resource }) => resource)).users.filter(
    ({ grants, boundary }) => makesAdmin(grants, boundary, "allow").answer === "yes",
  );
  for (const { by } of admins) {
    if (by) found.push(...(await waysIn(iam, home, { kind: "user", name: by.name, arn: by.urn })));
  }
  return found;
}

function userResources(detail: UserDetail): Found[] {
  const { UserName: name = "", Arn: arn = "" } = detail;
  const permissionsBoundary = detail.PermissionsBoundary?.PermissionsBoundaryArn;
  const props = { name, ...(permissionsBoundary !== undefined && { permissionsBoundary }) };
  const deps = { permissionsBoundary: permissionsBoundary ? [permissionsBoundary] : [] };
  const holder: Holder = { kind: "user", name, arn };
  const type = "aws:iam/user:User";
  return [
    { resource: resource({ type, name, urn: arn, id: idOf(holder), deps, props }) },
    ...(detail.GroupList ?? []).map((group) => membership(holder, group)),
    ...(detail.AttachedManagedPolicies ?? []).map((policy) => attached(holder, policy)),
    ...(detail.UserPolicyList ?? []).map((policy) => inline(holder, policy)),
  ];
}

function groupResources(detail: GroupDetail): Found[] {
  const { GroupName: name = "", Arn: arn = "" } = detail;
  const holder: Holder = { kind: "group", name, arn };
  const type = "aws:iam/group:Group";
  return [
    { resource: resource({ type, name, urn: arn, id: idOf(holder), props: { name } }) },
    ...(detail.AttachedManagedPolicies ?? []).map((policy) => attached(holder, policy)),
    ...(detail.GroupPolicyList ?? []).map((policy) => inline(holder, policy)),
  ];
}

/** What holds a grant. */
interface Holder {
  kind: "user" | "group";
  name: string;
  arn: string;
}

/** They refer to each other by id: a name may be any word, "unknown" among them. */
function idOf({ kind, name }: Pick<Holder, "kind" | "name">): string {
  return `${kind}/${name}`;
}

function membership(user: Holder, group: string): Found {
  const type = "aws:iam/userGroupMembership:UserGroupMembership";
  const [id, groupId] = [idOf(user), idOf({ kind: "group", name: group })];
  return {
    resource: resource({
      type,
      name: id,
      urn: `${user.arn}#${groupId}`,
      props: { user: user.name, groups: [group] },
      deps: { user: [id], groups: [groupId] },
    }),
  };
}

const grantTypes = {
  user: {
    attached: "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    inline: "aws:iam/userPolicy:UserPolicy",
  },
  group: {
    attached: "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    inline: "aws:iam/groupPolicy:GroupPolicy",
  },
};

function attached(holder: Holder, { PolicyArn: arn = "" }: AttachedPolicy): Found {
  const place = `attached ${arn}`;
  const { kind, name } = holder;
  return {
    resource: grant(holder, "attached", place, {
      props: { [kind]: name, policyArn: arn },
      deps: { policyArn: [arn] },
    }),
    arn: holder.arn,
    place,
    undo: command(`iam detach-${kind}-policy`, { [`${kind}-name`]: name, "policy-arn": arn }),
  };
}

function inline(holder: Holder, policy: PolicyDetail): Found {
  const { PolicyName = "", PolicyDocument = "" } = policy;
  const place = `inline policy ${PolicyName}`;
  const { kind, name } = holder;
  const given = { [`${kind}-name`]: name, "policy-name": PolicyName };
  return {
    resource: grant(holder, "inline", place, {
      props: { [kind]: name, policy: decodeURIComponent(PolicyDocument) },
      deps: {},
    }),
    arn: holder.arn,
    place,
    undo: command(`iam delete-${kind}-policy`, given),
  };
}

/**
 * Its name is none of what is in it: whoever writes a policy chooses that, and could choose what
 * somebody else is exempted by.
 */
function grant(
  holder: Holder,
  how: "attached" | "inline",
  place: string,
  { props, deps }: Pick<Resource, "props" | "deps">,
): Resource {
  const { kind, arn } = holder;
  const name = idOf(holder);
  return resource({
    type: grantTypes[kind][how],
    name,
    urn: `${arn}#${place}`,
    props,
    deps: { ...deps, [kind]: [name] },
  });
}

/** In its default version, the one that counts. */
function customerPolicy(detail: ManagedPolicyDetail): Found {
  const { Path: path = "/", Arn: urn = "" } = detail;
  const name = urn.split("/").at(-1) ?? "";
  const version = detail.PolicyVersionList?.find(({ IsDefaultVersion }) => IsDefaultVersion);
  const policy = version?.Document === undefined ? "unknown" : decodeURIComponent(version.Document);
  return {
    resource: resource({ type: "aws:iam/policy:Policy", name, urn, props: { name, path, policy } }),
  };
}

async function waysIn(iam: IAMClient, home: string, user: Holder): Promise<Found[]> {
  const { name, arn } = user;
  const id = idOf(user);
  const pages = paginateListAccessKeys({ client: iam }, { UserName: name });
  const keys = await collected(`iam:ListAccessKeys of ${name}`, home, pages, (page) =>
    (page.AccessKeyMetadata ?? []).filter(({ Status }) => Status === "Active"),
  );
  const hasPassword = await asked(`iam:GetLoginProfile of ${name}`, home, () =>
    iam.send(new GetLoginProfileCommand({ UserName: name })).then(
      () => true,
      (error) => {
        if ((error as Error).name === "NoSuchEntityException") return false;
        throw error;
      },
    ),
  );
  const types = [
    ...(keys.length > 0 ? ["aws:iam/accessKey:AccessKey"] : []),
    ...(hasPassword ? ["aws:iam/userLoginProfile:UserLoginProfile"] : []),
  ];
  return types.map((type) => ({
    resource: resource({
      type,
      name: id,
      urn: `${arn}#${type}`,
      props: { user: name },
      deps: { user: [id] },
    }),
  }));
}

function resource(given: Pick<Resource, "type" | "name" | "urn" | "props"> & Partial<Resource>) {
  return { deps: {}, id: given.urn, within: "", ...given };
}

/** All that the pages of a call hold. */
async function collected<Page, Item>(
  call: string,
  region: string,
  pages: AsyncIterable<Page>,
  items: (page: Page) => Item[],
): Promise<Item[]> {
  return await asked(call, region, async () => {
    const all: Item[] = [];
    for await (const page of pages) all.push(...items(page));
    return all;
  });
}

async function asked<Answer>(
  call: string,
  region: string,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    const { name, message } = error as Error;
    throw failed(call, region, `${name}: ${message}`);
  }
}

function failed(call: string, region: string, why: string): Error {
  return new Error(`${call} in ${region} failed, so the account was not judged: ${why}`);
}

/** A command of the AWS CLI, its values quoted for a shell: a policy's path may hold anything. */
function command(words: string, options: Record<string, string>): string {
  const given = Object.entries(options).map(([option, value]) => `--${option} ${quoted(value)}`);
  return ["aws", words, ...given].join(" ");
}

function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
