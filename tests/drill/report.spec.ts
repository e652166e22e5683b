import assert from "node:assert/strict";
import { reportHtml } from "../../drill/report";
import type { ScenarioResult } from "../../drill/result";
import { printedSummary, printedTimeline, timelineOf } from "../../drill/timeline";

const contained: ScenarioResult = {
  name: "a fresh key",
  file: "scenarios/fresh-key.yaml",
  passed: true,
  failures: [],
  decisions: ["EmergencyActionAccount"],
  firstCutMs: 201.2,
  containedMs: 230,
  verifiedMs: 400,
  depth: { firstCut: 2, containment: 3 },
  calls: [
    { service: "iam", action: "CreateAccessKey", principal: "mallory", at: -30, by: "attacker" },
    { service: "iam", action: "ListAccessKeys", principal: "cutter", at: 199, by: "responder" },
    { service: "iam", action: "AttachUserPolicy", principal: "cutter", at: 201.2, by: "responder" },
    { service: "s3", action: "PutObject", principal: "keeper", at: 210, by: "responder" },
    { service: "iam", action: "UpdateAccessKey", principal: "cutter", at: 230, by: "responder" },
  ],
  executions: [
    {
      id: "e-1",
      cause: "attack",
      startedAt: 1,
      ms: 410,
      status: "SUCCEEDED",
      path: ["IngestionAction", "EndState"],
      states: [
        { name: "IngestionAction", at: 1, ms: 100 },
        { name: "EndState", at: 410, ms: 0 },
      ],
      invocations: [{ function: "CloudWatcherCore", cold: true, initMs: 80, ms: 5 }],
    },
  ],
  runtime: { node: "v24.0.0", sdk: "3.1169.0" },
};

const failed: ScenarioResult = {
  ...contained,
  name: "<script>alert('a name')</script>",
  passed: false,
  failures: ['expect.state[0] iam:GetUser: wanted absent, got "<b>&"'],
  firstCutMs: null,
  containedMs: null,
  verifiedMs: null,
  calls: [],
  executions: [],
};

describe("timelineOf", () => {
  it("tells attack, event, first cut, the rest, contained, verified in order of time", () => {
    assert.deepEqual(
      timelineOf(contained).map(({ at, what, text }) => `${at} ${what}: ${text}`),
      [
        "-30 attack: iam:CreateAccessKey by mallory",
        "0 event: EmergencyActionAccount",
        "201.2 first cut: iam:AttachUserPolicy by cutter",
        "210 response: s3:PutObject by keeper",
        "230 response: iam:UpdateAccessKey by cutter",
        "230 contained: by 2 changes and 1 look in all, 3 round trips deep",
        "400 verified: a look found nothing left to do",
      ],
    );
  });

  it("tells of a refused call", () => {
    const refused = { ...contained.calls[0], errorCode: "AccessDenied" } as never;
    const [moment] = timelineOf({ ...contained, calls: [refused] });
    assert.equal(moment?.text, "iam:CreateAccessKey by mallory, refused: AccessDenied");
  });
});

describe("printed for a plain log", () => {
  it("has no escape sequences and shows failures", () => {
    const lines = [...printedTimeline(failed, false), ...printedSummary([failed], false)].join(
      "\n",
    );
    assert.ok(!lines.includes("\u001b"));
    assert.match(lines, /^✘ /);
    assert.match(lines, /failed: expect\.state\[0\]/);
    assert.match(lines, /1 of 1 scenarios failed\./);
  });

  it("lines its columns up", () => {
    const [head = "", row = ""] = printedSummary([contained], false);
    assert.equal(row.length, head.length);
    assert.match(row, /^a fresh key {2}passed {2}Account {3}\s+201 ms\s+230 ms\s+400 ms$/);
  });

  it("colours only where it is asked to", () => {
    // A stream that is no terminal keeps styleText from colouring, whatever it is asked for.
    const painted = printedTimeline(contained, true).join("\n");
    assert.ok(painted.includes("\u001b["));
  });
});

describe("reportHtml", () => {
  const page = reportHtml([contained, failed], { at: "2026-01-01T00:00:00.000Z", ...contained });

  it("escapes what attackers and scenarios name", () => {
    assert.ok(!page.includes("<script>"));
    assert.ok(page.includes("&lt;script&gt;alert(&#39;a name&#39;)&lt;/script&gt;"));
    assert.ok(page.includes("got &quot;&lt;b&gt;&amp;&quot;"));
  });

  it("needs nothing from elsewhere", () => {
    assert.ok(!/\b(src|href)="(?!#)/.test(page));
    assert.ok(!/url\(|@import/.test(page));
  });

  it("tells the verdict, the runtime, and every moment", () => {
    assert.match(page, /<title>Tourniquet drill: 1 of 2 scenarios failed<\/title>/);
    assert.match(page, /Node v24\.0\.0 with AWS SDK 3\.1169\.0/);
    for (const { text } of timelineOf(contained)) assert.ok(page.includes(text), text);
    assert.match(page, /<li>CloudWatcherCore: 5 ms \(cold, 80 ms to start\)<\/li>/);
  });

  it("opens what failed and leaves the rest closed", () => {
    assert.match(page, /<details id="s0">/);
    assert.match(page, /<details id="s1" open>/);
  });
});
