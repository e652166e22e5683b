import type { Finding } from "./judge";

/** Where each message and its fix are explained. */
export const DOCUMENTATION = "https://github.com/tourniquet/tourniquet#what-the-policy-pack-says";

/** What a person reads: the place, why, and the fix. The engine shows resource and policy before it. */
export function message({ place, reasons, fix }: Finding, exempt?: string): string {
  const why = reasons.join("; ");
  const lines = [
    place === "" ? why : `${place}: ${why}`,
    ...(exempt ? [`${exempt.charAt(0).toUpperCase()}${exempt.slice(1)}`] : []),
    `Fix: ${fix}`,
  ];
  return lines.join("\n");
}
