import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import fc from "fast-check";
import { describeActor } from "../../events/actor";
import { classify, type IncidentSettings } from "../../events/classify";
import type { Incident } from "../../events/incident";

const NOW = "2026-06-01T12:00:00Z";
const ACCOUNT = "123456789012";
const KEY = "AKIAIOSFODNN7EXAMPLE";
const OTHER_KEY = "AKIAI44QH8DHBEXAMPLE";

const defaults: IncidentSettings = {
  sshPorts: [22],
  trustedCidrs: [],
  newCredentials: "admins",
  guardDutySeverity: 7,
  applicationUsers: ["app-*"],
  protectedPrincipals: ["break-glass"],
  trustedActors: [],
  exemptions: [
    { rule: "admin-user", subject: "exempt", owner: "o", reason: "r", expires: "2026-12-31" },
  ],
  ownRoles: [],
  stackRoles: [],
  containActor: false,
  containRoles: false,
};

type Fields = Record<string, unknown>;

function judge(event: unknown, settings: Partial<IncidentSettings> = {}): Incident {
  return classify(event, { ...defaults, ...settings }, NOW);
}

/** What is decided, without who and when. */
function ruling({ decision, reason, alert, subjects }: Incident) {
  return { decision, reason, subjects, ...(alert && { alert }) };
}

function fixture(file: string): Fields {
  const folder = path.join(__dirname, "..", "fixtures", "events");
  return JSON.parse(fs.readFileSync(path.join(folder, file), "utf8"));
}

/** A finding in the form of GuardDuty's own; `key` and `rest` replace what is there. */
function finding(key: Fields = {}, rest: Fields = {}, service: Fields = {}) {
  const accessKeyDetails = {
    accessKeyId: KEY,
    principalId: "AIDACKCEVSQ6C2EXAMPLE",
    userName: "bob",
    userType: "IAMUser",
    ...key,
  };
  const action = {
    actionType: "AWS_API_CALL",
    awsApiCallAction: { remoteIpDetails: { ipAddressV4: "198.51.100.7" } },
  };
  return {
    id: "805320a1-2f09-4237-64fc-f3f136e41a69",
    "detail-type": "GuardDuty Finding",
    source: "aws.guardduty",
    account: ACCOUNT,
    time: "2026-06-01T11:59:00Z",
    region: "us-east-1",
    detail: {
      accountId: ACCOUNT,
      region: "us-east-1",
      id: "36b01b60fc22bb4edb19d62d9899e953",
      type: "UnauthorizedAccess:IAMUser/TorIPCaller",
      title: "API ListUsers was invoked from a Tor exit node.",
      severity: 8,
      updatedAt: "2026-06-01T11:58:00.862Z",
      resource: { resourceType: "AccessKey", accessKeyDetails },
      service: { action, archived: false, ...service },
      ...rest,
    },
  };
}

const SAID = "API ListUsers was invoked from a Tor exit node.";

