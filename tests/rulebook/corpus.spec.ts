import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Grant, makesAdmin } from "../../rulebook/admin";
import { type Answer, some } from "../../rulebook/answer";
import { type Ingress, sshOpenToWorld } from "../../rulebook/ssh";

type Props = Record<string, unknown>;

interface Resource {
  type: string;
  name: string;
  props: Props;
  /** Which resources a property's value comes from: what an unknown one will be. */
  deps?: Record<string, string[]>;
}

interface Case {
  id: string;
  family: "ssh" | "admin";
  expected: Wanted;
  ours?: Wanted;
  resources: Resource[];
}

type Wanted = "violation" | "ok" | "unknown";

const wantedAnswers: Record<Wanted, Answer> = { violation: "yes", ok: "no", unknown: "unknown" };

const SG = "aws:ec2/securityGroup:SecurityGroup";
const DEFAULT_SG = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup";
const SG_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule";
const INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const POLICY = "aws:iam/policy:Policy";

/** Types that hold a rule of a security group, with how to read it. */
const ingressReaders: Record<string, (resource: Resource) => Ingress[]> = {
  [SG]: inlineRules,
  [DEFAULT_SG]: inlineRules,
  [SG_RULE]: ({ name, props }) => (props.type === "egress" ? [] : [rule(name, props)]),
  [INGRESS_RULE]: ({ name, props }) => [rule(name, props)],
};

/** Types that give a policy to users or groups, with how to read to whom and what. */
const grantReaders: Record<string, (resource: Resource, all: Resource[]) => Given[]> = {
  "aws:iam/userPolicy:UserPolicy": (resource) => [
    { users: references(resource, "user"), groups: [], grant: inlineGrant(resource) },
  ],
  "aws:iam/groupPolicy:GroupPolicy": (resource) => [
    { users: [], groups: references(resource, "group"), grant: inlineGrant(resource) },
  ],
  "aws:iam/userPolicyAttachment:UserPolicyAttachment": (resource, all) => [
    { users: references(resource, "user"), groups: [], grant: attachedGrant(resource, all) },
  ],
  "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": (resource, all) => [
    { users: [], groups: references(resource, "group"), grant: attachedGrant(resource, all) },
  ],
  "aws:iam/policyAttachment:PolicyAttachment": (resource, all) => [
    {
      users: references(resource, "users"),
      groups: references(resource, "groups"),
      grant: attachedGrant(resource, all),
    },
  ],
};

/** Types that say who is in a group, with the two properties that say so. */
const memberships: Record<string, { group: string; user: string }> = {
  "aws:iam/groupMembership:GroupMembership": { group: "group", user: "users" },
  "aws:iam/userGroupMembership:UserGroupMembership": { group: "groups", user: "user" },
};

/** Types that hold no rule and give no IAM user anything. */
const silent = [
  POLICY,
  "aws:iam/user:User",
  "aws:iam/group:Group",
  "aws:iam/accessKey:AccessKey",
  "aws:iam/role:Role",
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
];

const readTypes = [
  ...Object.keys(ingressReaders),
  ...Object.keys(grantReaders),
  ...Object.keys(memberships),
  ...silent,
];

interface Given {
  users: string[];
  groups: string[];
  grant: Grant;
}

/** A plain copy in which what only deployment will tell is "unknown". */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("$unknown" in value) return "unknown";
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
}

