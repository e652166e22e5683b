import assert from "node:assert/strict";
import * as s3 from "@aws-sdk/client-s3";
import type { CaseSubject } from "../../functions/case";
import { recordCase } from "../../functions/RecordCase";
import { caseComplaints } from "../../restore/caseFile";
import { type Answers, fakeSdk, refusal, withEnvironment } from "./fakeSdk";
import { bareLook, caseOf, incident } from "./given";

type S3Answers = Answers<typeof s3>;

const ID = "0f8fad5b_execution-7";
const bob: CaseSubject = { kind: "user", name: "bob@corp+x", before: bareLook };
const known = caseOf({ id: ID, subjects: [bob], notes: ["Ünïcode stays"] });
const place = { bucket: "cases-bucket", key: `cases/${ID}.json` };
const BOBS = "subjects/user/bob%40corp%2Bx";

/** A page of the index: names of cases, with the days since they were made. */
function page(prefix: string, cases: [id: string, daysAgo: number][], IsTruncated = false) {
  const now = Date.parse("2026-06-30T12:00:00Z");
  const Contents = cases.map(([id, daysAgo]) => ({
    Key: `${prefix}/${id}`,
    LastModified: new Date(now - daysAgo * 24 * 60 * 60 * 1000),
  }));
  return { Contents, IsTruncated, ...(IsTruncated && { NextContinuationToken: "next" }) };
}

async function recorded(answers: S3Answers, subjects: CaseSubject[] = [bob]) {
  const { sdk, calls } = fakeSdk(s3, "S3Client", { PutObject: {}, ...answers });
  const result = await recordCase(sdk)({ incident: incident([]), case: { ...known, subjects } });
  const entries = calls.flatMap(([name, input]) => {
    const { Key = "" } = input as { Key?: string };
    return name === "PutObject" && Key.startsWith("subjects/") ? [Key] : [];
  });
  const listed = calls.flatMap(([name, input]) =>
    name === "ListObjectsV2" ? [(input as { Prefix: string }).Prefix] : [],
  );
  return { result, calls, entries, listed };
}

