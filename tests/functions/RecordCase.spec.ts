import assert from "node:assert/strict";
import * as s3 from "@aws-sdk/client-s3";
import { recordCase } from "../../functions/RecordCase";
import { fakeSdk, refusal, withEnvironment } from "./fakeSdk";
import { bareLook, caseOf, incident } from "./given";

const known = caseOf({
  id: "0f8fad5b_execution-7",
  subjects: [{ kind: "user", name: "bob@corp+x", before: bareLook }],
  notes: ["Ünïcode stays"],
});
const given = { incident: incident([]), case: known };

describe("RecordCase", () => {
  withEnvironment({ CASE_BUCKET: "cases-bucket" });

  it("writes one object, named after the execution, with the case and its evidence", async () => {
    const { sdk, calls } = fakeSdk(s3, "S3Client", { PutObject: {} });
    const place = await recordCase(sdk)(given);

    const [[name, input] = ["", {}], ...more] = calls;
    const { Body, ...rest } = input as { Body: string };
    const key = "cases/0f8fad5b_execution-7.json";
    assert.deepEqual([name, more], ["PutObject", []]);
    assert.deepEqual(rest, { Bucket: "cases-bucket", Key: key, ContentType: "application/json" });
    assert.deepEqual(JSON.parse(Body), { ...known, incident: given.incident });
    assert.deepEqual(place, { bucket: "cases-bucket", key });
  });

  it("throws what S3 answers, to be retried: an unwritten case is no written one", async () => {
    const PutObject = refusal("SlowDown");
    await assert.rejects(recordCase(fakeSdk(s3, "S3Client", { PutObject }).sdk)(given), PutObject);
  });
});
