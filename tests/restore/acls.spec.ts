import assert from "node:assert/strict";
import type { Action } from "../../functions/case";
import type { StoredBlocks } from "../../functions/infrastructure/blocks";
import { type AclChange, type AclEntry, applied } from "../../networkAcl/acl";
import { planLift } from "../../networkAcl/lift";
import { planBlock } from "../../networkAcl/plan";
import type { CaseFile } from "../../restore/caseFile";
import { planRestore, type Step, type Wishes } from "../../restore/plan";
import type { Present } from "../../restore/present";
import { caseOf, incident } from "../functions/given";

const ACL = "acl-1";
const ITEM = `network-acls:${ACL}`;
const RECORD = "network-acls:blocks/execution-1.json";
const place = { Bucket: "cases", Key: "blocks/execution-1.json" };
const until = "2026-06-01T13:00:00.000Z";
const everything: Wishes = { only: [], force: false, falseAlarm: false };

function entry(number: number, action: AclEntry["action"], cidr: string, port?: number): AclEntry {
  const ports = port === undefined ? { protocol: "-1" } : { fromPort: port, toPort: port };
  return { number, egress: false, action, protocol: "6", cidr, ...ports };
}

const request = { sources: ["0.0.0.0/0"], keep: ["198.51.100.0/24"], ports: [22] };
const before = [entry(1, "allow", "0.0.0.0/0")];
const { notes: _, ...block } = planBlock(before, request);
const blocked = applied(before, block);
// What the tests below are written for.
assert.deepEqual(blocked, [
  entry(1, "allow", "198.51.100.0/24", 22),
  entry(2, "deny", "0.0.0.0/0", 22),
  entry(3, "allow", "0.0.0.0/0"),
]);

function made(NetworkAclId = ACL): Action {
  const input = { NetworkAclId, RuleNumber: 2, Egress: false };
  const call = "ec2:CreateNetworkAclEntry";
  return { call, subject: NetworkAclId, input, outcome: "done", at: "2026-06-01T12:00:01.000Z" };
}

function fileOf(acls: string[] = [ACL], actions: Action[] = acls.map(made)): CaseFile {
  const subjects = acls.map((aclId) => ({
    kind: "networkAcl" as const,
    aclId,
    before: { entries: before },
    block,
    until,
  }));
  return { ...caseOf({ subjects, actions }), incident: incident([]) };
}

function recordOf(caseId: string, changes: [aclId: string, block: AclChange][]): StoredBlocks {
  const at = "2026-06-01T12:00:00.000Z";
  return {
    caseId,
    until,
    changes: changes.map(([aclId, one]) => ({ aclId, at, request, block: one })),
  };
}

const own = recordOf("execution-1", [[ACL, block]]);

function presentOf(entries: AclEntry[] | null, blocks: Present["blocks"] | StoredBlocks[]) {
  return {
    users: {},
    groups: {},
    policies: {},
    securityGroups: {},
    acls: { [ACL]: entries, "acl-2": blocked },
    ...(blocks && { blocks: Array.isArray(blocks) ? { bucket: "cases", all: blocks } : blocks }),
  };
}

/** A plan in short; what is empty is left out. */
function told(file: CaseFile, present: Present, wishes: Partial<Wishes> = {}) {
  const { steps, there, left, drift, stops } = planRestore(file, present, {
    ...everything,
    ...wishes,
  });
  const all = {
    steps: steps.map(({ item, call, input }) => [item, call, input]),
    there,
    left: left.map(({ item, why }) => `${item}: ${why}`),
    drift: drift.map(({ item, what }) => `${item}: ${what}`),
    stops: stops.map(({ item }) => item),
  };
  return Object.fromEntries(Object.entries(all).filter(([, list]) => list.length > 0));
}

function away(RuleNumber: number, NetworkAclId = ACL) {
  const input = { NetworkAclId, RuleNumber, Egress: false };
  return [`network-acls:${NetworkAclId}`, "ec2:DeleteNetworkAclEntry", input];
}