describe("RecordCase", () => {
  withEnvironment({ CASE_BUCKET: "cases-bucket" });

  it("writes one object, named after the execution, and then its entry in the index", async () => {
    const { result, calls } = await recorded({ ListObjectsV2: { IsTruncated: false } });

    const written = calls.find(([name]) => name === "PutObject")?.[1] as { Body: string };
    const { Body, ...rest } = written;
    const given = { ...known, incident: incident([]) };
    assert.deepEqual(JSON.parse(Body), given);
    assert.deepEqual(caseComplaints(JSON.parse(Body)), []);
    const Bucket = "cases-bucket";
    assert.deepEqual(rest, { Bucket, Key: place.key, ContentType: "application/json" });
    assert.deepEqual(
      calls.filter(([, input]) => input !== written),
      [
        ["ListObjectsV2", { Bucket, Prefix: `${BOBS}/` }],
        ["PutObject", { Bucket, Key: `${BOBS}/${ID}`, Body: "" }],
      ],
    );
    assert.equal(calls.at(-1)?.[0], "PutObject");
    assert.deepEqual(result, { ...place, earlier: [], notes: [] });
  });

  it("throws what S3 answers, to be retried: an unwritten case is no written one", async () => {
    const PutObject = refusal("SlowDown");
    const { sdk, calls } = fakeSdk(s3, "S3Client", { PutObject, ListObjectsV2: PutObject });
    const given = { incident: incident([]), case: known };
    await assert.rejects(recordCase(sdk)(given), PutObject);
    const puts = calls.filter(([name]) => name === "PutObject");
    assert.equal(puts.length, 1, "no entry names a case that is not there");
  });

  it("names the newest of the last 30 days before it, and is not added twice", async () => {
    const ListObjectsV2 = page(BOBS, [
      ["a", 3],
      ["b", 1],
      ["too-old", 30.5],
      ["later", -1],
      [ID, 0],
      ["c", 29.5],
      ["d", 2],
    ]);
    const { result, entries } = await recorded({ ListObjectsV2 });
    assert.deepEqual(entries, []);
    assert.deepEqual(result.earlier, [
      {
        subject: "user bob@corp+x",
        count: 4,
        newest: [
          { at: "2026-06-29T12:00:00.000Z", key: "cases/b.json" },
          { at: "2026-06-28T12:00:00.000Z", key: "cases/d.json" },
          { at: "2026-06-27T12:00:00.000Z", key: "cases/a.json" },
        ],
      },
    ]);
  });

  it("counts from now where its own entry is not there yet", async () => {
    const at = new Date(Date.now() - 1000);
    const Contents = [{ Key: `${BOBS}/a`, LastModified: at }];
    const { result, entries } = await recorded({ ListObjectsV2: { Contents, IsTruncated: false } });
    assert.deepEqual(entries, [`${BOBS}/${ID}`]);
    const newest = [{ at: at.toISOString(), key: "cases/a.json" }];
    assert.deepEqual(result.earlier, [{ subject: "user bob@corp+x", count: 1, newest }]);
  });

  it("reads three pages of a subject, and says that there are more", async () => {
    let pages = 0;
    const more = (last: number) => () => {
      pages += 1;
      return page(BOBS, [[`p${pages}`, pages], ...(pages === 1 ? [own] : [])], pages < last);
    };
    const own: [string, number] = [ID, 0];
    const { result } = await recorded({ ListObjectsV2: more(9) });
    assert.equal(pages, 3);
    const [{ count, more: some } = { count: 0 }] = result.earlier ?? [];
    assert.deepEqual([count, some], [3, true]);

    pages = 0;
    const whole = await recorded({ ListObjectsV2: more(3) });
    assert.equal(pages, 3);
    assert.equal(whole.result.earlier?.[0]?.more, undefined);
  });

  it("lists every subject by its own name, whatever it is, and once", async () => {
    const subjects: CaseSubject[] = [
      { kind: "user", name: "../cases/x.json" },
      { kind: "user", name: ".." },
      { kind: "user", name: "app-1" },
      { kind: "applicationUser", name: "app-1" },
      { kind: "group", name: "Ünïcode*?", before: { members: [] } },
      { kind: "role", name: "admin" },
      {
        kind: "policy",
        arn: "arn:aws:iam::123456789012:policy/team/Ops",
        before: { users: [], groups: [], roles: [], keepers: [] },
      },
      { kind: "securityGroup", groupId: "sg-1", before: { rules: [] } },
      { kind: "remoteAddress", address: "2001:db8::1" },
    ];
    const { entries, result } = await recorded({ ListObjectsV2: { IsTruncated: false } }, subjects);
    const prefixes = [
      "subjects/user/%2E%2E%2Fcases%2Fx%2Ejson",
      "subjects/user/%2E%2E",
      "subjects/user/app-1",
      "subjects/group/%C3%9Cn%C3%AFcode*%3F",
      "subjects/role/admin",
      "subjects/policy/arn%3Aaws%3Aiam%3A%3A123456789012%3Apolicy%2Fteam%2FOps",
      "subjects/securityGroup/sg-1",
      "subjects/remoteAddress/2001%3Adb8%3A%3A1",
    ];
    assert.deepEqual(
      entries,
      prefixes.map((prefix) => `${prefix}/${ID}`),
    );
    assert.deepEqual(result.notes, []);
  });

  it("has no entry for a network ACL's block, and looks up 20 subjects", async () => {
    const entries = [...Array(21).keys()].map(
      (index): CaseSubject => ({ kind: "user", name: `u${index}` }),
    );
    const block = { add: [], move: [] } as never;
    const acl: CaseSubject = {
      kind: "networkAcl",
      aclId: "acl-1",
      before: { entries: [] },
      block,
      until: "2026-06-01T13:00:00.000Z",
    };
    const many = await recorded({ ListObjectsV2: { IsTruncated: false } }, [acl, ...entries]);
    assert.equal(many.listed.length, 20);
    assert.deepEqual(many.listed.at(-1), "subjects/user/u19/");
    assert.deepEqual(many.result.notes, [
      "Whether this repeats was not looked up for 1 more subject",
    ]);
  });

  it("writes the case whatever becomes of the index, and says so", async () => {
    const denied = refusal("AccessDenied");
    const PutObject = ({ Key }: { Key: string | undefined }) =>
      Key?.startsWith("subjects/") ? denied : {};
    const { result } = await recorded({ ListObjectsV2: denied, PutObject });
    assert.deepEqual(result, {
      ...place,
      earlier: [],
      notes: [
        "Whether this repeats for user bob@corp+x is not known: AccessDenied: said the service",
        "A later case of user bob@corp+x will not name this one: AccessDenied: said the service",
      ],
    });
    const malformed = await recorded({ ListObjectsV2: {} });
    assert.deepEqual(malformed.entries, [`${BOBS}/${ID}`]);
    assert.deepEqual(malformed.result.notes, [
      "Whether this repeats for user bob@corp+x is not known: LookFailed: An answer of AWS lacks the list that was asked for",
    ]);
    const lone = await recorded({ ListObjectsV2: {} }, [{ kind: "user", name: "\ud800" }]);
    assert.deepEqual(lone.entries, ["subjects/user/%EF%BF%BD/0f8fad5b_execution-7"]);
  });
});
