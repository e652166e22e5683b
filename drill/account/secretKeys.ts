import type { Params, Request } from "./wire";

/** What is known of a secret, as DescribeSecret tells it. */
export interface Secret {
  ARN: string;
  /** Absent: Secrets Manager's own key, which everybody in the account may use. */
  KmsKeyId?: string;
  VersionIdsToStages?: Record<string, string[]>;
}

/**
 * The calls that Secrets Manager makes to KMS in its caller's name: what it may not call for him
 * fails the request. Without the encryption context, which has the ARN that a secret is yet to get.
 *
 * @param secretOf looks a secret up by name or ARN.
 * Source: "How Secrets Manager uses your KMS key",
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
 */
export async function keyCalls(
  request: Request,
  secretOf: (id: string) => Promise<Secret | undefined>,
): Promise<Request[]> {
  const { service, params } = request;
  if (service !== "secretsmanager") return [];
  const secret = params.SecretId ? await secretOf(String(params.SecretId)) : undefined;
  const KeyId = secret?.KmsKeyId ?? params.KmsKeyId;
  if (!KeyId) return [];
  return actionsOf(request, secret).map((action) => ({
    ...request,
    service: "kms",
    action,
    params: { KeyId },
    via: service,
  }));
}

function actionsOf({ action, params }: Request, secret: Secret | undefined): string[] {
  switch (action) {
    case "CreateSecret":
      // The first two ask whether the caller may use the key at all.
      return ["GenerateDataKey", "Decrypt", ...(hasValue(params) ? ["GenerateDataKey"] : [])];
    case "PutSecretValue":
      // A version that is there is compared with what was sent.
      return isStored(params, secret) ? ["Decrypt"] : ["GenerateDataKey"];
    case "GetSecretValue":
      return ["Decrypt"];
    default:
      return [];
  }
}

function hasValue({ SecretString, SecretBinary }: Params): boolean {
  return SecretString !== undefined || SecretBinary !== undefined;
}

function isStored({ ClientRequestToken }: Params, secret: Secret | undefined): boolean {
  return Object.hasOwn(secret?.VersionIdsToStages ?? {}, String(ClientRequestToken));
}
