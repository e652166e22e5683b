import assert from "node:assert/strict";
import * as sns from "@aws-sdk/client-sns";
import type { Incident } from "../../events/incident";
import type { Action, Case } from "../../functions/case";
import { type ReportInput, report } from "../../functions/Report";
import { fakeSdk, refusal, withEnvironment } from "./fakeSdk";
import { ADMIN, caseOf, DENY_ALL, incident, KEY } from "./given";

const execution = "arn:aws:states:us-east-1:123456789012:execution:tourniquet-lab:e-1";
const attach: Action = {
  call: "iam:AttachUserPolicy",
  subject: "user bob",
  input: { UserName: "bob", PolicyArn: DENY_ALL },
  outcome: "done",
  at: "2026-06-01T12:00:01.000Z",
};
const link = `https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/${encodeURIComponent(execution)}`;
const event = incident([], { reason: `${ADMIN} makes an admin` });
const written = { bucket: "cases", key: "cases/e-1.json" };
const recorded = { RecordCase: written, CloseCase: written };
const refused = { Error: "S3ServiceException", Cause: '{"errorMessage":"Slow down"}' };
const caller =
  "- User mallory, who made the call, was NOT contained; if it was not mallory: npm run contain -- user mallory --stack lab";
const rerun =
  `Run it again when the cause is gone, which is harmless: aws stepfunctions describe-execution --execution-arn ${execution} --query input --output text > event.json; ` +
  "aws stepfunctions start-execution --state-machine-arn arn:aws:states:us-east-1:123456789012:stateMachine:tourniquet-lab --input file://event.json";
const history =
  `aws stepfunctions get-execution-history --reverse-order --output json --execution-arn ${execution} | jq ` +
  `'[.events[].stateEnteredEventDetails // empty | select(.name == "Report" or .name == "Failed")][0]` +
  ".input | fromjson | .case + {incident: .CloudWatcherCore}' > case.json";

const mail = {
  groupId: "sg-1",
  rule: { IpProtocol: "tcp", FromPort: 23, ToPort: 25, CidrIpv4: "0.0.0.0/0" },
};

async function message(state: ReportInput["state"]) {
  const { sdk, calls } = fakeSdk(sns, "SNSClient", { Publish: {} });
  const { subject, body, chat } = await report(sdk)({ state, execution });
  const Message = JSON.stringify({ default: body, email: body, https: JSON.stringify(chat) });
  const sent = { TopicArn: "arn:topic", Subject: subject, MessageStructure: "json", Message };
  assert.deepEqual(calls, [["Publish", sent]]);
  return { subject, lines: body.split("\n"), chat };
}

const titles: [
  name: string,
  title: string,
  over: Partial<Case> | undefined,
  rest?: ReportInput["state"],
][] = [
  ["a cut that was made", "contained", { actions: [attach] }],
  [
    "a cut that enforce would make",
    "would contain",
    { actions: [{ ...attach, outcome: "would" }], mode: "observe" },
  ],
  [
    "a cut whose case is nowhere",
    "contained, NO CASE,",
    { actions: [attach] },
    { recorded: { RecordCase: refused, CloseCase: refused } },
  ],
  [
    "a cut of whose case there is an earlier version",
    "contained",
    { actions: [attach] },
    { recorded: { RecordCase: written, CloseCase: refused } },
  ],
  ["a cut that took more than SSH", "contained, MORE LOST,", { actions: [attach], lost: [mail] }],
  [
    "a cut that took more than SSH and left a door open",
    "NOT CONTAINED,",
    { actions: [attach], lost: [mail], open: ["a door"] },
  ],
  ["an open door", "NOT CONTAINED,", { actions: [attach], open: ["a door"] }],
  [
    "a failed execution",
    "NOT CONTAINED,",
    { actions: [attach] },
    { error: { Error: "States.Timeout" } },
  ],
  ["a look that found nothing", "nothing to do for", {}],
  [
    "cuts at what was gone",
    "nothing to do for",
    { actions: [{ ...attach, outcome: "gone", error: "NoSuchEntity" }] },
  ],
  ["an event that nobody contains", "nothing to do for", undefined],
  ["a look that found what a person must see", "look at", { alerts: ["a role has it"] }],
  [
    "an event that a person must see",
    "look at",
    undefined,
    { CloudWatcherCore: { ...event, alert: "root made a key" } },
  ],
];

