import assert from "node:assert/strict";
import { agrees, corpus, verdict } from "./corpus";

describe("the policy corpus, through the pack", () => {
  for (const each of corpus) {
    it(`${each.ours ?? each.expected}: ${each.id}`, async () => {
      const got = await verdict(each);
      assert.ok(agrees(each, got), `the pack says ${got}`);
    });
  }

  it("is whole", () => assert.equal(corpus.length, 382));
});
