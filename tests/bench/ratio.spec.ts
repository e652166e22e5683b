import assert from "node:assert/strict";
import type { Series } from "../../bench/measure";
import { beside, quantile } from "../../bench/ratio";

const floor: Series = { name: "floor", state: "cold", ms: [9, 10, 10, 10, 11] };

function line(series: Partial<Series>) {
  const all = { name: "cut", state: "cold" as const, ms: [], ...series };
  return beside(all, [{ ...floor, state: "warm", ms: [1] }, floor]);
}

describe("a bench's ratio", () => {
  it("lies between neighbours, in whatever order they came", () => {
    const quantiles = [0, 0.25, 0.5, 1].map((share) => quantile([40, 10, 20, 30], share));
    assert.deepEqual(quantiles, [10, 17.5, 25, 40]);
  });

  it("is that of the medians, to the floor in the same state", () => {
    assert.deepEqual(line({ ms: [30, 20, 24] }), {
      name: "cut",
      state: "cold",
      ms: { median: 24, quartiles: [22, 27] },
      floorMs: 10,
      ratio: 2.4,
    });
  });

  it("keeps its aim or does not, and only a binding one is missed", () => {
    const told = [20, 30].map((ms) => line({ ms: [ms], aim: 2.5 }));
    assert.deepEqual(
      told.map(({ kept, missed }) => [kept, missed]),
      [
        [true, undefined],
        [false, undefined],
      ],
    );
  });

  const binding = { aim: 2.5, binding: true };
  const cases: [name: string, ms: number[], kept: boolean, missed: boolean][] = [
    ["kept", [24, 24, 25, 26, 26], true, false],
    ["within the run's spread", [24, 25, 26, 27, 28], false, false],
    ["clearly missed", [29, 30, 30, 30, 31], false, true],
    ["of too few runs to tell", [30, 30, 30, 30], false, false],
  ];
  for (const [name, ms, kept, missed] of cases) {
    it(`is ${name}`, () => {
      const judged = line({ ms, ...binding });
      assert.deepEqual([judged.kept, judged.missed], [kept, missed]);
    });
  }
});
