import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import * as IAM from "@aws-sdk/client-iam";
import * as S3 from "@aws-sdk/client-s3";
import * as STS from "@aws-sdk/client-sts";
import type { Account, Credentials } from "../../../drill/account/account";
import { recordOf } from "../../../drill/account/cloudTrail";
import type { TrailEvent } from "../../../drill/account/eventHistory";
import { withAccount } from "./withAccount";

interface Page {
  Events: TrailEvent[];
  NextToken?: string;
}

// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
describe("CloudTrail's event history in the account of the drill", function () {
  this.timeout(60_000);
  let account: Account;
  let owner: ReturnType<typeof clients>;

  withAccount((started) => {
    account = started;
  });
  beforeEach(async () => {
    owner = clients(account.owner);
  });

  function clients(credentials: Credentials) {
    const { endpoint, region } = account;
    const config = { endpoint, region, credentials, maxAttempts: 1 };
    return {
      iam: new IAM.IAMClient(config),
      sts: new STS.STSClient(config),
      s3: new S3.S3Client(config),
    };
  }

  async function userKey(UserName: string): Promise<Credentials> {
    await owner.iam.send(new IAM.CreateUserCommand({ UserName }));
    const { AccessKey } = await owner.iam.send(new IAM.CreateAccessKeyCommand({ UserName }));
    const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  }

  async function allow(UserName: string, Action: string): Promise<void> {
    const PolicyDocument = document({ Effect: "Allow", Action, Resource: "*" });
    const input = { UserName, PolicyName: "given", PolicyDocument };
    await owner.iam.send(new IAM.PutUserPolicyCommand(input));
  }

  /** As the SDK sends it; its CloudTrail client is not among those that Tourniquet needs here. */
  async function lookUp(input: object, by = account.owner): Promise<Page> {
    const scope = `${by.accessKeyId}/20260101/us-east-1/cloudtrail/aws4_request`;
    const answer = await fetch(account.endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
        authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify(input),
    });
    const content = await answer.json();
    if (answer.ok) return content as Page;
    const { __type, message } = content as Record<string, string>;
    throw Object.assign(new Error(message), { name: __type });
  }

  const by = (AttributeKey: string, AttributeValue: string) => ({
    LookupAttributes: [{ AttributeKey, AttributeValue }],
  });
  const names = ({ Events }: Page) => Events.map((event) => event.EventName);

  it("tells of a call with its record, as it was delivered", async () => {
    const { accessKeyId } = await userKey("mallory");
    const call = account.calls.at(-1);
    assert.ok(call);

    const { Events, ...rest } = await lookUp(by("EventName", "CreateAccessKey"));

    const [event] = Events;
    assert.ok(event);
    const { requestID: _, ...record } = recordOf(call, account);
    const { requestID: __, ...told } = JSON.parse(event.CloudTrailEvent);
    assert.deepEqual(told, record);
    assert.deepEqual(rest, {});
    assert.deepEqual(Events, [
      {
        EventId: record.eventID,
        EventName: "CreateAccessKey",
        ReadOnly: "false",
        AccessKeyId: account.owner.accessKeyId,
        EventTime: Date.parse(record.eventTime) / 1000,
        EventSource: "iam.amazonaws.com",
        Username: "root",
        Resources: [
          { ResourceType: "AWS::IAM::User", ResourceName: "mallory" },
          { ResourceType: "AWS::IAM::AccessKey", ResourceName: accessKeyId },
        ],
        CloudTrailEvent: event.CloudTrailEvent,
      },
    ]);
  });

  it("shows by a key which roles it took, with session and end, and no secret", async () => {
    const key = await userKey("mallory");
    await allow("mallory", "sts:AssumeRole");
    const AssumeRolePolicyDocument = document({
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { AWS: "arn:aws:iam::123456789012:user/mallory" },
    });
    const role = { RoleName: "deploy", AssumeRolePolicyDocument };
    await owner.iam.send(new IAM.CreateRoleCommand(role));
    const RoleArn = "arn:aws:iam::123456789012:role/deploy";
    const assume = { RoleArn, RoleSessionName: "s1", DurationSeconds: 3600 };
    const mallory = clients(key);
    const { Credentials } = await mallory.sts.send(new STS.AssumeRoleCommand(assume));
    const session = clients({
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken,
    });
    await session.sts.send(new STS.GetCallerIdentityCommand({}));

    const page = await lookUp(by("AccessKeyId", key.accessKeyId));
    const ofSession = await lookUp(by("AccessKeyId", Credentials?.AccessKeyId ?? ""));
    const ofName = await lookUp(by("Username", "s1"));
    const ofRole = await lookUp(by("ResourceName", RoleArn));

    assert.deepEqual(names(page), ["AssumeRole"]);
    const record = JSON.parse(page.Events[0]?.CloudTrailEvent ?? "");
    assert.deepEqual(record.requestParameters, {
      roleArn: RoleArn,
      roleSessionName: "s1",
      durationSeconds: 3600,
    });
    const { credentials, assumedRoleUser } = record.responseElements;
    assert.deepEqual(Object.keys(credentials), ["accessKeyId", "expiration"]);
    assert.equal(credentials.accessKeyId, Credentials?.AccessKeyId);
    assert.equal(
      Date.parse(`${credentials.expiration} UTC`),
      Math.floor(Number(Credentials?.Expiration) / 1000) * 1000,
    );
    assert.equal(assumedRoleUser.arn, "arn:aws:sts::123456789012:assumed-role/deploy/s1");
    assert.deepEqual(record.readOnly, true);
    assert.deepEqual([ofSession, ofName, ofRole].map(names), [
      ["GetCallerIdentity"],
      ["GetCallerIdentity"],
      ["AssumeRole"],
    ]);
    const text = JSON.stringify(await lookUp({}));
    for (const secret of account.secrets) assert.equal(text.includes(secret), false);
  });

  it("comes newest first, in pages that hold their place", async () => {
    for (let i = 0; i < 52; i++) await owner.iam.send(new IAM.ListUsersCommand({}));
    const question = by("Username", "root");

    const first = await lookUp(question);
    const second = await lookUp({ ...question, NextToken: first.NextToken });
    const three = await lookUp({ ...question, MaxResults: 3 });

    assert.equal(first.Events.length, 50);
    assert.equal(second.Events.length, 2);
    assert.equal(second.NextToken, undefined);
    const ids = [...first.Events, ...second.Events].map((event) => event.EventId);
    assert.deepEqual(
      ids,
      account.calls
        .slice(0, 52)
        .map((call) => call.id)
        .reverse(),
    );
    assert.deepEqual(names(three), ["LookupEvents", "LookupEvents", "ListUsers"]);
  });

  it("keeps to the times that are asked for", async () => {
    await owner.iam.send(new IAM.ListUsersCommand({}));
    const now = Date.now() / 1000;

    assert.deepEqual(names(await lookUp({ StartTime: now - 60, EndTime: now + 1 })), ["ListUsers"]);
    assert.deepEqual(names(await lookUp({ StartTime: now + 60 })), []);
    assert.deepEqual(names(await lookUp({ EndTime: now - 60 })), []);
    await assert.rejects(lookUp({ StartTime: now, EndTime: now - 1 }), {
      name: "InvalidTimeRangeException",
    });
  });

  it("is late by as much as it is told to be", async () => {
    account.trailDelayMs = 400;
    await owner.iam.send(new IAM.ListUsersCommand({}));
    const soon = await lookUp(by("EventName", "ListUsers"));
    await setTimeout(450);

    const later = await lookUp(by("EventName", "ListUsers"));

    assert.deepEqual([names(soon), names(later)], [[], ["ListUsers"]]);
    await account.reset();
    assert.equal(account.trailDelayMs, 0);
  });

  it("holds refused calls, but no data events and no strangers", async () => {
    const nobody = await userKey("nobody");
    const stranger = clients({ accessKeyId: "AKIASTRANGER", secretAccessKey: "x" });
    await assert.rejects(stranger.iam.send(new IAM.ListUsersCommand({})));
    await assert.rejects(clients(nobody).iam.send(new IAM.ListUsersCommand({})));
    await owner.s3.send(new S3.CreateBucketCommand({ Bucket: "cases" }));
    await owner.s3.send(new S3.PutObjectCommand({ Bucket: "cases", Key: "1", Body: "{}" }));

    const page = await lookUp({});

    assert.deepEqual(names(page), ["CreateBucket", "ListUsers", "CreateAccessKey", "CreateUser"]);
    assert.equal(JSON.parse(page.Events[1]?.CloudTrailEvent ?? "").errorCode, "AccessDenied");
  });

  it("is for those whom cloudtrail:LookupEvents is allowed", async () => {
    const key = await userKey("auditor");
    await assert.rejects(lookUp({}, key), {
      name: "AccessDeniedException",
      message: /auditor is not authorized to perform: cloudtrail:LookupEvents on resource: \*/,
    });

    await allow("auditor", "cloudtrail:LookupEvents");

    await lookUp({}, key);
    await assert.rejects(lookUp({}, { accessKeyId: "AKIASTRANGER", secretAccessKey: "x" }), {
      name: "UnrecognizedClientException",
    });
  });

  it("says what is wrong with a question", async () => {
    const two = [...by("Username", "a").LookupAttributes, ...by("EventName", "b").LookupAttributes];

    await assert.rejects(lookUp({ LookupAttributes: two }), {
      name: "InvalidLookupAttributesException",
    });
    await assert.rejects(lookUp(by("Colour", "blue")), {
      name: "InvalidLookupAttributesException",
      message: /by EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource/,
    });
    await assert.rejects(lookUp({ MaxResults: 51 }), {
      name: "InvalidMaxResultsException",
      message: "MaxResults is from 1 to 50, got 51",
    });
    await assert.rejects(lookUp({ NextToken: "bm9uZQ==" }), { name: "InvalidNextTokenException" });
  });
});

function document(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}
