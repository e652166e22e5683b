// biome-ignore-all lint/suspicious/noTemplateCurlyInString: scenarios have placeholders of their own
import assert from "node:assert/strict";
import { checkDecisions, checkMessages, checkState, type Found } from "../../drill/expectations";
import type { StateExpectation } from "../../drill/scenario";

const cases: [name: string, want: StateExpectation["want"], got: Found, met: boolean][] = [
  ["is", { is: ["Inactive"] }, { value: ["Inactive"] }, true],
  ["is, another order", { is: ["a", "b"] }, { value: ["b", "a"] }, false],
  ["is, a failed call", { is: null }, { error: "NoSuchEntityException" }, false],
  ["is, nothing", { is: null }, { value: null }, true],
  ["contains an element", { contains: { a: 1 } }, { value: [{ a: 1 }, 2] }, true],
  ["contains, not there", { contains: 3 }, { value: [1, 2] }, false],
  ["contains a part", { contains: "Deny" }, { value: "AWSDenyAll" }, true],
  ["contains in nothing", { contains: "a" }, { value: null }, false],
  ["lacks", { lacks: "a" }, { value: ["b"] }, true],
  ["lacks, but there", { lacks: "a" }, { value: "cat" }, false],
  ["lacks in nothing: nobody could tell", { lacks: "a" }, { value: null }, false],
  ["absent, null", { absent: true }, { value: null }, true],
  ["absent, IAM", { absent: true }, { error: "NoSuchEntityException" }, true],
  ["absent, EC2", { absent: true }, { error: "InvalidGroup.NotFound" }, true],
  ["absent, refused", { absent: true }, { error: "AccessDenied" }, false],
  ["absent, an empty list is there", { absent: true }, { value: [] }, false],
];

describe("checkState", () => {
  for (const [name, want, got, met] of cases) {
    it(`${met ? "met" : "not met"}: ${name}`, () => {
      const expectation = { service: "iam" as const, action: "GetUser", input: {}, want };
      assert.equal(checkState([expectation], [got], {}).length, met ? 0 : 1);
    });
  }

  it("says what was wanted and what was found", () => {
    const state = {
      service: "iam" as const,
      action: "ListAccessKeys",
      input: {},
      get: "AccessKeyMetadata[].Status",
      want: { is: ["Inactive"] },
    };
    assert.deepEqual(checkState([state], [{ value: ["Active"] }], {}), [
      'expect.state[0] iam:ListAccessKeys AccessKeyMetadata[].Status: wanted is ["Inactive"], got ["Active"]',
    ]);
  });
});

describe("checkMessages", () => {
  it("finds each text in one message, in its subject or its body, with the names filled in", () => {
    const messages = [
      { subject: "contained it", body: "first\nkey AKIA1" },
      { subject: "look at it", body: "second" },
    ];
    const wanted = ["contained", "key ${key}", "first\nkey"];
    assert.deepEqual(checkMessages(wanted, messages, { key: "AKIA1" }), []);
    assert.deepEqual(checkMessages(undefined, messages, {}), []);
    assert.deepEqual(checkMessages([], [], {}), []);
    assert.deepEqual(checkMessages([], messages, {}), [
      'expect.messages: wanted none, got "contained it\\nfirst\\nkey AKIA1", "look at it\\nsecond"',
    ]);
    assert.deepEqual(checkMessages(["second\nthird"], messages, {}), [
      'expect.messages[0]: wanted "second\\nthird", got "contained it\\nfirst\\nkey AKIA1", "look at it\\nsecond"',
    ]);
    assert.deepEqual(checkMessages(["any"], [], {}), [
      'expect.messages[0]: wanted "any", got no message',
    ]);
  });
});

describe("checkDecisions", () => {
  it("is content with the same in the same order only", () => {
    assert.deepEqual(checkDecisions(["Ignore", "x"], ["Ignore", "x"]), []);
    assert.deepEqual(checkDecisions(["Ignore", "x"], ["x", "Ignore"]), [
      "expect.decisions: wanted Ignore, x, got x, Ignore",
    ]);
  });
});
