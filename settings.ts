import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type { NewCredentials } from "./events/iam";
import type { BreakSessions } from "./functions/BreakSessions";
import type { Mode } from "./functions/case";
import type { AttachedGroups } from "./functions/infrastructure/close";
import type { SyncedGroup } from "./functions/syncedGroups/plan";
import { rangesName } from "./ipRanges/document";
import { isPrefixList, rangesWrong, trustedSources } from "./ipRanges/trusted";
import { readCidr } from "./rulebook/cidr";
import { type Exemption, readExemptions } from "./rulebook/exemptions";
import { sshOpenToWorld } from "./rulebook/ssh";

/** What the owner has decided; every key of `Pulumi.<stack>.yaml`, validated. */
export interface Settings {
  mode: Mode;
  sshPorts: number[];
  /** CIDRs alone: published ranges are already their CIDRs. */
  trustedCidrs: string[];
  /** The prefix lists among `trustedCidrs`, by id. */
  trustedLists: string[];
  openSsh: "remove" | "restrict";
  syncedGroups: SyncedGroup[];
  breakSessions: BreakSessions;
  sessionBlockMinutes: number;
  attachedGroups: AttachedGroups;
  newCredentials: NewCredentials;
  guardDutySeverity: number;
  applicationUsers: string[];
  protectedPrincipals: string[];
  trustedActors: string[];
  containActor: boolean;
  containRoles: boolean;
  acceptLockout: boolean;
  /** "": nobody is subscribed. */
  alertEmail: string;
  exemptions: Exemption[];
}

/** Where the deployed `trustedActors` lie in the case bucket, as a JSON list; a restore reads them. */
export const trustedActorsKey = "settings/trustedActors.json";

/** One key: its type and default as `Pulumi.yaml` has them, and what is wrong with a value. */
interface Key {
  type: "string" | "boolean" | "integer" | "array";
  /**
   * Of objects no field can be declared: `wrong` judges them. The CLI knows them since July 2025.
   * Source: https://github.com/pulumi/pulumi/pull/20132
   */
  items?: "string" | "integer" | "object";
  default?: unknown;
  description: string;
  /** What the value should be, where it is not that; undefined where it is right. */
  wrong: (value: unknown) => string | undefined;
}

/** Every key, in the order of the README's table. `Pulumi.yaml` repeats them; a test compares. */
export const keys: Record<Exclude<keyof Settings, "exemptions" | "trustedLists">, Key> = {
  mode: {
    type: "string",
    default: "observe",
    description: "observe does every look and no change; enforce contains",
    wrong: oneOf("observe", "enforce"),
  },
  sshPorts: {
    type: "array",
    items: "integer",
    default: [22],
    description: "ports that carry SSH here",
    wrong: listOf(isPort, "ports, whole numbers from 0 to 65535, at least one, e.g. [22]", 1),
  },
  trustedCidrs: {
    type: "array",
    items: "string",
    default: [],
    description:
      "sources that SSH may stay open to: CIDRs, prefix lists (pl-…), published ranges (aws:SERVICE[:REGION])",
    wrong: trustedCidrsWrong,
  },
  openSsh: {
    type: "string",
    default: "remove",
    description:
      "remove the rules that open SSH, or restrict SSH to trustedCidrs and keep other ports",
    wrong: oneOf("remove", "restrict"),
  },
  syncedGroups: {
    type: "array",
    items: "object",
    default: [],
    description: "security groups that are kept at the published ranges of an AWS service",
    wrong: syncedGroupsWrong,
  },
  breakSessions: {
    type: "string",
    default: "true",
    description:
      "block live sessions in the network ACL: true, false, only-exclusive (where nobody else is hit)",
    wrong: (value) =>
      ["true", "false", "only-exclusive"].includes(String(value))
        ? undefined
        : "one of true, false, only-exclusive",
  },
  sessionBlockMinutes: {
    type: "integer",
    default: 60,
    description: "after which the block of the network ACL is lifted again, from 1 to 1440",
    wrong: (value) =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1440
        ? undefined
        : "a whole number of minutes from 1 to 1440",
  },
  attachedGroups: {
    type: "string",
    default: "alert",
    description: "an open security group is put on an interface or instance: alert, or close it",
    wrong: oneOf("alert", "close"),
  },
  newCredentials: {
    type: "string",
    default: "admins",
    description: "contain the owner of a new credential: always, admins (only if an admin), never",
    wrong: oneOf("always", "admins", "never"),
  },
  guardDutySeverity: {
    type: "integer",
    default: 7,
    description: "GuardDuty findings from this severity on contain the user, milder ones alert",
    wrong: (value) =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 10
        ? undefined
        : "a whole number from 1 to 10",
  },
  applicationUsers: {
    type: "array",
    items: "string",
    default: [],
    description: "name patterns (*, ?) of users that run applications: rotated, not contained",
    wrong: listOf(
      (value) => isText(value) && /^[\w+=,.@*?-]{1,64}$/.test(value) && !/^[*?]+$/.test(value),
      'names of IAM users with * and ?, that do not match every user, e.g. ["app-*"]',
    ),
  },
  protectedPrincipals: {
    type: "array",
    items: "string",
    default: [],
    description: "break-glass user names, exact: never contained, always alerted",
    wrong: listOf(
      (value) => isText(value) && /^[\w+=,.@-]{1,64}$/.test(value),
      'exact names of IAM users, without patterns, e.g. ["break-glass"]',
    ),
  },
  trustedActors: {
    type: "array",
    items: "string",
    default: [],
    description: "ARN patterns (*, ?) of principals whose own changes are not incidents",
    wrong: listOf(
      (value) => isText(value) && /^arn:[^:]+:(iam|sts)::[^:]+:[^:*?/]+\/.*[^*?/]/.test(value),
      'ARN patterns that name a user or role, e.g. ["arn:aws:iam::123456789012:role/pipeline"]',
    ),
  },
  containActor: {
    type: "boolean",
    default: false,
    description: "contain the calling user as well as the user, group or policy of his call",
    wrong: isFlag,
  },
  containRoles: {
    type: "boolean",
    default: false,
    description:
      "contain roles that were made admins or opened to strangers, calling roles, and roles of which a contained user has sessions",
    wrong: isFlag,
  },
  acceptLockout: {
    type: "boolean",
    default: false,
    description: "let enforce run without protectedPrincipals and without trustedActors",
    wrong: isFlag,
  },
  // The CLI wants every key that Pulumi.yaml declares to be set or to have a default: "" is nobody.
  alertEmail: {
    type: "string",
    default: "",
    description: "subscribed to the alert topic",
    wrong: (value) =>
      value === "" || (isText(value) && /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(value))
        ? undefined
        : "one e-mail address, e.g. security@example.com",
  },
};

