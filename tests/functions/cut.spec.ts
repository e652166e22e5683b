import assert from "node:assert/strict";
import type { Action } from "../../functions/case";
import { cutting, isGone } from "../../functions/cut";
import { refusal } from "./fakeSdk";

const gone = [
  "NoSuchEntity",
  "NoSuchEntityException",
  "ResourceNotFoundException",
  "InvalidGroup.NotFound",
  "InvalidGroupId.NotFound",
  "InvalidPermission.NotFound",
  "InvalidSecurityGroupRuleId.NotFound",
];
const notGone = [
  "AccessDenied",
  "ThrottlingException",
  "InvalidVpcID.NotFound.Malformed",
  "NoSuchEntityExceptions",
];

const input = { UserName: "bob" };
const never = () => Promise.reject(new Error("sent"));

async function once(send: () => Promise<unknown>, call = "iam:X") {
  const actions: Action[] = [];
  const outcome = await cutting("enforce", actions)(call, "user bob", { input }, send);
  return { outcome, actions };
}

describe("cutting", () => {
  it("notes what was done, with the time of the answer", async () => {
    const before = new Date().toISOString();
    const { outcome, actions } = await once(async () => ({}));

    const [{ at = "", ...action } = {}] = actions;
    assert.deepEqual(
      [outcome, action],
      ["done", { call: "iam:X", subject: "user bob", input, outcome: "done" }],
    );
    assert.ok(at >= before && at <= new Date().toISOString());
  });

  for (const name of gone) {
    it(`has nothing left to take at ${name}`, async () => {
      const { outcome, actions } = await once(() => Promise.reject(refusal(name)));
      assert.deepEqual([outcome, actions[0]?.error], ["gone", `${name}: said the service`]);
    });
  }

  for (const name of notGone) {
    it(`has failed at ${name}, and does not throw`, async () => {
      const { outcome, actions } = await once(() => Promise.reject(refusal(name)));
      assert.deepEqual([outcome, actions[0]?.error], ["failed", `${name}: said the service`]);
    });
  }

  const lost: [call: string, attempts: number | undefined, outcome: Action["outcome"]][] = [
    ["iam:DetachUserPolicy", 2, "done"],
    ["iam:DeleteUserPolicy", 2, "done"],
    ["iam:RemoveUserFromGroup", 3, "done"],
    ["iam:DeactivateMFADevice", 2, "done"],
    ["ec2:DeleteNetworkAclEntry", 2, "done"],
    ["iam:DetachUserPolicy", 1, "gone"],
    ["iam:DetachUserPolicy", undefined, "gone"],
    // Nobody was denied, nothing was stored, no key is off, and other rules may be open yet.
    ["iam:AttachUserPolicy", 2, "gone"],
    ["secretsmanager:PutSecretValue", 2, "gone"],
    ["iam:UpdateAccessKey", 2, "gone"],
    ["ec2:RevokeSecurityGroupIngress", 2, "gone"],
  ];
  for (const [call, attempts, wanted] of lost) {
    it(`has ${wanted} at try ${attempts ?? "unknown"} of ${call} that finds nothing`, async () => {
      const error = refusal("NoSuchEntityException");
      const told =
        attempts === undefined ? error : Object.assign(error, { $metadata: { attempts } });
      const { outcome, actions } = await once(() => Promise.reject(told), call);
      assert.deepEqual(
        [outcome, actions[0]?.outcome, actions[0]?.error],
        [wanted, wanted, "NoSuchEntityException: said the service"],
      );
    });
  }

  it("is full where a quota has no room", async () => {
    for (const name of ["LimitExceeded", "LimitExceededException"]) {
      const { outcome, actions } = await once(() => Promise.reject(refusal(name)));
      assert.deepEqual([outcome, actions[0]?.outcome], ["full", "full"]);
    }
  });

  it("survives what is no Error, and a message without end", async () => {
    assert.equal((await once(() => Promise.reject("a text"))).actions[0]?.error, "a text");
    const long = refusal("E", "x".repeat(9_000));
    assert.equal((await once(() => Promise.reject(long))).actions[0]?.error?.length, 500);
    assert.ok(!isGone("NoSuchEntity"));
  });

  const calls: [call: string, restorable: Pick<Action, "restorable">][] = [
    ["iam:DeleteLoginProfile", { restorable: false }],
    ["iam:DeleteAccessKey", { restorable: false }],
    ["iam:DeactivateMFADevice", { restorable: false }],
    ["iam:UpdateAccessKey", {}],
    ["iam:DeleteUserPolicy", {}],
    ["ec2:RevokeSecurityGroupIngress", {}],
  ];
  for (const [call, restorable] of calls) {
    it(`notes of ${call} whether it can be taken back, whatever came of it`, async () => {
      const outcomes = [
        await once(async () => ({}), call),
        await once(() => Promise.reject(refusal("AccessDenied")), call),
      ];
      for (const { outcome, actions } of outcomes) {
        const [{ at = "", error = "", ...action } = {}] = actions;
        const noted = { call, subject: "user bob", input, outcome, ...restorable };
        assert.deepEqual(action, noted, `${at} ${error}`);
      }
    });
  }

  it("only notes in observe, and the same call once, whichever pass noted it", async () => {
    const actions: Action[] = [];
    const cut = cutting("observe", actions);
    assert.equal(await cut("iam:X", "user bob", { input }, never), "would");
    assert.equal(await cut("iam:X", "user bob", { input: { ...input } }, never), "would");
    await cut("iam:X", "user eve", { input: { UserName: "eve" } }, never);
    await cut("iam:Y", "user bob", { input }, never);
    assert.deepEqual(
      actions.map(({ call, subject, outcome }) => [call, subject, outcome]),
      [
        ["iam:X", "user bob", "would"],
        ["iam:X", "user eve", "would"],
        ["iam:Y", "user bob", "would"],
      ],
    );

    const later: Action[] = [];
    await cutting("observe", later, actions)("iam:X", "user bob", { input }, never);
    assert.deepEqual(later, []);
  });

  it("repeats a call in enforce, since somebody may have undone it", async () => {
    const actions: Action[] = [];
    let sent = 0;
    const send = async () => sent++;
    await cutting("enforce", actions)("iam:X", "user bob", { input }, send);
    await cutting("enforce", actions, [...actions])("iam:X", "user bob", { input }, send);
    assert.deepEqual([sent, actions.length], [2, 2]);
  });
});
