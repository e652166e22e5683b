import { type Fact, list, type Ref, refs, self, texts } from "../facts";
import type { Props, Resource } from "../resource";
import type { Surfaces } from "./table";

type Read = (resource: Resource) => Fact[];

/**
 * IAM users, groups, policies, and what ties them together. Roles are not users.
 * Source of the properties: the type definitions of @pulumi/aws 7.48.0 and @pulumi/aws-native
 * 1.79.0, and the CloudFormation resource reference where aws-native lacks the type.
 */
export const iamSurfaces: Surfaces = {
  "aws:iam/user:User": all(entity("user", ["name"]), boundary),
  "aws:iam/group:Group": entity("group", ["name"]),
  "aws:iam/policy:Policy": customerPolicy("name", "policy"),
  "aws:iam/userPolicy:UserPolicy": inline("user", "user", "policy"),
  "aws:iam/groupPolicy:GroupPolicy": inline("group", "group", "policy"),
  "aws:iam/userPolicyAttachment:UserPolicyAttachment": attached("user", "user", "policyArn"),
  "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": attached("group", "group", "policyArn"),
  "aws:iam/policyAttachment:PolicyAttachment": all(
    attached("user", "users", "policyArn"),
    attached("group", "groups", "policyArn"),
  ),
  "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": attached(
    "user",
    "userName",
    "policyArns",
  ),
  "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": attached(
    "group",
    "groupName",
    "policyArns",
  ),
  "aws:iam/userGroupMembership:UserGroupMembership": members("user", "groups"),
  "aws:iam/groupMembership:GroupMembership": members("users", "group"),
  "aws:iam/accessKey:AccessKey": credential("user", "an access key"),
  "aws:iam/userLoginProfile:UserLoginProfile": credential("user", "a console password"),

  "aws-native:iam:User": all(
    entity("user", ["userName", "id"]),
    boundary,
    ownPolicies("user"),
    (resource) =>
      refs(resource, "groups").map((group) => ({ is: "member", user: self(resource), group })),
    (resource) =>
      list(resource.props.loginProfile).map(() => ({
        is: "credential",
        user: self(resource),
        what: "a console password",
      })),
  ),
  "aws-native:iam:Group": all(entity("group", ["groupName", "id"]), ownPolicies("group")),
  "aws-native:iam:UserPolicy": inline("user", "userName", "policyDocument"),
  "aws-native:iam:GroupPolicy": inline("group", "groupName", "policyDocument"),
  "aws-native:iam:ManagedPolicy": all(
    customerPolicy("managedPolicyName", "policyDocument"),
    givesItself("user", "users"),
    givesItself("group", "groups"),
  ),
  "aws-native:iam:Policy": all(
    inline("user", "users", "policyDocument"),
    inline("group", "groups", "policyDocument"),
  ),
  "aws-native:iam:UserToGroupAddition": members("users", "groupName"),
  "aws-native:iam:AccessKey": credential("userName", "an access key"),
};

function all(...reads: Read[]): Read {
  return (resource) => reads.flatMap((read) => read(resource));
}

function entity(kind: "user" | "group", properties: string[]): Read {
  return ({ props }) => [
    { is: "entity", kind, names: properties.flatMap((property) => texts(props[property])) },
  ];
}

function boundary(resource: Resource): Fact[] {
  const user = self(resource);
  return refs(resource, "permissionsBoundary").map((policy) => ({ is: "boundary", user, policy }));
}

/** A literal ARN names it by its path and name. */
function customerPolicy(name: string, document: string): Read {
  return ({ props }) => [
    {
      is: "entity",
      kind: "policy",
      names: texts(props[name]).map((text) =>
        text === "unknown" ? text : `:policy${props.path ?? "/"}${text}`,
      ),
    },
    { is: "document", document: documentOf(props[document]) },
  ];
}

function inline(to: "user" | "group", holder: string, document: string): Read {
  return (resource) =>
    refs(resource, holder).map((ref) => ({
      is: "grant",
      to,
      ref,
      place: document,
      policy: { document: documentOf(resource.props[document]) },
    }));
}

/** IAM refuses a document without statements; one that is known to have none grants nothing. */
function documentOf(document: unknown): unknown {
  if (document === undefined || document === null) return "unknown";
  if (typeof document !== "object" || Array.isArray(document)) return document;
  const hasStatement = Object.keys(document).some((key) => key.toLowerCase() === "statement");
  return hasStatement ? document : { Statement: [] };
}

function attached(to: "user" | "group", holder: string, policies: string): Read {
  return (resource) =>
    refs(resource, holder).flatMap((ref) => managed(resource, { to, ref, property: policies }));
}

interface Attachment {
  to: "user" | "group";
  ref: Ref;
  property: string;
}

function managed(resource: Resource, { to, ref, property }: Attachment): Fact[] {
  return refs(resource, property).map((policy, index, { length }) => {
    const place = length > 1 ? `${property}[${index}]` : property;
    return { is: "grant", to, ref, place, policy };
  });
}

/** The managed and inline policies that a user or group of CloudFormation's kind holds itself. */
function ownPolicies(to: "user" | "group"): Read {
  return (resource) => {
    const ref = self(resource);
    const embedded = list(resource.props.policies).map((value, index): Fact => {
      const place = `policies[${index}].policyDocument`;
      const document = documentOf((value as Props | null)?.policyDocument);
      return { is: "grant", to, ref, place, policy: { document } };
    });
    return [...managed(resource, { to, ref, property: "managedPolicyArns" }), ...embedded];
  };
}

function givesItself(to: "user" | "group", holders: string): Read {
  return (resource) =>
    refs(resource, holders).map((ref) => ({
      is: "grant",
      to,
      ref,
      place: "policyDocument",
      policy: { document: documentOf(resource.props.policyDocument) },
    }));
}

function members(users: string, groups: string): Read {
  return (resource) =>
    refs(resource, users).flatMap((user) =>
      refs(resource, groups).map((group): Fact => ({ is: "member", user, group })),
    );
}

function credential(user: string, what: string): Read {
  return (resource) => refs(resource, user).map((ref) => ({ is: "credential", user: ref, what }));
}
