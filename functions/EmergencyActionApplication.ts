import type {
  SecretsManagerClient,
  SecretVersionsListEntry,
} from "@aws-sdk/client-secrets-manager";
import type { ApplicationUserSubject } from "../events/incident";
import { boundaryGrant, type IamSdk, lookActions } from "./account/look";
import {
  type AccountHand,
  type AccountSettings,
  deactivate,
  deletePassword,
  type FoundUser,
  findUser,
  grantKey,
  lookProves,
  patiently,
  takeGrants,
} from "./account/user";
import { userAfter } from "./after";
import {
  addToCase,
  type BranchInput,
  type Case,
  type CaseSubject,
  lookedAgain,
  openCase,
  type Pass,
} from "./case";
import { clientTimes } from "./client";
import { cutting, isGone, triesOf } from "./cut";
import { listed } from "./listed";

type SecretsSdk = typeof import("@aws-sdk/client-secrets-manager");

/** What the handler calls; its role is granted exactly this, and the cuts only in `enforce`. */
export const emergencyActionApplicationActions = {
  looks: [
    ...lookActions.users,
    ...lookActions.groups,
    ...lookActions.policies,
    "iam:GetAccessKeyLastUsed",
    "secretsmanager:DescribeSecret",
    "secretsmanager:ListSecretVersionIds",
  ],
  cuts: [
    "iam:UpdateAccessKey",
    "iam:DeleteLoginProfile",
    "iam:DetachUserPolicy",
    "iam:DeleteUserPolicy",
    "iam:RemoveUserFromGroup",
  ],
  /** The exception to "can only take away": for the users of `applicationUsers` only. */
  rotation: [
    "iam:CreateAccessKey",
    "iam:DeleteAccessKey",
    "secretsmanager:CreateSecret",
    "secretsmanager:PutSecretValue",
  ],
  /** What Secrets Manager calls in the role's name, to encrypt a secret by the stack's key. */
  key: { looks: [], cuts: ["kms:GenerateDataKey", "kms:Decrypt"] },
};

interface Hand extends Omit<AccountHand, "denyAll"> {
  secrets: SecretsManagerClient;
  secretsSdk: SecretsSdk;
  /** What the names of all secrets begin with: "tourniquet-lab/application". */
  secretPrefix: string;
  /** ARN of the KMS key that encrypts the secrets; into one with another key nothing is put. */
  secretKey: string;
}

/**
 * Rotates the credentials of a user that runs an application, and takes the record's admin grant
 * away; its other permissions stay.
 *
 * A key that the record made goes inactive at once, since no application uses it yet. A key that
 * the application may use goes only when its replacement is in Secrets Manager. Runs once per cold
 * start and returns the handler; running it twice is harmless: one replacement since the event
 * answers it, and every other event of the same burst.
 */
export function emergencyActionApplication(
  sdk: IamSdk,
  secretsSdk: SecretsSdk,
  settings: AccountSettings,
) {
  const iam = new sdk.IAMClient(clientTimes);
  const secrets = new secretsSdk.SecretsManagerClient(clientTimes);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const later = input.case !== undefined;
    const actions: Case["actions"] = [];
    const hand: Hand = {
      sdk,
      iam,
      secrets,
      secretsSdk,
      cut: cutting(settings.mode, actions, before.actions),
      settings,
      secretPrefix: process.env.SECRET_PREFIX ?? "",
      secretKey: process.env.SECRET_KEY_ARN ?? "",
    };
    const users = input.incident.subjects.filter((one) => one.kind === "applicationUser");
    const passes = await Promise.all(users.map((user) => rotate(hand, user, input, later)));
    const after = addToCase(before, passes, actions);
    return later ? lookedAgain(after) : after;
  };
}

/**
 * The id of the secret's version that answers an event: the event's own, where it can be one.
 * Source: Secrets Manager API Reference, CreateSecret, ClientRequestToken: 32 to 64 characters.
 */
function versionOf({ incident, caseId }: BranchInput): string {
  const { id } = incident.event;
  return /^[\w-]{32,64}$/.test(id) ? id : caseId.slice(0, 64).padEnd(32, "0");
}

async function rotate(
  hand: Hand,
  user: ApplicationUserSubject,
  input: BranchInput,
  later: boolean,
): Promise<Pass> {
  const recordKey = user.accessKeyId?.startsWith("AKIA") ? user.accessKeyId : undefined;
  const stolen = recordKey !== user.actorKeyId ? recordKey : undefined;
  const [found] = await Promise.all([
    later ? findUser(hand, user) : patiently(() => findUser(hand, user)),
    // Nothing is awaited before the first cut, where the record proves the incident.
    user.proved && !later && stolen && deactivate(hand, user.name, stolen),
  ]);
  if (!found) {
    const text = `Application user ${user.name} is not there (any more): nothing was rotated`;
    return user.proved ? { alerts: [text] } : { notes: [text] };
  }
  if (!user.proved && !later) {
    const judgement = lookProves(found, user, hand.settings.exemptions);
    if (judgement.answer !== "yes") {
      const note = `Application user ${found.name} is no admin by this: ${judgement.reasons.join("; ")}`;
      return { notes: [note], alerts: judgement.answer === "unknown" ? [note] : [] };
    }
  }
  const since = new Date(input.incident.event.time);
  const answer = { version: versionOf(input), since, stolen };
  const pass = await replaceCredentials(hand, user, found, answer);
  if (!later) return pass;
  return { ...pass, after: { [`applicationUser ${found.name}`]: userAfter(found.look) } };
}

