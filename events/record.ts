/** Fields of a JSON object; anything else has none. */
export type Fields = Record<string, unknown>;

/** The fields of a value that should be an object. A list, a text or null has no fields. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}

/** ARNs and identifiers in a record are shorter than this; what is longer is not one. */
const LONGEST_TEXT = 2048;
const CONTROL_CHARACTERS = /\p{Cc}/u;

/** A field that should be a text: undefined where it is missing, empty, over-long or hostile. */
export function textIn(fields: Fields, key: string): string | undefined {
  if (!Object.hasOwn(fields, key)) return undefined;
  const value = fields[key];
  if (typeof value !== "string" || value === "" || value.length > LONGEST_TEXT) return undefined;
  return CONTROL_CHARACTERS.test(value) ? undefined : value;
}

/**
 * Users have at most 64 characters, groups and policies 128.
 * Source: IAM API Reference, CreateUser and CreateGroup: [\w+=,.@-]+
 */
const IAM_NAME = /^[\w+=,.@-]{1,128}$/;

/** A field that should be the name of an IAM user, group or policy; undefined where it is not. */
export function nameIn(fields: Fields, key: string): string | undefined {
  const text = textIn(fields, key);
  return text !== undefined && IAM_NAME.test(text) ? text : undefined;
}

/**
 * CloudTrail leaves parameters out that are too large, and says so in their place.
 *
 * Source: CloudTrail User Guide, "CloudTrail record contents": requestParameters over 100 KB are
 * replaced, https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
export function isOmitted(value: unknown): boolean {
  return fieldsOf(value).omitted === true;
}

/**
 * What EC2's records wrap a list in: `{ items: [...] }`; an empty list is `{}`. A single element
 * may stand alone, as in ModifySecurityGroupRules.
 */
export function listIn(value: unknown): Fields[] {
  const items = Array.isArray(value) ? value : (fieldsOf(value).items ?? []);
  return (Array.isArray(items) ? items : [items]).map(fieldsOf);
}

const LARGEST_RECORD_BYTES = 32 * 1024;

/**
 * What the services call a secret in requests and responses; CloudTrail hides most of them itself.
 * Sources: the IAM API Reference (AccessKey, ServiceSpecificCredential, CreateLoginProfile,
 * ChangePassword, EnableMFADevice, CreateVirtualMFADevice, UploadServerCertificate), the STS one
 * (Credentials), the Secrets Manager one (PutSecretValue), the EC2 one (CreateKeyPair).
 */
export const SECRET_FIELDS = [
  "secretAccessKey",
  "sessionToken",
  "password",
  "oldPassword",
  "newPassword",
  "servicePassword",
  "serviceSpecificPassword",
  "serviceCredentialSecret",
  "authenticationCode1",
  "authenticationCode2",
  "base32StringSeed",
  "qRCodePNG",
  "privateKey",
  "keyMaterial",
  "secretString",
  "secretBinary",
].map((name) => name.toLowerCase());

/**
 * The record as evidence, at most 32 KB of JSON: later states carry it, and Step Functions ends an
 * execution whose state exceeds 256 KB in a way that no Catch sees.
 *
 * Parameters and responses go first, whole, each replaced by its size; then everything but the
 * record's own short texts. A secret has no place in a record; one that is there all the same is
 * hidden.
 * Source: Step Functions Developer Guide, "Error names": States.DataLimitExceeded is not caught by
 * States.ALL, https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export function cutRecord(record: Fields): unknown {
  const whole = encode(record);
  if (whole !== undefined && bytes(whole) <= LARGEST_RECORD_BYTES) return JSON.parse(whole);
  const cut = Object.fromEntries(
    Object.entries(record).map(([key, value]) => {
      const text = encode(value);
      if (text === undefined) return [key, { cut: true }];
      return bytes(text) <= 1024
        ? [key, JSON.parse(text)]
        : [key, { cut: true, bytes: bytes(text) }];
    }),
  );
  const short = encode(cut);
  return short !== undefined && bytes(short) <= LARGEST_RECORD_BYTES
    ? JSON.parse(short)
    : { cut: true, eventName: textIn(record, "eventName"), eventID: textIn(record, "eventID") };
}

/** JSON text without secrets; undefined for what JSON cannot hold, a nesting too deep among it. */
function encode(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (key, inner) =>
      SECRET_FIELDS.includes(key.toLowerCase()) && inner !== null ? "(hidden)" : inner,
    );
  } catch {
    return undefined;
  }
}

function bytes(text: string): number {
  return Buffer.byteLength(text, "utf8");
}
