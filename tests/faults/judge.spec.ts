import assert from "node:assert/strict";
import type { ScenarioResult } from "../../drill/result";
import { judge } from "../../faults/judge";

const good: ScenarioResult = {
  name: "a fresh key",
  file: "scenarios/fresh-key.yaml",
  passed: true,
  failures: [],
  unmet: [],
  messages: [{ subject: "Tourniquet: contained AttachUserPolicy in 1", body: "Calls made:" }],
  decisions: ["EmergencyActionAccount"],
  firstCutMs: 1,
  containedMs: 2,
  verifiedMs: 3,
  calls: [],
  executions: [execution("EndState")],
};

function execution(...path: string[]): ScenarioResult["executions"][number] {
  const status = path.includes("Failed") ? "FAILED" : "SUCCEEDED";
  return {
    id: "e-1",
    cause: "attack",
    startedAt: 0,
    ms: 1,
    status,
    path,
    states: [],
    invocations: [],
  };
}

const ENDS = "execution e-1 FAILED in Fail (NotContained: …), by IngestionAction → Failed → Fail";
const KEY =
  "expect.state[0] iam:ListAccessKeys AccessKeyMetadata[].Status: wanted [], got [Active]";
const IN = "expect.denied[0] iam:ListUsers as stolen: wanted denied, got allowed";
const OUT = "expect.allowed[0] iam:ListUsers as app: wanted allowed, got denied";
const KEY_OPEN = "user bob has the active key AKIA1";
const KEY_FAILED = "iam:UpdateAccessKey on user bob: Throttling: Rate exceeded";
const ERROR = "Failed: AccessDenied: not authorized";

/** A run that ended in Failed, with these expectations unmet and this told. */
function failed(unmet: string[], open: string[], error?: string): Partial<ScenarioResult> {
  const list = open.length > 0 ? ["", "STILL OPEN:", ...open.map((one) => `- ${one}`)] : [];
  const body = ["Calls made:", "- iam:X", ...list, "", ...(error ? [error] : []), "", "Case: s3"];
  return {
    failures: [...unmet, ENDS],
    unmet,
    messages: [{ subject: "Tourniquet: NOT CONTAINED, X in 1", body: body.join("\n") }],
    executions: [execution("IngestionAction", "Failed", "Fail")],
  };
}

const LOST_RULE = "expect.state[0] ec2:DescribeSecurityGroupRules x: wanted [tcp 23], got []";

/** A run whose open line was closed, and that could not add what went with it. */
function moreLost(unmet: string[], lost: string[]): Partial<ScenarioResult> {
  const list = ["LOST beside the open line, since it could not be added again:"];
  const body = ["Calls made:", "", ...list, ...lost.map((one) => `- ${one}`), "", "Case: s3"];
  const subject = "Tourniquet: contained, MORE LOST, X in 1";
  return { ...failed(unmet, []), messages: [{ subject, body: body.join("\n") }] };
}

const BOUNDARY =
  "expect.state[0] iam:GetUser User.PermissionsBoundary.PermissionsBoundaryArn: wanted is x, got y";
const ENDED = "expect.ends: no execution went through Failed";
const attached = (wanted: string[], got: string[]) =>
  `expect.state[0] iam:ListAttachedRolePolicies x: wanted is ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`;
const RECORD = "expect.state[2] s3:ListObjectsV2 Contents: wanted absent, got [{}]";
const ENTRIES = "expect.state[0] ec2:DescribeNetworkAcls x: wanted is [], got [99]";
const WORDS = "expect.messages[2]: wanted x, got y";
const OTHERWISE = [BOUNDARY, WORDS, attached(["AWSDenyAll", "Read"], ["Read"])];
const LEFT = attached(["AWSDenyAll"], ["power"]);
const doubt = (title: string) => ({
  subject: `Tourniquet: ${title}`,
  body: "Look at this:\n- Whether role x is a danger could not be told: role x → power",
});
const LOOK_FAILED = "user bob: iam:ListAccessKeys failed: NoSuchEntityException: not there";

const CERTIFICATE =
  "expect.state[1] iam:ListSigningCertificates Certificates[].Status: wanted is [], got [Active]";

const EXPECT = { state: [{ action: "ListAccessKeys" }], denied: [{}] };

