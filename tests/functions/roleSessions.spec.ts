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
    recipientAccountId: "123456789012",
    requestParameters: { roleArn: `arn:aws:iam::123456789012:role/${role}`, roleSessionName: "it" },
    responseElements: {
      credentials: { accessKeyId: `ASIA-${role}`, ...(expiration && { expiration }) },
    },
    ...over,
  };
  return {
    EventId: `made ${role}`,
    EventName: "AssumeRole",
    CloudTrailEvent: JSON.stringify(record),
  };
}

async function ask(LookupEvents: NonNullable<Trail["LookupEvents"]>, keyIds = ["AKIA1"]) {
  const { sdk, calls } = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents });
  const { roles, unsure } = await roleSessionsOf(sdk, new sdk.CloudTrailClient({}), "bob", keyIds);
  return { told: [...roles.map(({ sentence }) => sentence), ...unsure], roles, calls };
}

/** What CloudTrail has, by the name or key that is asked for; of all others nothing. */
function history(by: Record<string, object[]>): NonNullable<Trail["LookupEvents"]> {
  return ({ LookupAttributes }) => ({
    Events: by[LookupAttributes?.[0]?.AttributeValue ?? ""] ?? [],
  });
}

const bySession = { userIdentity: { type: "AssumedRole" } };
const anHourAgo = new Date(Date.now() - 3_660_000).toISOString();
const justNow = new Date(Date.now() - 60_000).toISOString();