/** Keys that are designed and not built: setting one is an error and not a silent nothing. */
export const laterKeys: Record<string, string> = {
  maxContainmentsPerHour: "containments are not counted yet; holding a burst",
  watchedRegions: "only the home region is watched; forwarding from others",
  memberAccounts: "only this account is contained; member accounts",
  organizationId: "only this account is contained; member accounts",
};

/**
 * Reads and validates the stack's settings and the exemptions file.
 *
 * @param config the stack's configuration, keys with their namespace: "tourniquet:mode".
 * @param exemptionsFile path of a YAML list; a missing file is an error, an empty list is not.
 * @throws one error that names every wrong key, its value and what is allowed.
 */
export function readSettings(config: Record<string, string>, exemptionsFile: string): Settings {
  const project = "tourniquet:";
  const given = Object.entries(config)
    .filter(([key]) => key.startsWith(project))
    .map(([key, text]): [string, unknown] => [key.slice(project.length), settingIn(text)]);

  const complaints = given.flatMap(([key, value]) => complaint(key, value) ?? []);
  const defaults = Object.entries(keys).map(([key, one]) => [key, one.default]);
  const settings = { ...Object.fromEntries(defaults), ...Object.fromEntries(given) } as Settings;
  if (complaints.length === 0) complaints.push(...lockout(settings));
  if (complaints.length > 0) throw new Error(complaints.join("\n"));
  return {
    ...settings,
    ...trustedSources(settings.trustedCidrs),
    syncedGroups: settings.syncedGroups.map((one) => ({ ...SYNCED_DEFAULTS, ...one })),
    breakSessions: whose(settings.breakSessions),
    exemptions: exemptionsIn(exemptionsFile),
  };
}

/** A key of `Pulumi.yaml` has one type, and this one's is text. */
function whose(breakSessions: unknown): BreakSessions {
  return breakSessions === "only-exclusive" ? breakSessions : String(breakSessions) === "true";
}

/** Pulumi hands objects over as JSON, and a text as it is. */
function settingIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function complaint(key: string, value: unknown): string | undefined {
  const shown = JSON.stringify(value);
  if (Object.hasOwn(laterKeys, key)) {
    return `tourniquet:${key} is ${shown}, but ${laterKeys[key]} comes later. Remove the key.`;
  }
  if (!Object.hasOwn(keys, key)) {
    return `tourniquet:${key} is no setting. The settings are ${Object.keys(keys).join(", ")}.`;
  }
  const allowed = keys[key as keyof typeof keys].wrong(value);
  return allowed && `tourniquet:${key} is ${shown}. It should be ${allowed}.`;
}

