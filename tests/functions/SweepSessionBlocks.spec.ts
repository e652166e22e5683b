import assert from "node:assert/strict";
import type { Mode } from "../../functions/case";
import { creation } from "../../functions/infrastructure/acls";
import { type Swept, sweepSessionBlocks } from "../../functions/SweepSessionBlocks";
import type { AclEntry } from "../../networkAcl/acl";
import { aclWorld, changesIn, entry, stored, untouched } from "./aclWorld";
import { refusal, throttled, withEnvironment, withoutWaiting } from "./fakeSdk";
import { told } from "./given";

type World = Parameters<typeof aclWorld>[0];
type Answers = Parameters<typeof aclWorld>[1];

const one = [entry(99, "deny", "8.8.4.4/32")];
const two = [entry(98, "deny", "1.1.1.1/32")];
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
/** The one died long ago, the other one just ends: at each test, since a whole run takes long. */
let dead: World["blocks"][number];
let ending: World["blocks"][number];

async function sweep(
  world: World,
  { mode = "enforce", answers }: { mode?: Mode; answers?: Answers } = {},
) {
  const { ec2Sdk, s3Sdk, calls } = aclWorld(world, answers);
  const handler = sweepSessionBlocks(ec2Sdk, s3Sdk, { mode });
  let swept: Swept | undefined;
  let thrown: Error | undefined;
  try {
    swept = await handler();
  } catch (error) {
    thrown = error as Error;
  }
  const failed = thrown && `${thrown.name}: ${thrown.message}`;
  return { swept, failed, changes: changesIn(calls) };
}

function given(...blocks: World["blocks"]): World {
  return structuredClone({ acls: { "acl-1": [...untouched, ...one, ...two] }, blocks });
}

