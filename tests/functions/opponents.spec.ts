import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import { opponentsOf } from "../../functions/account/opponents";
import type { Action, Case } from "../../functions/case";
import { type Answers, fakeSdk, throttled, withEnvironment } from "./fakeSdk";
import { ADMIN, caseOf, DENY_ALL, incident, TEAM } from "./given";

type Trail = Answers<typeof cloudtrail>;
type Fields = Record<string, unknown>;

const ACCOUNT = "123456789012";
const eve = {
  type: "IAMUser",
  arn: `arn:aws:iam::${ACCOUNT}:user/team/eve`,
  userName: "eve",
};
const session = (role: string) => ({
  type: "AssumedRole",
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/it`,
  sessionContext: {
    sessionIssuer: { type: "Role", arn: `arn:aws:iam::${ACCOUNT}:role/ci/${role}`, userName: role },
  },
});
const bobs = { userName: "bob" };
const detached = { ...bobs, policyArn: DENY_ALL };

let count = 0;
function event(eventName: string, requestParameters: Fields, over: Fields = {}) {
  const record = {
    eventID: `id-${++count}`,
    eventName,
    eventTime: "2026-06-01T12:01:00Z",
    sourceIPAddress: "203.0.113.66",
    recipientAccountId: ACCOUNT,
    userIdentity: eve,
    requestParameters,
    responseElements: null,
    ...over,
  };
  return { EventId: record.eventID, EventName: eventName, CloudTrailEvent: JSON.stringify(record) };
}

const cut = (subject: string, over: Partial<Action> = {}): Action => ({
  call: "iam:AttachUserPolicy",
  subject,
  input: { PolicyArn: DENY_ALL },
  outcome: "done",
  at: "2026-06-01T12:00:02.345Z",
  ...over,
});
const bob = { kind: "user" as const, name: "bob" };
const open: Partial<Case> = { open: ["user bob has no AWSDenyAll"], actions: [cut("user bob")] };

async function ask(
  LookupEvents: NonNullable<Trail["LookupEvents"]>,
  over: Partial<Case> = open,
  subject: Parameters<typeof opponentsOf>[1] = bob,
) {
  const { sdk, calls } = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents });
  const trail = {
    sdk,
    client: new sdk.CloudTrailClient({}),
    ownRoles: ["tourniquet-lab-StripAccount"],
  };
  const told = await opponentsOf(trail, subject, caseOf(over), incident([]));
  return { told, calls };
}

const asks = (name: string, since = "2026-06-01T12:00:02.000Z") =>
  `aws cloudtrail lookup-events --region us-east-1 --start-time ${since} --lookup-attributes ` +
  `'[{"AttributeKey":"ResourceName","AttributeValue":"${name}"}]'`;

describe("opponentsOf", () => {
  withEnvironment({ AWS_REGION: "us-east-1" });

  it("names who opened the user again, once each, with the calls, the last and how he is stopped", async () => {
    const { told, calls } = await ask({
      Events: [
        event("DetachUserPolicy", detached, {
          eventTime: "2026-06-01T12:03:00Z",
          sourceIPAddress: "198.51.100.1",
        }),
        event("UpdateAccessKey", { ...bobs, accessKeyId: "AKIA1", status: "Active" }),
        event("DetachUserPolicy", detached),
        event("AddUserToGroup", { ...bobs, groupName: "admins" }, { userIdentity: session("ci") }),
      ],
    });
    assert.deepEqual(calls, [
      [
        "LookupEvents",
        {
          LookupAttributes: [{ AttributeKey: "ResourceName", AttributeValue: "bob" }],
          StartTime: "2026-06-01T12:00:02.000Z",
        },
      ],
    ]);
    const [user, role, ...more] = told.alerts ?? [];
    assert.deepEqual(Object.keys(told), ["alerts"]);
    assert.equal(
      user,
      `IAM user eve (${eve.arn}) opened user bob again 3 times since 2026-06-01T12:00:02.345Z: ` +
        "DetachUserPolicy 2 times, UpdateAccessKey once, last at 2026-06-01T12:03:00Z from " +
        "198.51.100.1. Contain him if he is not one of yours: npm run contain -- user eve",
    );
    assert.match(
      String(role),
      /^role session arn:aws:sts::123456789012:assumed-role\/ci\/it opened user bob again once since .*: AddUserToGroup once, .*To end it: aws iam put-role-policy --role-name ci --policy-name AWSRevokeOlderSessions/,
    );
    assert.deepEqual(more, []);
  });

  const opens: [call: string, parameters: Fields][] = [
    ["DeleteUserPermissionsBoundary", bobs],
    ["PutUserPermissionsBoundary", { ...bobs, permissionsBoundary: ADMIN }],
    ["AttachUserPolicy", { ...bobs, policyArn: ADMIN }],
    ["PutUserPolicy", { ...bobs, policyName: "p", policyDocument: "{}" }],
    ["CreateAccessKey", bobs],
    ["CreateLoginProfile", bobs],
    ["UpdateLoginProfile", bobs],
    ["UpdateSSHPublicKey", { ...bobs, sSHPublicKeyId: "APKA1", status: "Active" }],
    ["ResetServiceSpecificCredential", { ...bobs, serviceSpecificCredentialId: "ACCA1" }],
    ["UploadSigningCertificate", bobs],
    ["PutUserPolicy", { omitted: true, originalSize: 204800, reason: "too large" }],
    ["EnableMFADevice", { ...bobs, serialNumber: "arn:mfa" }],
  ];
  for (const [call, parameters] of opens) {
    it(`counts ${call} with ${Object.keys(parameters).join(", ")}`, async () => {
      const { told } = await ask({ Events: [event(call, parameters)] });
      assert.match(String(told.alerts), new RegExp(`again once since .*: ${call} once, last at`));
    });
  }

  const others: [name: string, made: ReturnType<typeof event>][] = [
    ["a look", event("GetUser", bobs)],
    ["a failed call", event("DetachUserPolicy", detached, { errorCode: "AccessDenied" })],
    [
      "Tourniquet's own",
      event("DetachUserPolicy", detached, { userIdentity: session("tourniquet-lab-StripAccount") }),
    ],
    ["a policy that makes nobody an admin", event("AttachUserPolicy", detached)],
    [
      "a quarantine",
      event("AttachUserPolicy", {
        ...bobs,
        policyArn: "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3",
      }),
    ],
    ["a key made inactive", event("UpdateAccessKey", { ...bobs, status: "Inactive" })],
    ["somebody else's", event("CreateAccessKey", { userName: "carl" })],
    ["what started it", event("DetachUserPolicy", detached, { eventID: incident([]).event.id })],
  ];
  for (const [name, made] of others) {
    it(`does not count ${name}, and says how to ask CloudTrail later`, async () => {
      const { told } = await ask({ Events: [made] });
      assert.deepEqual(told, {
        alerts: [
          "Whether somebody opens user bob again, CloudTrail does not show (yet): it may be 15 " +
            `minutes late. Ask it later: ${asks("bob")}`,
        ],
      });
    });
  }

  it("is no alert where nobody is shown and nothing is open", async () => {
    const { told } = await ask({ Events: [] }, { actions: [cut("user bob")] });
    assert.deepEqual(Object.keys(told), ["notes"]);
  });

  it("says that it could not look, and how to", async () => {
    const text = `Whether somebody opens user bob again could not be looked up (ThrottlingException: Rate exceeded). Ask CloudTrail: ${asks("bob")}`;
    assert.deepEqual((await ask(throttled)).told, { alerts: [text] });
    const { told } = await ask({ Events: [{ CloudTrailEvent: "<html>" }] });
    assert.match(String(told.alerts), /could not be looked up \(SyntaxError/);
  });

  it("says where there were too many calls to look through", async () => {
    const { told, calls } = await ask({ Events: [], NextToken: "more" });
    assert.equal(calls.length, 10);
    assert.match(String(told.alerts), /does not show among the newest calls\. Ask it later/);
  });

  it("asks from the incident's time where nothing was cut", async () => {
    const failed = cut("user bob", { outcome: "failed" });
    const other = cut("user carl");
    const { told } = await ask({ Events: [] }, { ...open, actions: [failed, other] });
    assert.ok(String(told.alerts).endsWith(asks("bob", "2026-06-01T12:00:00.000Z")));
  });

  it("names who opened a group, a role or a policy", async () => {
    const before = { members: [] };
    const group = await ask(
      { Events: [event("AttachGroupPolicy", { groupName: "devs", policyArn: ADMIN })] },
      { ...open, actions: [] },
      { kind: "group", name: "devs", before },
    );
    assert.match(String(group.told.alerts), /opened group devs again once/);
    const role = await ask(
      { Events: [event("AttachRolePolicy", { roleName: "ci", policyArn: ADMIN })] },
      { ...open, actions: [] },
      { kind: "role", name: "ci" },
    );
    assert.match(String(role.told.alerts), /opened role ci again once/);
    const losses = await ask(
      {
        Events: [
          event("DetachRolePolicy", { roleName: "ci", policyArn: DENY_ALL }),
          event("DeleteRolePermissionsBoundary", { roleName: "ci" }),
          event("DetachRolePolicy", { roleName: "other", policyArn: DENY_ALL }),
          event("DetachRolePolicy", { policyArn: DENY_ALL }),
        ],
      },
      { ...open, actions: [] },
      { kind: "role", name: "ci" },
    );
    assert.match(
      String(losses.told.alerts),
      /opened role ci again 2 times since .*: DeleteRolePermissionsBoundary once, DetachRolePolicy once, /,
    );
    const policy = await ask(
      {
        Events: [
          event("AttachUserPolicy", { ...bobs, policyArn: TEAM }),
          event("SetDefaultPolicyVersion", { policyArn: TEAM, versionId: "v2" }),
        ],
      },
      { ...open, actions: [cut("user bob", { input: { PolicyArn: TEAM } })] },
      { kind: "policy", arn: TEAM, before: { users: [], groups: [], roles: [], keepers: [] } },
    );
    assert.match(String(policy.told.alerts), /opened policy .*Ops again 2 times since .*02\.345Z/);
    const asked = policy.calls.map(([, input]) => (input as Fields).LookupAttributes);
    assert.deepEqual(asked, [[{ AttributeKey: "ResourceName", AttributeValue: TEAM }]]);
  });

  it("tells how to stop a federated user, an Identity Center session, and root not at all", async () => {
    const federated = {
      type: "FederatedUser",
      arn: `arn:aws:sts::${ACCOUNT}:federated-user/x`,
      sessionContext: { sessionIssuer: { type: "IAMUser", userName: "mallory" } },
    };
    const root = { type: "Root", arn: `arn:aws:iam::${ACCOUNT}:root` };
    const by = async (userIdentity: object) =>
      String(
        (await ask({ Events: [event("DetachUserPolicy", detached, { userIdentity })] })).told
          .alerts,
      );
    assert.match(await by(federated), /npm run contain -- user mallory$/);
    assert.match(
      await by(session("AWSReservedSSO_Admin_0123")),
      /It belongs to IAM Identity Center/,
    );
    assert.match(
      await by(root),
      /^the root user \(arn:aws:iam::123456789012:root\) opened .* No call of this account stops that caller/,
    );
  });
});