describe("roleSessionsOf", () => {
  withEnvironment({ AWS_REGION: "eu-west-1" });

  it("names role, session and end, with the command that ends it", async () => {
    const Events = [assumed("team/worker", written(IN_AN_HOUR)), { EventName: "ListUsers" }];
    const { told } = await ask(history({ bob: Events }));
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
    const Events = [
      assumed("failed", written(IN_AN_HOUR), { errorCode: "AccessDenied" }),
      assumed("ended", "Jun 1, 2020, 1:00:00 PM"),
      assumed("namesake", written(IN_AN_HOUR), bySession),
      assumed("silent"),
    ];
    const { told } = await ask(history({ bob: Events }));
    assert.equal(told.length, 1);
    assert.match(String(told[0]), /role silent: its session it lasts until an unknown time/);
  });

  it("asks for the last twelve hours of the name and each key, page by page, once a session", async () => {
    const { told, calls } = await ask(
      ({ NextToken, LookupAttributes }) =>
        LookupAttributes?.[0]?.AttributeValue?.startsWith("ASIA")
          ? { Events: [] }
          : NextToken === "more"
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
      [by("ASIA-worker"), undefined],
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

  it("tells another account's role by its ARN", async () => {
    const roleArn = "arn:aws:iam::210987654321:role/team/worker";
    const foreign = assumed("worker", written(IN_AN_HOUR), { requestParameters: { roleArn } });
    const bob = [{ ...foreign, EventId: "foreign" }, assumed("worker", written(IN_AN_HOUR))];
    const { roles } = await ask(history({ bob }));
    assert.deepEqual(
      roles.map(({ sentence: _, ...rest }) => rest),
      [
        { role: "worker", arn: roleArn, isOwn: false },
        { role: "worker", arn: "arn:aws:iam::123456789012:role/worker", isOwn: true },
      ],
    );
    assert.match(String(roles[0]?.sentence), new RegExp(`^User bob had assumed role ${roleArn}: `));
    assert.match(
      String(roles[0]?.sentence),
      /ends the sessions that the role has, in its account: /,
    );
  });

  it("asks by the name where no key is known", async () => {
    const bob = [assumed("worker", written(IN_AN_HOUR))];
    const { told, calls } = await ask(history({ bob }), []);
    assert.deepEqual([told.length, calls.length], [1, 2]);
  });

  it("names the sessions of further roles that his sessions had assumed, also one that has ended", async () => {
    const { told } = await ask(
      history({
        bob: [assumed("worker", justNow)],
        "ASIA-worker": [
          assumed("deployer", written(IN_AN_HOUR), bySession),
          assumed("other", written(IN_AN_HOUR)),
        ],
        "ASIA-deployer": [assumed("admin", written(IN_AN_HOUR), bySession)],
      }),
    );
    const starts = [
      `User bob had assumed role deployer by its session of role worker: its session it lasts until ${IN_AN_HOUR.toISOString()}. `,
      `User bob had assumed role admin by its session of role worker, then of role deployer: its session it lasts until ${IN_AN_HOUR.toISOString()}. `,
      "What user bob had assumed in turn by one session of role admin was not looked up: ask CloudTrail for their AssumeRole calls",
    ];
    assert.deepEqual(
      told.map((one, index) => one.slice(0, starts[index]?.length)),
      starts,
    );
    assert.match(String(told[1]), /put-role-policy --role-name admin/);
  });

  it("does not follow what ended so long ago that nothing of it lasts", async () => {
    const { told, calls } = await ask(history({ bob: [assumed("worker", anHourAgo)] }), []);
    assert.deepEqual([told, calls.length], [[], 1]);
  });

  it("tells his own sessions where theirs cannot be looked up, and which those are", async () => {
    const { told } = await ask(
      ({ LookupAttributes }) =>
        LookupAttributes?.[0]?.AttributeKey === "Username"
          ? { Events: [assumed("worker", written(IN_AN_HOUR))] }
          : throttled,
      [],
    );
    assert.equal(told.length, 2);
    assert.match(String(told[0]), /^User bob had assumed role worker: /);
    assert.equal(
      told[1],
      "What user bob had assumed in turn by one session of role worker could not be looked up in eu-west-1 (ThrottlingException: Rate exceeded): ask CloudTrail for their AssumeRole calls",
    );
  });

  it("follows eight sessions, one after the other, and says which not", async () => {
    const bob = [..."abcdefghij"].map((role) => assumed(role, written(IN_AN_HOUR)));
    const { told, calls } = await ask(history({ bob }), []);
    assert.equal(calls.length, 9);
    assert.equal(
      told.at(-1),
      "What user bob had assumed in turn by 2 sessions of role i, j was not looked up: ask CloudTrail for their AssumeRole calls",
    );
    assert.equal(told.length, 11);
  });

  it("tells of a role once, whatever the number of its sessions: the newest, how many, the last end", async () => {
    const later = new Date(IN_AN_HOUR.getTime() + 3_600_000);
    const made = (session: string, minute: number, end: Date) => ({
      ...assumed("worker", written(end), {
        requestParameters: {
          roleArn: "arn:aws:iam::123456789012:role/worker",
          roleSessionName: session,
        },
      }),
      EventId: session,
      EventTime: new Date(Date.UTC(2026, 5, 1, 12, minute)),
    });
    const bob = [
      made("second", 2, IN_AN_HOUR),
      made("third", 3, IN_AN_HOUR),
      made("first", 1, later),
    ];
    const { told } = await ask(history({ bob }));
    assert.deepEqual(
      told.map((one) => one.split(". ")[0]),
      [
        `User bob had assumed role worker: 3 sessions, the newest of them third, last until ${later.toISOString()}`,
      ],
    );
    const silent = { ...assumed("worker"), EventId: "silent" };
    const { told: unsure } = await ask(history({ bob: [...bob, silent] }));
    assert.match(unsure.join(), /4 sessions, the newest of them third, last until an unknown time/);
  });

  it("names twenty roles, and says how many more there are", async () => {
    const bob = Array.from({ length: 500 }, (_, index) =>
      assumed(`role-${index}`, written(IN_AN_HOUR)),
    );
    const { told } = await ask(history({ bob }), []);
    assert.deepEqual(
      told.map((one) => one.split(". ")[0]),
      [
        ...Array.from(
          { length: 20 },
          (_, index) =>
            `User bob had assumed role role-${index}: its session it lasts until ${IN_AN_HOUR.toISOString()}`,
        ),
        "User bob had assumed 480 more roles whose sessions go on: ask CloudTrail for his AssumeRole calls",
        `What user bob had assumed in turn by 492 sessions of role ${Array.from({ length: 20 }, (_, index) => `role-${index + 8}`).join(", ")} and 472 more was not looked up: ask CloudTrail for their AssumeRole calls`,
      ],
    );
    assert.ok(Buffer.byteLength(JSON.stringify(told)) < 20_000, "20 sentences");
  });
});
