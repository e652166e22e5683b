import * as fs from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { type Exemption, exemptionFor, readExemptions } from "../rulebook/exemptions";
import { matchesExactly } from "../rulebook/policyDocument";
import type { Finding } from "./judge";

/** An entry whose subject begins so is a pattern, with `*` and `?`, of whole names. */
const PATTERN = "pattern:";

/** The exemptions of the program that is previewed, and what is wrong with them. */
export interface Exemptions {
  exemptions: Exemption[];
  complaints: string[];
}

/**
 * Reads the exemptions file: the configured one, or `exemptions.yaml` beside the nearest Pulumi.yaml
 * from the folder upwards. No such file is no exemption; a configured file that is missing is a
 * complaint.
 */
export function exemptionsOf(configured: string | undefined, folder: string): Exemptions {
  const root = projectAbove(folder);
  const file = path.resolve(root ?? folder, configured ?? "exemptions.yaml");
  if (!fs.existsSync(file)) {
    const missing = `exemptions: ${configured} is not there (looked for ${file}): no exemption holds`;
    return { exemptions: [], complaints: configured === undefined ? [] : [missing] };
  }
  try {
    return readExemptions(parse(fs.readFileSync(file, "utf8")));
  } catch (error) {
    const [first] = String((error as Error).message).split("\n");
    return { exemptions: [], complaints: [`${file} is no YAML, so no exemption holds: ${first}`] };
  }
}

/** What an exemption makes of a finding. */
export interface Ruling {
  /** In words, where it is exempt: by whom, why, for how long. */
  exempt?: string;
  /** Expired exemptions that would have held. */
  complaints: string[];
  /** The entries that named it, holding or not. */
  used: Exemption[];
}

/** Exempt is a finding whose every subject is. */
export function ruling(finding: Finding, { exemptions }: Exemptions, now: Date): Ruling {
  const found = finding.subjects.map((subjects) => {
    const named = exemptions.filter(
      ({ rule, subject }) => rule === finding.rule && subjects.some((one) => names(subject, one)),
    );
    const [any = ""] = subjects;
    const asNamed = named.map((entry) => ({ ...entry, subject: any }));
    return { named, ...exemptionFor(asNamed, finding.rule, [any], now.toISOString()) };
  });
  const words = found.flatMap(({ exemption }) => (exemption ? [wordsOf(exemption, now)] : []));
  return {
    ...(found.length > 0 && words.length === found.length && { exempt: words[0] as string }),
    complaints: found.flatMap(({ named, exemption }) =>
      exemption ? [] : named.map((entry) => expired(entry)),
    ),
    used: found.flatMap(({ named }) => named),
  };
}

/** The entries that named nothing in the whole program. */
export function unused({ exemptions }: Exemptions, used: Exemption[]): string[] {
  return exemptions
    .filter((entry) => !used.includes(entry))
    .map(({ rule, subject }) => `the exemption of ${subject} from ${rule} matches nothing here`);
}

function names(subject: string, name: string): boolean {
  if (!subject.startsWith(PATTERN)) return subject === name;
  return matchesExactly(subject.slice(PATTERN.length), name);
}

function wordsOf({ owner, reason, expires }: Exemption, now: Date): string {
  const days = Math.ceil((Date.parse(expires) + 86_400_000 - now.getTime()) / 86_400_000);
  return `exempt by ${owner} until ${expires} (${days} ${days === 1 ? "day" : "days"} left): ${reason}`;
}

function expired({ subject, rule, owner, expires }: Exemption): string {
  return `the exemption of ${subject} from ${rule} by ${owner} expired at the end of ${expires}: renew it or drop it`;
}

/** The nearest folder from here upwards that holds a Pulumi project. */
export function projectAbove(folder: string): string | undefined {
  const here = ["Pulumi.yaml", "Pulumi.yml"].some((name) => fs.existsSync(path.join(folder, name)));
  if (here) return folder;
  const above = path.dirname(folder);
  return above === folder ? undefined : projectAbove(above);
}
