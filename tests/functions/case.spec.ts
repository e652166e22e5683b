import assert from "node:assert/strict";
import {
  type Action,
  addToCase,
  type CaseSubject,
  joined,
  lookedAgain,
  openCase,
} from "../../functions/case";
import { bareLook, caseOf, DENY_ALL, incident, TEAM } from "./given";

const bob: CaseSubject = { kind: "user", name: "bob", before: { ...bareLook, attached: [TEAM] } };
const action: Action = {
  call: "iam:AttachUserPolicy",
  subject: "user bob",
  input: { UserName: "bob", PolicyArn: DENY_ALL },
  outcome: "done",
  at: "2026-06-01T12:00:00.000Z",
};
const failed: Action = { ...action, outcome: "failed", error: "AccessDenied: no" };

describe("a case", () => {
  it("is opened empty under the execution's name, and carried on where there is one", () => {
    const input = { incident: incident([]), caseId: "execution-1" };
    const known = caseOf({ round: 3, notes: ["kept"] });
    assert.deepEqual(openCase(input, "observe"), caseOf({ mode: "observe" }));
    assert.deepEqual(openCase({ ...input, case: known }, "observe"), known);
  });

  it("keeps a subject's state before, whatever a later pass saw", () => {
    const before = caseOf({ subjects: [bob] });
    const after = addToCase(before, [{ subjects: [{ ...bob, before: bareLook }] }]);
    assert.deepEqual(after.subjects, [bob]);
  });

  it("has the state after as the last look saw it, of what is in the case only", () => {
    const known = caseOf({
      subjects: [bob, { kind: "group", name: "bob", before: { members: [] } }],
    });
    const once = addToCase(known, [
      { after: { "user bob": "gone", "user eve": "gone" } },
      { after: { "group bob": { granted: true } } },
    ]);
    const [user, group] = known.subjects;
    assert.deepEqual(once.subjects, [
      { ...user, after: "gone" },
      { ...group, after: { granted: true } },
    ]);
    const twice = addToCase(once, [{ after: { "group bob": { granted: false } } }]);
    assert.deepEqual(twice.subjects, [
      { ...user, after: "gone" },
      { ...group, after: { granted: false } },
    ]);
  });

  it("adds the rules that a later look found to a security group's, each once", () => {
    const group = (...rules: unknown[]): CaseSubject => ({
      kind: "securityGroup",
      groupId: "sg-1",
      before: { rules },
    });
    const record = { id: "sgr-1", protocol: "tcp" };
    const [first, second] = ["sgr-1", "sgr-2"].map((id) => ({ SecurityGroupRuleId: id }));
    const once = addToCase(caseOf(), [{ subjects: [group(record)] }]);
    const twice = addToCase(once, [{ subjects: [group(first, second)] }]);
    assert.deepEqual(twice.subjects, [group(record, second)]);
  });

  it("tells subjects of one name and different kinds apart", () => {
    const subjects: CaseSubject[] = [
      bob,
      { kind: "applicationUser", name: "bob" },
      { kind: "group", name: "bob", before: { members: [] } },
      { kind: "policy", arn: TEAM, before: { users: [], groups: [], roles: [], keepers: [] } },
      { kind: "securityGroup", groupId: "sg-1", before: { rules: [] } },
      { kind: "securityGroup", groupId: "sg-2", before: { rules: [] } },
    ];
    const once = addToCase(caseOf(), [{ subjects }]);
    assert.deepEqual(once.subjects, subjects);
    assert.deepEqual(addToCase(once, [{ subjects }]).subjects, subjects);
  });

  it("adds actions and texts, and says a text once", () => {
    const before = caseOf({ actions: [action], notes: ["a"], alerts: ["x"] });
    const passes = [{ notes: ["a", "b"] }, { notes: ["b"], alerts: ["x", "y"] }, {}];
    const after = addToCase(before, passes, [action]);
    assert.deepEqual(after, {
      ...before,
      actions: [action, action],
      notes: ["a", "b"],
      alerts: ["x", "y"],
    });
    assert.deepEqual(before, caseOf({ actions: [action], notes: ["a"], alerts: ["x"] }));
  });

  it("adds up what prefix lists had at one time or another", () => {
    const first = addToCase(caseOf(), [{ prefixLists: { "pl-1": ["192.0.2.0/24"] } }, {}]);
    const lists = joined([{ prefixLists: { "pl-2": ["::/0"] } }, {}]);
    const more = { prefixLists: { "pl-1": ["192.0.2.0/24", "0.0.0.0/1"] } };
    const prefixLists = { "pl-1": ["192.0.2.0/24", "0.0.0.0/1"], "pl-2": ["::/0"] };
    assert.deepEqual(addToCase(first, [more, lists]), caseOf({ prefixLists }));
  });

  it("has open what this pass left open and what failed in it, and nothing older", () => {
    const before = caseOf({ open: ["older"], actions: [failed] });
    const gone: Action = { ...action, outcome: "gone", error: "NoSuchEntity: no" };
    const after = addToCase(before, [{ open: ["a door"] }], [action, failed, gone]);
    assert.deepEqual(after.open, ["iam:AttachUserPolicy on user bob: AccessDenied: no", "a door"]);
    assert.deepEqual(addToCase(after, []).open, []);
  });

  it("counts the passes that looked again, and the quiet ones in a row", () => {
    const quiet = { round: 1, quiet: 1 };
    assert.deepEqual(lookedAgain(caseOf(quiet)), caseOf({ round: 2, quiet: 2 }));
    const loud = { open: ["a door"] };
    const after = lookedAgain(caseOf({ ...quiet, ...loud }));
    assert.deepEqual(after, caseOf({ round: 2, quiet: 0, ...loud }));
  });
});