describe("GuardDuty findings", () => {
  it("contain the IAM user whom they name, and his key", () => {
    const event = finding();
    assert.deepEqual(judge(event), {
      decision: "EmergencyActionAccount",
      reason: `GuardDuty says of user bob: ${SAID} (severity 8)`,
      subjects: [{ kind: "user", name: "bob", proved: true, reported: true, accessKeyId: KEY }],
      actor: { type: "AWSService", arn: "unknown", invokedBy: "guardduty.amazonaws.com" },
      event: {
        id: "36b01b60fc22bb4edb19d62d9899e953",
        name: "UnauthorizedAccess:IAMUser/TorIPCaller",
        source: "guardduty.amazonaws.com",
        time: "2026-06-01T11:58:00.862Z",
        region: "us-east-1",
        account: ACCOUNT,
        address: "198.51.100.7",
      },
      record: event.detail,
    });
  });

  const bob = { kind: "user", name: "bob", proved: true, reported: true, accessKeyId: KEY };
  const account = "EmergencyActionAccount";
  const alerted = (why: string, owner = "user bob", severity: unknown = 8) => ({
    decision: "Ignore",
    reason: why,
    subjects: [],
    alert: `GuardDuty says of ${owner}: ${SAID} (severity ${severity}). ${why}: look at it.`,
  });
  const silent = (reason: string) => ({ decision: "Ignore", reason, subjects: [] });
  const says = (owner: string, severity = 8) =>
    `GuardDuty says of ${owner}: ${SAID} (severity ${severity})`;

  const cases: [name: string, event: unknown, wanted: object, settings?: object][] = [
    [
      "of exactly the severity",
      finding({}, { severity: 7 }),
      { decision: account, reason: says("user bob", 7), subjects: [bob] },
    ],
    [
      "of a critical severity, where only that counts",
      finding({}, { severity: 9.5 }),
      { decision: account, reason: says("user bob", 9.5), subjects: [bob] },
      { guardDutySeverity: 9 },
    ],
    [
      "a little milder",
      finding({}, { severity: 6.9 }),
      alerted("Users are contained from severity 7 on", "user bob", 6.9),
    ],
    [
      "without a severity",
      finding({}, { severity: "high" }),
      alerted("Its severity cannot be read", "user bob", "high"),
    ],
    [
      "with a session's key, which cannot be switched off",
      finding({ accessKeyId: "ASIAIOSFODNN7EXAMPLE" }),
      {
        decision: account,
        reason: says("user bob"),
        subjects: [{ kind: "user", name: "bob", proved: true, reported: true }],
      },
    ],
    [
      "without a name: the key's owner",
      finding({ userName: "" }),
      {
        decision: account,
        reason: says("user unknown"),
        subjects: [
          {
            kind: "user",
            name: "",
            proved: false,
            accessKeyId: KEY,
            reported: true,
            always: true,
          },
        ],
      },
    ],
    [
      "without name and key",
      finding({ userName: "a b", accessKeyId: "ASIAIOSFODNN7EXAMPLE" }),
      alerted("It names neither a user nor his key", "user unknown"),
    ],
    [
      "of a role, whose name may be a user's too",
      finding({ userType: "Role" }),
      alerted("Only IAM users are contained", "Role bob"),
    ],
    [
      "of a role's session",
      finding({ userType: "AssumedRole" }),
      alerted("Only IAM users are contained", "AssumedRole bob"),
    ],
    [
      "of the root user",
      finding({ userType: "Root", userName: "Root" }),
      alerted("Only IAM users are contained", "Root Root"),
    ],
    [
      "of nobody known",
      finding({ userType: undefined }),
      alerted("Only IAM users are contained", "unknown bob"),
    ],
    [
      "of a role, mild",
      finding({ userType: "Role" }, { severity: 2 }),
      silent("Only IAM users are contained"),
    ],
    ["a sample", finding({}, {}, { additionalInfo: { sample: true } }), silent("a sample finding")],
    [
      "a sample that says so in JSON",
      finding({}, {}, { additionalInfo: { value: '{"sample":true}', type: "default" } }),
      silent("a sample finding"),
    ],
    [
      "no sample, in JSON",
      finding({}, {}, { additionalInfo: { value: "{", sample: "true" } }),
      { decision: account, reason: says("user bob"), subjects: [bob] },
    ],
    ["archived", finding({}, {}, { archived: true }), silent("an archived finding")],
    [
      "about no key",
      finding({}, { resource: { resourceType: "Instance" } }),
      silent("the finding is about no access key"),
    ],
    [
      "of a member account, whose bob is another",
      finding({}, { accountId: "210987654321" }),
      alerted("He is a user of account 210987654321"),
    ],
    [
      "of an exempt admin, whom the exemption does not make safe",
      finding({ userName: "exempt" }),
      { decision: account, reason: says("user exempt"), subjects: [{ ...bob, name: "exempt" }] },
    ],
    [
      "of a protected user",
      finding({ userName: "break-glass" }),
      {
        decision: "Ignore",
        reason: `${says("user break-glass")}; user break-glass is in protectedPrincipals`,
        subjects: [],
        alert: `User break-glass is protected and was not contained, although ${says("user break-glass")}. Look at it yourself.`,
      },
    ],
    [
      "of an application user: its key is rotated",
      finding({ userName: "app-shop" }),
      {
        decision: "EmergencyActionApplication",
        reason: `${says("user app-shop")}; user app-shop is in applicationUsers`,
        subjects: [{ ...bob, name: "app-shop", kind: "applicationUser" }],
      },
    ],
    [
      "of an application user's session: which key it was is not known",
      finding({ userName: "app-shop", accessKeyId: "ASIAIOSFODNN7EXAMPLE" }),
      {
        decision: "EmergencyActionApplication",
        reason: `${says("user app-shop")}; user app-shop is in applicationUsers`,
        subjects: [{ kind: "applicationUser", name: "app-shop", proved: true, reported: true }],
        alert:
          "User app-shop runs an application, and which of his keys somebody else has is not " +
          "known: they stay as they are beside the new one. Move the application to it and switch them off.",
      },
    ],
  ];
  for (const [name, event, wanted, settings] of cases) {
    it(name, () => assert.deepEqual(ruling(judge(event, settings)), wanted));
  }

  it("a trusted actor's own finding counts: it is no change of his", () => {
    const trustedActors = ["arn:aws:iam::123456789012:user/bob"];
    assert.equal(judge(finding(), { trustedActors }).decision, account);
  });

  it("a sample that AWS made is nothing", () => {
    assert.deepEqual(
      ruling(judge(fixture("GuardDutyIAM-c7n-ENVELOPE.json"))),
      silent("a sample finding"),
    );
  });
});

