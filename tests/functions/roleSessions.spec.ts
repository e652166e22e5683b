import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import { roleSessionsOf } from "../../functions/account/roleSessions";
import { type Answers, fakeSdk, throttled, withEnvironment } from "./fakeSdk";

type Trail = Answers<typeof cloudtrail>;

const IN_AN_HOUR = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);

/** As CloudTrail writes a session's end: "Jun 1, 2026, 1:00:00 PM". */
function written(time: Date): string {
  const options = { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" } as const;
  return time.toLocaleString("en-US", options);
}

function assumed(role: string, expiration?: string, over: object = {}) {
  const record = {
    userIdentity: { type: "IAMUser", userName: "bob", accessKeyId: "ASIA1" },
    requestParameters: { roleArn: `arn:aws:iam::123456789012:role/${role}`, roleSessionName: "it" },
    responseElements: expiration ? { credentials: { expiration } } : null,
    ...over,
  };
  return { EventId: role, EventName: "AssumeRole", CloudTrailEvent: JSON.stringify(record) };
}

async function ask(LookupEvents: NonNullable<Trail["LookupEvents"]>, keyIds = ["AKIA1"]) {
  const { sdk, calls } = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents });
  const told = await roleSessionsOf(sdk, new sdk.CloudTrailClient({}), "bob", keyIds);
  return { told, calls };
}

describe("roleSessionsOf", () => {
  withEnvironment({ AWS_REGION: "eu-west-1" });

  it("names role, session and end, with the command that ends it", async () => {
    const Events = [assumed("team/worker", written(IN_AN_HOUR)), { EventName: "ListUsers" }];
    const { told } = await ask({ Events });
    assert.equal(told.length, 1);
    const start = `User bob had assumed role worker: its session it lasts until ${IN_AN_HOUR.toISOString()}. `;
    assert.ok(told[0]?.startsWith(start), told[0]);
    assert.match(String(told[0]), /was asked in eu-west-1 only/);
    assert.match(
      String(told[0]),
      /aws iam put-role-policy --role-name worker --policy-name AWSRevokeOlderSessions .*"aws:TokenIssueTime"/,
    );
  });

  it("leaves out what failed or has ended, and keeps what does not tell its end", async () => {
    const { told } = await ask({
      Events: [
        assumed("failed", written(IN_AN_HOUR), { errorCode: "AccessDenied" }),
        assumed("ended", "Jun 1, 2020, 1:00:00 PM"),
        assumed("chained", written(IN_AN_HOUR), { userIdentity: { type: "AssumedRole" } }),
        assumed("silent"),
      ],
    });
    assert.equal(told.length, 1);
    assert.match(String(told[0]), /role silent: its session it lasts until an unknown time/);
  });

  it("asks for the last twelve hours of the name and each key, page by page, once a session", async () => {
    const { told, calls } = await ask(
      ({ NextToken }) =>
        NextToken === "more"
          ? { Events: [assumed("worker", IN_AN_HOUR.toISOString())] }
          : { Events: [], NextToken: "more" },
      ["AKIA1", "AKIA2"],
    );
    assert.equal(told.length, 1);
    const inputs = calls.map(([, input]) => input as Record<string, unknown>);
    const asked = inputs.map(({ LookupAttributes, NextToken }) => [LookupAttributes, NextToken]);
    const by = (AttributeValue: string, AttributeKey = "AccessKeyId") => [
      { AttributeKey, AttributeValue },
    ];
    assert.deepEqual(asked, [
      [by("bob", "Username"), undefined],
      [by("AKIA1"), undefined],
      [by("AKIA2"), undefined],
      [by("bob", "Username"), "more"],
      [by("AKIA1"), "more"],
      [by("AKIA2"), "more"],
    ]);
    for (const { StartTime } of inputs) {
      const hours = (Date.now() - Date.parse(String(StartTime))) / 3_600_000;
      assert.ok(Math.abs(hours - 12) < 0.01, String(StartTime));
    }
  });

  it("says what it could not see: too many calls, or no answer", async () => {
    const { told: many, calls } = await ask({ Events: [], NextToken: "more" });
    assert.equal(calls.length, 20);
    assert.match(many.join(), /^User bob made more calls in eu-west-1 than were looked through/);
    const { told: none } = await ask(throttled);
    assert.match(
      none.join(),
      /^Which roles user bob had assumed could not be looked up in eu-west-1 \(ThrottlingException: Rate exceeded\): ask CloudTrail for his AssumeRole calls$/,
    );
  });

  it("asks by the name where no key is known", async () => {
    const { told, calls } = await ask({ Events: [assumed("worker", written(IN_AN_HOUR))] }, []);
    assert.deepEqual([told.length, calls.length], [1, 1]);
  });
});
