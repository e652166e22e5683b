import assert from "node:assert/strict";
import { type Action, addToCase, type Case, type CaseSubject } from "../../functions/case";
import { caseComplaints } from "../../restore/caseFile";
import { withEnvironment } from "./fakeSdk";
import { ADMIN, bareLook, caseOf, incident, KEY, TEAM } from "./given";

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value), "utf8");
}

/** A document of so many characters. */
function ofSize(size: number): string {
  return "a".repeat(size);
}

/** What a pass comes to, and what it logs. */
function pass(run: () => Case): { after: Case; logged: unknown[] } {
  const logged: unknown[] = [];
  const { log } = console;
  console.log = (line: string) => logged.push(JSON.parse(line));
  try {
    return { after: run(), logged };
  } finally {
    console.log = log;
  }
}

const before = {
  ...bareLook,
  attached: [ADMIN],
  keys: [{ id: KEY, status: "Active" }],
  inline: [{ name: "own", document: ofSize(1000) }],
  groups: [
    { name: "devs", attached: [TEAM], inline: [{ name: "own", document: ofSize(100_000) }] },
  ],
  documents: [{ arn: TEAM, document: ofSize(20_000) }],
};
const small = { ...before, groups: [] };
const bob: CaseSubject = { kind: "user", name: "bob", before };
const eve: CaseSubject = { kind: "user", name: "eve", before: small };
const worker: CaseSubject = {
  kind: "role",
  name: "worker",
  before: {
    arn: "arn:aws:iam::123456789012:role/worker",
    attached: [TEAM],
    inline: [{ name: "own", document: ofSize(90_000) }],
    trust: "%7B%7D",
    instanceProfiles: [],
    documents: [],
  },
};

describe("the bounds of a case", () => {
  withEnvironment({ AWS_LAMBDA_FUNCTION_NAME: "tourniquet-lab-StripAccount" });

  it("keeps every document where there is room", () => {
    const { after, logged } = pass(() => addToCase(caseOf(), [{ subjects: [bob, eve] }]));
    assert.deepEqual([after, logged], [caseOf({ subjects: [bob, eve] }), []]);
  });

  it("lets the subject with the most lose his documents, so that his look shows not everything", () => {
    const { after, logged } = pass(() => addToCase(caseOf(), [{ subjects: [eve, worker, bob] }]));
    const size = bytesOf([before.inline, before.documents, before.groups[0]?.inline].flat());
    const whole = bytesOf(caseOf({ subjects: [eve, worker, bob] }));
    assert.deepEqual(
      after,
      caseOf({
        subjects: [
          eve,
          worker,
          {
            kind: "user",
            name: "bob",
            before: {
              ...before,
              inline: [],
              groups: [{ name: "devs", attached: [TEAM], inline: [] }],
              documents: [],
              failed: [
                {
                  call: "iam:GetUserPolicy, iam:GetGroupPolicy and iam:GetPolicyVersion",
                  error: `TooLarge: the case has no room for the ${size} bytes that they showed`,
                },
              ],
            },
          },
        ],
        notes: [
          `The case lacks the policy documents of user bob as they were before: with them it had ${whole} bytes, and 150000 is the most`,
        ],
      }),
    );
    assert.deepEqual(logged, [{ leftOutOfTheCase: { documentsOf: "user bob", bytes: size } }]);
    assert.deepEqual(caseComplaints({ ...after, incident: incident([]) }), []);
  });

  it("takes from one after the other until the case has room, from roles too", () => {
    const app: CaseSubject = { kind: "applicationUser", name: "app", before, secret: "s" };
    const { after } = pass(() =>
      addToCase(caseOf(), [{ subjects: [bob, app, worker, { ...worker, name: "other" }] }]),
    );
    const documents = after.subjects.map((one) =>
      "before" in one && one.before && "inline" in one.before ? one.before.inline.length : -1,
    );
    assert.deepEqual(documents, [0, 0, 0, 1]);
    assert.equal(after.notes.length, 3);
    assert.ok(bytesOf(after) < 150_000);
  });

  it("takes the state after from all before anybody loses his documents from before", () => {
    const known = caseOf({ subjects: [bob, eve] });
    const after = { ...bareLook, attached: [ofSize(60_000)] };
    const seen = pass(() => addToCase(known, [{ after: { "user eve": after } }]));
    const note = "The case lacks the state after the containment: it has no room for it";
    assert.deepEqual(seen.after, { ...known, notes: [note] });
    assert.deepEqual(seen.logged, [{ leftOutOfTheCase: { after: 2 } }]);
  });

  it("leaves a case alone that has no documents to lose", () => {
    const action: Action = {
      call: "iam:AttachUserPolicy",
      subject: "user bob",
      input: { UserName: ofSize(160_000) },
      outcome: "done",
      at: "2026-06-01T12:00:00.000Z",
    };
    const { after } = pass(() => addToCase(caseOf(), [], [action]));
    assert.deepEqual(after, caseOf({ actions: [action] }));
  });

  it("has notes and alerts while there is room, and tells how many more there were", () => {
    const alerts = Array.from({ length: 500 }, (_, index) => `${index} ${ofSize(700)}`);
    const notes = Array.from({ length: 500 }, (_, index) => `${index} ${ofSize(300)}`);
    const known = caseOf({ alerts: ["known"], notes: ["known"] });
    const once = pass(() => addToCase(known, [{ alerts, notes, open: alerts }]));
    const more = (count: number) =>
      `… and ${count} more, in the log of tourniquet-lab-StripAccount`;
    assert.deepEqual(once.after, {
      ...known,
      alerts: ["known", ...alerts.slice(0, 33), more(467)],
      notes: ["known", ...notes.slice(0, 39), more(461)],
      open: alerts,
    });
    assert.deepEqual(once.logged, [
      { leftOutOfTheCase: { notes: notes.slice(39) } },
      { leftOutOfTheCase: { alerts: alerts.slice(33) } },
    ]);
    const twice = pass(() => addToCase(once.after, [{ alerts: ["late", ...alerts.slice(0, 33)] }]));
    assert.deepEqual(twice.after.alerts, [...once.after.alerts, "late"]);
    const full = pass(() => addToCase(twice.after, [{ alerts: [ofSize(3000)] }]));
    assert.deepEqual(full.after.alerts, [...twice.after.alerts, more(1)]);
  });

  it("cuts a text that is too long for people", () => {
    const { after, logged } = pass(() => addToCase(caseOf(), [{ notes: [ofSize(5000)] }]));
    assert.deepEqual(after.notes, [`${ofSize(4000)}…`]);
    assert.deepEqual(logged, [{ leftOutOfTheCase: { text: ofSize(5000) } }]);
  });
});