/** What a replacement answers. */
interface Answer {
  version: string;
  /** The event's time; an invalid date where the record has none. */
  since: Date;
  stolen: string | undefined;
}

async function replaceCredentials(
  hand: Hand,
  user: ApplicationUserSubject,
  found: FoundUser,
  answer: Answer,
): Promise<Pass> {
  const { stolen } = answer;
  const { name, look } = found;
  const secret = secretName(hand.secretPrefix, name);
  const active = (id: string | undefined) =>
    id !== undefined && look.keys.some((key) => key.id === id && key.status === "Active");

  const grants = user.grant ? [grantKey(user.grant)] : [];
  const [replaced] = await Promise.all([
    ensureReplacement(hand, found, secret, answer),
    active(stolen) && deactivate(hand, name, stolen as string),
    look.password && deletePassword(hand, name),
    ...takeGrants(hand, name, look, grants),
  ]);
  const own = user.actorKeyId;
  if (replaced.ready && active(own)) await deactivate(hand, name, own as string);

  const others = look.keys.filter(({ id }) => active(id) && id !== stolen && id !== own);
  const notes = [
    ...replaced.notes,
    ...others
      .filter(({ id }) => id !== replaced.keyId && !replaced.before)
      .map(
        ({ id }) =>
          `Key ${id} of ${name} still works: move the application to ${secret}, then switch it off`,
      ),
    ...(boundaryGrant(look) ? [`The boundary of ${name} was left as it is`] : []),
  ];
  const subject: CaseSubject = {
    kind: "applicationUser",
    name,
    ...(stolen && { accessKeyId: stolen }),
    before: look,
    secret,
  };
  return { subjects: [subject], notes, open: replaced.ready ? [] : replaced.notes };
}

interface Replacement {
  /** The secret holds a key that answers this event. */
  ready: boolean;
  /** An earlier pass or execution had made it. */
  before?: boolean;
  keyId?: string;
  notes: string[];
}

async function ensureReplacement(
  hand: Hand,
  { name, look }: FoundUser,
  secret: string,
  { version, since, stolen }: Answer,
): Promise<Replacement> {
  const stored = await storedVersions(hand, secret);
  if (stored && stored.key !== hand.secretKey) {
    return { ready: false, notes: [othersCanRead(hand, secret, stored)] };
  }
  if (stored && (stored.ids.includes(version) || stored.made >= since)) {
    return { ready: true, before: true, notes: [] };
  }

  const spare = look.keys.find(({ id, status }) => id === stolen || status === "Inactive");
  if (look.keys.length >= 2 && !spare) {
    const ids = look.keys.map(({ id }) => id).join(" and ");
    const note = `${name} has two keys in use (${ids}), so no replacement could be made: switch one off, and start the execution again`;
    return { ready: false, notes: [note] };
  }
  if (look.keys.length >= 2 && spare) await deleteKey(hand, name, spare.id);

  let made: { id: string; secretKey: string } | undefined;
  let attempts = 1;
  const command = new hand.sdk.CreateAccessKeyCommand({ UserName: name });
  const created = await hand.cut("iam:CreateAccessKey", `user ${name}`, command, async () => {
    const answer = await hand.iam.send(command).catch((error) => {
      attempts = triesOf(error);
      throw error;
    });
    attempts = triesOf(answer);
    const { AccessKey } = answer;
    const { AccessKeyId: id, SecretAccessKey: secretKey } = AccessKey ?? {};
    // A secret without a key would pass for a replacement.
    if (!id || !secretKey) throw new Error("IAM's answer holds no key");
    made = { id, secretKey };
  });
  const isMade = created === "done" || created === "would";
  // An answer can have been lost only where the SDK asked again.
  const lost =
    attempts > 1 ? await deleteLostKeys(hand, { name, look }, secret, stored, made?.id) : [];
  if (!isMade) {
    return { ready: false, notes: [`No replacement key for ${name} could be made`, ...lost] };
  }
  const kept = await storeKey(hand, secret, version, stored !== undefined, made);
  if (kept !== "done" && kept !== "would") {
    if (made) await deleteKey(hand, name, made.id);
    return {
      ready: false,
      notes: [`The replacement key for ${name} could not be stored in ${secret}`],
    };
  }
  return {
    ready: true,
    ...(made && { keyId: made.id }),
    notes: [
      ...(made ? [`The new key ${made.id} of ${name} is in the secret ${secret}`] : []),
      ...lost,
    ],
  };
}

/**
 * PutSecretValue encrypts by the key that the secret has. Whoever made the secret first, with a key
 * and a resource policy of his choice, would read the replacement.
 * Source: Secrets Manager API Reference, PutSecretValue,
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
 */