describe("Report", () => {
  withEnvironment({ TOPIC_ARN: "arn:topic" });

  for (const [name, title, over, rest] of titles) {
    it(`is titled "${title} …" for ${name}`, async () => {
      const state = { CloudWatcherCore: event, ...(over && { case: caseOf(over) }), ...rest };
      const { subject } = await message(state);
      assert.equal(subject, `Tourniquet: ${title} AttachUserPolicy in 123456789012`);
    });
  }

  it("names what was lost beside the open line, to a chat channel too", async () => {
    const known = caseOf({ actions: [attach], lost: [mail] });
    const { lines, chat } = await message({ CloudWatcherCore: event, case: known });
    const at = lines.indexOf("LOST beside the open line, since it could not be added again:");
    const lost = "sg-1: tcp 23-25 from 0.0.0.0/0";
    assert.deepEqual([lines[at + 1], lines[at + 2]], [`- ${lost}`, ""]);
    assert.deepEqual(chat.content.nextSteps, [lost]);
  });

  it("tells who did what, every call with its outcome, and what is open", async () => {
    const error = "AccessDenied: no";
    const actions: Action[] = [
      attach,
      {
        ...attach,
        call: "iam:UpdateAccessKey",
        input: { AccessKeyId: KEY },
        outcome: "failed",
        error,
      },
      {
        ...attach,
        call: "iam:DeleteLoginProfile",
        input: {},
        outcome: "gone",
        error: "NoSuchEntity: x",
      },
    ];
    const known = caseOf({ actions, notes: ["a note"], alerts: ["an alert"], open: ["a door"] });
    const { lines } = await message({ CloudWatcherCore: event, case: known, recorded });

    assert.deepEqual(lines, [
      "IAM user mallory called AttachUserPolicy from 203.0.113.7 at 2026-06-01T12:00:00Z.",
      `Judged: ${ADMIN} makes an admin.`,
      "",
      "STILL OPEN:",
      "- a door",
      "",
      "Done:",
      "- user bob: denied everything, by AWSDenyAll (iam:AttachUserPolicy)",
      `- FAILED: user bob: access key ${KEY} inactive (iam:UpdateAccessKey): AccessDenied: no`,
      "- nothing to take: user bob: password deleted (iam:DeleteLoginProfile): NoSuchEntity: x",
      "",
      "Look at this:",
      "- an alert",
      "",
      "Left to do:",
      `- By hand, since it failed: aws iam update-access-key --access-key-id ${KEY}`,
      `- ${rerun}`,
      caller,
      "",
      "Worth knowing:",
      "- a note",
      "",
      "Case: s3://cases/cases/e-1.json",
      "Give back: npm run restore -- s3://cases/cases/e-1.json --dry-run",
      `Execution: ${execution}`,
      link,
    ]);
  });

  const openings: [name: string, over: Partial<Incident>, title: string, line: string][] = [
    [
      "a finding",
      {
        actor: { type: "AWSService", arn: "unknown", invokedBy: "guardduty.amazonaws.com" },
        event: {
          ...event.event,
          source: "guardduty.amazonaws.com",
          name: "Exfiltration:IAMUser/X",
        },
      },
      "Tourniquet: nothing to do for Exfiltration:IAMUser/X in 123456789012",
      "GuardDuty found Exfiltration:IAMUser/X at 2026-06-01T12:00:00Z, with calls from 203.0.113.7.",
    ],
    [
      "an exposed key",
      {
        actor: { type: "AWSService", arn: "unknown", invokedBy: "health.amazonaws.com" },
        event: {
          ...event.event,
          source: "health.amazonaws.com",
          name: "AWS_RISK_CREDENTIALS_EXPOSED",
          address: "health.amazonaws.com",
        },
      },
      "Tourniquet: nothing to do for AWS_RISK_CREDENTIALS_EXPOSED in 123456789012",
      "AWS Health told of AWS_RISK_CREDENTIALS_EXPOSED at 2026-06-01T12:00:00Z.",
    ],
    [
      "a person's order",
      {
        actor: { type: "Operator", arn: "unknown" },
        event: {
          ...event.event,
          source: "states.amazonaws.com",
          name: "StartExecution",
          address: "unknown",
        },
      },
      "Tourniquet: nothing to do for a person's order in 123456789012",
      "A person ordered this at 2026-06-01T12:00:00Z; CloudTrail's record of StartExecution says who.",
    ],
    [
      "a call from nowhere",
      { event: { ...event.event, address: "unknown" } },
      "Tourniquet: nothing to do for AttachUserPolicy in 123456789012",
      "IAM user mallory called AttachUserPolicy from an unknown address at 2026-06-01T12:00:00Z.",
    ],
  ];
  for (const [name, over, title, line] of openings) {
    it(`opens in its own words for ${name}`, async () => {
      const { subject, lines } = await message({ CloudWatcherCore: { ...event, ...over } });
      assert.equal(subject, title);
      assert.deepEqual(lines, [
        line,
        `Judged: ${ADMIN} makes an admin.`,
        "",
        `Execution: ${execution}`,
        link,
      ]);
    });
  }

  it("says what is left to a person, and nothing of it where nothing was taken", async () => {
    const known = caseOf({ actions: [attach] });
    const { lines } = await message({ CloudWatcherCore: event, case: known });
    assert.deepEqual(lines.slice(5, -3), ["", "Left to do:", caller]);
    const observed = caseOf({ actions: [{ ...attach, outcome: "would" as const }] });
    const quiet = await message({ CloudWatcherCore: event, case: observed });
    assert.ok(!quiet.lines.includes("Left to do:"));
  });

  it("says of observe what enforce would have done, and of nothing that nothing was", async () => {
    const would = caseOf({ mode: "observe", actions: [{ ...attach, outcome: "would" }] });
    assert.deepEqual((await message({ CloudWatcherCore: event, case: would })).lines.slice(3, 6), [
      "Observed only: NOTHING WAS CHANGED.",
      "enforce would have done:",
      "- user bob: denied everything, by AWSDenyAll (iam:AttachUserPolicy)",
    ]);
    const nothing = await message({ CloudWatcherCore: event, case: caseOf() });
    assert.equal(nothing.lines[3], "No call was made.");
  });

  it("gives a failure's message without the JSON that Lambda wraps it in", async () => {
    const Cause = JSON.stringify({ errorMessage: "Rate exceeded", trace: [] });
    const error = { Error: "ThrottlingException", Cause };
    const { lines } = await message({ CloudWatcherCore: event, error });
    assert.equal(lines[3], "Failed: ThrottlingException: Rate exceeded");
    const other = await message({
      CloudWatcherCore: event,
      error: { ...error, Cause: "not JSON" },
    });
    assert.equal(other.lines[3], "Failed: ThrottlingException: not JSON");
  });

  const saving = [
    "The whole of it is in the execution's history only, which AWS deletes after 90 days. Save it:",
    history,
    "Give back: npm run restore -- case.json --stack lab --dry-run",
  ];
  const whole = [
    "Case: s3://cases/cases/e-1.json",
    "Give back: npm run restore -- s3://cases/cases/e-1.json --dry-run",
  ];
  const earlier =
    "Case: s3://cases/cases/e-1.json, an EARLIER VERSION, which may lack what was done last";
  const slow = "It could not be written: S3ServiceException: Slow down";
  const shelves: [name: string, recorded: ReportInput["state"]["recorded"], lines: string[]][] = [
    ["every write", recorded, whole],
    ["the last write only", { RecordCase: refused, CloseCase: written }, whole],
    [
      "the first write only",
      { RecordCase: written, KeepOpenCase: refused },
      [earlier, slow, ...saving],
    ],
    ["no write", { RecordCase: refused, CloseCase: refused }, ["NO CASE", slow, ...saving]],
    [
      "all but the write after the lift",
      { ...recorded, CloseLiftedCase: refused },
      [earlier, slow, ...saving],
    ],
    [
      "the write after the lift",
      { ...recorded, CloseCase: refused, CloseLiftedCase: written },
      whole,
    ],
    [
      "the first write, and the execution failed",
      { RecordCase: written },
      [earlier, "The execution failed before it could write what came later.", ...saving],
    ],
    ["no write that was tried", undefined, []],
  ];
  for (const [name, tried, expected] of shelves) {
    it(`says where the case is, and how to give back, after ${name}`, async () => {
      const known = caseOf({ actions: [attach] });
      const state = { CloudWatcherCore: event, case: known, ...(tried && { recorded: tried }) };
      const { lines } = await message(state);
      assert.deepEqual(lines.slice(8), ["", ...expected, `Execution: ${execution}`, link]);
    });
  }

  it("says that it repeats, with the cases before, and what the index did not show", async () => {
    const times = (count: number, more?: true) => ({
      subject: "user bob",
      count,
      ...(more && { more }),
      newest: [
        { at: "2026-06-01T11:00:00.000Z", key: "cases/e-0.json" },
        { at: "2026-05-30T11:00:00.000Z", key: "cases/d-9.json" },
      ],
    });
    const earlier = [times(1), times(2), times(10), times(20), times(3000, true)];
    const place = { ...written, earlier, notes: ["an entry was refused"] };
    const { lines } = await message({
      CloudWatcherCore: event,
      case: caseOf({ actions: [attach], notes: ["a note"] }),
      recorded: {
        RecordCase: { ...written, earlier: [times(7)], notes: ["x"] },
        CloseCase: place,
      },
    });
    const where =
      "before it s3://cases/cases/e-0.json (2026-06-01T11:00:00.000Z), s3://cases/cases/d-9.json (2026-05-30T11:00:00.000Z)";
    assert.deepEqual(lines.slice(2, 9), [
      "",
      "This repeats:",
      `- user bob: 2nd case in 30 days; ${where}`,
      `- user bob: 3rd case in 30 days; ${where}`,
      `- user bob: 11th case in 30 days; ${where}`,
      `- user bob: 21st case in 30 days; ${where}`,
      `- user bob: more than 3000 cases in 30 days; ${where}`,
    ]);
    const notes = ["Worth knowing:", "- a note", "- an entry was refused"];
    assert.deepEqual(lines.slice(16, 19), notes);
  });

  it("names no way back where nothing was taken", async () => {
    const would = caseOf({ mode: "observe", actions: [{ ...attach, outcome: "would" }] });
    const none = { RecordCase: refused, CloseCase: refused };
    const { lines } = await message({ CloudWatcherCore: event, case: would, recorded: none });
    assert.deepEqual(lines.slice(7, -2), ["NO CASE", slow, ...saving.slice(0, 2)]);
  });

  it("tells of what is no known event", async () => {
    const unknown = { ...event.event, name: "unknown", account: "unknown" };
    const { subject, lines } = await message({ CloudWatcherCore: { ...event, event: unknown } });
    assert.equal(subject, "Tourniquet: nothing to do for what is no known event");
    assert.equal(lines[0], "An execution was started by what is no known event.");
  });

  it("does not list twice what six looks found open", async () => {
    const error = { Error: "NotContained", Cause: '["a door"]' };
    const known = caseOf({ open: ["a door"], round: 6 });
    const { lines } = await message({ CloudWatcherCore: event, case: known, error });
    assert.deepEqual(lines.slice(2, 7), [
      "",
      "STILL OPEN:",
      "- a door",
      "",
      "Failed: NotContained: after 6 looks",
    ]);
    const other = { Error: "States.Timeout", Cause: "30 seconds" };
    const late = await message({ CloudWatcherCore: event, case: known, error: other });
    assert.equal(late.lines[6], "Failed: States.Timeout: 30 seconds");
  });

  it("is titled as a person's own doing where he ordered it", async () => {
    const order = { ...event, actor: { type: "Operator", arn: "unknown" } };
    const known = caseOf({ actions: [attach] });
    const { subject } = await message({ CloudWatcherCore: order, case: known });
    assert.equal(subject, "Tourniquet: contained by a person's order in 123456789012");
  });

  it("tells of an event that could not be judged", async () => {
    const { subject, lines } = await message({ Error: "States.Timeout" });
    assert.equal(subject, "Tourniquet: NOT CONTAINED, an event");
    assert.deepEqual(lines, [
      "An event could not be judged.",
      "",
      "Failed: States.Timeout: no cause was given",
      "",
      "Left to do:",
      `- ${rerun}`,
      "",
      `Execution: ${execution}`,
      link,
    ]);
  });

  it("gives a chat channel no link and no mention that somebody put into a name", async () => {
    const path = "](https://evil.example/)/<https://evil.example|log-in>/<!channel>/[a][b]/[c]:d";
    const arn = `arn:aws:iam::123456789012:policy/[log-in${path}/p`;
    const known = caseOf({ open: [`policy ${arn} is there`], alerts: [`look at ${arn}`] });
    const { chat } = await message({
      CloudWatcherCore: incident([], { reason: arn }),
      case: known,
    });
    const { title, description, nextSteps } = chat.content;
    const shown = [title, description, ...nextSteps, chat.metadata.summary];
    assert.ok(
      description.includes("[log-in] (https://evil.example/)/< https://evil.example|log-in>"),
    );
    assert.ok(nextSteps[0]?.includes("/< !channel>/[a] [b]/[c] :d"));
    for (const text of shown) assert.doesNotMatch(text, /\][([:]|<\S/);
  });

  it("tells a chat channel the same, in one thread for one subject", async () => {
    const subjects = [{ kind: "user" as const, name: "bob", proved: true }];
    const known = caseOf({ actions: [attach], alerts: ["an alert"], open: ["a door"] });
    const state = { CloudWatcherCore: { ...event, subjects }, case: known };
    const { chat, lines } = await message(state);
    const title = "Tourniquet: NOT CONTAINED, AttachUserPolicy in 123456789012";
    assert.deepEqual(chat, {
      version: "1.0",
      source: "custom",
      id: "e-1",
      content: {
        textType: "client-markdown",
        title,
        description: lines.join("\n"),
        nextSteps: ["a door", "an alert"],
      },
      metadata: {
        threadId: "user bob",
        summary: title,
        eventType: "NOT CONTAINED",
        relatedResources: ["user bob"],
      },
    });
  });

  it("keeps the subject to one line of 100 ASCII characters, whatever the record says", async () => {
    const name = `Attach\nÜser${"x".repeat(200)}`;
    const CloudWatcherCore = { ...event, event: { ...event.event, name } };
    const { subject } = await message({ CloudWatcherCore });
    assert.match(subject, /^Tourniquet: nothing to do for Attach\?\?serx+$/);
    assert.equal(subject.length, 100);
  });

  it("throws what SNS answers, to be retried", async () => {
    const Publish = refusal("ThrottledException");
    const { sdk } = fakeSdk(sns, "SNSClient", { Publish });
    await assert.rejects(report(sdk)({ state: {}, execution }), Publish);
  });
});
