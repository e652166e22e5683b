import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Drill } from "../../drill/drill";
import { loadScenario, type Scenario } from "../../drill/scenario";
import { kinds } from "../../faults/kinds";
import { isOf, keepOutcome, readOutcomes, timeLeft } from "../../faults/state";
import {
  attempt,
  functionOf,
  type Outcome,
  roleOf,
  type Target,
  type Trial,
  trialsOf,
} from "../../faults/sweep";
import { page, rowsOf } from "../../faults/table";

function scenario(name: string): Scenario {
  return loadScenario(path.join(__dirname, "..", "..", "scenarios", `${name}.yaml`));
}

const LAB = scenario("lab-admin-user-with-a-fresh-key");

function target(role: string, call: string, from = LAB): Target {
  const [service = "", action = ""] = call.split(":");
  return { scenario: from, by: `tourniquet-lab-${role}`, service, action };
}

function trial(role: string, call: string, kind: string, from = LAB): Trial {
  const found = kinds.find(({ name }) => name === kind);
  assert.ok(found, kind);
  return { target: target(role, call, from), kind: found };
}

describe("trialsOf", () => {
  const targets = [
    target("StripAccount", "iam:GetUser"),
    target("Report", "sts:GetCallerIdentity"),
  ];

  it("tries each call by each kind that its service has, all calls in each round", () => {
    const trials = trialsOf(targets);
    const told = trials.map((one) => `${roleOf(one.target.by)} ${one.kind.name}`);
    assert.deepEqual(told.slice(0, 3), [
      "StripAccount throttled",
      "Report throttled for good",
      "StripAccount throttled for good",
    ]);
    // STS has no error for a thing that is not there, and neither call one for a quota.
    assert.equal(told.length, 2 * kinds.length - 4);
    assert.equal(new Set(told).size, told.length);
  });

  it("fails for every function only what lasts", () => {
    const also = { ...target("StripAccount", "iam:GetUser"), also: ["tourniquet-lab-Report"] };
    assert.deepEqual(
      trialsOf([also]).map(({ kind }) => kind.name),
      ["throttled for good", "denied", "not found", "broken", "garbage", "no answer"],
    );
    assert.equal(functionOf(also), "every function");
  });

  it("narrows to the calls whose name holds a text", () => {
    const trials = trialsOf(targets, "StripAccount iam:Get");
    assert.deepEqual([...new Set(trials.map((one) => one.target))], [targets[0]]);
  });
});

describe("the table", () => {
  const trials = trialsOf([target("StripAccount", "iam:GetUser")]);
  const outcome: Outcome = {
    role: "StripAccount",
    call: "iam:GetUser",
    kind: "throttled",
    scenario: LAB.name,
    verdict: "defect",
    reasons: ["a key is left"],
  };

  it("tells what came of each kind, and what was not tried", () => {
    const others = kinds.slice(1).map(({ name }) => (name === "quota" ? "" : "–"));
    const cells = ["**DEFECT**", ...others];
    assert.deepEqual(rowsOf(trials, [outcome]), [["StripAccount", "iam:GetUser", ...cells]]);
  });

  it("leaves empty what the service has no error for", () => {
    const sts = [{ ...trial("Report", "sts:GetCallerIdentity", "denied") }];
    const empty = (rowsOf(sts, [])[0] ?? []).flatMap((cell, i) => (cell === "" ? [i] : []));
    const places = kinds.flatMap(({ name }, i) => (/^not found|quota/.test(name) ? [i + 2] : []));
    assert.deepEqual(empty, places);
  });

  it("says on the page that it is a part, and each defect with its reason", () => {
    const text = page(trials, [outcome], [LAB.name]);
    assert.match(
      text,
      /^1 of 11 failures tried: 0 contained, .* 1 defects\. The run was ended before it had tried the other 10\.$/m,
    );
    assert.match(text, /^- DEFECT StripAccount iam:GetUser, throttled \(.*\): a key is left$/m);
  });
});

describe("a sweep in pieces", () => {
  const one = trial("StripAccount", "iam:GetUser", "denied");
  const outcome: Outcome = {
    role: "StripAccount",
    call: "iam:GetUser",
    kind: "denied",
    scenario: LAB.name,
    verdict: "told",
    reasons: [],
  };

  it("reads what earlier runs kept, and not the line that one was ended in", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "faults-"));
    const file = path.join(folder, "outcomes");
    assert.deepEqual(readOutcomes(file), []);
    keepOutcome(file, outcome);
    appendFileSync(file, '\n{"role":"Strip');
    keepOutcome(file, { ...outcome, kind: "broken" });
    assert.deepEqual(readOutcomes(file), [outcome, { ...outcome, kind: "broken" }]);
    rmSync(folder, { recursive: true });
  });

  it("knows a trial by function, call and kind", () => {
    const others = [
      trial("StripAccount", "iam:GetUser", "broken"),
      trial("StripAccount", "iam:GetPolicy", "denied"),
      trial("Report", "iam:GetUser", "denied"),
    ];
    assert.deepEqual(
      [one, ...others].map((each) => isOf(outcome, each)),
      [true, false, false, false],
    );
  });

  it("tells how long it still takes", () => assert.equal(timeLeft(60_000, 10, 25), "about 3 min"));
});

describe("a call that AWS fails", function () {
  this.timeout(240_000);
  let drill: Drill;
  before(async () => {
    drill = await Drill.start({ workers: 2 });
  });
  after(() => drill?.stop());

  const ssh = scenario("ssh-beside-others");
  const cases: [trial: Trial, verdict: Outcome["verdict"]][] = [
    [trial("EmergencyActionAccount", "iam:AttachUserPolicy", "garbage once"), "contained"],
    [trial("EmergencyActionAccount", "iam:AttachUserPolicy", "denied"), "contained"],
    [trial("EmergencyActionAccount", "iam:ListAccessKeys", "no answer once"), "contained"],
    [trial("StripAccount", "iam:UpdateAccessKey", "broken"), "told"],
    [trial("VerifyAccount", "iam:ListMFADevices", "denied"), "told"],
    [
      trial(
        "EmergencyActionInfrastructure",
        "ec2:RevokeSecurityGroupIngress",
        "throttled for good",
        ssh,
      ),
      "told",
    ],
    [
      trial("EmergencyActionAccount", "iam:GetGroup", "not found", scenario("group-inline-policy")),
      "unsure",
    ],
    [
      trial("BreakSessions", "ec2:CreateNetworkAclEntry", "garbage once", scenario("sessions-cut")),
      "contained",
    ],
    [
      trial(
        "LiftSessionBlock",
        "ec2:DeleteNetworkAclEntry",
        "garbage",
        scenario("sessions-room-is-made"),
      ),
      "told",
    ],
  ];

  it("ends contained, or in Failed with what is open", async () => {
    const outcomes = await Promise.all(
      cases.map(([one]) => attempt(one, (each) => drill.run(each))),
    );
    assert.deepEqual(
      outcomes.map(({ call, kind, verdict, reasons }) => ({ call, kind, verdict, reasons })),
      cases.map(
        ([
          {
            target: { service, action },
            kind,
          },
          verdict,
        ]) => ({
          call: `${service}:${action}`,
          kind: kind.name,
          verdict,
          reasons: [],
        }),
      ),
    );
  });
});
