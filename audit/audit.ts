import { type Exemptions, ruling, unused } from "../policy-pack/exempt";
import { type Finding, judge, type PackSettings } from "../policy-pack/judge";
import type { Resource } from "../policy-pack/resource";
import { unreadable } from "../policy-pack/surfaces/template";

/** One danger, and what it counts for. */
export interface AuditFinding
  extends Pick<Finding, "rule" | "answer" | "place" | "reasons" | "fix"> {
  /** Only what is open fails the audit. */
  status: "open" | "unknown" | "exempt";
  /** A URN or an ARN. */
  resource: string;
  /** By whom it is exempt, why, and for how long. */
  exempt?: string;
}

/** What an audit says: the findings by status, rule, resource and place. */
export interface Audit {
  findings: AuditFinding[];
  /** What is wrong with the exemptions, and what could not be seen: a sentence each. */
  notes: string[];
}

/** What an audit is about. */
export interface Subject {
  resources: Resource[];
  notes: string[];
  /** A finding in the words of those who hold what it was found in. */
  worded(finding: Finding): Finding;
}

const RULES: Finding["rule"][] = ["ssh-open-to-world", "admin-user"];
const STATUSES: AuditFinding["status"][] = ["open", "unknown", "exempt"];

/** Judges resources as the policy pack does. */
export function audit(
  { resources, notes, worded }: Subject,
  settings: PackSettings,
  exemptions: Exemptions,
  now: Date,
): Audit {
  const ruled = RULES.flatMap((rule) => [
    ...judge(rule, resources, settings),
    ...resources.flatMap((resource) => unread(rule, resource)),
  ])
    .map(worded)
    .map((finding) => ({ finding, ...ruling(finding, exemptions, now) }));
  const used = ruled.flatMap((one) => one.used);
  const findings = ruled.map(({ finding, exempt }) => told(finding, exempt));
  return {
    // Within a status the order of the judges stays: it is by rule, resource and place.
    findings: STATUSES.flatMap((status) => findings.filter((one) => one.status === status)),
    notes: [
      ...new Set([
        ...notes,
        ...exemptions.complaints,
        ...ruled.flatMap(({ complaints }) => complaints),
        ...unused(exemptions, used),
      ]),
    ],
  };
}

/** How many findings have the status. */
export function count({ findings }: Audit, status: AuditFinding["status"]): number {
  return findings.filter((one) => one.status === status).length;
}

function told({ rule, answer, urn, place, reasons, fix }: Finding, exempt?: string): AuditFinding {
  const status = exempt ? "exempt" : answer === "yes" ? "open" : "unknown";
  return { status, rule, answer, resource: urn, place, reasons, fix, ...(exempt && { exempt }) };
}

/** What is inside a resource and cannot be read may be either danger. */
function unread(rule: Finding["rule"], resource: Resource): Finding[] {
  const why = unreadable(resource);
  if (why === undefined) return [];
  const { urn, name } = resource;
  const fix = "look at what it made: npm run audit -- --account";
  return [
    { rule, answer: "unknown", urn, place: "", reasons: [why], fix, subjects: [[name, urn]] },
  ];
}
