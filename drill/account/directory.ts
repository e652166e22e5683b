import type { Params } from "./wire";

/** A policy document under the name that a refusal would give it. */
export interface NamedDocument {
  name: string;
  document: string;
}

/** An IAM user, group or role with what decides its rights. */
export interface Identity {
  name: string;
  arn: string;
  id: string;
  inline: NamedDocument[];
  /** ARNs of managed policies. */
  attached: string[];
  /** Names of groups; users only. */
  groups: string[];
  boundary?: string;
  tags: Record<string, string>;
  /** The trust policy; roles only. */
  trust?: string;
}

/** Everything in an account that decides an authorization. */
export interface Directory {
  users: Map<string, Identity>;
  groups: Map<string, Identity>;
  roles: Map<string, Identity>;
  /** Customer managed policies: ARN → the default version's document. */
  policies: Map<string, string>;
}

/** Reads the content of a GetAccountAuthorizationDetails answer. */
export function readDirectory(details: Params): Directory {
  return {
    users: identities(details.UserDetailList, "User"),
    groups: identities(details.GroupDetailList, "Group"),
    roles: identities(details.RoleDetailList, "Role"),
    policies: new Map(
      list(details.Policies).map((policy) => [String(policy.Arn), defaultVersion(policy)]),
    ),
  };
}

function identities(details: unknown, kind: "User" | "Group" | "Role"): Map<string, Identity> {
  return new Map(
    list(details).map((detail) => {
      const identity = identityOf(detail, kind);
      return [identity.name, identity];
    }),
  );
}

function identityOf(detail: Params, kind: string): Identity {
  const boundary = detail.PermissionsBoundary as Params | undefined;
  return {
    name: String(detail[`${kind}Name`]),
    arn: String(detail.Arn),
    id: String(detail[`${kind}Id`]),
    inline: list(detail[`${kind}PolicyList`]).map(({ PolicyName, PolicyDocument }) => ({
      name: String(PolicyName),
      document: plainDocument(String(PolicyDocument)),
    })),
    attached: list(detail.AttachedManagedPolicies).map((policy) => String(policy.PolicyArn)),
    groups: Array.isArray(detail.GroupList) ? detail.GroupList.map(String) : [],
    boundary: boundary?.PermissionsBoundaryArn as string | undefined,
    tags: Object.fromEntries(list(detail.Tags).map(({ Key, Value }) => [Key, Value])),
    trust: detail.AssumeRolePolicyDocument
      ? plainDocument(String(detail.AssumeRolePolicyDocument))
      : undefined,
  };
}

function defaultVersion(policy: Params): string {
  const versions = list(policy.PolicyVersionList);
  const current = versions.find((version) => version.IsDefaultVersion === "true");
  return plainDocument(String(current?.Document ?? "{}"));
}

/** IAM hands documents out URL-encoded (RFC 3986); moto leaves trust policies plain. */
export function plainDocument(document: string): string {
  return document.startsWith("%") ? decodeURIComponent(document) : document;
}

// An empty XML list is an empty text.
function list(value: unknown): Params[] {
  return Array.isArray(value) ? value : [];
}