function lockout(settings: Settings): string[] {
  const { mode, acceptLockout, protectedPrincipals, trustedActors } = settings;
  if (mode !== "enforce" || acceptLockout) return [];
  if (protectedPrincipals.length + trustedActors.length > 0) return [];
  return [
    'tourniquet:mode is "enforce", with nobody in protectedPrincipals or trustedActors: an incident ' +
      "could lock out everybody who could undo it. Name a break-glass user or the pipeline's role, " +
      "or set tourniquet:acceptLockout to true.",
  ];
}

/** A malformed entry exempts nothing, and the preview says so. */
function exemptionsIn(file: string): Exemption[] {
  const { exemptions, complaints } = readExemptions(parse(readFileSync(file, "utf8")) ?? []);
  for (const one of complaints) void pulumi.log.warn(`${file}: ${one}`);
  return exemptions;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isFlag(value: unknown): string | undefined {
  return typeof value === "boolean" ? undefined : "true or false";
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65535;
}

function oneOf(...words: string[]) {
  return (value: unknown) =>
    isText(value) && words.includes(value) ? undefined : `one of ${words.join(", ")}`;
}

function listOf(isRight: (value: unknown) => boolean, allowed: string, atLeast = 0) {
  return (value: unknown) =>
    Array.isArray(value) && value.length >= atLeast && value.every(isRight)
      ? undefined
      : `a list of ${allowed}`;
}

/** A list that trusts the world would switch the closing of open lines off. */
function trustedCidrsWrong(value: unknown): string | undefined {
  const notList = listOf(
    (one) => isCidr(one) || (isText(one) && (isPrefixList(one) || one.startsWith("aws:"))),
    'IPv4 or IPv6 CIDRs, prefix lists or published ranges, e.g. ["203.0.113.0/24", "pl-0123456789abcdef0", "aws:EC2_INSTANCE_CONNECT:us-east-1"]',
  )(value);
  if (notList) return notList;
  const entries = value as string[];
  for (const one of entries.filter((each) => each.startsWith("aws:"))) {
    const wrong = rangesWrong(one);
    if (wrong) return `a list of published ranges, and not ${one}: ${wrong}`;
  }
  return opensToWorld(trustedSources(entries).trustedCidrs)
    ? "a list of CIDRs that are not the world, nor half of it"
    : undefined;
}

function isCidr(one: unknown): boolean {
  return isText(one) && one.includes("/") && readCidr(one) !== undefined;
}

function opensToWorld(cidrs: string[]): boolean {
  const asRule = { id: "trustedCidrs", protocol: "tcp", cidrs };
  return sshOpenToWorld([asRule], { sshPorts: [22], trustedCidrs: [] }).answer !== "no";
}

/** Rules of each family that a security group may have, where nobody had the quota raised. */
const SYNCED_DEFAULTS = { cidrs: [], ports: [22], quota: 60 };

/** Each field of a synced group; `group` and `service` are required. */
const syncedFields: Record<keyof SyncedGroup, (value: unknown) => boolean> = {
  group: (value) => isText(value) && /^sg-[0-9a-f]{8,17}$/.test(value),
  service: isText,
  region: isText,
  cidrs: (value) => Array.isArray(value) && value.every(isCidr) && !opensToWorld(value),
  ports: (value) => Array.isArray(value) && value.length > 0 && value.every(isPort),
  quota: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1000,
};

/** A group of two entries would be changed to and fro. */
function syncedGroupsWrong(value: unknown): string | undefined {
  const isSynced = (one: unknown) =>
    typeof one === "object" &&
    one !== null &&
    "group" in one &&
    "service" in one &&
    Object.entries(one).every(
      ([key, field]) =>
        Object.hasOwn(syncedFields, key) && syncedFields[key as keyof SyncedGroup](field),
    );
  const notList = listOf(
    isSynced,
    '{ group, service, region, cidrs, ports, quota }, the first two required, the CIDRs narrow, e.g. [{ "group": "sg-0123456789abcdef0", "service": "EC2_INSTANCE_CONNECT", "region": "us-east-1", "cidrs": ["203.0.113.0/24"], "ports": [22] }]',
  )(value);
  if (notList) return notList;
  const groups = value as SyncedGroup[];
  const ids = groups.map(({ group }) => group);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice) return `a list with one entry for ${twice}`;
  const wrong = groups.map((one) => rangesWrong(rangesName(one))).find((one) => one !== undefined);
  return wrong && `a list of published ranges: ${wrong}`;
}
