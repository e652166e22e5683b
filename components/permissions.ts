import { namedUsers } from "./namedUsers";

/** What a statement's resources are made of. */
export interface Place {
  partition: string;
  account: string;
  region: string;
}

/** A policy statement as the roles here need it. */
export interface Statement {
  Effect: "Allow" | "Deny";
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** ARN of the AWS managed policy that denies everything. */
export function denyAllArn(partition: string): string {
  return `arn:${partition}:iam::aws:policy/AWSDenyAll`;
}

/** The resources that an action works on; the narrowest that IAM accepts for it. */
type Scope =
  | "user"
  | "keyOwner"
  | "group"
  | "role"
  | "trail"
  | "policy"
  | "ec2"
  | "securityGroup"
  | "networkAcl"
  | "prefixList"
  | "secret";

/**
 * Source: Service Authorization Reference,
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
 * and list_amazonec2.html, list_awssecretsmanager.html. EC2's Describe calls and CloudTrail's LookupEvents know no resource.
 */
const scopes: Record<string, Scope> = {
  "iam:GetUser": "user",
  "iam:ListAttachedUserPolicies": "user",
  "iam:ListUserPolicies": "user",
  "iam:GetUserPolicy": "user",
  "iam:ListGroupsForUser": "user",
  "iam:ListAccessKeys": "user",
  "iam:GetLoginProfile": "user",
  "iam:ListSSHPublicKeys": "user",
  "iam:ListServiceSpecificCredentials": "user",
  "iam:ListSigningCertificates": "user",
  "iam:ListMFADevices": "user",
  // The owner of a key is what is asked for, so his name is not known before: he may have been
  // renamed out of the patterns that narrow the other calls.
  "iam:GetAccessKeyLastUsed": "keyOwner",
  "iam:AttachUserPolicy": "user",
  "iam:DetachUserPolicy": "user",
  "iam:DeleteUserPolicy": "user",
  "iam:UpdateAccessKey": "user",
  "iam:CreateAccessKey": "user",
  "iam:DeleteAccessKey": "user",
  "iam:DeleteLoginProfile": "user",
  "iam:UpdateSSHPublicKey": "user",
  "iam:UpdateServiceSpecificCredential": "user",
  "iam:UpdateSigningCertificate": "user",
  "iam:DeactivateMFADevice": "user",
  "iam:PutUserPermissionsBoundary": "user",
  "iam:GetGroup": "group",
  "iam:ListAttachedGroupPolicies": "group",
  "iam:ListGroupPolicies": "group",
  "iam:GetGroupPolicy": "group",
  "iam:DetachGroupPolicy": "group",
  "iam:DeleteGroupPolicy": "group",
  "iam:RemoveUserFromGroup": "group",
  "iam:GetRole": "role",
  "iam:ListAttachedRolePolicies": "role",
  "iam:ListRolePolicies": "role",
  "iam:GetRolePolicy": "role",
  "iam:ListInstanceProfilesForRole": "role",
  "iam:AttachRolePolicy": "role",
  "iam:PutRolePermissionsBoundary": "role",
  "iam:DetachRolePolicy": "role",
  "iam:DeleteRolePolicy": "role",
  "cloudtrail:LookupEvents": "trail",
  "iam:GetPolicy": "policy",
  "iam:GetPolicyVersion": "policy",
  "iam:ListEntitiesForPolicy": "policy",
  "iam:ListPolicyVersions": "policy",
  "ec2:DescribeSecurityGroupRules": "ec2",
  "ec2:DescribeSecurityGroups": "ec2",
  "ec2:DescribeVpcs": "ec2",
  "ec2:DescribeNetworkInterfaces": "ec2",
  "ec2:DescribeNetworkAcls": "ec2",
  "ec2:GetManagedPrefixListEntries": "prefixList",
  "ec2:AuthorizeSecurityGroupIngress": "securityGroup",
  "ec2:RevokeSecurityGroupIngress": "securityGroup",
  "ec2:CreateNetworkAclEntry": "networkAcl",
  "ec2:DeleteNetworkAclEntry": "networkAcl",
  "secretsmanager:DescribeSecret": "secret",
  "secretsmanager:ListSecretVersionIds": "secret",
  "secretsmanager:CreateSecret": "secret",
  "secretsmanager:PutSecretValue": "secret",
};

function arnOf(scope: Scope, place: Place, secretPrefix: string): string {
  const { partition, account, region } = place;
  switch (scope) {
    case "ec2":
    case "trail":
      return "*";
    case "keyOwner":
      return arnOf("user", place, secretPrefix);
    case "securityGroup":
      return `arn:${partition}:ec2:${region}:${account}:security-group/*`;
    case "networkAcl":
      return `arn:${partition}:ec2:${region}:${account}:network-acl/*`;
    case "prefixList":
      // AWS's own lists are the account "aws"'s, and a shared one is its owner's.
      return `arn:${partition}:ec2:${region}:*:prefix-list/*`;
    case "secret":
      return `arn:${partition}:secretsmanager:${region}:${account}:secret:${secretPrefix}/*`;
    default:
      return `arn:${partition}:iam::${account}:${scope}/*`;
  }
}

/** What a responder's role is narrowed to beside its actions. */
export interface Narrowing {
  place: Place;
  /** What the names of the application secrets begin with. */
  secretPrefix: string;
  /** Name patterns: the role may touch these users only. Absent: every user. */
  users?: string[];
}

/**
 * A responder role's statements: exactly these actions, each on the narrowest resources that work.
 *
 * A policy or a boundary may be AWSDenyAll only, or the role could make an admin. Detaching
 * AWSDenyAll or the quarantine that AWS itself puts on a leaked key is denied, or the role could
 * undo a containment.
 * Source: IAM User Guide, iam:PolicyARN,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 *
 * @throws for an action without a scope: a new action needs its line in the table.
 */
export function responderStatements(actions: string[], narrowing: Narrowing): Statement[] {
  const { place, secretPrefix, users } = narrowing;
  const denyAll = denyAllArn(place.partition);
  const plain = [...new Set(actions)]
    .filter((action) => !Object.hasOwn(DENY_ALL_ONLY, action))
    .sort();
  const byScope = Object.entries(byScopeOf(plain));
  return [
    ...byScope.map(
      ([scope, scoped]): Statement => ({
        Effect: "Allow",
        Action: scoped,
        Resource:
          scope === "user" && users
            ? namedUsers(users, place).allowed
            : arnOf(scope as Scope, place, secretPrefix),
      }),
    ),
    ...Object.entries(DENY_ALL_ONLY)
      .filter(([action]) => actions.includes(action))
      .map(
        ([Action, key]): Statement => ({
          Effect: "Allow",
          Action,
          Resource: arnOf(scopes[Action] as Scope, place, secretPrefix),
          Condition: { ArnEquals: { [key]: denyAll } },
        }),
      ),
    ...(actions.some((action) => DETACHING.includes(action))
      ? [
          {
            Effect: "Deny" as const,
            Action: DETACHING.filter((action) => actions.includes(action)),
            Resource: "*",
            Condition: {
              ArnLike: {
                "iam:PolicyARN": [
                  denyAll,
                  `arn:${place.partition}:iam::aws:policy/AWSCompromisedKeyQuarantine*`,
                ],
              },
            },
          },
        ]
      : []),
    ...(users ? otherUsers(users, place, byScope) : []),
  ];
}

/**
 * What a role may do with the blocks in the case bucket: objects there, and a list of them alone.
 *
 * @param actions of S3, `s3:ListBucket` among them.
 */
export function blockStoreStatements(actions: string[], bucketArn: string): Statement[] {
  return [
    {
      Effect: "Allow",
      Action: actions.filter((action) => action !== "s3:ListBucket"),
      Resource: `${bucketArn}/blocks/*`,
    },
    {
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: bucketArn,
      Condition: { StringEquals: { "s3:prefix": "blocks/" } },
    },
  ];
}

/**
 * What a role may do with the cases in the case bucket: write them and their index, and list the
 * index alone.
 *
 * @param actions of S3: on objects, and on the bucket.
 */
export function caseStoreStatements(
  { objects, lists }: { objects: string[]; lists: string[] },
  bucketArn: string,
): Statement[] {
  return [
    {
      Effect: "Allow",
      Action: objects,
      Resource: [`${bucketArn}/cases/*`, `${bucketArn}/subjects/*`],
    },
    {
      Effect: "Allow",
      Action: lists,
      Resource: bucketArn,
      Condition: { StringLike: { "s3:prefix": "subjects/*" } },
    },
  ];
}

/**
 * What a role may have Secrets Manager do with the key of the application secrets, and nobody else.
 * Source: "Permissions for the KMS key",
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
 *
 * @param actions of KMS; none: no statement.
 */
export function secretKeyStatements(
  actions: string[],
  keyArn: string,
  { region }: Place,
): Statement[] {
  if (actions.length === 0) return [];
  const Condition = {
    StringEquals: { "kms:ViaService": `secretsmanager.${region}.amazonaws.com` },
  };
  return [{ Effect: "Allow", Action: actions, Resource: keyArn, Condition }];
}

/**
 * What gives a user or a role a policy, with the condition key that names it: for AWSDenyAll only.
 * Source: Service Authorization Reference, condition keys of these actions.
 */
const DENY_ALL_ONLY: Record<string, string> = {
  "iam:AttachUserPolicy": "iam:PolicyARN",
  "iam:PutUserPermissionsBoundary": "iam:PermissionsBoundary",
  "iam:AttachRolePolicy": "iam:PolicyARN",
  "iam:PutRolePermissionsBoundary": "iam:PermissionsBoundary",
};

const DETACHING = ["iam:DetachUserPolicy", "iam:DetachGroupPolicy", "iam:DetachRolePolicy"];

function byScopeOf(actions: string[]): Record<string, string[]> {
  const grouped: Record<string, string[]> = {};
  for (const action of actions) {
    const scope = scopes[action];
    if (!scope)
      throw new Error(`${action} has no scope in components/permissions.ts: add its line`);
    grouped[scope] = [...(grouped[scope] ?? []), action];
  }
  return grouped;
}

/** What the narrowed allowance matches beside the users that are meant; nobody: no statement. */
function otherUsers(patterns: string[], place: Place, byScope: [string, string[]][]): Statement[] {
  const { denied } = namedUsers(patterns, place);
  const actions = byScope.find(([scope]) => scope === "user")?.[1] ?? [];
  return denied.length > 0 ? [{ Effect: "Deny", Action: actions, Resource: denied }] : [];
}
