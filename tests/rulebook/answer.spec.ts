import assert from "node:assert/strict";
import { type Answer, every, not, some, yesNo } from "../../rulebook/answer";

const pairs: [a: Answer, b: Answer, both: Answer, either: Answer][] = [
  ["yes", "yes", "yes", "yes"],
  ["yes", "no", "no", "yes"],
  ["yes", "unknown", "unknown", "yes"],
  ["no", "no", "no", "no"],
  ["no", "unknown", "no", "unknown"],
  ["unknown", "unknown", "unknown", "unknown"],
];

describe("answers", () => {
  for (const [a, b, both, either] of pairs) {
    it(`${a} and ${b} is ${both}, ${a} or ${b} is ${either}, in both orders`, () => {
      assert.deepEqual([every([a, b]), every([b, a])], [both, both]);
      assert.deepEqual([some([a, b]), some([b, a])], [either, either]);
    });
  }

  it("of nothing, all hold and none does", () => {
    assert.deepEqual([every([]), some([])], ["yes", "no"]);
  });

  it("denies what is settled and leaves open what is not", () => {
    assert.deepEqual((["yes", "no", "unknown"] as Answer[]).map(not), ["no", "yes", "unknown"]);
    assert.deepEqual([true, false].map(yesNo), ["yes", "no"]);
  });
});
