import type { Incident } from "../events/incident";
import type { Case } from "./case";
import { caseIndex, type Indexed } from "./caseIndex";
import { clientTimes } from "./client";

type S3Sdk = typeof import("@aws-sdk/client-s3");

/**
 * What the handler calls; its role is granted exactly this: objects under `cases/` and `subjects/` in
 * the case bucket, and a list of the latter.
 */
export const recordCaseActions = { objects: ["s3:PutObject"], lists: ["s3:ListBucket"] };

/**
 * The states that write a case, in the order in which an execution comes to them (to one of the two
 * that close it).
 */
export const caseWrites = ["RecordCase", "CloseCase", "KeepOpenCase", "CloseLiftedCase"] as const;

/** The name of such a state. */
export type CaseWrite = (typeof caseWrites)[number];

/** Where a case was written, and what the index of cases says of its subjects. */
export interface RecordedCase extends Partial<Indexed> {
  bucket: string;
  key: string;
}

/**
 * Writes the case as one JSON object named after the execution. The bucket keeps versions, so a
 * later pass adds one and overwrites none. Then it adds the case to the index, which must not keep
 * the case from being written. Runs once per cold start and returns the handler.
 */
export function recordCase(sdk: S3Sdk) {
  const s3 = new sdk.S3Client(clientTimes);

  return async (input: { incident: Incident; case: Case }): Promise<RecordedCase> => {
    const bucket = process.env.CASE_BUCKET ?? "";
    const key = `cases/${input.case.id}.json`;
    const index = caseIndex(sdk, s3, bucket);
    const [known] = await Promise.all([
      index.read(input.case),
      s3.send(
        new sdk.PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: JSON.stringify({ ...input.case, incident: input.incident }, null, 2),
          ContentType: "application/json",
        }),
      ),
    ]);
    return { bucket, key, ...(await index.add(input.case, known)) };
  };
}
