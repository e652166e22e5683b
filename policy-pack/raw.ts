import { Secret } from "@pulumi/policy";
import type { Props } from "./resource";

/**
 * The strings that stand for a value that is not known before deployment, one for each type.
 * Source: @pulumi/policy 1.21.0, proxy.js; the engine sends the string's for every type.
 */
const SENTINELS = [
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];

/** Is this what the SDK gives in place of a value that is not known? */
export function isUnknown(value: unknown): boolean {
  return typeof value === "string" && SENTINELS.includes(value);
}

/** Deeper than any resource; what is deeper is not read. */
const DEEPEST = 64;

/**
 * A resource's properties as plain values, with "unknown" for what is not known.
 *
 * The SDK hands properties over in a proxy that throws at the first unknown value, which ends the
 * whole policy with an advisory message: one unknown would hide a violation beside it. A property's
 * descriptor gives the value itself.
 */
export function plain(props: object): Props {
  return Object.fromEntries(Object.keys(props).map((key) => [key, plainValue(props, key)]));
}

/** One property as a plain value. */
export function plainValue(props: object, key: string): unknown {
  return copy(rawValue(props, key), 0);
}

/** One property past the proxy. */
export function rawValue(props: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(props, key)?.value;
}

function copy(value: unknown, depth: number): unknown {
  if (isUnknown(value) || depth > DEEPEST) return "unknown";
  // In remediation secrets come wrapped.
  if (value instanceof Secret) return copy(value.value, depth);
  if (Array.isArray(value)) return value.map((one) => copy(one, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [key, copy(held, depth + 1)]),
  );
}
