import assert from "node:assert/strict";
import type { Mode } from "../../functions/case";
import type { StoredChange } from "../../functions/infrastructure/blocks";
import { liftSessionBlock } from "../../functions/LiftSessionBlock";
import type { AclEntry } from "../../networkAcl/acl";
import { aclWorld, changesIn, entry, stored, untouched } from "./aclWorld";
import { refusal, throttled, withEnvironment, withoutWaiting } from "./fakeSdk";
import { caseOf, incident, told, validCase } from "./given";

type Answers = Parameters<typeof aclWorld>[1];

const own = [entry(98, "allow", "172.31.0.0/16"), entry(99, "deny", "0.0.0.0/0")];

async function lift(
  world: Parameters<typeof aclWorld>[0],
  { mode = "enforce", answers }: { mode?: Mode; answers?: Answers } = {},
) {
  const { ec2Sdk, s3Sdk, calls } = aclWorld(world, answers);
  const handler = liftSessionBlock(ec2Sdk, s3Sdk, { mode });
  const input = { incident: incident([]), caseId: "e", case: caseOf({ id: "e", mode }) };
  const after = await validCase(handler, input);
  return { after, calls, changes: changesIn(calls) };
}

function given(entries: AclEntry[] = [...untouched, ...own], blocks = [stored("e", own)]) {
  return { acls: { "acl-1": structuredClone(entries) }, blocks: structuredClone(blocks) };
}

