import type { Account, Credentials } from "./account/account";

// The SDK warns on Node 20 about versions of itself that are not the ones pinned here.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

/** A call to AWS as a scenario writes it: `iam:CreateUser` and its input. */
export interface CallSpec {
  service: Service;
  action: string;
  input: Record<string, unknown>;
}

/** What an SDK client is made of, as far as a call by name needs it. */
interface SdkClient {
  send(command: unknown): Promise<Record<string, unknown>>;
  destroy(): void;
}

type SdkModule = Record<string, new (input: unknown) => unknown>;

/** The services a scenario may call: its client, loaded when first asked for. */
const CLIENTS = {
  iam: ["IAMClient", () => require("@aws-sdk/client-iam")],
  ec2: ["EC2Client", () => require("@aws-sdk/client-ec2")],
  sts: ["STSClient", () => require("@aws-sdk/client-sts")],
  s3: ["S3Client", () => require("@aws-sdk/client-s3")],
  sns: ["SNSClient", () => require("@aws-sdk/client-sns")],
  cloudtrail: ["CloudTrailClient", () => require("@aws-sdk/client-cloudtrail")],
  secretsmanager: ["SecretsManagerClient", () => require("@aws-sdk/client-secrets-manager")],
} as const satisfies Record<string, readonly [client: string, load: () => SdkModule]>;

export type Service = keyof typeof CLIENTS;

/**
 * Reads `service:Action`.
 *
 * @returns a sentence about what is wrong where the SDK has no such call.
 */
export function parseCall(text: string): { service: Service; action: string } | string {
  const [service = "", action = "", ...rest] = text.split(":");
  if (!action || rest.length > 0) return `"${text}" is not a call such as iam:CreateUser`;
  if (!Object.hasOwn(CLIENTS, service)) {
    return `"${service}" is none of the services ${Object.keys(CLIENTS).join(", ")}`;
  }
  const sdk = CLIENTS[service as Service][1]() as SdkModule;
  if (!sdk[`${action}Command`]) return `${service} has no call "${action}"`;
  return { service: service as Service, action };
}

/**
 * Makes calls by name, each signed as the given principal, against one stand-in account.
 *
 * Nothing is retried: a refused or throttled call of a scenario is what it is, and the record of
 * every attempt would become an event.
 */
export class Caller {
  readonly #account: Account;
  readonly #clients = new Map<string, SdkClient>();

  constructor(account: Account) {
    this.#account = account;
  }

  /** The response, without the SDK's own metadata. Errors of the SDK go up untouched. */
  async call(spec: CallSpec, credentials: Credentials): Promise<Record<string, unknown>> {
    const sdk = CLIENTS[spec.service][1]() as SdkModule;
    const Command = sdk[`${spec.action}Command`] as new (input: unknown) => unknown;
    const { $metadata, ...response } = await this.#client(spec.service, credentials).send(
      new Command(spec.input),
    );
    return response;
  }

  /** Closes the connections. */
  close(): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }

  #client(service: Service, credentials: Credentials): SdkClient {
    const key = `${service} ${credentials.accessKeyId}`;
    const known = this.#clients.get(key);
    if (known) return known;
    const [name, load] = CLIENTS[service];
    const Client = (load() as SdkModule)[name] as new (config: unknown) => SdkClient;
    const client = new Client({
      endpoint: this.#account.endpoint,
      region: this.#account.region,
      credentials,
      maxAttempts: 1,
      ...(service === "s3" && { forcePathStyle: true }),
    });
    this.#clients.set(key, client);
    return client;
  }
}

const REFUSALS = [
  "AccessDenied",
  "AccessDeniedException",
  "AuthorizationError",
  "AuthFailure",
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "UnauthorizedOperation",
  "UnrecognizedClientException",
];

/**
 * Does this error code say that the caller may not, or that his key is no longer one?
 * Source: "Common errors" of the API references of IAM, EC2, S3, SNS and Secrets Manager.
 */
export function isRefusal(code: string | undefined): boolean {
  return code !== undefined && REFUSALS.includes(code);
}

/** Does this error code say that the thing is not there? EC2 and S3 name the thing in it. */
export function isMissing(code: string): boolean {
  return /^NoSuch|NotFound(Exception)?$/.test(code);
}

/** The error code of what the SDK threw: its `name`. */
export function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error);
}

const READS =
  /^(Get|List|Describe|Head|Search|Lookup|Simulate|Generate|Decrypt|AssumeRole|Batch(Get|Describe))/;

/** Does an API action leave everything as it is? Judged by its verb, as AWS names them. */
export function isRead(action: string): boolean {
  return READS.test(action);
}
