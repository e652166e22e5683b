import assert from "node:assert/strict";
import { apply, type Outcome } from "../../restore/apply";
import type { Step } from "../../restore/plan";
import { printedOutcome, printedPlan } from "../../restore/table";
import { refusal } from "../functions/fakeSdk";

function step(item: string, kind: Step["kind"], subject: string): Step {
  return { item, kind, subject, call: "iam:Call", input: { UserName: subject }, why: "it was so" };
}

const steps = [
  step("policies:bob:p", "policies", "bob"),
  step("policies:eve:p", "policies", "eve"),
  step("keys:bob:k", "keys", "bob"),
  step("boundary:bob", "boundary", "bob"),
  step("deny:bob", "deny", "bob"),
  step("deny:eve", "deny", "eve"),
  step("rules:sg-1:a", "rules", "sg-1"),
  step("rules:sg-1:b", "rules", "sg-1"),
  step("replacements:sg-1:c", "replacements", "sg-1"),
  step("replacements:sg-1:d", "replacements", "sg-1"),
  step("replacements:sg-2:e", "replacements", "sg-2"),
];

async function outcomes(errors: Record<string, Error>): Promise<string[]> {
  const told: Outcome[] = [];
  const made: string[] = [];
  const all = await apply(
    steps,
    async ({ item }) => {
      made.push(item);
      if (errors[item]) throw errors[item];
    },
    (outcome) => told.push(outcome),
  );
  assert.deepEqual(told, all);
  assert.deepEqual(
    made,
    all.filter(({ outcome }) => outcome !== "kept").map(({ step: { item } }) => item),
  );
  return all.map(({ outcome, step: { item } }) => `${outcome} ${item}`);
}

describe("apply", () => {
  it("makes every step, in order", async () => {
    assert.deepEqual(
      await outcomes({}),
      steps.map(({ item }) => `done ${item}`),
    );
  });

  it("keeps what denies on a user who has not got everything back, and on him alone", async () => {
    const errors = { "policies:bob:p": refusal("LimitExceededException", "ten are attached") };
    assert.deepEqual((await outcomes(errors)).slice(0, 6), [
      "failed policies:bob:p",
      "done policies:eve:p",
      "done keys:bob:k",
      "kept boundary:bob",
      "kept deny:bob",
      "done deny:eve",
    ]);
  });

  it("makes the calls on a network ACL one after the other, and writes the block off at the end", async () => {
    const onAcl = (subject: string, call: string): Step => ({
      item: `network-acls:${subject}`,
      kind: "network-acls",
      subject,
      call,
      input: { subject, call },
      why: "it was so",
    });
    const all = await apply(
      [
        onAcl("acl-1", "ec2:CreateNetworkAclEntry"),
        onAcl("acl-1", "ec2:DeleteNetworkAclEntry"),
        onAcl("acl-2", "ec2:DeleteNetworkAclEntry"),
        onAcl("blocks/1.json", "s3:DeleteObject"),
      ],
      async ({ subject }) => {
        if (subject === "acl-1") throw refusal("NetworkAclEntryAlreadyExists");
        throw refusal("InvalidNetworkAclEntry.NotFound");
      },
      () => undefined,
    );
    assert.deepEqual(
      all.map(({ outcome, step: { subject } }) => `${outcome} ${subject}`),
      ["failed acl-1", "kept acl-1", "there acl-2", "kept blocks/1.json"],
    );
  });

  it("keeps what stands in the place of rules that did not come back, in their group alone", async () => {
    const errors = {
      "rules:sg-1:b": refusal("RulesPerSecurityGroupLimitExceeded"),
      "replacements:sg-2:e": refusal("UnauthorizedOperation"),
    };
    assert.deepEqual((await outcomes(errors)).slice(6), [
      "done rules:sg-1:a",
      "failed rules:sg-1:b",
      "kept replacements:sg-1:c",
      "kept replacements:sg-1:d",
      "failed replacements:sg-2:e",
    ]);
    const refused = { "replacements:sg-1:c": refusal("UnauthorizedOperation") };
    assert.deepEqual((await outcomes(refused)).slice(8, 10), [
      "failed replacements:sg-1:c",
      "done replacements:sg-1:d",
    ]);
  });

  it("takes what is there already for given back", async () => {
    const errors = { "policies:bob:p": refusal("EntityAlreadyExistsException") };
    assert.deepEqual(
      (await outcomes(errors)).slice(0, 1).concat((await outcomes(errors))[4] ?? ""),
      ["there policies:bob:p", "done deny:bob"],
    );
  });
});

describe("what a person reads", () => {
  const nothing = { steps: [], there: [], left: [], drift: [], stops: [] };

  it("says that there is nothing", () => {
    assert.deepEqual(printedPlan(nothing), ["There is nothing to give back."]);
  });

  it("shows steps as a table, and everything else with its reason", () => {
    const drift = { item: "keys:bob:k", what: "k is not there any more" };
    const waved = { item: "groups:bob:g", what: "g is another" };
    assert.deepEqual(
      printedPlan({
        steps: steps.slice(3, 5),
        there: ["keys:bob:x"],
        left: [{ item: "password:bob", why: "gone", command: "aws iam …" }],
        drift: [drift, waved],
        stops: [drift],
      }),
      [
        "To give back, in this order:",
        "     item          call      why",
        "  1  boundary:bob  iam:Call  it was so",
        "  2  deny:bob      iam:Call  it was so",
        "",
        "The calls:",
        '  1  iam:Call {"UserName":"bob"}',
        '  2  iam:Call {"UserName":"bob"}',
        "",
        "As before already:",
        "  keys:bob:x",
        "",
        "Not given back:",
        "  password:bob: gone: aws iam …",
        "",
        "Different from what the case left:",
        "  keys:bob:k: k is not there any more",
        "  groups:bob:g: g is another (no obstacle)",
      ],
    );
  });

  it("lets no name move the cursor", () => {
    const hostile = step("policies:\u001b[2Kbob:p", "policies", "bob");
    const text = [
      ...printedPlan({ ...nothing, steps: [hostile] }),
      printedOutcome({ step: hostile, outcome: "failed", because: "a\u0007" }),
    ].join("");
    assert.ok(!/\p{Cc}/u.test(text), JSON.stringify(text));
  });
});
