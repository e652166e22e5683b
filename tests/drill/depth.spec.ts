import assert from "node:assert/strict";
import { depthOf, longestChain, type TimedCall, tooDeep } from "../../drill/depth";

/** A call of a function, cutting where its name ends in "!". */
function call(principal: string, from: number, to: number): TimedCall {
  return { principal: principal.replace("!", ""), from, to, cut: principal.endsWith("!") };
}

describe("longestChain", () => {
  const cases: [name: string, calls: [from: number, to: number][], depth: number][] = [
    ["no call", [], 0],
    [
      "calls side by side",
      [
        [0, 10],
        [1, 9],
        [9, 12],
      ],
      2,
    ],
    [
      "calls that overlap by a hair",
      [
        [0, 10],
        [9.9, 20],
      ],
      1,
    ],
    [
      "a call that starts as another is answered",
      [
        [0, 10],
        [10, 20],
      ],
      2,
    ],
    [
      "two chains: the longer one",
      [
        [0, 50],
        [0, 10],
        [11, 20],
        [21, 30],
        [55, 60],
      ],
      4,
    ],
    [
      "calls out of order",
      [
        [21, 30],
        [0, 10],
        [11, 20],
      ],
      3,
    ],
  ];
  for (const [name, calls, depth] of cases) {
    it(name, () => {
      assert.equal(longestChain(calls.map(([from, to]) => ({ from, to }))), depth);
    });
  }
});

describe("depthOf", () => {
  const cutter = { function: "Cut", from: 0, to: 100 };
  const strip = { function: "StripAccount", from: 200, to: 300 };
  const later = { function: "StripAccount", from: 400, to: 500 };
  const verify = { function: "VerifyAccount", from: 310, to: 390 };

  it("counts the invocation of the first cut and the first strip, and no other", () => {
    const calls = [
      call("Cut!", 10, 20),
      call("Cut", 11, 20),
      call("Cut", 21, 30),
      call("Other", 31, 40),
      call("StripAccount", 210, 220),
      call("StripAccount!", 221, 230),
      call("StripAccount!", 231, 240),
      call("VerifyAccount", 320, 330),
      call("StripAccount!", 410, 420),
    ];
    const invocations = [cutter, strip, verify, later];
    assert.deepEqual(depthOf(invocations, calls), { firstCut: 1, containment: 2 + 3 });
  });

  it("counts the looks that the first cut waited for, not those beside it", () => {
    const calls = [
      call("Cut", 0, 9),
      call("Cut", 10, 19),
      call("Cut", 12, 40),
      call("Cut!", 20, 30),
    ];
    assert.deepEqual(depthOf([cutter], calls), { firstCut: 3, containment: 3 });
  });

  it("is none where nothing was taken, or by a call of no invocation", () => {
    assert.equal(depthOf([cutter], [call("Cut", 10, 20)]), undefined);
    assert.equal(depthOf([cutter], [call("Cut!", 110, 120)]), undefined);
  });
});

describe("tooDeep", () => {
  const most = { firstCut: 1, containment: 9 };
  const cases: [name: string, depth: Parameters<typeof tooDeep>[0], wrong: string[]][] = [
    ["as deep as it may be", most, []],
    [
      "too deep twice",
      { firstCut: 2, containment: 10 },
      [
        "expect.roundTrips.firstCut: 2, and at most 1 may be",
        "expect.roundTrips.containment: 10, and at most 9 may be",
      ],
    ],
    ["nothing taken", undefined, ["expect.roundTrips: nothing was taken"]],
  ];
  for (const [name, depth, wrong] of cases) {
    it(name, () => assert.deepEqual(tooDeep(depth, most), wrong));
  }

  it("says nothing where nothing is asked", () =>
    assert.deepEqual(tooDeep(undefined, undefined), []));
});