function backTo1(NetworkAclId = ACL) {
  return [
    [
      `network-acls:${NetworkAclId}`,
      "ec2:CreateNetworkAclEntry",
      {
        NetworkAclId,
        RuleNumber: 1,
        Egress: false,
        RuleAction: "allow",
        Protocol: "-1",
        CidrBlock: "0.0.0.0/0",
      },
    ],
    away(3, NetworkAclId),
  ];
}

/** The entries after the calls of a plan, each of which has to find what it needs. */
function after(entries: AclEntry[], steps: Step[]): AclEntry[] {
  return steps.reduce((now, { call, input }) => {
    const { RuleNumber: number, RuleAction: action, CidrBlock: cidr } = input;
    const there = now.find((one) => one.number === number);
    if (call === "ec2:CreateNetworkAclEntry") {
      assert.equal(there, undefined);
      const made = { egress: false, protocol: String(input.Protocol), number, action, cidr };
      return applied(now, { add: [made as AclEntry] });
    }
    if (call !== "ec2:DeleteNetworkAclEntry") return now;
    assert.ok(there);
    return applied(now, { remove: [there] });
  }, entries);
}

const forgotten = [RECORD, "s3:DeleteObject", place];
const lift = [away(2), away(1), ...backTo1(), forgotten];
const lost = (what: string) => `${ITEM}: ${what}`;