const SUSPECTED = "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED";
function supposed(which: string): string {
  return `AWS supposes that ${which} (account ${ACCOUNT}). Nothing was switched off by that. Look at AWS Health and the support case; aws iam get-access-key-last-used --access-key-id KEY names the owner, and npm run contain -- user NAME contains him.`;
}

/** An event of AWS Health in the form of the published one. */
function exposed(detail: Fields = {}) {
  return {
    id: "5b53b920-3e7c-6003-589a",
    "detail-type": "AWS Health Event",
    source: "aws.health",
    account: ACCOUNT,
    time: "2026-06-01T11:59:00Z",
    region: "us-east-1",
    resources: [KEY],
    detail: {
      eventArn:
        "arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED-DVNePcpQ2o",
      service: "RISK",
      eventTypeCode: "AWS_RISK_CREDENTIALS_EXPOSED",
      statusCode: "open",
      eventRegion: "us-east-1",
      affectedEntities: [{ entityValue: KEY }],
      affectedAccount: ACCOUNT,
      ...detail,
    },
  };
}

describe("AWS Health's events about exposed keys", () => {
  const owner = (accessKeyId: string) => ({
    kind: "user",
    name: "",
    proved: false,
    accessKeyId,
    reported: true,
    always: true,
  });

  it("contain the key's owner, whom a look tells", () => {
    const event = exposed();
    assert.deepEqual(judge(event), {
      decision: "EmergencyActionAccount",
      reason: `AWS found ${KEY} in public`,
      subjects: [owner(KEY)],
      actor: { type: "AWSService", arn: "unknown", invokedBy: "health.amazonaws.com" },
      event: {
        id: "AWS_RISK_CREDENTIALS_EXPOSED-DVNePcpQ2o",
        name: "AWS_RISK_CREDENTIALS_EXPOSED",
        source: "health.amazonaws.com",
        time: "2026-06-01T11:59:00Z",
        region: "us-east-1",
        account: ACCOUNT,
        address: "health.amazonaws.com",
      },
      record: event.detail,
    });
  });

  const account = "EmergencyActionAccount";
  const named = { publicKey: KEY, userName: "test-1", exposedUrl: "https://github.com/x" };
  const silent = (reason: string) => ({ decision: "Ignore", reason, subjects: [] });
  const alerted = (reason: string) => ({
    ...silent(reason),
    alert: `AWS found access keys in public, and none was switched off: ${reason}. Look at AWS Health.`,
  });
  const cases: [name: string, event: unknown, wanted: object][] = [
    [
      "with the owner's name: no look is needed",
      exposed({ eventMetadata: named }),
      {
        decision: account,
        reason: `AWS found ${KEY} at https://github.com/x`,
        subjects: [
          { kind: "user", name: "test-1", proved: true, reported: true, accessKeyId: KEY },
        ],
      },
    ],
    [
      "with a name that goes with another key",
      exposed({ eventMetadata: { ...named, publicKey: OTHER_KEY, exposedUrl: undefined } }),
      { decision: account, reason: `AWS found ${KEY} in public`, subjects: [owner(KEY)] },
    ],
    [
      "with several keys, one of them twice",
      exposed({
        affectedEntities: [KEY, OTHER_KEY, KEY].map((entityValue) => ({ entityValue })),
        eventMetadata: { ...named, exposedUrl: undefined },
      }),
      {
        decision: account,
        reason: `AWS found ${KEY}, ${OTHER_KEY} in public`,
        subjects: [owner(KEY), owner(OTHER_KEY)],
      },
    ],
    [
      "of an exempt admin",
      exposed({ eventMetadata: { ...named, userName: "exempt" } }),
      {
        decision: account,
        reason: `AWS found ${KEY} at https://github.com/x`,
        subjects: [
          { kind: "user", name: "exempt", proved: true, reported: true, accessKeyId: KEY },
        ],
      },
    ],
    ["closed", exposed({ statusCode: "closed" }), silent("the AWS Health event is closed")],
    [
      "that AWS supposes only",
      exposed({ eventTypeCode: SUSPECTED }),
      {
        ...silent("AWS supposes only that keys are public"),
        alert: supposed(`access keys are public: ${KEY}`),
      },
    ],
    [
      "that AWS supposes, without a key or an account",
      exposed({ eventTypeCode: SUSPECTED, affectedEntities: 7, affectedAccount: undefined }),
      { ...silent("AWS supposes only that keys are public"), alert: supposed("keys are public") },
    ],
    [
      "that AWS supposed, closed",
      exposed({ eventTypeCode: SUSPECTED, statusCode: "closed" }),
      silent("the AWS Health event is closed"),
    ],
    [
      "of another kind",
      exposed({ eventTypeCode: "AWS_IAM_OPERATIONAL_ISSUE" }),
      silent("the AWS Health event tells of no exposed key"),
    ],
    [
      "of another account of the organization",
      exposed({ affectedAccount: "210987654321" }),
      alerted("they are of account 210987654321"),
    ],
    [
      "without a key",
      exposed({ affectedEntities: [{ entityValue: "UNKNOWN" }, "x", null] }),
      alerted("the event names no key of an IAM user"),
    ],
    [
      "without entities",
      exposed({ affectedEntities: 7 }),
      alerted("the event names no key of an IAM user"),
    ],
  ];
  for (const [name, event, wanted] of cases) {
    it(name, () => assert.deepEqual(ruling(judge(event)), wanted));
  }

  it("the published event names its user", () => {
    const { decision, subjects } = judge(
      fixture("HealthRiskCredentialsExposed-aws-samples-ENVELOPE.json"),
    );
    assert.deepEqual(
      { decision, subjects },
      {
        decision: account,
        subjects: [
          {
            kind: "user",
            name: "test-1",
            proved: true,
            reported: true,
            accessKeyId: "AKIAXXXXXXXXXX",
          },
        ],
      },
    );
  });
});

