import type { GetUserCommandOutput, IAMClient } from "@aws-sdk/client-iam";
import type { Grant } from "../../rulebook/admin";
import { awsManagedPolicy } from "../../rulebook/managedPolicies";
import { isGone } from "../cut";
import { listed, noLook } from "../listed";

/** The SDK module that a handler is given; its client is made once per sandbox. */
export type IamSdk = typeof import("../../sdk/iam");

/** A credential that IAM can switch off and on. */
export interface Credential {
  id: string;
  /** "Active" or "Inactive". */
  status: string;
}

/** A user as IAM shows it now. Documents are texts as IAM stores them, URL-encoded. */
export interface Look {
  attached: string[];
  inline: { name: string; document: string }[];
  groups: { name: string; attached: string[]; inline: { name: string; document: string }[] }[];
  /** ARN of the permissions boundary. */
  boundary?: string;
  keys: Credential[];
  password: boolean;
  sshKeys: Credential[];
  /** CodeCommit, Keyspaces, Bedrock: the service is what it lets in to. */
  serviceCredentials: (Credential & { service: string })[];
  certificates: Credential[];
  /** Serial numbers of the devices that are switched on. */
  mfaDevices: string[];
  /** Default versions of the customer policies among the above. */
  documents: { arn: string; document: string }[];
}

/** What `lookAtUser` calls, whatever it finds. */
export const lookActions = {
  users: [
    "iam:GetUser",
    "iam:ListAttachedUserPolicies",
    "iam:ListUserPolicies",
    "iam:GetUserPolicy",
    "iam:ListGroupsForUser",
    "iam:ListAccessKeys",
    "iam:GetLoginProfile",
    "iam:ListSSHPublicKeys",
    "iam:ListServiceSpecificCredentials",
    "iam:ListSigningCertificates",
    "iam:ListMFADevices",
  ],
  groups: ["iam:ListAttachedGroupPolicies", "iam:ListGroupPolicies", "iam:GetGroupPolicy"],
  policies: ["iam:GetPolicy", "iam:GetPolicyVersion"],
};

/**
 * Everything that decides what a user may do and how he gets in, by calls side by side.
 *
 * @returns undefined where there is no such user.
 * @throws whatever IAM answers otherwise, throttling among it: a look that failed is no "nothing".
 *   Nor is one that IAM contradicts itself about, or answers with what is no answer.
 */
export async function lookAtUser(
  sdk: IamSdk,
  iam: IAMClient,
  name: string,
): Promise<Look | undefined> {
  const user = { UserName: name };
  const documents: Look["documents"] = [];
  const withDocuments = async (arns: string[]) => {
    await Promise.all(
      arns.map(async (arn) => {
        if (documents.some((known) => known.arn === arn) || awsManagedPolicy(arn)) return;
        const document = await policyDocument(sdk, iam, arn);
        if (document !== undefined) documents.push({ arn, document });
      }),
    );
    return arns;
  };
  const himself = iam.send(new sdk.GetUserCommand(user));
  try {
    const [boundary, attached, inline, groups, credentials, password] = await Promise.all([
      boundaryOf(name, himself, withDocuments),
      attachedToUser(sdk, iam, name).then(withDocuments),
      inlineOfUser(sdk, iam, name),
      groupsOf(sdk, iam, name, withDocuments),
      credentialsOf(sdk, iam, name),
      orGone(iam.send(new sdk.GetLoginProfileCommand(user))).then(
        (profile) => profile !== undefined,
      ),
    ]);
    return {
      attached,
      inline,
      groups,
      ...(boundary && { boundary }),
      ...credentials,
      password,
      documents: documents.filter(
        ({ arn }, index) => documents.findIndex((one) => one.arn === arn) === index,
      ),
    };
  } catch (error) {
    if (!isGone(error)) throw error;
    // Any of the calls may have said so: GetUser decides.
    if ((await orGone(himself)) === undefined) return undefined;
    throw noLook(`user ${name} is there, and yet IAM says "${(error as Error).message}" of him`);
  }
}

