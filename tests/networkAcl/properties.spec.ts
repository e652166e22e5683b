import assert from "node:assert/strict";
import fc from "fast-check";
import { type AclChange, type AclEntry, applied, inOrder, sameRule } from "../../networkAcl/acl";
import { planLift } from "../../networkAcl/lift";
import { type BlockPlan, type BlockRequest, planBlock } from "../../networkAcl/plan";
import { type Asked, standing } from "../../networkAcl/shared";
import { acl, request, small, smallPieces } from "./acls";
import { isAsked, isFrom, packetsAt, verdict } from "./oracle";

/** How many ACLs; more with PROPERTY_RUNS=100000. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 2000);

/** The sources that the notes say are not blocked. */
function missedIn(notes: string[]): string[] {
  return notes.flatMap((note) => /from (.*) is not blocked/.exec(note)?.[1]?.split(", ") ?? []);
}

/** Blocks what is asked, but for what the notes name, and decides on all else as before. */
function assertBlocks(
  before: AclEntry[],
  after: AclEntry[],
  blocks: { asked: BlockRequest; notes: string[] }[],
): void {
  for (const packet of packetsAt(
    [...before, ...after],
    blocks.map(({ asked }) => asked),
  )) {
    const was = verdict(before, packet);
    const is = verdict(after, packet);
    const asking = blocks.filter(({ asked }) => isAsked(asked, packet));
    if (asking.length === 0) assert.equal(is, was, `changed: ${JSON.stringify(packet)}`);
    else if (is === "allow") {
      const told = asking.every(({ notes }) => isFrom(missedIn(notes), packet));
      assert.ok(told, `open: ${JSON.stringify(packet)}`);
    }
  }
}

function ownOf(entries: AclEntry[], isV6: boolean): number {
  return entries.filter(
    ({ egress, number, cidr }) => !egress && number <= 32766 && cidr.includes(":") === isV6,
  ).length;
}

/** Two entries that say the same cannot be told apart: one may be left at the other one's number. */
function hasTwins(entries: AclEntry[]): boolean {
  return entries.some((one, at) => entries.slice(at + 1).some((two) => sameRule(one, two)));
}

/** All lists of fewer entries, of two at the most. */
function shorterThan(length: number): AclEntry[][] {
  const pairs = smallPieces.flatMap((one) => smallPieces.map((two) => [one, two]));
  const all: AclEntry[][] = [[], ...smallPieces.map((piece) => [piece]), ...pairs];
  return all.filter((list) => list.length < length);
}