describe("GuardDuty findings about SSH passwords", () => {
  const sshFinding = (service: Fields = {}, remote: Fields = { ipAddressV4: "198.51.100.7" }) => ({
    source: "aws.guardduty",
    account: ACCOUNT,
    detail: {
      accountId: ACCOUNT,
      id: "f",
      type: "UnauthorizedAccess:EC2/SSHBruteForce",
      severity: 2,
      resource: {
        resourceType: "Instance",
        instanceDetails: {
          instanceId: "i-1",
          networkInterfaces: [
            { networkInterfaceId: "eni-1", privateIpAddress: "10.0.0.1", subnetId: "subnet-1" },
            {
              networkInterfaceId: "eni-2",
              privateIpAddress: "10.0.0.2",
              subnetId: "subnet-2",
              vpcId: "vpc-1",
            },
          ],
        },
      },
      service: {
        resourceRole: "TARGET",
        archived: false,
        action: {
          networkConnectionAction: {
            connectionDirection: service.direction ?? "INBOUND",
            localIpDetails: { ipAddressV4: "10.0.0.2" },
            remoteIpDetails: remote,
          },
        },
        ...service,
      },
    },
  });

  it("name the address and the interface that it tries, however mild", () => {
    const incident = judge(sshFinding());
    assert.deepEqual(ruling(incident), {
      decision: "EmergencyActionInfrastructure",
      reason: "GuardDuty says that 198.51.100.7 tries SSH passwords on i-1",
      subjects: [
        {
          kind: "remoteAddress",
          address: "198.51.100.7",
          interfaceId: "eni-2",
          instanceId: "i-1",
          subnetId: "subnet-2",
          vpcId: "vpc-1",
        },
      ],
    });
    assert.equal(incident.event.address, "198.51.100.7");
  });

  const left: [name: string, event: unknown, reason: RegExp, alerted: boolean][] = [
    ["a sample", sshFinding({ additionalInfo: { sample: true } }), /sample/, false],
    ["an archived one", sshFinding({ archived: true }), /archived/, false],
    [
      "an own instance that tries",
      sshFinding({ resourceRole: "ACTOR" }),
      /tries .* elsewhere/,
      true,
    ],
    ["an outbound one", sshFinding({ direction: "OUTBOUND" }), /tries .* elsewhere/, true],
    ["no address", sshFinding({}, { ipAddressV4: "x" }), /names no address/, true],
    ["of a member", { ...sshFinding(), account: "210987654321" }, /another account's/, true],
  ];
  for (const [name, event, reason, alerted] of left) {
    it(`are ignored: ${name}`, () => {
      const incident = judge(event);
      assert.deepEqual([incident.decision, incident.subjects], ["Ignore", []]);
      assert.match(incident.reason, reason);
      assert.equal(incident.alert !== undefined, alerted);
    });
  }
});

describe("a person's order", () => {
  it("contains the user, and the case tells why", () => {
    const input = { user: "bob", reason: "seen at night" };
    const incident = judge(input);
    assert.deepEqual(incident, {
      decision: "EmergencyActionAccount",
      reason: "a person ordered user bob contained: seen at night",
      subjects: [{ kind: "user", name: "bob", proved: true, reported: true }],
      actor: { type: "Operator", arn: "unknown" },
      event: {
        id: "unknown",
        name: "StartExecution",
        source: "states.amazonaws.com",
        time: NOW,
        region: "unknown",
        account: "unknown",
        address: "unknown",
      },
      record: input,
    });
    assert.equal(describeActor(incident.actor), "a person");
  });

  const contained = (name: string) => ({
    decision: "EmergencyActionAccount",
    reason: `a person ordered user ${name} contained`,
    subjects: [{ kind: "user", name, proved: true, reported: true }],
  });
  const refused = (why: string) => ({
    decision: "Ignore",
    reason: `the order cannot be read: ${why}`,
    subjects: [],
    alert: `A person's order was not carried out, since the order cannot be read: ${why}. It should be {"user": "NAME", "reason": "TEXT"} or {"group": "sg-ID", "reason": "TEXT"}.`,
  });
  const noUser = "user is no name of an IAM user";
  const noReason = "reason is no text of at most 256 characters";
  const cases: [name: string, input: unknown, wanted: object][] = [
    ["without a reason", { user: "bob" }, contained("bob")],
    [
      "for an exempt user: the person has read the exemption",
      { user: "exempt" },
      contained("exempt"),
    ],
    ["for an application user, who is named", { user: "app-shop" }, contained("app-shop")],
    [
      "for a protected user is refused",
      { user: "break-glass" },
      {
        decision: "Ignore",
        reason:
          "a person ordered user break-glass contained; user break-glass is in protectedPrincipals",
        subjects: [],
        alert:
          "User break-glass is protected and was not contained, although a person ordered user " +
          "break-glass contained. Look at it yourself.",
      },
    ],
    ["for no name", { user: "a b" }, refused(noUser)],
    ["for a list", { user: ["bob"] }, refused(noUser)],
    ["for a name longer than IAM's", { user: "b".repeat(65) }, refused(noUser)],
    ["with an empty reason", { user: "bob", reason: "" }, refused(noReason)],
    ["with a long reason", { user: "bob", reason: "r".repeat(257) }, refused(noReason)],
    ["with a reason of two lines", { user: "bob", reason: "a\nb" }, refused(noReason)],
    [
      "with another key",
      { user: "bob", role: "admin" },
      refused("it has keys other than user, group and reason"),
    ],
    [
      "for a group, exempt or not",
      { group: "sg-0123456789abcdef0", reason: "seen in a scan" },
      {
        decision: "EmergencyActionInfrastructure",
        reason: "a person ordered security group sg-0123456789abcdef0 closed: seen in a scan",
        subjects: [
          { kind: "securityGroup", groupId: "sg-0123456789abcdef0", rules: [], ordered: true },
        ],
      },
    ],
    ["for a group by name", { group: "web" }, refused("group is no id of a security group")],
    [
      "for both",
      { user: "bob", group: "sg-0123456789abcdef0" },
      refused("it names a user and a group"),
    ],
  ];
  for (const [name, input, wanted] of cases) {
    it(name, () => assert.deepEqual(ruling(judge(input)), wanted));
  }

  it("an event that has a user beside its record is no order", () => {
    const detail = { eventSource: "iam.amazonaws.com", eventName: "GetUser" };
    assert.equal(
      judge({ user: "bob", detail }).reason,
      "GetUser of iam.amazonaws.com is no incident",
    );
  });

  it("what is neither event nor order is an alert", () => {
    for (const input of [{ User: "bob" }, {}, "bob", null]) {
      assert.deepEqual(ruling(judge(input)), {
        decision: "Ignore",
        reason: "the event carries no CloudTrail record",
        subjects: [],
        alert:
          "An execution was started with what is neither an event nor an order, so nothing was " +
          'contained. A person\'s order is {"user": "NAME", "reason": "TEXT"} or {"group": "sg-ID", "reason": "TEXT"}.',
      });
    }
  });
});

/** A severity that no text can be made of. */
const unprintable = { severity: { toString: null }, resource: "none", service: {} };

describe("notices of any content", () => {
  it("always give a decision, with a subject where it contains", function () {
    this.timeout(60_000);
    const value = fc.oneof(fc.constantFrom(KEY, "bob", true, 8), fc.jsonValue({ maxDepth: 4 }));
    const fields = (...keys: string[]) => fc.dictionary(fc.constantFrom(...keys), value);
    const resource = fc.record({
      resourceType: fc.constant("AccessKey"),
      accessKeyDetails: fields("userName", "userType", "accessKeyId"),
    });
    const guardDuty = fc.record({
      source: fc.constant("aws.guardduty"),
      detail: fc.oneof(
        value,
        fc.record({ severity: value, resource: fc.oneof(resource, value), service: value }),
      ),
    });
    const health = fc.record({
      source: fc.constant("aws.health"),
      detail: fc.oneof(
        value,
        fc.record({
          eventTypeCode: fc.constant("AWS_RISK_CREDENTIALS_EXPOSED"),
          affectedEntities: fc.oneof(value, fc.array(fields("entityValue"))),
          eventMetadata: fields("userName", "publicKey", "exposedUrl"),
        }),
      ),
    });
    const order = fields("user", "reason", "other");
    fc.assert(
      fc.property(fc.oneof(guardDuty, health, order), (event) => {
        const { decision, reason, subjects } = judge(event);
        assert.ok(reason.length > 0);
        assert.equal(decision === "Ignore", subjects.length === 0);
        for (const one of subjects) {
          assert.ok(one.kind === "user" && one.reported);
          assert.ok(one.name !== "" || (one.always && one.accessKeyId && !one.proved));
        }
      }),
      { numRuns: 3000, examples: [[{ source: "aws.guardduty", detail: unprintable }]] },
    );
  });
});
