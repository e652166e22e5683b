import type { EC2Client, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { IAMClient, ListServiceSpecificCredentialsCommandOutput } from "@aws-sdk/client-iam";
import { attachedToGroup, type Look, policyDocument } from "../functions/account/look";
import { lookAtRole, type RoleLook } from "../functions/account/role";
import { type FoundUser, findUser } from "../functions/account/user";
import { isGone } from "../functions/cut";
import { aclOf } from "../functions/infrastructure/acls";
import { readBlocks, type StoredBlocks, strangeBlock } from "../functions/infrastructure/blocks";
import type { AclEntry } from "../networkAcl/acl";
import { awsManagedPolicy } from "../rulebook/managedPolicies";
import type { CaseFile } from "./caseFile";
import type { Shelf } from "./read";
import { takingsOf } from "./taken";

/** A version of a customer policy. */
export interface Version {
  id: string;
  isDefault: boolean;
  /** As IAM gives it, URL-encoded. */
  document: string;
}

/** A user, and when his credentials were made, by their ids: ISO times. */
export type PresentUser = FoundUser & { made: Record<string, string> };

/** What the case's subjects are like now, by the names that the case has. null: not there. */
export interface Present {
  /** Under the name that the user has now. */
  users: Record<string, PresentUser | null>;
  groups: Record<string, Pick<Look["groups"][number], "attached" | "inline"> | null>;
  /** Customer policies only: the default version's document, and all versions. */
  policies: Record<string, { document: string; versions: Version[] } | null>;
  securityGroups: Record<string, SecurityGroupRule[] | null>;
  roles?: Record<string, RoleLook | null>;
  /** The entries of network ACLs, of both directions. */
  acls?: Record<string, AclEntry[] | null>;
  /** Every case's session blocks that are not lifted, or why they were not read. */
  blocks?: PresentBlocks;
}

/** The session blocks in the case bucket. */
export type PresentBlocks = { bucket: string; all: StoredBlocks[] } | { unread: string };

/** How the account is asked. */
export interface Eye {
  iamSdk: typeof import("@aws-sdk/client-iam");
  iam: IAMClient;
  ec2Sdk: typeof import("@aws-sdk/client-ec2");
  ec2: EC2Client;
  shelf: Shelf;
}

/**
 * Looks at everything that the case changed. Errors of the SDK go up untouched, but for those of the
 * bucket, without which everything else can be given back.
 *
 * @param bucket of the cases, where it is known.
 */
export async function lookAtPresent(eye: Eye, file: CaseFile, bucket?: string): Promise<Present> {
  const taken = takingsOf(file).map(({ action }) => action);
  const inputs = (field: string) =>
    taken.flatMap(({ input }) => (typeof input[field] === "string" ? [input[field]] : []));
  const arns = inputs("PolicyArn").filter((arn) => !awsManagedPolicy(arn));
  const aclIds = inputs("NetworkAclId");
  const [users, groups, policies, securityGroups, roles, acls, blocks] = await Promise.all([
    each(inputs("UserName"), (name) => userNow(eye, file, name)),
    each(inputs("GroupName"), (name) => groupNow(eye, name)),
    each(arns, (arn) => policyNow(eye, arn)),
    each(inputs("GroupId"), (id) => rulesNow(eye, id)),
    each(inputs("RoleName"), (name) => lookAtRole({ sdk: eye.iamSdk, iam: eye.iam }, name)),
    each(aclIds, (id) => entriesNow(eye, id)),
    aclIds.length > 0 ? blocksNow(eye, bucket) : undefined,
  ]);
  return { users, groups, policies, securityGroups, roles, acls, ...(blocks && { blocks }) };
}

async function each<T>(
  names: string[],
  look: (name: string) => Promise<T | undefined>,
): Promise<Record<string, T | null>> {
  const entries = [...new Set(names)].map(
    async (name): Promise<[string, T | null]> => [name, (await look(name)) ?? null],
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** A user who was renamed is found by a key of his. */
async function userNow(
  eye: Eye,
  { subjects }: CaseFile,
  name: string,
): Promise<PresentUser | undefined> {
  const { iamSdk: sdk, iam } = eye;
  const subject = subjects.find(
    (one) => (one.kind === "user" || one.kind === "applicationUser") && one.name === name,
  );
  const before = subject && "before" in subject ? (subject.before as Look | undefined) : undefined;
  const found = await findUser({ sdk, iam }, { name, accessKeyId: before?.keys[0]?.id });
  return found && { ...found, made: await madeDates(eye, found.name) };
}

async function madeDates({ iamSdk: sdk, iam }: Eye, UserName: string) {
  const at = { client: iam };
  const user = { UserName };
  const [keys, sshKeys, services, certificates] = await Promise.all([
    all(sdk.paginateListAccessKeys(at, user), (page) => page.AccessKeyMetadata),
    all(sdk.paginateListSSHPublicKeys(at, user), (page) => page.SSHPublicKeys),
    all(servicePages(sdk, iam, UserName), (page) => page.ServiceSpecificCredentials),
    all(sdk.paginateListSigningCertificates(at, user), (page) => page.Certificates),
  ]);
  const dated: [id: string | undefined, date: Date | undefined][] = [
    ...keys.map(dates("AccessKeyId", "CreateDate")),
    ...sshKeys.map(dates("SSHPublicKeyId", "UploadDate")),
    ...services.map(dates("ServiceSpecificCredentialId", "CreateDate")),
    ...certificates.map(dates("CertificateId", "UploadDate")),
  ];
  return Object.fromEntries(
    dated.flatMap(([id, date]) => (id && date ? [[id, date.toISOString()]] : [])),
  );
}

async function all<Page, One>(
  pages: AsyncIterable<Page>,
  items: (page: Page) => One[] | undefined,
): Promise<One[]> {
  const found: One[] = [];
  for await (const page of pages) found.push(...(items(page) ?? []));
  return found;
}

/** The SDK has no paginator for this one. */
async function* servicePages(sdk: Eye["iamSdk"], iam: IAMClient, UserName: string) {
  let Marker: string | undefined;
  do {
    const page: ListServiceSpecificCredentialsCommandOutput = await iam.send(
      new sdk.ListServiceSpecificCredentialsCommand({ UserName, ...(Marker && { Marker }) }),
    );
    yield page;
    Marker = page.IsTruncated ? page.Marker : undefined;
  } while (Marker);
}

function dates<I extends string, D extends string>(id: I, date: D) {
  return (
    one: { [key in I]?: string | undefined } & { [key in D]?: Date | undefined },
  ): [string | undefined, Date | undefined] => [one[id], one[date]];
}

async function orGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function groupNow({ iamSdk, iam }: Eye, GroupName: string) {
  return orGone(async () => {
    await iam.send(new iamSdk.GetGroupCommand({ GroupName, MaxItems: 1 }));
    const attached = await attachedToGroup(iamSdk, iam, GroupName);
    const inline: { name: string; document: string }[] = [];
    for await (const page of iamSdk.paginateListGroupPolicies({ client: iam }, { GroupName })) {
      for (const PolicyName of page.PolicyNames ?? []) {
        const command = new iamSdk.GetGroupPolicyCommand({ GroupName, PolicyName });
        const { PolicyDocument = "" } = await iam.send(command);
        inline.push({ name: PolicyName, document: PolicyDocument });
      }
    }
    return { attached, inline };
  });
}

function policyNow({ iamSdk, iam }: Eye, PolicyArn: string) {
  return orGone(async () => {
    const versions: Version[] = [];
    for await (const page of iamSdk.paginateListPolicyVersions({ client: iam }, { PolicyArn })) {
      for (const { VersionId = "", IsDefaultVersion = false } of page.Versions ?? []) {
        const document = (await policyDocument(iamSdk, iam, PolicyArn, VersionId)) ?? "";
        versions.push({ id: VersionId, isDefault: IsDefaultVersion, document });
      }
    }
    const document = versions.find(({ isDefault }) => isDefault)?.document ?? "";
    return { document, versions };
  });
}

function entriesNow({ ec2Sdk: sdk, ec2 }: Eye, aclId: string) {
  return orGone(async () => (await aclOf({ sdk, ec2 }, aclId))?.entries);
}

async function blocksNow({ shelf }: Eye, bucket: string | undefined): Promise<PresentBlocks> {
  if (bucket === undefined) {
    return { unread: "the case bucket tells, and --stack NAME names it" };
  }
  try {
    const { blocks, strange } = await readBlocks({ ...shelf, bucket });
    return strange.length > 0
      ? { unread: strange.map((key) => strangeBlock(bucket, key)).join("; ") }
      : { bucket, all: blocks };
  } catch (error) {
    const { name, message } = error as Error;
    return { unread: `s3://${bucket}/blocks/ tells, and could not be read: ${name}: ${message}` };
  }
}

function rulesNow({ ec2Sdk, ec2 }: Eye, groupId: string) {
  return orGone(async () => {
    await ec2.send(new ec2Sdk.DescribeSecurityGroupsCommand({ GroupIds: [groupId] }));
    const rules: SecurityGroupRule[] = [];
    const filter = { Filters: [{ Name: "group-id", Values: [groupId] }] };
    for await (const page of ec2Sdk.paginateDescribeSecurityGroupRules({ client: ec2 }, filter)) {
      rules.push(...(page.SecurityGroupRules ?? []));
    }
    return rules.filter(({ IsEgress }) => !IsEgress);
  });
}
