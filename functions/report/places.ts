import type { Case } from "../case";
import { RECENT_DAYS } from "../caseIndex";
import { consoleLink } from "../consoleLink";
import { type CaseWrite, caseWrites, type RecordedCase } from "../RecordCase";
import { stackOf } from "./tasks";

/** What a Catch caught. */
export interface Caught {
  Error?: string;
  Cause?: string;
}

/** What came of each write of the case: where it lies, or the error that kept it from being written. */
export type Recorded = { [Write in CaseWrite]?: Caught & Partial<RecordedCase> };

/** What the case bucket has of a case. */
interface Shelved {
  /** Where it lies. Absent: no write came through. */
  place?: RecordedCase;
  /** Why its last version is not there, as a sentence. */
  lacks?: string;
}

/** What the case bucket has, by what came of each write. */
export function shelvedCase(recorded: Recorded = {}): Shelved {
  const names = caseWrites.filter((name) => recorded[name]);
  const place = names.flatMap((name) => placeIn(recorded[name])).at(-1);
  const last = names.at(-1);
  if (!last) return {};
  const { Error: error, Cause } = recorded[last] ?? {};
  const lacks = error
    ? `It could not be written: ${error}: ${causeOf(Cause)}`
    : // Every other way to a report writes the case once more.
      last === "RecordCase" && "The execution failed before it could write what came later.";
  return { ...(place && { place }), ...(lacks && { lacks }) };
}

function placeIn({ bucket, key, ...rest }: Partial<RecordedCase> = {}): RecordedCase[] {
  return bucket !== undefined && key !== undefined ? [{ bucket, key, ...rest }] : [];
}

/**
 * The last lines of a message: where the case and the execution are, and how to give back what was
 * taken. What the bucket lacks is in the execution's history, for 90 days.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 *
 * @param execution its ARN.
 */
export function placesOf(
  recorded: Recorded | undefined,
  known: Case | undefined,
  execution: string,
): string[] {
  const taken = known?.actions.some(({ outcome }) => outcome === "done") ?? false;
  const link = consoleLink(execution);
  return [
    "",
    ...caseLines(shelvedCase(recorded), taken, execution),
    `Execution: ${execution}`,
    ...(link ? [link] : []),
  ];
}

/** The case as `npm run restore` takes it; undefined where the bucket has none. */
export function caseAt(recorded: Recorded | undefined): string | undefined {
  const { place } = shelvedCase(recorded);
  return place && `s3://${place.bucket}/${place.key}`;
}

/** What the index of cases says, a line for each subject that was in a case before. */
export function repeats(recorded: Recorded | undefined): string[] {
  const { bucket = "", earlier = [] } = shelvedCase(recorded).place ?? {};
  return earlier.map(({ subject, count, more, newest }) => {
    const cases = newest.map(({ at, key }) => `s3://${bucket}/${key} (${at})`);
    const how = more ? `more than ${count} cases` : `${ordinal(count + 1)} case`;
    return `${subject}: ${how} in ${RECENT_DAYS} days; before it ${cases.join(", ")}`;
  });
}

/** 2nd, 3rd, 4th, 11th, 21st */
function ordinal(count: number): string {
  const ends: Record<string, string> = { one: "st", two: "nd", few: "rd" };
  return `${count}${ends[new Intl.PluralRules("en", { type: "ordinal" }).select(count)] ?? "th"}`;
}

function caseLines({ place, lacks }: Shelved, taken: boolean, execution: string): string[] {
  const at = place && `s3://${place.bucket}/${place.key}`;
  const back = (from: string) => (taken ? [`Give back: npm run restore -- ${from} --dry-run`] : []);
  if (!lacks) return at ? [`Case: ${at}`, ...back(at)] : [];
  return [
    ...(at ? [`Case: ${at}, an EARLIER VERSION, which may lack what was done last`] : ["NO CASE"]),
    lacks,
    "The whole of it is in the execution's history only, which AWS deletes after 90 days. Save it:",
    fromHistory(execution),
    ...back(`case.json --stack ${stackOf(execution)}`),
  ];
}

/** What the report was handed has the case and its incident: together a case as it is written. */
function fromHistory(execution: string): string {
  const report = 'select(.name == "Report" or .name == "Failed")';
  return (
    `aws stepfunctions get-execution-history --reverse-order --output json --execution-arn ${execution} | ` +
    `jq '[.events[].stateEnteredEventDetails // empty | ${report}][0].input | fromjson | ` +
    ".case + {incident: .CloudWatcherCore}' > case.json"
  );
}

/** A Lambda's cause is JSON; its message is what a person wants. */
export function causeOf(cause: string | undefined): string {
  try {
    return String(JSON.parse(cause ?? "").errorMessage ?? cause);
  } catch {
    return cause ?? "no cause was given";
  }
}
