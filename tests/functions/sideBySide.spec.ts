import assert from "node:assert/strict";
import { sideBySide } from "../../functions/sideBySide";

describe("sideBySide", () => {
  it("does at most eight at a time, and answers in order", async () => {
    let running = 0;
    let most = 0;
    const ones = Array.from({ length: 30 }, (_, at) => at);
    const doubled = await sideBySide(ones, async (one) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, (one * 7) % 5));
      running -= 1;
      return one * 2;
    });
    assert.deepEqual(
      doubled,
      ones.map((one) => one * 2),
    );
    assert.equal(most, 8);
  });

  it("begins at once, so that nothing is awaited before the first cut", () => {
    const begun: string[] = [];
    void sideBySide(["a", "b"], async (one) => begun.push(one));
    assert.deepEqual(begun, ["a", "b"]);
  });

  it("rejects with the first failure", async () => {
    const fails = async (one: number) => {
      if (one === 1) throw new Error("one failed");
    };
    await assert.rejects(sideBySide([0, 1, 2], fails), { message: "one failed" });
  });
});