describe("SweepSessionBlocks", () => {
  withoutWaiting();
  withEnvironment({ CASE_BUCKET: "cases" });
  const logged: string[] = [];
  const { log } = console;
  beforeEach(() => {
    dead = stored("dead", one, { until: minutesAgo(60) });
    ending = stored("ending", two, { until: minutesAgo(5) });
    logged.length = 0;
    console.log = (line: string) => logged.push(line);
  });
  afterEach(() => {
    console.log = log;
  });

  it("lifts what is long past its time, and leaves to an execution what it lifts itself", async () => {
    const world = given(dead, ending);
    const { swept, failed, changes } = await sweep(world);
    assert.deepEqual(changes, ["DeleteNetworkAclEntry acl-1 99", "DeleteObject blocks/dead.json"]);
    assert.deepEqual(world, { acls: { "acl-1": [...untouched, ...two] }, blocks: [ending] });
    assert.deepEqual([swept?.lifted, swept?.notes, failed], [["dead"], [], undefined]);
    assert.deepEqual(told(swept?.actions ?? []), ["done ec2:DeleteNetworkAclEntry acl-1"]);
    assert.deepEqual(logged, [JSON.stringify(swept)]);
  });

  it("changes nothing where nothing is past its time", async () => {
    const world = given(ending);
    const { swept, changes } = await sweep(world);
    assert.deepEqual([swept?.lifted, changes, world], [[], [], given(ending)]);
  });

  it("keeps written down what a later block keeps from its number, until that is lifted", async () => {
    const [allow, defaults] = untouched as [AclEntry, AclEntry];
    const original = { ...allow, number: 1 };
    const move = { entry: original, to: 2 };
    const block = { add: [entry(1, "deny", "8.8.4.4/32")], move: [move] };
    const mover = { ...stored("dead", [], { until: minutesAgo(60), block }) };
    const before = stored("before", [entry(1, "deny", "1.1.1.1/32")], {
      until: minutesAgo(5),
      at: "2026-06-01T11:00:00.000Z",
    });
    // The older block's entry has the number since somebody put it there by hand.
    const entries = [entry(1, "deny", "1.1.1.1/32"), { ...original, number: 2 }, defaults];
    const world: World = { acls: { "acl-1": [...entries] }, blocks: [before, mover] };
    const { swept, failed } = await sweep(world);
    assert.deepEqual([swept?.lifted, failed, world.acls["acl-1"]], [[], undefined, entries]);
    assert.deepEqual(
      world.blocks.map(({ caseId, changes }) => [caseId, changes[0]?.block]),
      [
        ["before", before.changes[0]?.block],
        ["dead", { add: [], move: [move] }],
      ],
    );
    world.blocks = world.blocks.map((one) => ({ ...one, until: minutesAgo(60) }));
    const last = await sweep(world);
    assert.deepEqual(last.swept?.lifted, ["before", "dead"]);
    assert.deepEqual([world.acls["acl-1"], world.blocks], [[defaults, original], []]);
  });

  it("tells of an ACL that is gone, and of an entry that somebody changed", async () => {
    const changed = [...untouched, entry(99, "allow", "8.8.4.4/32")];
    const away = stored("away", two, { until: minutesAgo(60), aclId: "acl-2" });
    const world: World = { acls: { "acl-1": changed }, blocks: [dead, away] };
    const { swept } = await sweep(world);
    assert.deepEqual(
      [swept?.lifted, swept?.notes, world],
      [
        ["dead", "away"],
        [
          "acl-1: inbound entry 99 (deny 8.8.4.4/32, protocol 6, ports 22-22) is not there any more: somebody removed or changed it",
          "acl-2 is not there any more: nothing to lift",
        ],
        { acls: { "acl-1": changed }, blocks: [] },
      ],
    );
  });

  for (const error of [refusal("UnauthorizedOperation"), throttled]) {
    it(`fails by name after it has tried all: ${error.name}`, async () => {
      const second = { ...ending, until: minutesAgo(60) };
      const world = given(dead, second);
      const { failed, changes } = await sweep(world, {
        answers: {
          ec2: {
            DeleteNetworkAclEntry: ({ RuleNumber }) => {
              if (RuleNumber === 99) return error;
              world.acls["acl-1"] = [...untouched, ...one];
              return {};
            },
          },
        },
      });
      assert.deepEqual(changes, [
        "DeleteNetworkAclEntry acl-1 99",
        "PutObject blocks/dead.json",
        "DeleteNetworkAclEntry acl-1 98",
        "DeleteObject blocks/ending.json",
      ]);
      assert.deepEqual([world.blocks, JSON.parse(logged[0] ?? "").lifted], [[dead], ["ending"]]);
      assert.equal(
        failed,
        "BlocksLeft: Session blocks that are past their time could not be lifted: dead: acl-1 is still blocked for tcp 22",
      );
    });
  }

  it("goes on where a look at one ACL fails", async () => {
    const elsewhere = stored("elsewhere", two, { until: minutesAgo(60), aclId: "acl-2" });
    const world: World = {
      acls: { "acl-1": [...untouched, ...one] },
      blocks: [elsewhere, dead],
    };
    const { failed } = await sweep(world, {
      answers: {
        ec2: {
          DescribeNetworkAcls: ({ NetworkAclIds }) => {
            if (NetworkAclIds === undefined) return { NetworkAcls: [] };
            return NetworkAclIds[0] === "acl-2"
              ? throttled
              : refusal("InvalidNetworkAclID.NotFound");
          },
        },
      },
    });
    assert.deepEqual(world.blocks, [elsewhere]);
    assert.match(failed ?? "", /^BlocksLeft: .*: elsewhere: Rate exceeded$/);
  });

  it("lifts a block of an ACL of which EC2 says once that it is not there", async () => {
    const world = given(dead);
    let asked = 0;
    const { swept, failed } = await sweep(world, {
      answers: {
        ec2: {
          DescribeNetworkAcls: () => {
            if (asked++ === 0) return refusal("InvalidNetworkAclID.NotFound");
            const Entries = (world.acls["acl-1"] ?? []).map((one) => creation("acl-1", one));
            return { NetworkAcls: [{ NetworkAclId: "acl-1", Entries }] };
          },
        },
      },
    });
    assert.deepEqual(world, { acls: { "acl-1": [...untouched, ...two] }, blocks: [] });
    assert.deepEqual([swept?.lifted, failed], [["dead"], undefined]);
  });

  it("throws where the bucket does not tell", async () => {
    const { failed } = await sweep(given(dead), { answers: { s3: { ListObjectsV2: throttled } } });
    assert.equal(failed, "ThrottlingException: Rate exceeded");
  });

  it("lifts nothing in observe, and fails where it would have to", async () => {
    const world = given(dead);
    const { failed, changes } = await sweep(world, { mode: "observe" });
    assert.deepEqual([changes, world], [[], given(dead)]);
    assert.match(
      failed ?? "",
      /: dead: observe mode lifts nothing\. This lifts it: npm run restore -- s3:\/\/cases\/cases\/dead\.json --only network-acls$/,
    );
    assert.equal((await sweep(given(ending), { mode: "observe" })).failed, undefined);
  });
});
