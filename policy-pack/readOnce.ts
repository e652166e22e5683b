/** How the SDK makes plain values of what the engine sends. */
type Read = (properties: object, keepsSecrets: boolean) => unknown;

/**
 * Lets the SDK read what the engine sends once, and not once for each policy: of ten thousand
 * resources that is more than all the judging. The policies here change nothing of what they read.
 * Remediation, which does, goes on reading for itself. Where the SDK is built otherwise, nothing is
 * changed.
 * Source: @pulumi/policy 1.21.0, server.js and deserialize.js
 */
export function readOnce(): void {
  const sdk = internals();
  const read = sdk?.deserializeProperties;
  if (sdk === undefined || read === undefined) return;
  const known = new WeakMap<object, unknown>();
  sdk.deserializeProperties = (properties, keepsSecrets) => {
    if (keepsSecrets || typeof properties !== "object") return read(properties, keepsSecrets);
    if (!known.has(properties)) known.set(properties, read(properties, keepsSecrets));
    return known.get(properties);
  };
}

function internals(): { deserializeProperties?: Read } | undefined {
  try {
    return require("@pulumi/policy/deserialize");
  } catch {
    return undefined;
  }
}
