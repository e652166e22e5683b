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

  describe("holds what it reads to what is written", () => {
    const deny = {
      number: 99,
      egress: false,
      action: "deny",
      protocol: "6",
      cidr: "0.0.0.0/0",
      fromPort: 22,
      toPort: 22,
    };
    const allow = { number: 100, egress: false, action: "allow", protocol: "-1", cidr: "::/0" };
    const ping = { ...allow, protocol: "1", icmp: { type: -1, code: -1 } };
    const move = { entry: allow, to: 101 };
    const whole = {
      caseId: "first",
      until: "2026-06-01T13:00:00.000Z",
      changes: [
        {
          aclId: "acl-1",
          at: "2026-06-01T12:00:01.000Z",
          request: { sources: ["0.0.0.0/0"], keep: ["10.0.0.0/8"], ports: [22], most: 39 },
          block: {
            add: [deny],
            move: [move, { entry: ping, to: 7, foreign: true }],
            inherited: [move],
          },
          unplaced: ["a sentence"],
        },
      ],
    };
    const read = async (text: unknown) =>
      readBlocks(bucket({ "blocks/first.json": JSON.stringify(text) }));
    /** The same, but for one field, by its path. */
    const but = (path: string, value: unknown) => {
      const copy = structuredClone(whole);
      const steps = path.split(".");
      const last = steps.pop() as string;
      // biome-ignore lint/suspicious/noExplicitAny: the path leads anywhere in it
      const holder = steps.reduce((at: any, step) => at[step], copy);
      holder[last] = value;
      return copy;
    };

    it("reads all fields of a block", async () => {
      assert.deepEqual(await read(whole), { blocks: [whole], strange: [] });
    });

    const change = "changes.0";
    const added = `${change}.block.add.0`;
    const moved = `${change}.block.move.0`;
    for (const [path, ...values] of [
      ["until", "soon", "9999", "2026-06-01", undefined],
      ["changes", {}, [null], ["text"], undefined],
      [`${change}.aclId`, "", 7, undefined],
      [`${change}.at`, "2026-06-01 12:00", 7, undefined],
      [`${change}.unplaced`, "a sentence", [7]],
      [`${change}.request`, null, []],
      [`${change}.request.sources`, "0.0.0.0/0", [7], undefined],
      [`${change}.request.keep`, "0.0.0.0/0", [7], undefined],
      [`${change}.request.ports`, 22, ["22"], [65536], [-1], undefined],
      [`${change}.request.most`, "19", -1],
      [`${change}.block`, null, []],
      [`${change}.block.add`, deny, [null], undefined],
      [`${change}.block.move`, move, [null], undefined],
      [`${change}.block.inherited`, move, [null], [{ ...move, to: 0 }]],
      [`${added}.number`, 0, 32767, 1.5, "99", undefined],
      [`${added}.egress`, true, undefined],
      [`${added}.action`, "Deny", undefined],
      [`${added}.protocol`, "-1", "17", 6, undefined],
      [`${added}.cidr`, "", "everywhere", ["0.0.0.0/0"], undefined],
      [`${added}.fromPort`, -1, "22", undefined],
      [`${added}.toPort`, 65536, undefined],
      [`${moved}.to`, 0, 32767, "7", undefined],
      [`${moved}.foreign`, false, "yes"],
      [`${moved}.entry`, null, { ...allow, number: 32767 }, { ...allow, egress: true }],
      [`${moved}.entry.protocol`, "tcp", 6],
      [`${moved}.entry.fromPort`, "22"],
      [`${moved}.entry.toPort`, 70000],
      [`${change}.block.move.1.entry.icmp`, 8, {}, { type: 300, code: 0 }],
    ] as [string, ...unknown[]][]) {
      it(`takes no other ${path.replace(/^changes\.0\./, "")}`, async () => {
        for (const value of values) {
          assert.deepEqual(
            await read(but(path, value)),
            { blocks: [], strange: ["blocks/first.json"] },
            JSON.stringify(value),
          );
        }
      });
    }
  });

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