describe("the plan of a network ACL's block, for random ACLs", function () {
  this.timeout(Math.max(60_000, RUNS * 100));

  const always = (what: (entries: AclEntry[], asked: BlockRequest, then: BlockRequest) => void) =>
    fc.assert(fc.property(acl, request, request, what), { numRuns: RUNS });

  it("denies what it is to deny, and decides on every other packet as before", () =>
    always((entries, asked) => {
      const { notes, ...change } = planBlock(entries, asked);
      assertBlocks(entries, applied(entries, change), [{ asked, notes }]);
    }));

  it("keeps to the quota of each family", () =>
    always((entries, asked) => {
      const after = applied(entries, planBlock(entries, asked));
      for (const isV6 of [false, true]) {
        const most = Math.max(asked.most as number, ownOf(entries, isV6));
        assert.ok(ownOf(after, isV6) <= most);
      }
    }));

  it("finds nothing to do where it was done", () =>
    always((entries, asked) => {
      const { notes, ...change } = planBlock(entries, { ...asked, most: 1000 });
      assert.deepEqual(notes, []);
      const again = planBlock(applied(entries, change), { ...asked, most: 1000 });
      assert.deepEqual(again, { add: [], move: [], notes: [] });
    }));

  it("takes so few entries that no shorter list would do", () =>
    fc.assert(
      fc.property(small, ({ entries, asked }) => {
        const { add } = planBlock(entries, asked);
        const packets = packetsAt([...entries, ...smallPieces], [asked]);
        const isRight = (after: AclEntry[]) =>
          packets.every((packet) => {
            const is = isAsked(asked, packet) ? "deny" : verdict(entries, packet);
            return verdict(after, packet) === is;
          });
        for (const list of shorterThan(add.length)) {
          for (const { number } of entries) {
            const at = list.map((piece, index) => ({ ...piece, number: number - 9 + index }));
            assert.ok(!isRight([...entries, ...at]), `enough: ${JSON.stringify(at)}`);
          }
        }
      }),
      { numRuns: Math.ceil(RUNS / 10) },
    ));

  it("takes so few entries beside another block, too, that no shorter list would do", () => {
    const two = fc.tuple(small, small);
    const besideAnother = fc.property(two, ([{ entries, asked }, { asked: first }]) => {
      const one = planBlock(entries, first);
      const both = applied(entries, one);
      const { add } = planBlock(both, asked, [one]);
      const packets = packetsAt([...entries, ...smallPieces], [asked, first]);
      const isOfOne = (entry: AclEntry) => one.add.some((own) => sameRule(own, entry));
      fc.pre(!entries.some(isOfOne));
      const spaced = both.map((entry, at) => ({ ...entry, number: 100 * (at + 1) }));
      const states = [spaced, spaced.filter((entry) => !isOfOne(entry))];
      const isRight = (list: AclEntry[]) =>
        states.every((state) =>
          packets.every((packet) => {
            const is = isAsked(asked, packet) ? "deny" : verdict(state, packet);
            return verdict([...state, ...list], packet) === is;
          }),
        );
      for (const list of shorterThan(add.length)) {
        for (const { number } of spaced) {
          const at = list.map((piece, index) => ({ ...piece, number: number - 9 + index }));
          assert.ok(!isRight(at), `enough: ${JSON.stringify(at)}`);
        }
      }
    });
    fc.assert(besideAnother, { numRuns: Math.ceil(RUNS / 10) });
  });

  it("is shared by ten with the same sources, and goes with the last of them", () => {
    const orders = fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 10, maxLength: 10 });
    const ten = fc.property(acl, request, request, orders, (entries, other, asked, order) => {
      fc.pre(!hasTwins(entries));
      const one = { request: other, block: planBlock(entries, other) };
      const withOne = applied(entries, one.block);
      const { notes, ...block } = planBlock(withOne, asked, [one.block]);
      fc.pre(notes.length === 0 && block.add.length > 0);
      const both = applied(withOne, block);
      const all: Asked[] = [one, { request: asked, block }];
      while (all.length < 11) {
        const [shared] = standing(both, asked, all);
        // The other one was asked for the same, or this one, never none.
        assert.ok(shared);
        all.push(structuredClone(shared));
      }
      let now = both;
      let left = all;
      for (const at of [0, ...order.map((index) => index + 1)]) {
        const gone = all[at] as Asked;
        left = left.filter((each) => each !== gone);
        const blocks = left.map((each) => each.block);
        const lift = planLift(now, gone.block, blocks);
        assert.deepEqual(lift.notes, []);
        now = applied(now, lift);
        if (left.length > 0) assertBlocks(entries, now, [{ asked, notes: [] }]);
      }
      assert.deepEqual(now, inOrder(entries));
    });
    fc.assert(ten, { numRuns: Math.ceil(RUNS / 10) });
  });

  it("takes as few entries each time for the same sources, or says that no number is free", () => {
    const tenTimes = fc.property(acl, request, (entries, some) => {
      const asked = { ...some, most: 1000 };
      const blocks: BlockPlan[] = [];
      let now = entries;
      for (let incident = 0; incident < 10; incident++) {
        const block = planBlock(now, asked, blocks);
        now = applied(now, block);
        blocks.push(block);
      }
      const [{ add }] = blocks as [BlockPlan];
      for (const block of blocks) {
        if (block.notes.length === 0) assert.equal(block.add.length, add.length);
        else assert.match(block.notes.join(), /is not blocked .*: no number is free/);
      }
      assertBlocks(entries, now, [{ asked, notes: [] }]);
    });
    fc.assert(tenTimes, { numRuns: Math.ceil(RUNS / 10) });
  });

  it("is lifted without a trace", () =>
    always((entries, asked) => {
      const block = planBlock(entries, asked);
      const { notes, ...lift } = planLift(applied(entries, block), block);
      assert.deepEqual(notes, []);
      assert.deepEqual(applied(applied(entries, block), lift), inOrder(entries));
    }));

  for (const order of ["the first", "the second"]) {
    it(`overlaps with another, and is lifted without a trace, ${order} first`, () =>
      always((entries, asked, then) => {
        const one = { asked, ...planBlock(entries, asked) };
        const blocked = applied(entries, one);
        const two = { asked: then, ...planBlock(blocked, then, [one]) };
        const both = applied(blocked, two);
        assertBlocks(entries, both, [one, two]);

        const [gone, left] = order === "the first" ? [one, two] : [two, one];
        const lift = planLift(both, gone as AclChange, [left as AclChange]);
        const half = applied(both, lift);
        assertBlocks(entries, half, [left]);
        const last = planLift(half, left as AclChange);
        assert.deepEqual([...lift.notes, ...last.notes], []);
        assert.deepEqual(applied(half, last), inOrder(entries));
      }));
  }

  for (const [blocks, runs] of [
    [3, RUNS],
    [6, Math.ceil(RUNS / 10)],
  ] as const) {
    it(`overlaps with others, ${blocks} in all, and each is lifted without a trace, in any order`, () => {
      const requests = fc.array(request, { minLength: blocks, maxLength: blocks });
      const last = blocks - 1;
      const orders = fc.uniqueArray(fc.nat({ max: last }), {
        minLength: blocks,
        maxLength: blocks,
      });
      const blocksAndLifts = fc.property(acl, requests, orders, (entries, asking, order) => {
        fc.pre(!hasTwins(entries));
        const all: { asked: BlockRequest; change: AclChange; notes: string[] }[] = [];
        let now = entries;
        for (const asked of asking) {
          const known = all.map(({ change }) => change);
          const { notes, ...change } = planBlock(now, asked, known);
          now = applied(now, change);
          all.push({ asked, change, notes });
        }
        assertBlocks(entries, now, all);

        let left = all;
        for (const at of order) {
          const gone = all[at] as (typeof all)[0];
          left = left.filter((one) => one !== gone);
          const lift = planLift(
            now,
            gone.change,
            left.map(({ change }) => change),
          );
          assert.deepEqual(lift.notes, []);
          now = applied(now, lift);
          assertBlocks(entries, now, left);
        }
        assert.deepEqual(now, inOrder(entries));
      });
      fc.assert(blocksAndLifts, { numRuns: runs });
    });
  }
});