function othersCanRead({ secretKey }: Hand, secret: string, { key }: Stored): string {
  return (
    `The secret ${secret} is encrypted by ${key ?? "Secrets Manager's own key"} and not by the stack's, so others ` +
    "may read it, and no replacement was made: see who made it and whom " +
    `aws secretsmanager get-resource-policy --secret-id ${secret} lets in, then give it the stack's key, ` +
    `aws secretsmanager update-secret --secret-id ${secret} --kms-key-id ${secretKey}, and start the execution again`
  );
}

/** How long another execution may take from its key to the secret that holds it. */
const STORED_MS = 3000;

/**
 * A key whose answer was lost on its way is there, takes a slot, and its secret is nowhere: what
 * appeared while the replacement was made goes. Unless another execution has put a key of its own
 * into the secret meanwhile: then a person has to tell which is which.
 */
async function deleteLostKeys(
  hand: Hand,
  { name, look }: FoundUser,
  secret: string,
  before: Stored | undefined,
  replacement: string | undefined,
): Promise<string[]> {
  await new Promise((resolve) => setTimeout(resolve, STORED_MS));
  const [there, now] = await Promise.all([keysOf(hand, name), storedVersions(hand, secret)]);
  const lost = there.filter(
    (id) => id !== replacement && !look.keys.some((known) => known.id === id),
  );
  if (now?.current !== before?.current) {
    return lost.map(
      (id) =>
        `Key ${id} of ${name} appeared while the replacement was made: see whether ${secret} holds it, and delete it otherwise`,
    );
  }
  await Promise.all(lost.map((id) => deleteKey(hand, name, id)));
  return lost.map(
    (id) => `Key ${id} of ${name} appeared while the replacement was made, and was deleted`,
  );
}

async function keysOf({ sdk, iam }: Hand, UserName: string): Promise<string[]> {
  const found: string[] = [];
  for await (const page of sdk.paginateListAccessKeys({ client: iam }, { UserName })) {
    found.push(...listed(page.AccessKeyMetadata, page).map(({ AccessKeyId = "" }) => AccessKeyId));
  }
  return found;
}

/** The input that goes into the case names the secret and nothing of its content. */
function storeKey(
  { secretsSdk, secrets, secretKey, cut }: Hand,
  secret: string,
  version: string,
  exists: boolean,
  key: { id: string; secretKey: string } | undefined,
) {
  const SecretString = JSON.stringify({ accessKeyId: key?.id, secretAccessKey: key?.secretKey });
  const content = { ClientRequestToken: version, SecretString };
  const made = { Name: secret, KmsKeyId: secretKey };
  return exists
    ? cut("secretsmanager:PutSecretValue", secret, { input: { SecretId: secret } }, () =>
        secrets.send(new secretsSdk.PutSecretValueCommand({ SecretId: secret, ...content })),
      )
    : cut("secretsmanager:CreateSecret", secret, { input: made }, () =>
        secrets.send(new secretsSdk.CreateSecretCommand({ ...made, ...content })),
      );
}

/** What is known of a secret without reading it. */
interface Stored {
  /** Of the versions that have a stage. */
  ids: string[];
  /** Id of the version that applications read: AWSCURRENT. */
  current: string | undefined;
  /** When that version was made. The secret's own last change may be that of a tag. */
  made: Date;
  /**
   * The ARN of its KMS key, where it was given as one; absent: Secrets Manager's own.
   * Source: Secrets Manager API Reference, DescribeSecret, KmsKeyId,
   * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
   */
  key: string | undefined;
}

/**
 * A secret's versions and its key; undefined where there is no such secret.
 * Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
 */
async function storedVersions(
  { secretsSdk, secrets }: Hand,
  secret: string,
): Promise<Stored | undefined> {
  try {
    const SecretId = secret;
    const [{ KmsKeyId: key }, versions] = await Promise.all([
      secrets.send(new secretsSdk.DescribeSecretCommand({ SecretId })),
      versionsOf(secretsSdk.paginateListSecretVersionIds({ client: secrets }, { SecretId })),
    ]);
    const current = versions.find((one) => one.VersionStages?.includes("AWSCURRENT"));
    return {
      ids: versions.map(({ VersionId = "" }) => VersionId),
      current: current?.VersionId,
      made: current?.CreatedDate ?? new Date(0),
      key,
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function versionsOf(
  pages: AsyncIterable<{ Versions?: SecretVersionsListEntry[] | undefined }>,
) {
  const found: SecretVersionsListEntry[] = [];
  for await (const page of pages) found.push(...listed(page.Versions));
  return found;
}

function deleteKey({ sdk, iam, cut }: Hand, UserName: string, AccessKeyId: string) {
  const command = new sdk.DeleteAccessKeyCommand({ UserName, AccessKeyId });
  return cut("iam:DeleteAccessKey", `user ${UserName}`, command, () => iam.send(command));
}

/**
 * A user's name may hold a comma, a secret's may not; no user's name holds a slash.
 * Source: Secrets Manager API Reference, CreateSecret, Name: letters, digits and /_+=.@-
 */
function secretName(prefix: string, user: string): string {
  return `${prefix}/${user.replaceAll(",", "/comma/")}`;
}
