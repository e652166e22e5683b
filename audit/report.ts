import { createHash } from "node:crypto";
import { version } from "../package.json";
import { policies } from "../policy-pack/policies";
import { type Audit, type AuditFinding, count } from "./audit";

/** Where the audit looked. */
export type Source =
  | { kind: "state"; file: string; lines: Map<string, number> }
  | { kind: "account"; regions: string[] };

/** What a person reads: a line of columns for each finding, with why and the fix under it. */
export function table(audit: Audit, source: Source): string {
  const rows = audit.findings.map(({ status, rule, resource, place }) => [
    status,
    rule,
    resource,
    place,
  ]);
  const head = ["STATUS", "RULE", "RESOURCE", "PLACE"];
  const widths = head.map((_, at) =>
    Math.max(...[head, ...rows].map((row) => printable(row[at] ?? "").length)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, at) => printable(cell).padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  const details = audit.findings.map(({ status, reasons, fix, exempt }) => [
    ...reasons,
    ...(exempt ? [exempt] : []),
    `${status === "unknown" ? "To be sure" : "Fix"}: ${fix}`,
  ]);
  const lines = [
    ...(rows.length > 0 ? [line(head)] : []),
    ...rows.flatMap((row, at) => [
      line(row),
      ...(details[at] ?? []).map((detail) => `  ${printable(detail)}`),
    ]),
    ...audit.notes.map((note) => `Note: ${printable(note)}`),
    summary(audit, source),
  ];
  return `${lines.join("\n")}\n`;
}

function summary(audit: Audit, source: Source): string {
  const counts = (["open", "unknown", "exempt"] as const).map(
    (status) => `${count(audit, status)} ${status}`,
  );
  return `${counts.join(", ")} in ${whereOf(source)}`;
}

function whereOf(source: Source): string {
  if (source.kind === "state") return source.file;
  const { length } = source.regions;
  return `the account, ${length} ${length === 1 ? "region" : "regions"}: ${source.regions.join(", ")}`;
}

/** What `--json` prints: exactly these keys. */
export function json(audit: Audit, source: Source): string {
  const { findings, notes } = audit;
  const told = {
    source:
      source.kind === "state" ? { state: source.file } : { account: { regions: source.regions } },
    open: count(audit, "open"),
    unknown: count(audit, "unknown"),
    exempt: count(audit, "exempt"),
    findings,
    notes,
  };
  return `${JSON.stringify(told, null, 2)}\n`;
}

/**
 * SARIF 2.1.0: one run, the pack's policies as its rules. What is exempt is suppressed. A finding in
 * a state has the line of its resource; one in an account has its ARN alone.
 * Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function sarif(audit: Audit, source: Source): string {
  const rules = policies({ folder: "/" }).map(
    ({ name, description, severity, url, remediationSteps, tags }) => ({
      id: name,
      shortDescription: { text: description },
      helpUri: url,
      help: { text: remediationSteps },
      properties: { tags, severity },
    }),
  );
  const ids = rules.map(({ id }) => id);
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Tourniquet", version, rules } },
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: audit.notes.map((text) => ({
              level: "warning",
              message: { text },
            })),
          },
        ],
        results: audit.findings.map((finding) => result(finding, source, ids)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function result(finding: AuditFinding, source: Source, ids: string[]) {
  const { rule, answer, resource, place, reasons, fix, exempt } = finding;
  const certain = answer === "yes";
  const ruleId = certain ? rule : `${rule}-unknown`;
  const why = reasons.join("; ");
  const text = `${place === "" ? why : `${place}: ${why}`}\nFix: ${fix}`;
  const print = createHash("sha256").update(`${rule} ${resource} ${place}`).digest("hex");
  return {
    ruleId,
    ruleIndex: ids.indexOf(ruleId),
    level: certain ? "error" : "note",
    message: { text },
    locations: [location(finding, source)],
    partialFingerprints: { "tourniquet/v1": print },
    // Where one result has suppressions, all have: none is an empty list (3.27.23).
    suppressions: exempt ? [{ kind: "external", status: "accepted", justification: exempt }] : [],
  };
}

function location({ resource, place }: AuditFinding, source: Source) {
  const name = place === "" ? resource : `${resource} ${place}`;
  const logicalLocations = [{ fullyQualifiedName: name, kind: "resource" }];
  if (source.kind === "account") return { logicalLocations };
  const startLine = source.lines.get(resource);
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(source.file) },
      ...(startLine !== undefined && { region: { startLine } }),
    },
    logicalLocations,
  };
}

/** A path as a URI reference: a viewer resolves it in the folder of the repository. */
function uriOf(file: string): string {
  return file.split(/[\\/]/).map(encodeURIComponent).join("/");
}

/** Names come from others: none may move a terminal's cursor. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "�");
}
