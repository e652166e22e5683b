/**
 * Turns the events of `pulumi preview --json` into GitHub's annotations and a comment.
 *
 *   PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --json … | node annotate.js comment.md
 *
 * Without that variable the CLI (3.259) prints one JSON document that holds no violation. The exit
 * code of the preview is the check's answer; this one fails only where there is no event to read.
 * Plain CommonJS without dependencies, for Node.js 20 and newer.
 * Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
 */
const { appendFileSync, readFileSync } = require("node:fs");

/** GitHub takes comments of 65,536 characters. */
const LONGEST_COMMENT = 60_000;

const commands = { mandatory: "error", advisory: "warning" };

/** One JSON object a line; what is none is what the CLI says to people. */
function readEvents(text) {
  return text.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{") ? [JSON.parse(line)] : [];
    } catch {
      return [];
    }
  });
}

/** "web (aws:ec2/securityGroup:SecurityGroup)"; the stack for a violation of the whole. */
function resourceOf(urn) {
  const [types = "", name = ""] = urn.split("::").slice(-2);
  return `${name} (${types.split("$").at(-1)})`;
}

function escaped(text) {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapedProperty(text) {
  return escaped(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

function annotation({ policyName, enforcementLevel, resourceUrn, message }) {
  const command = commands[enforcementLevel] ?? "warning";
  const title = escapedProperty(`${policyName}: ${resourceOf(resourceUrn)}`);
  return `::${command} title=${title}::${escaped(message.trim())}`;
}

/** A fence longer than any in the text, so that nothing in it ends the block. */
function fenced(text) {
  const ticks = [...text.matchAll(/`+/g)].map(([run]) => run.length);
  const fence = "`".repeat(Math.max(3, ...ticks.map((length) => length + 1)));
  return `${fence}text\n${text.trim()}\n${fence}`;
}

function title(violations, failed) {
  const mandatory = violations.filter(({ enforcementLevel }) => enforcementLevel === "mandatory");
  if (mandatory.length > 0) return `${mandatory.length} to fix before this can be merged`;
  if (failed) return "the preview failed, so not all was judged: see its log";
  return violations.length > 0 ? "nothing that stops this" : "nothing to say";
}

function comment(violations, failed) {
  const parts = violations.map(
    ({ policyName, enforcementLevel, resourceUrn, message }) =>
      `**${enforcementLevel}** \`${policyName}\` \`${resourceOf(resourceUrn)}\`\n\n${fenced(message)}\n`,
  );
  const text = [`### Policy pack: ${title(violations, failed)}\n`, ...parts].join("\n");
  return text.length > LONGEST_COMMENT ? `${text.slice(0, LONGEST_COMMENT)}\n…` : text;
}

/** What a person wants in the log, which the events take the place of. */
function logged({ resourcePreEvent, diagnosticEvent }) {
  const { op, urn } = resourcePreEvent?.metadata ?? {};
  if (op && op !== "same") return [`${op} ${resourceOf(urn)}`];
  const { severity, prefix = "", message = "" } = diagnosticEvent ?? {};
  return severity && severity !== "debug" ? [`${prefix}${message.trim()}`] : [];
}

const events = readEvents(readFileSync(0, "utf8"));
const hasEvents = events.some((event) => "sequence" in event);
if (!hasEvents) {
  console.log(
    "::error::The preview printed no events: is PULUMI_ENABLE_STREAMING_JSON_PREVIEW set?",
  );
  process.exitCode = 1;
}
const failed = !hasEvents || events.some((event) => event.diagnosticEvent?.severity === "error");
const violations = events
  .flatMap(({ policyEvent }) => policyEvent ?? [])
  .sort((a, b) => b.enforcementLevel.localeCompare(a.enforcementLevel));
for (const line of [...events.flatMap(logged), ...violations.map(annotation)]) console.log(line);
const [, , file] = process.argv;
for (const place of [file, process.env.GITHUB_STEP_SUMMARY].filter(Boolean)) {
  appendFileSync(place, comment(violations, failed));
}