const cases: [name: string, run: Partial<ScenarioResult>, verdict: string, reasons: string[]][] = [
  ["contained", {}, "contained", []],
  [
    "denied by other means, in other words",
    { failures: [...OTHERWISE, ENDED], unmet: OTHERWISE },
    "contained",
    [],
  ],
  [
    "a person is told whom the looks did not let judge",
    { failures: [LEFT], unmet: [LEFT], messages: [doubt("look at X in 1")] },
    "told",
    [],
  ],
  [
    "the same beside a success",
    { failures: [LEFT], unmet: [LEFT], messages: [doubt("contained X in 1")] },
    "defect",
    [`ended in EndState, yet ${LEFT}`],
  ],
  [
    "an admin's policy is left",
    { failures: [LEFT], unmet: [LEFT] },
    "defect",
    [`ended in EndState, yet ${LEFT}`],
  ],
  [
    "not denied at all",
    { failures: [BOUNDARY, IN], unmet: [BOUNDARY, IN] },
    "defect",
    [BOUNDARY, IN].map((one) => `ended in EndState, yet ${one}`),
  ],
  [
    "a record is left to the sweep, with its entries",
    { failures: [RECORD, ENTRIES], unmet: [RECORD, ENTRIES] },
    "contained",
    [],
  ],
  [
    "entries are left without a record",
    { failures: [ENTRIES], unmet: [ENTRIES] },
    "defect",
    [`ended in EndState, yet ${ENTRIES}`],
  ],
  [
    "a certificate that is active is told",
    failed([CERTIFICATE], ["user bob has the active certificate C1"]),
    "told",
    [],
  ],
  ["the look that failed is told", failed([KEY], [LOOK_FAILED]), "told", []],
  [
    "more was lost, and is told",
    moreLost([LOST_RULE], ["sg-1: tcp 23 from the world"]),
    "told",
    [],
  ],
  [
    "more was lost than is told",
    moreLost([LOST_RULE], []),
    "defect",
    [`open and not told: ${LOST_RULE}`],
  ],
  [
    "a success that is none",
    { failures: [KEY], unmet: [KEY] },
    "defect",
    [`ended in EndState, yet ${KEY}`],
  ],
  [
    "a broken law",
    { failures: ["a log line holds a secret"] },
    "defect",
    ["a log line holds a secret"],
  ],
  ["all that is open is told, by its state", failed([KEY, IN], [KEY_OPEN]), "told", []],
  ["all that is open is told, by the call that failed", failed([KEY], [KEY_FAILED]), "told", []],
  [
    "open and not told",
    failed([KEY], ["user bob has a console password"]),
    "defect",
    [`open and not told: ${KEY}`],
  ],
  ["told and not open", failed([], [KEY_OPEN], ERROR), "defect", [`told, and not so: ${KEY_OPEN}`]],
  ["the error alone is told", failed([KEY], [], ERROR), "unsure", []],
  ["nothing is told at all", failed([KEY], []), "defect", [`open and not told: ${KEY}`]],
  ["somebody else lost his rights", failed([KEY, OUT], [KEY_OPEN]), "defect", [OUT]],
  [
    "what runs by the clock fails, and its alarm tells",
    { failures: [KEY, "tick: sweep: BlocksLeft: acl-1"], unmet: [KEY] },
    "told",
    [],
  ],
  [
    "no block was made, so there is none to lift",
    { ...failed([KEY], [KEY_OPEN]), failures: [KEY, ENDS, "lift: no execution waits for a lift"] },
    "told",
    [],
  ],
  [
    "no block was made, and nobody hears of it",
    { failures: ["lift: no execution waits for a lift"] },
    "defect",
    ["lift: no execution waits for a lift"],
  ],
  ["the message failed, nothing is open", { ...failed([], []), messages: [] }, "told", []],
  [
    "the message failed, and a key is open",
    { ...failed([KEY], []), messages: [] },
    "defect",
    [`nobody was told that ${KEY}`],
  ],
];

describe("judge", () => {
  for (const [name, run, verdict, reasons] of cases) {
    it(name, () => {
      assert.deepEqual(judge({ ...good, ...run }, EXPECT), { verdict, reasons });
    });
  }
});
