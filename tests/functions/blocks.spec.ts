import assert from "node:assert/strict";
import * as s3 from "@aws-sdk/client-s3";
import { readBlocks, type StoredBlocks } from "../../functions/infrastructure/blocks";
import { fakeSdk, refusal } from "./fakeSdk";

const block = (caseId: string, at: string): StoredBlocks => ({
  caseId,
  until: "2026-06-01T13:00:00.000Z",
  changes: [
    {
      aclId: "acl-1",
      at,
      request: { sources: ["0.0.0.0/0"], keep: [], ports: [22] },
      block: { add: [], move: [] },
    },
  ],
});

/** A bucket with these texts under their keys; undefined: gone since it was listed. */
function bucket(texts: Record<string, string | undefined>, KeyCount: number | undefined = 1) {
  const keys = Object.keys(texts);
  const body = (text: string) => ({ Body: { transformToString: async () => text } });
  const { sdk } = fakeSdk(s3, "S3Client", {
    ListObjectsV2: { Contents: keys.map((Key) => ({ Key })), KeyCount } as never,
    GetObject: ({ Key = "" }) => {
      const text = texts[Key];
      if (text === undefined) throw refusal("NoSuchKey");
      return body(text) as never;
    },
  });
  return { sdk, s3: new sdk.S3Client({}), bucket: "cases" };
}

describe("readBlocks", () => {
  const later = block("later", "2026-06-01T12:00:02.000Z");
  const first = block("first", "2026-06-01T12:00:01.000Z");

  it("reads what is blocked, the oldest first, and not what was lifted since", async () => {
    const store = bucket({
      "blocks/later.json": JSON.stringify(later),
      "blocks/first.json": JSON.stringify(first),
      "blocks/lifted.json": undefined,
    });
    assert.deepEqual(await readBlocks(store), { blocks: [first, later], strange: [] });
  });

  for (const text of ["", "<html>", "null", "{}", '{"caseId":"x","until":"y","changes":[{}]}']) {
    it(`tells an object that is no block from the others: ${text || "empty"}`, async () => {
      const store = bucket({
        "blocks/strange.json": text,
        "blocks/first.json": JSON.stringify(first),
      });
      assert.deepEqual(await readBlocks(store, "first"), {
        blocks: [first],
        strange: ["blocks/strange.json"],
      });
    });
  }

  it("takes no block that lies at another case's place", async () => {
    const store = bucket({ "blocks/first.json": JSON.stringify(later) });
    assert.deepEqual(await readBlocks(store), { blocks: [], strange: ["blocks/first.json"] });
    await assert.rejects(readBlocks(store, "first"), { name: "LookFailed" });
  });

  it("asks for eight at the same time, and for all", async () => {
    const many = Array.from({ length: 23 }, (_, at) =>
      block(`case-${at}`, `2026-06-01T12:00:${10 + at}.000Z`),
    );
    let [now, most] = [0, 0];
    const { sdk } = fakeSdk(s3, "S3Client", {
      ListObjectsV2: {
        Contents: many.map(({ caseId }) => ({ Key: `blocks/${caseId}.json` })),
        KeyCount: many.length,
      } as never,
      GetObject: async ({ Key = "" }) => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setTimeout(resolve, 1));
        now -= 1;
        const text = JSON.stringify(many.find(({ caseId }) => Key === `blocks/${caseId}.json`));
        return { Body: { transformToString: async () => text } } as never;
      },
    });
    const store = { sdk, s3: new sdk.S3Client({}), bucket: "cases" };
    assert.deepEqual(await readBlocks(store), { blocks: many, strange: [] });
    assert.equal(most, 8);
  });

  it("throws where the case's own block cannot be read, which would be written over", async () => {
    await assert.rejects(readBlocks(bucket({ "blocks/own.json": "<html>" }), "own"), {
      name: "LookFailed",
      message: "s3://cases/blocks/own.json is no session block: look at it, and delete it",
    });
  });

  it("throws where the answer is none of S3's", async () => {
    const { sdk, s3: client, bucket: name } = bucket({});
    const { sdk: silent } = fakeSdk(s3, "S3Client", { ListObjectsV2: {} as never });
    assert.deepEqual(await readBlocks({ sdk, s3: client, bucket: name }), {
      blocks: [],
      strange: [],
    });
    await assert.rejects(readBlocks({ sdk: silent, s3: new silent.S3Client({}), bucket: name }), {
      name: "LookFailed",
    });
  });
});
