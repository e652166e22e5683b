import type { Incident } from "../events/incident";
import type { Case } from "./case";
import { clientTimes } from "./client";

type S3Sdk = typeof import("@aws-sdk/client-s3");

/** What the handler calls; its role is granted exactly this, on the case bucket. */
export const recordCaseActions = ["s3:PutObject"];

/**
 * The states that write a case, in the order in which an execution comes to them (to one of the two
 * that close it).
 */
export const caseWrites = ["RecordCase", "CloseCase", "KeepOpenCase", "CloseLiftedCase"] as const;

/** The name of such a state. */
export type CaseWrite = (typeof caseWrites)[number];

/** Where a case was written. */
export interface RecordedCase {
  bucket: string;
  key: string;
}

/**
 * Writes the case as one JSON object named after the execution. The bucket keeps versions, so a
 * later pass adds one and overwrites none. Runs once per cold start and returns the handler.
 */
export function recordCase(sdk: S3Sdk) {
  const s3 = new sdk.S3Client(clientTimes);

  return async (input: { incident: Incident; case: Case }): Promise<RecordedCase> => {
    const place = { bucket: process.env.CASE_BUCKET ?? "", key: `cases/${input.case.id}.json` };
    await s3.send(
      new sdk.PutObjectCommand({
        Bucket: place.bucket,
        Key: place.key,
        Body: JSON.stringify({ ...input.case, incident: input.incident }, null, 2),
        ContentType: "application/json",
      }),
    );
    return place;
  };
}
