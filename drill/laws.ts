import type { NetworkAcl } from "@aws-sdk/client-ec2";
import { caseComplaints } from "../restore/caseFile";
import type { Call, Credentials } from "./account/account";
import { type Caller, isRefusal } from "./caller";
import type { ExecutionResult } from "./program/deploy";
import { strandedEntries } from "./sessionBlocks";

/** All that a scenario leaves behind, for the laws that hold in every one. */
export interface Evidence {
  /** Where the scenario expects its executions to end. */
  ends: "EndState" | "Failed";
  executions: {
    id: string;
    cause: "attack" | "responder" | "repeat";
    input: unknown;
    result: ExecutionResult;
  }[];
  responderCalls: Call[];
  /** What the account handed out as secret. */
  secrets: string[];
  /** Events of the scenario file itself: they may carry what CloudTrail would have left out. */
  events: unknown[];
  logs: string[];
  /** What lies in the account's buckets. */
  objects: { key: string; text: string }[];
  /** The network ACLs as they are left. */
  acls: NetworkAcl[];
}

/**
 * The laws of every scenario, one sentence for each breach: no responder is refused (where the
 * scenario did not ask for it), every
 * execution ends where it should, no secret is written down, every case is as its schema has it, and
 * no entry of a session block stands that no sweep would find.
 */
export function brokenLaws(evidence: Evidence): string[] {
  return [
    ...refusals(evidence),
    ...wrongEnds(evidence),
    ...leaks(evidence),
    ...strangeCases(evidence),
    ...strandedEntries(evidence),
  ];
}

function refusals({ responderCalls }: Evidence): string[] {
  const sentences = responderCalls
    .filter(({ errorCode, injected }) => isRefusal(errorCode) && !injected)
    .map(
      ({ service, action, principal, errorMessage }) =>
        `${principal} was refused ${service}:${action}: ${errorMessage ?? "no reason given"}`,
    );
  // The state machine retries: one missing grant is one failure.
  return [...new Set(sentences)];
}

function wrongEnds({ ends, executions }: Evidence): string[] {
  const failed = executions.filter(({ result }) => result.path.includes("Failed"));
  const wrong = executions
    .filter((each) => !isEnded(each.result) || (ends === "EndState" && failed.includes(each)))
    .map(({ id, result: { status, path, error, cause } }) => {
      const why = error ? ` (${error}: ${cause ?? ""})` : "";
      return `execution ${id} ${status} in ${path.at(-1) ?? "no state"}${why}, by ${path.join(" → ")}`;
    });
  if (ends === "Failed" && failed.length === 0) {
    wrong.push("expect.ends: no execution went through Failed");
  }
  return wrong;
}

/** A lift of a session block sleeps until long after the scenario. */
function isEnded({ status, path }: ExecutionResult): boolean {
  const last = path.at(-1) ?? "";
  if (status === "FAILED") return path.includes("Failed");
  return last === "EndState" || status === "ASLEEP";
}

function strangeCases({ objects }: Evidence): string[] {
  return objects
    .filter(({ key }) => /\/cases\/[^/]+\.json$/.test(key))
    .flatMap(({ key, text }) =>
      caseComplaints(JSON.parse(text)).map(
        (complaint) => `the case ${key} is not as schema/case.schema.json has it: ${complaint}`,
      ),
    );
}

function leaks(evidence: Evidence): string[] {
  const { events, executions, responderCalls, logs, objects } = evidence;
  const secrets = [...evidence.secrets, ...events.flatMap(secretsIn)].filter(
    ({ length }) => length >= SHORTEST_SECRET,
  );
  const places: [place: string, text: string][] = [
    ...logs.map((line): [string, string] => ["a log line", line]),
    ...objects.map(({ key, text }): [string, string] => [`the object ${key}`, text]),
    ...responderCalls
      .filter(({ service }) => service === "sns")
      .map(({ action, params }): [string, string] => [`sns:${action}`, JSON.stringify(params)]),
    ...executions.flatMap(({ id, result }) => [
      [`the result of ${id}`, JSON.stringify([result.output, result.error, result.cause])] as [
        string,
        string,
      ],
      ...statesOf(id, result),
    ]),
  ];
  return places.flatMap(([place, text]) => {
    const found = secrets.find((secret) => text.includes(JSON.stringify(secret).slice(1, -1)));
    return found ? [`${place} holds a secret: ${found.slice(0, 4)}…`] : [];
  });
}

/** The data between states. What the first one is handed is the event, which is not ours. */
function statesOf(id: string, { states }: ExecutionResult): [string, string][] {
  return states.flatMap(({ name, input, output }, index): [string, string][] => [
    ...(index > 0
      ? [[`the input of ${name} in ${id}`, JSON.stringify(input ?? null)] as [string, string]]
      : []),
    [`the output of ${name} in ${id}`, JSON.stringify(output ?? null)],
  ]);
}

const SECRET_KEYS =
  /^(secretAccessKey|sessionToken|servicePassword|serviceSpecificPassword|password|newPassword|oldPassword|secretString)$/i;
/** Shorter values are words that occur anywhere. */
const SHORTEST_SECRET = 8;

/** The values of every field that is a secret, wherever it lies. */
function secretsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    if (typeof each !== "string") return secretsIn(each);
    return SECRET_KEYS.test(key) ? [each] : [];
  });
}

/** Every object in every bucket of the account. */
export async function storedObjects(
  caller: Caller,
  owner: Credentials,
): Promise<{ key: string; text: string }[]> {
  const s3 = (action: string, input: Record<string, unknown>) =>
    caller.call({ service: "s3", action, input }, owner);
  const objects: { key: string; text: string }[] = [];
  const { Buckets = [] } = (await s3("ListBuckets", {})) as { Buckets?: { Name: string }[] };
  for (const { Name: Bucket } of Buckets) {
    const { Contents = [] } = (await s3("ListObjectsV2", { Bucket })) as {
      Contents?: { Key: string }[];
    };
    for (const { Key } of Contents) {
      const { Body } = (await s3("GetObject", { Bucket, Key })) as {
        Body: { transformToString(): Promise<string> };
      };
      objects.push({ key: `${Bucket}/${Key}`, text: await Body.transformToString() });
    }
  }
  return objects;
}