/** A user's grants in the rulebook's terms. */
export function grantsOf(name: string, look: Look): Grant[] {
  const attached = (path: string, arn: string, id: string): Grant => ({
    id,
    path: `${path} → ${arn.split("/").at(-1)}`,
    policyArn: arn,
    document: look.documents.find((one) => one.arn === arn)?.document ?? "unknown",
  });
  const inline = (path: string, policy: { name: string; document: string }, id: string): Grant => ({
    id,
    path: `${path} → inline policy ${policy.name}`,
    document: policy.document,
  });
  const user = `user ${name}`;
  return [
    ...look.attached.map((arn) => attached(user, arn, `attached ${arn}`)),
    ...look.inline.map((policy) => inline(user, policy, `inline ${policy.name}`)),
    ...look.groups.flatMap((group) => {
      const path = `${user} → group ${group.name}`;
      const id = `group ${group.name}`;
      return [
        ...group.attached.map((arn) => attached(path, arn, `${id} attached ${arn}`)),
        ...group.inline.map((policy) => inline(path, policy, `${id} inline ${policy.name}`)),
      ];
    }),
  ];
}

/** The boundary in the rulebook's terms. */
export function boundaryGrant(look: Look): Grant | undefined {
  const { boundary } = look;
  if (!boundary) return undefined;
  const document = look.documents.find((one) => one.arn === boundary)?.document ?? "unknown";
  return { id: "boundary", path: "permissions boundary", policyArn: boundary, document };
}

/**
 * A customer policy's default version, or the one that is asked for; undefined where it is gone.
 * URL-encoded, as IAM returns it.
 */
export async function policyDocument(
  sdk: IamSdk,
  iam: IAMClient,
  arn: string,
  version?: string,
): Promise<string | undefined> {
  const policy = version
    ? undefined
    : await orGone(iam.send(new sdk.GetPolicyCommand({ PolicyArn: arn })));
  const versionId = version ?? policy?.Policy?.DefaultVersionId;
  if (!versionId) return undefined;
  const command = new sdk.GetPolicyVersionCommand({ PolicyArn: arn, VersionId: versionId });
  return (await orGone(iam.send(command)))?.PolicyVersion?.Document;
}

async function boundaryOf(
  name: string,
  himself: Promise<GetUserCommandOutput>,
  withDocuments: (arns: string[]) => Promise<string[]>,
): Promise<string | undefined> {
  const { User } = await himself;
  if (!User) throw noLook(`IAM's answer about user ${name} holds no user`);
  const arn = User.PermissionsBoundary?.PermissionsBoundaryArn;
  if (arn) await withDocuments([arn]);
  return arn;
}

async function attachedToUser(sdk: IamSdk, iam: IAMClient, name: string): Promise<string[]> {
  const pages = sdk.paginateListAttachedUserPolicies({ client: iam }, { UserName: name });
  return arnsIn(await all(pages, (page) => page.AttachedPolicies));
}

async function inlineOfUser(sdk: IamSdk, iam: IAMClient, name: string): Promise<Look["inline"]> {
  const pages = sdk.paginateListUserPolicies({ client: iam }, { UserName: name });
  const names = await all(pages, (page) => page.PolicyNames);
  return documentsOf(names, (PolicyName) =>
    iam.send(new sdk.GetUserPolicyCommand({ UserName: name, PolicyName })),
  );
}

async function groupsOf(
  sdk: IamSdk,
  iam: IAMClient,
  name: string,
  withDocuments: (arns: string[]) => Promise<string[]>,
): Promise<Look["groups"]> {
  const pages = sdk.paginateListGroupsForUser({ client: iam }, { UserName: name });
  const groups = await all(pages, (page) => page.Groups);
  return Promise.all(
    groups.map(async ({ GroupName = "" }) => {
      const [attached, inline] = await Promise.all([
        attachedToGroup(sdk, iam, GroupName).then(withDocuments),
        inlineOfGroup(sdk, iam, GroupName),
      ]);
      return { name: GroupName, attached, inline };
    }),
  );
}