describe("planRestore, of a network ACL", () => {
  it("takes what denies first, then what was kept from it, then gives the number back", () => {
    assert.deepEqual(told(fileOf(), presentOf(blocked, [own])), { steps: lift });
  });

  it("tells what each call is for", () => {
    const { steps } = planRestore(fileOf(), presentOf(blocked, [own]), everything);
    assert.deepEqual(
      steps.map(({ why }) => why),
      [
        "the case made inbound entry 2 (deny 0.0.0.0/0, protocol 6, ports 22-22)",
        "the case made inbound entry 1 (allow 198.51.100.0/24, protocol 6, ports 22-22)",
        "inbound entry 3 (allow 0.0.0.0/0, protocol -1) had the number 1 before",
        "it has the number 1 again",
        "it says what is blocked, and when to lift it",
      ],
    );
  });

  it("goes on where an earlier try ended", () => {
    const half = blocked.filter(({ number }) => number !== 2);
    assert.deepEqual(told(fileOf(), presentOf(half, [own])), {
      steps: [away(1), ...backTo1(), forgotten],
    });
  });

  it("has nothing to do where the block is lifted and written off", () => {
    assert.deepEqual(told(fileOf(), presentOf(before, [])), { there: [ITEM] });
    assert.deepEqual(told(fileOf(), presentOf(null, [])), { there: [ITEM] });
  });

  it("writes off what somebody lifted by hand", () => {
    assert.deepEqual(told(fileOf(), presentOf(before, [own])), {
      steps: [forgotten],
      there: [ITEM],
    });
  });

  it("leaves an ACL from which the case took its own entries back at once", () => {
    const file = { ...fileOf(), subjects: [] };
    assert.deepEqual(told(file, presentOf(before, [])), {});
  });

  it("leaves what was only observed", () => {
    const observed = { ...made(), outcome: "would" as const };
    assert.deepEqual(told(fileOf([ACL], [observed]), presentOf(before, [])), {});
  });

  it("keeps what another case blocks, also where it moved this one's entries", () => {
    // Before number 1 nothing is free, so the later block moves what the earlier one made.
    const { notes: _, ...later } = planBlock(blocked, { ...request, keep: [] }, [block]);
    assert.ok(later.move.some(({ foreign }) => foreign));
    const both = applied(blocked, later);
    const record = recordOf("execution-2", [[ACL, later]]);
    const { steps, drift } = planRestore(fileOf(), presentOf(both, [own, record]), everything);
    assert.deepEqual(drift, []);
    const half = after(both, steps);
    assert.deepEqual(applied(half, planLift(half, later)), before);
  });

  it("leaves an entry to a later case that made the same", () => {
    const later = recordOf("execution-2", [[ACL, block]]);
    assert.deepEqual(told(fileOf(), presentOf(blocked, [later])), { there: [ITEM] });
  });

  it("writes a shared block off, and takes its entries with the last of them", () => {
    const sharing = fileOf([ACL], []);
    const other = recordOf("execution-2", [[ACL, block]]);
    for (const file of [fileOf(), sharing]) {
      assert.deepEqual(told(file, presentOf(blocked, [other, own])), {
        steps: [forgotten],
        there: [ITEM],
      });
      assert.deepEqual(told(file, presentOf(blocked, [own])), { steps: lift });
    }
    const observed = { ...sharing, mode: "observe" as const };
    assert.deepEqual(told(observed, presentOf(blocked, [own])), {});
  });

  it("writes down what is left where one ACL of two is named", () => {
    const two = recordOf("execution-1", [
      [ACL, block],
      ["acl-2", block],
    ]);
    const rest = { ...two, changes: two.changes.slice(0, 1) };
    assert.deepEqual(
      told(fileOf([ACL, "acl-2"]), presentOf(blocked, [two]), { only: ["network-acls:acl-2"] }),
      {
        steps: [
          away(2, "acl-2"),
          away(1, "acl-2"),
          ...backTo1("acl-2"),
          [
            RECORD,
            "s3:PutObject",
            { ...place, Body: JSON.stringify(rest, null, 2), ContentType: "application/json" },
          ],
        ],
      },
    );
    assert.deepEqual(told(fileOf(), presentOf(blocked, [own]), { only: ["rules"] }), {});
    assert.deepEqual(told(fileOf(), presentOf(blocked, [own]), { only: ["network-acls"] }), {
      steps: lift,
    });
  });

  const edited = blocked.map((one) => (one.number === 2 ? { ...one, cidr: "10.0.0.0/8" } : one));
  const editedDrift = lost(
    "where the case made inbound entry 2 (deny 0.0.0.0/0, protocol 6, ports 22-22), there is inbound entry 2 (deny 10.0.0.0/8, protocol 6, ports 22-22), which is left alone",
  );
  const staysDrift = lost(
    "inbound entry 1 (allow 0.0.0.0/0, protocol -1), which the case moved to 3, does not get its number back: somebody changed it, took the number, or put an entry between",
  );

  it("stops where an entry was edited, unless forced", () => {
    const drift = { drift: [editedDrift, staysDrift] };
    assert.deepEqual(told(fileOf(), presentOf(edited, [own])), {
      steps: [away(1), forgotten],
      ...drift,
      stops: [ITEM, ITEM],
    });
    const forced = { steps: [away(1), forgotten], ...drift };
    assert.deepEqual(told(fileOf(), presentOf(edited, [own]), { force: true }), forced);
    assert.deepEqual(told(fileOf(), presentOf(edited, [own]), { only: [ITEM] }), forced);
  });

  it("stops where the number of a moved entry is taken", () => {
    const taken = blocked.map((one) => (one.number === 1 ? entry(1, "deny", "9.0.0.0/8") : one));
    assert.deepEqual(told(fileOf(), presentOf(taken, [own])), {
      steps: [away(2), forgotten],
      drift: [
        lost(
          "where the case made inbound entry 1 (allow 198.51.100.0/24, protocol 6, ports 22-22), there is inbound entry 1 (deny 9.0.0.0/8, protocol -1), which is left alone",
        ),
        staysDrift,
      ],
      stops: [ITEM, ITEM],
    });
  });

  it("says that the ACL is gone", () => {
    const what = `network ACL ${ACL} is not there any more`;
    assert.deepEqual(told(fileOf(), presentOf(null, [own])), {
      left: [lost(what)],
      drift: [lost(what)],
    });
  });

  it("leaves to a person what stands though its block was lifted", () => {
    assert.deepEqual(told(fileOf(), presentOf(blocked, [])), {
      left: [
        lost(
          "inbound entry 1 (allow 198.51.100.0/24, protocol 6, ports 22-22), inbound entry 2 (deny 0.0.0.0/0, protocol 6, ports 22-22): as the case made it, though its block was lifted, so somebody may have made it since",
        ),
      ],
    });
  });

  it("leaves the ACL where the bucket does not tell what is blocked", () => {
    const unread = "s3://cases/blocks/ tells, and could not be read: AccessDenied: no";
    assert.deepEqual(told(fileOf(), presentOf(blocked, { unread })), {
      left: [lost(`whether it is still blocked is not known: ${unread}`)],
    });
  });
});