function list(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function inlineRules({ name, props }: Resource): Ingress[] {
  return list(props.ingress).map((each, index) => rule(`${name} ingress[${index}]`, each as Props));
}

function rule(id: string, props: Props): Ingress {
  const sources = [props.cidrBlocks, props.ipv6CidrBlocks, props.cidrIpv4, props.cidrIpv6];
  return {
    id,
    protocol: (props.protocol ?? props.ipProtocol ?? "unknown") as string,
    fromPort: props.fromPort as number,
    toPort: props.toPort as number,
    cidrs: sources.flatMap(list) as string[],
  };
}

/** The names that a property holds; of an unknown one the resources that it depends on. */
function references({ name, props, deps }: Resource, key: string): string[] {
  const named = list(props[key]).filter((value) => value !== "unknown" && value !== "");
  const depended = deps?.[key] ?? [];
  if (named.length + depended.length > 0) return [...(named as string[]), ...depended];
  return list(props[key]).includes("unknown") ? [`whatever ${name} names`] : [];
}

function inlineGrant({ name, props }: Resource): Grant {
  return { id: name, path: name, document: props.policy };
}

function attachedGrant(resource: Resource, all: Resource[]): Grant {
  const { name, props, deps } = resource;
  const known = props.policyArn === "unknown" ? undefined : (props.policyArn as string);
  const customers = all.filter(({ type }) => type === POLICY);
  const policy = customers.find((candidate) => {
    const path = (candidate.props.path as string | undefined) ?? "/";
    return (
      deps?.policyArn?.includes(candidate.name) ||
      known?.endsWith(`:policy${path}${candidate.props.name}`)
    );
  });
  // A resource without any policyArn attaches nothing, whatever other property it was given.
  const none = props.policyArn === undefined && deps?.policyArn === undefined;
  const document = none ? { Statement: [] } : (policy?.props.policy ?? "unknown");
  return { id: name, path: name, ...(known && { policyArn: known }), document };
}

function sshAnswer(resources: Resource[]): Answer {
  const groups = new Map<string, Ingress[]>();
  for (const resource of resources) {
    const rules = ingressReaders[resource.type]?.(resource) ?? [];
    const isGroup = resource.type === SG || resource.type === DEFAULT_SG;
    const owners = isGroup ? [resource.name] : references(resource, "securityGroupId");
    for (const owner of owners.length > 0 ? owners : [`the group of ${resource.name}`]) {
      groups.set(owner, [...(groups.get(owner) ?? []), ...rules]);
    }
  }
  const ssh = { sshPorts: [22], trustedCidrs: [] };
  return some([...groups.values()].map((rules) => sshOpenToWorld(rules, ssh).answer));
}

function adminAnswer(resources: Resource[]): Answer {
  const members = resources.flatMap((resource) => {
    const keys = memberships[resource.type];
    if (keys === undefined) return [];
    return references(resource, keys.group).flatMap((group) =>
      references(resource, keys.user).map((user) => ({ group, user })),
    );
  });
  const users = new Map<string, Grant[]>();
  for (const resource of resources) {
    for (const given of grantReaders[resource.type]?.(resource, resources) ?? []) {
      const joined = members.filter(({ group }) => given.groups.includes(group));
      for (const user of [...given.users, ...joined.map((member) => member.user)]) {
        users.set(user, [...(users.get(user) ?? []), given.grant]);
      }
    }
  }
  return some([...users.values()].map((grants) => makesAdmin(grants).answer));
}

function readable(resources: Resource[]): Resource[] {
  return resources.map((resource) => ({ ...resource, props: plain(resource.props) as Props }));
}

const file = join(__dirname, "../fixtures/policy-corpus/corpus.json");
const corpus: Case[] = JSON.parse(readFileSync(file, "utf8"));
const isLater = ({ resources }: Case) => resources.some(({ type }) => !readTypes.includes(type));
const now = corpus.filter((each) => !isLater(each));

const LATER = [
  "aws-native:ec2:SecurityGroup",
  "aws-native:ec2:SecurityGroupIngress",
  "aws-native:iam:Group",
  "aws-native:iam:GroupPolicy",
  "aws-native:iam:ManagedPolicy",
  "aws-native:iam:RolePolicy",
  "aws-native:iam:User",
  "aws-native:iam:UserPolicy",
  "aws:eks/nodeGroup:NodeGroup",
  "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
  "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
];

describe("the policy corpus", () => {
  for (const { id, family, expected, ours, resources } of now) {
    const wanted = wantedAnswers[ours ?? expected];
    it(`${wanted}: ${id}`, () => {
      const answer = family === "ssh" ? sshAnswer : adminAnswer;
      assert.equal(answer(readable(resources)), wanted);
    });
  }

  it("is read to this extent, and leaves these types of resource for the policy pack", () => {
    const types = corpus.flatMap(({ resources }) => resources.map(({ type }) => type));
    const later = [...new Set(types)].filter((type) => !readTypes.includes(type));
    assert.deepEqual(later.sort(), LATER);
    assert.deepEqual({ all: corpus.length, ran: now.length }, { all: 382, ran: 291 });
  });
});
