import { readFileSync } from "node:fs";
import { join } from "node:path";
import { preview, type Report, type Shown } from "./harness";

/** What a case wants to hear; the fixtures' README tells more. */
export type Wanted = "violation" | "ok" | "unknown";

/** One labelled case of the corpus. */
export interface Case {
  id: string;
  family: "ssh" | "admin";
  tool: string;
  expected: Wanted;
  ours?: Wanted;
  /** "unknown-value": the question is what a value does that nobody can read. */
  class?: string;
  resources: Shown[];
}

const file = join(__dirname, "../fixtures/policy-corpus/corpus.json");

/** The 382 cases. */
export const corpus: Case[] = JSON.parse(readFileSync(file, "utf8"));

const rules = { ssh: "ssh-open-to-world", admin: "admin-user" };

/**
 * Does the answer agree with the case? The scanners have no "unknown": where the case is about a value
 * that nobody can read, their "ok" is that they do not fail for it.
 */
export function agrees({ expected, ours, class: kind }: Case, got: Wanted): boolean {
  const wanted = ours ?? expected;
  return got === wanted || (kind === "unknown-value" && wanted === "ok" && got === "unknown");
}

/** What the pack says of a case's resources, by the rule of its family. */
export async function verdict({
  family,
  resources,
}: Pick<Case, "family" | "resources">): Promise<Wanted> {
  return verdictOf(family, await preview(resources));
}

/** What the reports say by the rule of a family. */
export function verdictOf(family: Case["family"], reports: Report[]): Wanted {
  const rule = rules[family];
  const of = (policy: string, level: Report["level"]) =>
    reports.some((one) => one.policy === policy && one.level === level);
  if (of(rule, "mandatory")) return "violation";
  return of(`${rule}-unknown`, "advisory") ? "unknown" : "ok";
}

/** Prints the agreement per tool and family, and every miss; `npm run corpus`. */
async function main(): Promise<void> {
  const rows = new Map<string, { right: number; all: number }>();
  const misses: string[] = [];
  for (const each of corpus) {
    const got = await verdict(each);
    const right = agrees(each, got);
    const key = `${each.tool.padEnd(12)} ${each.family.padEnd(6)}`;
    const row = rows.get(key) ?? { right: 0, all: 0 };
    rows.set(key, { right: row.right + (right ? 1 : 0), all: row.all + 1 });
    if (!right) misses.push(`${each.id}: wanted ${each.ours ?? each.expected}, got ${got}`);
  }
  for (const [key, { right, all }] of [...rows].sort()) console.log(`${key} ${right} of ${all}`);
  console.log(`all: ${corpus.length - misses.length} of ${corpus.length}`);
  for (const miss of misses) console.log(`miss: ${miss}`);
  if (misses.length > 0) process.exitCode = 1;
}

if (require.main === module) void main();