/** ARNs of the managed policies of a group; none where the group is gone. */
export async function attachedToGroup(
  sdk: IamSdk,
  iam: IAMClient,
  group: string,
): Promise<string[]> {
  const pages = sdk.paginateListAttachedGroupPolicies({ client: iam }, { GroupName: group });
  return arnsIn((await orGone(all(pages, (page) => page.AttachedPolicies))) ?? []);
}

async function inlineOfGroup(sdk: IamSdk, iam: IAMClient, group: string): Promise<Look["inline"]> {
  const pages = sdk.paginateListGroupPolicies({ client: iam }, { GroupName: group });
  const names = (await orGone(all(pages, (page) => page.PolicyNames))) ?? [];
  return documentsOf(names, (PolicyName) =>
    iam.send(new sdk.GetGroupPolicyCommand({ GroupName: group, PolicyName })),
  );
}

type Credentials = Pick<
  Look,
  "keys" | "sshKeys" | "serviceCredentials" | "certificates" | "mfaDevices"
>;

/** Every credential but the password. */
async function credentialsOf(sdk: IamSdk, iam: IAMClient, name: string): Promise<Credentials> {
  const user = { UserName: name };
  const at = { client: iam };
  const [keys, sshKeys, services, certificates, devices] = await Promise.all([
    all(sdk.paginateListAccessKeys(at, user), (page) => page.AccessKeyMetadata),
    all(sdk.paginateListSSHPublicKeys(at, user), (page) => page.SSHPublicKeys),
    serviceCredentialsOf(sdk, iam, name),
    all(sdk.paginateListSigningCertificates(at, user), (page) => page.Certificates),
    all(sdk.paginateListMFADevices(at, user), (page) => page.MFADevices),
  ]);
  return {
    keys: keys.map(({ AccessKeyId, Status }) => credential(AccessKeyId, Status)),
    sshKeys: sshKeys.map(({ SSHPublicKeyId, Status }) => credential(SSHPublicKeyId, Status)),
    serviceCredentials: services,
    certificates: certificates.map(({ CertificateId, Status }) =>
      credential(CertificateId, Status),
    ),
    mfaDevices: devices.map(({ SerialNumber = "" }) => SerialNumber),
  };
}

/** The SDK has no paginator for these. */
async function serviceCredentialsOf(
  sdk: IamSdk,
  iam: IAMClient,
  name: string,
): Promise<Look["serviceCredentials"]> {
  const found: Look["serviceCredentials"] = [];
  let Marker: string | undefined;
  do {
    const command = new sdk.ListServiceSpecificCredentialsCommand({ UserName: name, Marker });
    const page = await iam.send(command);
    for (const one of listed(page.ServiceSpecificCredentials, page)) {
      const { ServiceSpecificCredentialId: id, Status, ServiceName: service = "" } = one;
      found.push({ ...credential(id, Status), service });
    }
    Marker = page.IsTruncated ? page.Marker : undefined;
  } while (Marker);
  return found;
}

function credential(id = "", status = ""): Credential {
  return { id, status };
}

async function documentsOf(
  names: string[],
  get: (name: string) => Promise<{ PolicyDocument?: string | undefined }>,
): Promise<Look["inline"]> {
  const found = await Promise.all(
    names.map(async (name) => ({ name, document: (await orGone(get(name)))?.PolicyDocument })),
  );
  return found.filter(
    (one): one is { name: string; document: string } => one.document !== undefined,
  );
}

function arnsIn(policies: { PolicyArn?: string | undefined }[]): string[] {
  return policies.map(({ PolicyArn = "" }) => PolicyArn);
}

/** Every element of every page. */
async function all<Page, Item>(
  pages: AsyncIterable<Page>,
  items: (page: Page) => Item[] | undefined,
): Promise<Item[]> {
  const found: Item[] = [];
  for await (const page of pages) found.push(...listed(items(page), page as object));
  return found;
}

/** The answer, or undefined where what was asked for is not there. */
async function orGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
