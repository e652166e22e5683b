import type { GetUserCommandOutput, IAMClient } from "@aws-sdk/client-iam";
import type { Grant } from "../../rulebook/admin";
import { awsManagedPolicy } from "../../rulebook/managedPolicies";
import { isGone } from "../cut";
import { believeGone, listed, noLook } from "../listed";
import { minified } from "./document";

/** The SDK module that a handler is given; its client is made once per sandbox. */
export type IamSdk = typeof import("../../sdk/iam");

/** A credential that IAM can switch off and on. */
export interface Credential {
  id: string;
  /** "Active" or "Inactive". */
  status: string;
}

/** A user as IAM shows it now. Documents are texts as IAM stores them, URL-encoded, but `minified`. */
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
  /** The calls that failed: what they would have shown is missing above. Absent: none did. */
  failed?: FailedLook[];
}

/** A call that was to show something, and why it did not. */
export interface FailedLook {
  /** As IAM policies write it: "iam:ListMFADevices". */
  call: string;
  /** The error's name and message. */
  error: string;
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
 * Everything that decides what a user may do and how he gets in, by calls side by side. One that
 * fails costs what it would have shown, and is in `failed`: a look that failed is no "nothing". Nor
 * is one that IAM contradicts itself about, or answers with what is no answer.
 *
 * @returns undefined where there is no such user.
 * @throws where none of the calls was answered, whatever IAM said to the first of them.
 */
export async function lookAtUser(
  sdk: IamSdk,
  iam: IAMClient,
  name: string,
): Promise<Look | undefined> {
  const user = { UserName: name };
  const looking = lookingOn(name);
  const { seen } = looking;
  const eye = { sdk, iam, seen };
  const documents: Look["documents"] = [];
  const withDocuments = async (arns: string[]) => {
    await Promise.all(
      arns.map(async (arn) => {
        if (documents.some((known) => known.arn === arn) || awsManagedPolicy(arn)) return;
        const look = policyDocument(sdk, iam, arn);
        const document = await seen(`iam:GetPolicyVersion of ${arn}`, look, undefined);
        if (document !== undefined) documents.push({ arn, document });
      }),
    );
    return arns;
  };
  const himself = iam.send(new sdk.GetUserCommand(user));
  const [boundary, attached, inline, groups, credentials, password] = await Promise.all([
    seen("iam:GetUser", boundaryOf(name, himself), undefined).then(async (arn) => {
      if (arn) await withDocuments([arn]);
      return arn;
    }),
    seen("iam:ListAttachedUserPolicies", attachedToUser(sdk, iam, name), []).then(withDocuments),
    inlineOfUser(eye, name),
    groupsOf(eye, name, withDocuments),
    credentialsOf(eye, name),
    seen("iam:GetLoginProfile", orGone(iam.send(new sdk.GetLoginProfileCommand(user))), undefined),
  ]);
  // He is not there if GetUser says so, and no other call has shown anything of him.
  if (!looking.shown && (await isNotThere(himself))) return undefined;
  if (!looking.answered) throw looking.first;
  return {
    attached,
    inline,
    groups,
    ...(boundary && { boundary }),
    ...credentials,
    password: password !== undefined,
    documents: documents.filter(
      ({ arn }, index) => documents.findIndex((one) => one.arn === arn) === index,
    ),
    ...(looking.failed.length > 0 && { failed: firstOf(looking.failed) }),
  };
}

/** Takes the calls of one look: what comes of each, and what stands for one that fails. */
interface Looking {
  seen<T>(call: string, look: Promise<T>, instead: T): Promise<T>;
  failed: FailedLook[];
  answered: boolean;
  /** Did a call show something that only a user who is there can have? */
  shown: boolean;
  first?: unknown;
}

type LookingEye = Pick<Looking, "seen"> & { sdk: IamSdk; iam: IAMClient };

function lookingOn(name: string): Looking {
  const looking: Looking = {
    failed: [],
    answered: false,
    shown: false,
    async seen(call, look, instead) {
      try {
        const found = await look;
        looking.answered = true;
        looking.shown ||= Array.isArray(found) ? found.length > 0 : found !== undefined;
        return found;
      } catch (error) {
        looking.first ??= error;
        const { name: kind, message } = error as Error;
        const contradiction = isGone(error) ? ` of user ${name}, who is there` : "";
        looking.failed.push({ call, error: `${kind}: ${message}${contradiction}`.slice(0, 500) });
        return instead;
      }
    },
  };
  return looking;
}

/** Failed calls that are told of one by one: a user's groups may have a thousand inline policies. */
const MOST_FAILED = 20;

/** The calls about the user himself come before those about one policy or group of his. */
function firstOf(failed: FailedLook[]): FailedLook[] {
  const ofOne = ({ call }: FailedLook) => call.includes(" of ");
  const all = [...failed.filter((one) => !ofOne(one)), ...failed.filter(ofOne)];
  const [next, ...rest] = all.slice(MOST_FAILED);
  if (!next || rest.length === 0) return all;
  const others = { call: `${next.call} and ${rest.length} more calls`, error: next.error };
  return [...all.slice(0, MOST_FAILED), others];
}

async function isNotThere(himself: Promise<unknown>): Promise<boolean> {
  return himself.then(
    () => false,
    (error) => isGone(error),
  );
}

/** What a look has not shown, in words: empty where it has shown all. */
export function unseen({ failed = [] }: Look): string[] {
  return failed.map(({ call, error }) => `${call} failed: ${error}`);
}

/** The calls that show a credential and no right. */
const CREDENTIALS =
  /^iam:(ListAccessKeys|ListSSHPublicKeys|ListServiceSpecificCredentials|ListSigningCertificates|ListMFADevices|GetLoginProfile)$/;

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
  const hidden = (look.failed ?? []).filter(
    ({ call }) => call !== "iam:GetUser" && !CREDENTIALS.test(call),
  );
  return [
    ...hidden.map(
      ({ call }): Grant => ({
        id: `unseen ${call}`,
        path: `${user} → what ${call} did not show`,
        document: "unknown",
      }),
    ),
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

/** The boundary in the rulebook's terms; one that was not shown may be any. */
export function boundaryGrant(look: Look): Grant | undefined {
  const { boundary } = look;
  if (look.failed?.some(({ call }) => call === "iam:GetUser")) {
    return {
      id: "boundary",
      path: "permissions boundary, which was not shown",
      document: "unknown",
    };
  }
  if (!boundary) return undefined;
  const document = look.documents.find((one) => one.arn === boundary)?.document ?? "unknown";
  return { id: "boundary", path: "permissions boundary", policyArn: boundary, document };
}

/**
 * A customer policy's default version, or the one that is asked for; undefined where it is gone.
 * URL-encoded, as IAM returns it, and `minified`.
 */
export async function policyDocument(
  sdk: IamSdk,
  iam: IAMClient,
  arn: string,
  version?: string,
): Promise<string | undefined> {
  const policy = version
    ? undefined
    : await goneTwice(() => iam.send(new sdk.GetPolicyCommand({ PolicyArn: arn })));
  const versionId = version ?? policy?.Policy?.DefaultVersionId;
  if (!versionId) return undefined;
  const input = { PolicyArn: arn, VersionId: versionId };
  const shown = await goneTwice(() => iam.send(new sdk.GetPolicyVersionCommand(input)));
  const document = shown?.PolicyVersion?.Document;
  return document === undefined ? undefined : minified(document);
}

/** Whoever asks has seen the policy in a list, so that one "not there" may be IAM's delay. */
async function goneTwice<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  return (await orGone(ask())) ?? (await orGone(ask()));
}

async function boundaryOf(
  name: string,
  himself: Promise<GetUserCommandOutput>,
): Promise<string | undefined> {
  const { User } = await himself;
  if (!User) throw noLook(`IAM's answer about user ${name} holds no user`);
  return User.PermissionsBoundary?.PermissionsBoundaryArn;
}

async function attachedToUser(sdk: IamSdk, iam: IAMClient, name: string): Promise<string[]> {
  const pages = sdk.paginateListAttachedUserPolicies({ client: iam }, { UserName: name });
  return arnsIn(await all(pages, (page) => page.AttachedPolicies));
}

async function inlineOfUser(eye: LookingEye, name: string): Promise<Look["inline"]> {
  const { sdk, iam, seen } = eye;
  const list = () =>
    all(
      sdk.paginateListUserPolicies({ client: iam }, { UserName: name }),
      (page) => page.PolicyNames,
    );
  const names = await seen("iam:ListUserPolicies", list(), []);
  return documentsOf(names, (PolicyName) => {
    const command = new sdk.GetUserPolicyCommand({ UserName: name, PolicyName });
    const inline = { name: PolicyName, of: `user ${name}`, get: () => iam.send(command), list };
    return seen(`iam:GetUserPolicy of ${PolicyName}`, inlineDocument(inline), undefined);
  });
}

async function groupsOf(
  eye: LookingEye,
  name: string,
  withDocuments: (arns: string[]) => Promise<string[]>,
): Promise<Look["groups"]> {
  const { sdk, iam, seen } = eye;
  const pages = sdk.paginateListGroupsForUser({ client: iam }, { UserName: name });
  const groups = await seen(
    "iam:ListGroupsForUser",
    all(pages, (page) => page.Groups),
    [],
  );
  return Promise.all(
    groups.map(async ({ GroupName = "" }) => {
      const look = attachedToGroup(sdk, iam, GroupName);
      const [attached, inline] = await Promise.all([
        seen(`iam:ListAttachedGroupPolicies of ${GroupName}`, look, []).then(withDocuments),
        inlineOfGroup(eye, GroupName),
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
  const [attached, inline] = groupPages(sdk, iam, group);
  const arns = async () => arnsIn(await all(attached(), (page) => page.AttachedPolicies));
  return noneIfGone(group, arns(), inline);
}

/** Names of the inline policies of a group; none where the group is gone. */
export async function inlineNamesOfGroup(
  sdk: IamSdk,
  iam: IAMClient,
  group: string,
): Promise<string[]> {
  const [attached, inline] = groupPages(sdk, iam, group);
  const names = all(inline(), (page) => page.PolicyNames);
  return noneIfGone(group, names, attached);
}

/** The two lists of a group, each of which tells whether the group is there. */
function groupPages(sdk: IamSdk, client: IAMClient, GroupName: string) {
  return [
    () => sdk.paginateListAttachedGroupPolicies({ client }, { GroupName }),
    () => sdk.paginateListGroupPolicies({ client }, { GroupName }),
  ] as const;
}

/** What a list of a group holds; nothing where the other list, too, says that the group is gone. */
async function noneIfGone(
  group: string,
  list: Promise<string[]>,
  other: () => AsyncGenerator<unknown>,
): Promise<string[]> {
  try {
    return await list;
  } catch (error) {
    await believeGone(error, `group ${group}`, () => other().next());
    return [];
  }
}

async function inlineOfGroup(eye: LookingEye, group: string): Promise<Look["inline"]> {
  const { sdk, iam, seen } = eye;
  const look = inlineNamesOfGroup(sdk, iam, group);
  const names = await seen(`iam:ListGroupPolicies of ${group}`, look, []);
  return documentsOf(names, (PolicyName) => {
    const call = `iam:GetGroupPolicy of ${PolicyName} of ${group}`;
    return seen(call, inlineOfGroupNamed(sdk, iam, group, PolicyName), undefined);
  });
}

/** The document of a group's inline policy; undefined where it is gone. */
export function inlineOfGroupNamed(
  sdk: IamSdk,
  iam: IAMClient,
  group: string,
  name: string,
): Promise<string | undefined> {
  const command = new sdk.GetGroupPolicyCommand({ GroupName: group, PolicyName: name });
  return inlineDocument({
    name,
    of: `group ${group}`,
    get: () => iam.send(command),
    list: () => inlineNamesOfGroup(sdk, iam, group),
  });
}

/**
 * The document of an inline policy, `minified`; undefined where it is gone. IAM's look-ups may lag
 * behind its changes, and one wrong "not there" would hide a grant: a list has to agree.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
 *
 * @param of who has it: "user bob".
 * @throws LookFailed where the list shows it, or the answer holds no document.
 */
export async function inlineDocument(inline: {
  name: string;
  of: string;
  get: () => Promise<{ PolicyDocument?: string | undefined }>;
  list: () => Promise<string[]>;
}): Promise<string | undefined> {
  const { name, of, get, list } = inline;
  const what = `inline policy ${name} of ${of}`;
  try {
    const { PolicyDocument } = await get();
    if (PolicyDocument === undefined) throw noLook(`IAM's answer about ${what} holds none`);
    return minified(PolicyDocument);
  } catch (error) {
    await believeGone(error, what, async () => {
      if (!(await list()).includes(name)) throw error;
    });
    return undefined;
  }
}

type Credentials = Pick<
  Look,
  "keys" | "sshKeys" | "serviceCredentials" | "certificates" | "mfaDevices"
>;

/** Every credential but the password. */
async function credentialsOf(eye: LookingEye, name: string): Promise<Credentials> {
  const { sdk, iam, seen } = eye;
  const user = { UserName: name };
  const at = { client: iam };
  const [keys, sshKeys, services, certificates, devices] = await Promise.all([
    seen(
      "iam:ListAccessKeys",
      all(sdk.paginateListAccessKeys(at, user), (page) => page.AccessKeyMetadata),
      [],
    ),
    seen(
      "iam:ListSSHPublicKeys",
      all(sdk.paginateListSSHPublicKeys(at, user), (page) => page.SSHPublicKeys),
      [],
    ),
    seen("iam:ListServiceSpecificCredentials", serviceCredentialsOf(sdk, iam, name), []),
    seen(
      "iam:ListSigningCertificates",
      all(sdk.paginateListSigningCertificates(at, user), (page) => page.Certificates),
      [],
    ),
    seen(
      "iam:ListMFADevices",
      all(sdk.paginateListMFADevices(at, user), (page) => page.MFADevices),
      [],
    ),
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

/** The inline policies of these names that are there. */
export async function documentsOf(
  names: string[],
  get: (name: string) => Promise<string | undefined>,
): Promise<Look["inline"]> {
  const found = await Promise.all(names.map(async (name) => ({ name, document: await get(name) })));
  return found.flatMap(({ name, document }) =>
    document === undefined ? [] : [{ name, document }],
  );
}

function arnsIn(policies: { PolicyArn?: string | undefined }[]): string[] {
  return policies.map(({ PolicyArn = "" }) => PolicyArn);
}

/** Every element of every page; what is no page is thrown. */
export async function all<Page, Item>(
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
