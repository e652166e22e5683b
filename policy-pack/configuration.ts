import type { PolicyConfigSchema } from "@pulumi/policy";
import { readCidr } from "../rulebook/cidr";
import type { PackSettings } from "./judge";

/** What a policy may be told in `--policy-pack-config`. */
export interface Configuration extends PackSettings {
  /** Path of the exemptions file, absolute or from the folder of the program's Pulumi.yaml. */
  exemptions?: string;
}

/** One key: what the engine checks of it, and what it cannot. */
interface Key {
  schema: PolicyConfigSchema["properties"][string];
  allowed: string;
  holds(value: unknown): boolean;
}

const LIST = /^pl-[0-9a-f]+$/;

const keys: Record<string, Key> = {
  sshPorts: {
    schema: { type: "array", items: { type: "integer" } },
    allowed: "a list of ports from 0 to 65535, at least one",
    holds: (value) =>
      isList(
        value,
        (port) => Number.isInteger(port) && Number(port) >= 0 && Number(port) <= 65535,
      ) && value.length > 0,
  },
  trustedCidrs: {
    schema: { type: "array", items: { type: "string" } },
    allowed: 'a list of CIDRs narrower than /1, or prefix list ids, like "203.0.113.0/24"',
    holds: (value) =>
      isList(value, (cidr) => typeof cidr === "string" && (LIST.test(cidr) || isNarrow(cidr))),
  },
  exemptions: {
    schema: { type: "string" },
    allowed: "the path of a YAML file",
    holds: (value) => typeof value === "string" && value !== "",
  },
};

/** For the engine, which checks types and lets unknown keys pass. No defaults: see `Configured`. */
export const configSchema: PolicyConfigSchema = {
  properties: Object.fromEntries(Object.entries(keys).map(([key, { schema }]) => [key, schema])),
};

/**
 * What the four policies are configured with. Each sees its own configuration alone; what one leaves
 * out is what the others were told, so that a key is written once.
 */
export class Configured {
  readonly #known = new Map<string, Record<string, unknown>>();

  /** Takes a policy's configuration; answers what is wrong with it, in words. */
  take(policy: string, given: object): string[] {
    const values = Object.entries(given).filter(([, value]) => value !== undefined);
    const wrong = values.flatMap(([key, value]) => complaint(policy, key, value));
    const right = values.filter(([key, value]) => known(key)?.holds(value));
    this.#known.set(policy, Object.fromEntries(right));
    return wrong;
  }

  /** The settings of one policy. */
  of(policy: string): Configuration {
    const others = Object.assign({}, ...this.#known.values());
    const { sshPorts, trustedCidrs, exemptions } = { ...others, ...this.#known.get(policy) };
    const trusted = (trustedCidrs ?? []) as string[];
    return {
      sshPorts: (sshPorts ?? [22]) as number[],
      trustedCidrs: trusted.filter((one) => !LIST.test(one)),
      trustedLists: trusted.filter((one) => LIST.test(one)),
      ...(exemptions !== undefined && { exemptions: exemptions as string }),
    };
  }
}

function complaint(policy: string, key: string, value: unknown): string[] {
  const about = known(key);
  if (about?.holds(value)) return [];
  const shown = JSON.stringify(value)?.slice(0, 80);
  return [
    about
      ? `configuration of ${policy}: ${key} is ${shown}, and must be ${about.allowed}`
      : `configuration of ${policy}: ${key} (${shown}) is none of its keys ${Object.keys(keys).join(", ")}`,
  ];
}

function known(key: string): Key | undefined {
  return Object.hasOwn(keys, key) ? keys[key] : undefined;
}

function isList(value: unknown, each: (one: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(each);
}

/** A list that trusts half of the internet is a mistake. */
function isNarrow(cidr: string): boolean {
  return readCidr(cidr) !== undefined && !/\/[01]$/.test(cidr);
}