describe("LiftSessionBlock", () => {
  withoutWaiting();
  withEnvironment({ CASE_BUCKET: "cases" });

  it("takes the case's entries off, what denies first, and forgets them last", async () => {
    const world = given();
    const { after, changes } = await lift(world);
    assert.deepEqual(changes, [
      "DeleteNetworkAclEntry acl-1 99",
      "DeleteNetworkAclEntry acl-1 98",
      "DeleteObject blocks/e.json",
    ]);
    assert.deepEqual(world, { acls: { "acl-1": untouched }, blocks: [] });
    assert.deepEqual([after.open, after.notes], [[], []]);
  });

  it("says that there is nothing to lift", async () => {
    const other = stored("other", own);
    const { after, changes } = await lift(given(undefined, [other]));
    assert.deepEqual([after.notes, changes], [["The session block was lifted before"], []]);
  });

  it("leaves another case's entries", async () => {
    const others = entry(97, "deny", "8.8.4.4/32");
    const other = stored("other", [others]);
    const world = given([...untouched, ...own, others], [other, stored("e", own)]);
    const { after } = await lift(world);
    assert.deepEqual(world, { acls: { "acl-1": [...untouched, others] }, blocks: [other] });
    assert.deepEqual(after.open, []);
  });

  it("gives what was moved its number back, and takes what the block added", async () => {
    const [allow, defaults] = untouched as [AclEntry, AclEntry];
    const deny = entry(2, "deny", "0.0.0.0/0");
    const was = { ...allow, number: 1 };
    const block = { add: [entry(1, "deny", "0.0.0.0/0")], move: [{ entry: was, to: 2 }] };
    const moved = [{ ...allow, number: 2 }, { ...deny, number: 1 }, defaults];
    const world = given(moved, [stored("e", [], { block })]);
    const { changes } = await lift(world);
    assert.deepEqual(changes, [
      "DeleteNetworkAclEntry acl-1 1",
      "CreateNetworkAclEntry acl-1 1 allow 0.0.0.0/0",
      "DeleteNetworkAclEntry acl-1 2",
      "DeleteObject blocks/e.json",
    ]);
    assert.deepEqual(world, { acls: { "acl-1": [defaults, was] }, blocks: [] });
  });

  describe("while another block of the same ACL", () => {
    const [allow, defaults] = untouched as [AclEntry, AclEntry];
    const soon = new Date(Date.now() + 5 * 60_000).toISOString();
    const later = new Date(Date.now() + 50 * 60_000).toISOString();
    const original = { ...allow, number: 1 };
    const firstMove = { entry: original, to: 2 };
    // The first block took number 1 from the owner's entry; the second moved both by one.
    const first = stored("e", [], {
      block: { add: [entry(1, "deny", "8.8.4.4/32")], move: [firstMove] },
    });
    const secondMoves = [
      { entry: { ...original, number: 2 }, to: 3 },
      { entry: entry(1, "deny", "8.8.4.4/32"), to: 2, foreign: true as const },
    ];
    const second = (until: string, inherited = [firstMove]) =>
      stored("other", [], {
        until,
        at: "2026-06-01T12:10:00.000Z",
        block: { add: [entry(1, "deny", "1.1.1.1/32")], move: secondMoves, inherited },
      });
    const blocked = [
      entry(1, "deny", "1.1.1.1/32"),
      entry(2, "deny", "8.8.4.4/32"),
      { ...original, number: 3 },
      defaults,
    ];
    const stands = [entry(1, "deny", "1.1.1.1/32"), { ...original, number: 3 }, defaults];
    const inOrder = (entries: AclEntry[] = []) =>
      [...entries].sort((one, two) => one.number - two.number);
    const emptied = {
      ...first,
      changes: first.changes.map((change) => ({
        ...change,
        request: { ...change.request, sources: [] },
        block: { ...change.block, add: [] },
      })),
    };

    it("stands for longer and knows the moves, forgets its own", async () => {
      const world = given(blocked, [first, second(later)]);
      const { after } = await lift(world);
      assert.deepEqual(
        [inOrder(world.acls["acl-1"]), world.blocks, after.open, after.notes],
        [stands, [second(later)], [], []],
      );
    });

    it("ends at that moment, too, keeps what it moved written down, for a sweep", async () => {
      const world = given(blocked, [first, second(soon)]);
      const { after } = await lift(world);
      assert.deepEqual(inOrder(world.acls["acl-1"]), stands);
      assert.deepEqual(new Set(world.blocks), new Set([emptied, second(soon)]));
      assert.deepEqual([after.open, after.notes], [[], []]);
      // The other one is lifted, knowing nothing of this one's move, and then this one's rest is.
      world.acls["acl-1"] = [{ ...original, number: 2 }, defaults];
      world.blocks = [emptied];
      const last = await lift(world);
      assert.deepEqual(
        [inOrder(world.acls["acl-1"]), world.blocks, last.after.notes],
        [[original, defaults], [], []],
      );
    });

    it("has no entries any more, waits for nothing that somebody else did", async () => {
      const owners = entry(1, "deny", "9.9.9.9/32");
      const entries = [owners, { ...original, number: 2 }, defaults];
      const idle = { ...emptied, caseId: "other" };
      const world = given(entries, [first, idle]);
      const { after } = await lift(world);
      assert.deepEqual([world.acls["acl-1"], world.blocks], [entries, [idle]]);
      assert.deepEqual(after.notes, [
        "acl-1: inbound entry 1 (deny 8.8.4.4/32, protocol 6, ports 22-22) is not there any more: somebody removed or changed it",
        "acl-1: inbound entry 1 (allow 0.0.0.0/0, protocol -1), which the block moved to 2, does not get its number back: somebody changed it, took the number, or put an entry between",
      ]);
    });

    it("was made since the blocks were read, finds its entries where that one moved them", async () => {
      const world = given(blocked, [first]);
      let lists = 0;
      const { after } = await lift(world, {
        answers: {
          s3: {
            ListObjectsV2: () => {
              lists += 1;
              if (lists === 2) world.blocks.push(second(later));
              const Contents = world.blocks.map(({ caseId }) => ({ Key: `blocks/${caseId}.json` }));
              return { KeyCount: Contents.length, Contents };
            },
          },
        },
      });
      assert.deepEqual([inOrder(world.acls["acl-1"]), world.blocks], [stands, [second(later)]]);
      assert.deepEqual([after.open, after.notes, lists], [[], [], 2]);
    });
  });

  it("leaves an entry that somebody else changed, and says so", async () => {
    const changed = [
      ...untouched,
      entry(98, "allow", "10.0.0.0/8"),
      entry(99, "deny", "0.0.0.0/0"),
    ];
    const world = given(changed);
    const { after, changes } = await lift(world);
    assert.deepEqual(changes, ["DeleteNetworkAclEntry acl-1 99", "DeleteObject blocks/e.json"]);
    assert.deepEqual(after.notes, [
      "acl-1: inbound entry 98 (allow 172.31.0.0/16, protocol 6, ports 22-22) is not there any more: somebody removed or changed it",
    ]);
    assert.deepEqual(after.open, []);
  });

  it("counts an entry that goes between look and call as lifted", async () => {
    const world = given();
    const { after } = await lift(world, {
      answers: {
        ec2: {
          DeleteNetworkAclEntry: ({ RuleNumber }) => {
            world.acls["acl-1"] = [...untouched];
            return refusal("InvalidNetworkAclEntry.NotFound", `no ${RuleNumber}`);
          },
        },
      },
    });
    assert.deepEqual(
      [told(after.actions), after.open, world.blocks],
      [["gone ec2:DeleteNetworkAclEntry acl-1", "gone ec2:DeleteNetworkAclEntry acl-1"], [], []],
    );
  });

  it("forgets a block whose ACL is gone", async () => {
    const world = { acls: {}, blocks: [stored("e", own)] };
    const { after, changes } = await lift(world);
    assert.deepEqual(changes, ["DeleteObject blocks/e.json"]);
    assert.deepEqual(
      [after.notes, after.open],
      [["acl-1 is not there any more: nothing to lift"], []],
    );
  });

  for (const error of [refusal("UnauthorizedOperation"), throttled]) {
    it(`keeps in mind what a call left: ${error.name}`, async () => {
      const world = given();
      const answers = { ec2: { DeleteNetworkAclEntry: error } };
      const { after, changes } = await lift(world, { answers });
      // What is kept from the deny would be cut off if its entry went while that one stands.
      assert.deepEqual(changes, ["DeleteNetworkAclEntry acl-1 99", "PutObject blocks/e.json"]);
      assert.deepEqual(after.open, ["acl-1 is still blocked for tcp 22"]);
      assert.deepEqual(world, given());
    });
  }

  it("keeps in mind what an answer took off in words only", async () => {
    const world = given();
    const { after } = await lift(world, { answers: { ec2: { DeleteNetworkAclEntry: {} } } });
    assert.deepEqual([after.open, world], [["acl-1 is still blocked for tcp 22"], given()]);
  });

  it("lifts one ACL where another one's call fails, and keeps in mind the latter alone", async () => {
    const [first] = stored("e", own).changes;
    const second = { ...first, aclId: "acl-2" } as StoredChange;
    const both = { ...stored("e", own), changes: [first, second] as StoredChange[] };
    const entries = [...untouched, ...own];
    const world = { acls: { "acl-1": [...entries], "acl-2": [...entries] }, blocks: [both] };
    const { after } = await lift(world, {
      answers: {
        ec2: {
          DeleteNetworkAclEntry: ({ NetworkAclId, RuleNumber }) => {
            if (NetworkAclId === "acl-2") return throttled;
            world.acls["acl-1"] = world.acls["acl-1"].filter(({ number }) => number !== RuleNumber);
            return {};
          },
        },
      },
    });
    assert.deepEqual(after.open, ["acl-2 is still blocked for tcp 22"]);
    assert.deepEqual(world, {
      acls: { "acl-1": untouched, "acl-2": entries },
      blocks: [{ ...both, changes: [second] }],
    });
  });

  it("throws a look that fails, and has changed nothing", async () => {
    for (const answers of [
      { ec2: { DescribeNetworkAcls: throttled } },
      { s3: { ListObjectsV2: throttled } },
      { s3: { GetObject: throttled } },
    ]) {
      const world = given();
      await assert.rejects(lift(world, { answers }), { name: throttled.name });
      assert.deepEqual(world, given());
    }
  });

  it("throws where what is left cannot be written down: the next try lifts again", async () => {
    const world = given();
    const answers = { s3: { DeleteObject: throttled } };
    await assert.rejects(lift(world, { answers }), { name: throttled.name });
    const { after } = await lift(world);
    assert.deepEqual([after.open, world.blocks], [[], []]);
  });

  it("changes nothing in observe, and lists what enforce calls", async () => {
    const world = given();
    const { after, changes } = await lift(world, { mode: "observe" });
    assert.deepEqual([changes, world], [[], given()]);
    assert.deepEqual(told(after.actions), [
      "would ec2:DeleteNetworkAclEntry acl-1",
      "would ec2:DeleteNetworkAclEntry acl-1",
    ]);
  });
});
