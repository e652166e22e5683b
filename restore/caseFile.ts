import type { ValidateFunction } from "ajv";
import Ajv from "ajv/dist/2020";
import type { Incident } from "../events/incident";
import type { Case } from "../functions/case";
import schema from "../schema/case.schema.json";

/** A case as RecordCase writes it. */
export type CaseFile = Case & { incident: Incident };

let compiled: ValidateFunction<CaseFile> | undefined;

/**
 * Reads the text of a case.
 *
 * @param where the file or object, for the errors.
 * @throws one error that names every place in the text that schema/case.schema.json does not allow.
 */
export function readCaseText(text: string, where: string): CaseFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${where} is no case: it is not JSON (${(error as Error).message})`);
  }
  const complaints = caseComplaints(value);
  if (complaints.length === 0) return value as CaseFile;
  throw new Error(
    `${where} is no case as schema/case.schema.json has it:\n${complaints.map((one) => `  ${one}`).join("\n")}`,
  );
}

/** What the schema does not allow in a value, one line each: "/actions/0/outcome must be …". */
export function caseComplaints(value: unknown): string[] {
  // "input" is any JSON object, so one rule there speaks of several types.
  compiled ??= new Ajv({ allErrors: true, allowUnionTypes: true }).compile<CaseFile>(schema);
  if (compiled(value)) return [];
  return (compiled.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath || "the case"} ${message} ${JSON.stringify(params)}`.trim(),
  );
}
