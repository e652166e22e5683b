import assert from "node:assert/strict";
import * as iam from "@aws-sdk/client-iam";
import * as secretsManager from "@aws-sdk/client-secrets-manager";
import type { ApplicationUserSubject } from "../../events/incident";
import type { Case, Mode } from "../../functions/case";
import { emergencyActionApplication } from "../../functions/EmergencyActionApplication";
import {
  type Answers,
  type Call,
  cutsIn,
  fakeSdk,
  inTurn,
  noSuchEntity,
  refusal,
  throttled,
  withEnvironment,
  withoutWaiting,
} from "./fakeSdk";
import {
  ADMIN,
  attached,
  bareUser,
  callsOf,
  caseOf,
  HARMLESS,
  type IamAnswers,
  incident,
  KEY,
  keys,
  nobody,
  only,
  READ_ONLY,
  settings,
  TEAM,
  userNames,
  validCase,
} from "./given";

type SecretsAnswers = Answers<typeof secretsManager>;

const SECRET_VALUE = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const NEW = "AKIANEW0000000000000";
const OWN = "AKIAOWN0000000000000";
const KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/stack-application";
const VERSION = incident([]).event.id;
const secret = "stack/application/app-1";
const app: ApplicationUserSubject = {
  kind: "applicationUser",
  name: "app-1",
  proved: true,
  accessKeyId: KEY,
};
const notThere = refusal("ResourceNotFoundException");
const noSecret: SecretsAnswers = {
  DescribeSecret: notThere,
  ListSecretVersionIds: notThere,
  CreateSecret: {},
  PutSecretValue: {},
};
const current = (VersionId: string, CreatedDate = new Date(0)) => ({
  VersionId,
  CreatedDate,
  VersionStages: ["AWSCURRENT"],
});
/** A secret whose tags were changed after any event. */
const secretOf = (...Versions: object[]): SecretsAnswers => ({
  ...noSecret,
  DescribeSecret: { LastChangedDate: new Date("2099-01-01T00:00:00Z"), KmsKeyId: KMS_KEY },
  ListSecretVersionIds: { Versions },
});
const user: IamAnswers = {
  ...bareUser,
  ListAccessKeys: keys(OWN, KEY),
  UpdateAccessKey: {},
  DeleteAccessKey: {},
  CreateAccessKey: { AccessKey: { AccessKeyId: NEW, SecretAccessKey: SECRET_VALUE } },
  DeleteLoginProfile: {},
  DetachUserPolicy: {},
};

async function rotate(
  subject: ApplicationUserSubject,
  iamAnswers: IamAnswers = {},
  secretsAnswers: SecretsAnswers = noSecret,
  { mode = "enforce", before }: { mode?: Mode; before?: Case } = {},
) {
  const calls: Call[] = [];
  const { sdk } = fakeSdk(iam, "IAMClient", { ...user, ...iamAnswers }, calls);
  const secrets = fakeSdk(secretsManager, "SecretsManagerClient", secretsAnswers, calls);
  const handler = emergencyActionApplication(sdk, secrets.sdk, settings(mode));
  const input = { incident: incident([subject]), caseId: "e", ...(before && { case: before }) };
  const after = await validCase(handler, input);
  assert.ok(!JSON.stringify(after).includes(SECRET_VALUE), "the case holds the new key's secret");
  return { after, calls, changes: cutsIn(calls) };
}

function off(AccessKeyId: string, UserName = "app-1"): Call {
  return ["UpdateAccessKey", { UserName, AccessKeyId, Status: "Inactive" }];
}
function remove(AccessKeyId: string, UserName = "app-1"): Call {
  return ["DeleteAccessKey", { UserName, AccessKeyId }];
}
function create(UserName = "app-1"): Call {
  return ["CreateAccessKey", { UserName }];
}
function content(ClientRequestToken = VERSION) {
  const key = { accessKeyId: NEW, secretAccessKey: SECRET_VALUE };
  return { ClientRequestToken, SecretString: JSON.stringify(key) };
}
const stored: Call = ["CreateSecret", { Name: secret, KmsKeyId: KMS_KEY, ...content() }];
const added: Call = ["PutSecretValue", { SecretId: secret, ...content() }];
/** No calls side by side are in an order that matters; those of the replacement are. */
const sorted = (calls: Call[]) => calls.map((one) => JSON.stringify(one)).sort();

describe("EmergencyActionApplication", () => {
  withEnvironment({ SECRET_PREFIX: "stack/application", SECRET_KEY_ARN: KMS_KEY });
  const waits = withoutWaiting();

  it("switches the record's key off before any look, makes room, and stores a new key", async () => {
    const { after, calls, changes } = await rotate(app);

    const sent = calls.findIndex(([name]) => name === "UpdateAccessKey");
    assert.ok(sent < calls.findIndex(([name]) => name === "DescribeSecret"));
    assert.deepEqual(changes, [off(KEY), off(KEY), remove(KEY), create(), stored]);
    assert.deepEqual(after.open, []);
    assert.deepEqual(after.notes, [
      `The new key ${NEW} of app-1 is in the secret ${secret}`,
      `Key ${OWN} of app-1 still works: move the application to ${secret}, then switch it off`,
    ]);
    const [{ kind, secret: name } = {} as never] = after.subjects as never as Record<
      string,
      string
    >[];
    assert.deepEqual([kind, name], ["applicationUser", secret]);
  });

  it("sends the first cut although no look answers before it", async () => {
    let send = () => {};
    const cut = new Promise<void>((resolve) => {
      send = resolve;
    });
    const { changes } = await rotate(app, {
      GetUser: () => cut.then(() => ({ User: {} })),
      UpdateAccessKey: () => {
        send();
        return {};
      },
    });
    assert.deepEqual(changes[0], off(KEY));
  });

  it("switches the application's own stolen key off only when its replacement is stored", async () => {
    const own = { ...app, accessKeyId: OWN, actorKeyId: OWN };
    const { after, changes } = await rotate(own, { ListAccessKeys: keys(OWN) });
    assert.deepEqual(changes, [create(), stored, off(OWN)]);
    assert.deepEqual(after.notes, [`The new key ${NEW} of app-1 is in the secret ${secret}`]);

    const gone = { ...secretOf(), PutSecretValue: notThere };
    const { after: unstored } = await rotate(own, { ListAccessKeys: keys(OWN) }, gone);
    assert.deepEqual(unstored.open, [
      `The replacement key for app-1 could not be stored in ${secret}`,
    ]);

    const failing = { ...noSecret, CreateSecret: refusal("LimitExceededException") };
    const kept = await rotate(own, { ListAccessKeys: keys(OWN) }, failing);
    assert.deepEqual(kept.changes, [create(), stored, remove(NEW)]);
    assert.deepEqual(kept.after.open, [
      `secretsmanager:CreateSecret on ${secret}: LimitExceededException: said the service`,
      `The replacement key for app-1 could not be stored in ${secret}`,
    ]);
  });

  it("keeps the application's key, and says so, where it may not use a secret's KMS key", async () => {
    const own = { ...app, accessKeyId: OWN, actorKeyId: OWN };
    const refused = refusal("AccessDeniedException");
    const existing = { ...secretOf(current("earlier")), PutSecretValue: refused };
    for (const [secrets, call, how] of [
      [{ ...noSecret, CreateSecret: refused }, "secretsmanager:CreateSecret", stored],
      [existing, "secretsmanager:PutSecretValue", added],
    ] as const) {
      const { after, changes } = await rotate(own, { ListAccessKeys: keys(OWN) }, secrets);
      assert.deepEqual(changes, [create(), how, remove(NEW)]);
      assert.deepEqual(after.open, [
        `${call} on ${secret}: AccessDeniedException: said the service`,
        `The replacement key for app-1 could not be stored in ${secret}`,
      ]);
    }
  });

  for (const [whose, KmsKeyId, shown] of [
    ["another key", `${KMS_KEY}-2`, `${KMS_KEY}-2`],
    ["Secrets Manager's own key", undefined, "Secrets Manager's own key"],
  ]) {
    it(`makes no replacement for a secret that ${whose} encrypts, whatever it holds`, async () => {
      const own = { ...app, accessKeyId: OWN, actorKeyId: OWN };
      const DescribeSecret = KmsKeyId ? { KmsKeyId } : {};
      const secrets = { ...secretOf(current(VERSION)), DescribeSecret };
      const { after, changes } = await rotate(own, { ListAccessKeys: keys(OWN) }, secrets);
      assert.deepEqual(changes, []);
      assert.deepEqual(after.open, [
        `The secret ${secret} is encrypted by ${shown} and not by the stack's, so others may read it, and no replacement was made: ` +
          `see who made it and whom aws secretsmanager get-resource-policy --secret-id ${secret} lets in, then give it the stack's key, ` +
          `aws secretsmanager update-secret --secret-id ${secret} --kms-key-id ${KMS_KEY}, and start the execution again`,
      ]);
    });
  }

  const slots: [name: string, held: string[], made: Call[], open: boolean][] = [
    ["one key: there is room", [OWN], [create(), stored], false],
    ["one inactive key: it may stay", ["-AKIAOLD"], [create(), stored], false],
    ["an inactive key makes room", [OWN, "-AKIAOLD"], [remove("AKIAOLD"), create(), stored], false],
    ["two keys in use: nothing goes", [OWN, "AKIATWO"], [], true],
  ];
  for (const [name, held, made, open] of slots) {
    it(`with ${name}`, async () => {
      const { after, changes } = await rotate(
        { ...app, accessKeyId: "ASIA1" },
        { ListAccessKeys: keys(...held) },
      );
      assert.deepEqual(changes, made);
      assert.match(
        after.open.join(),
        open ? /^app-1 has two keys in use \(AKIAOWN\w+ and AKIATWO\)/ : /^$/,
      );
    });
  }

  const answered: [name: string, secrets: SecretsAnswers][] = [
    ["the same event", secretOf(current(VERSION))],
    ["an event of the same burst", secretOf(current("other", new Date("2026-06-01T12:00:00Z")))],
  ];
  for (const [name, secrets] of answered) {
    it(`makes no second replacement for ${name}`, async () => {
      const ListAccessKeys = keys(NEW, `-${KEY}`);
      const before = caseOf();
      const { after, changes } = await rotate(app, { ListAccessKeys }, secrets, { before });
      assert.deepEqual([changes, after.open, after.notes, after.round], [[], [], [], 1]);
    });
  }

  it("names open that no replacement could be made", async () => {
    const CreateAccessKey = refusal("LimitExceededException");
    const ListAccessKeys = inTurn<object>(keys(OWN, KEY), keys(OWN));
    const { after, changes } = await rotate(app, { CreateAccessKey, ListAccessKeys });
    assert.deepEqual(changes, [off(KEY), off(KEY), remove(KEY), create()]);
    assert.deepEqual(after.open, [
      "iam:CreateAccessKey on user app-1: LimitExceededException: said the service",
      "No replacement key for app-1 could be made",
    ]);
  });

  /** The quota's refusal of the SDK's second try: the answer to its first was lost. */
  const refusedAgain = Object.assign(refusal("LimitExceededException"), {
    $metadata: { attempts: 2 },
  });

  it("deletes no key where the quota refuses the first try: another execution made it", async () => {
    const CreateAccessKey = refusal("LimitExceededException");
    const ListAccessKeys = inTurn<object>(keys(OWN, KEY), keys(OWN, "AKIAOTHER"));
    const { changes } = await rotate(app, { CreateAccessKey, ListAccessKeys });
    assert.deepEqual(changes.slice(2), [remove(KEY), create()]);
  });

  it("deletes the key whose answer was lost, where the quota then refuses another", async () => {
    const ListAccessKeys = inTurn<object>(keys(OWN, KEY), keys(OWN, "AKIALOST"));
    const answers = { CreateAccessKey: refusedAgain, ListAccessKeys };
    const { after, changes } = await rotate(app, answers);
    assert.deepEqual(changes.slice(2), [remove(KEY), create(), remove("AKIALOST")]);
    assert.deepEqual(after.notes.slice(0, 2), [
      "No replacement key for app-1 could be made",
      "Key AKIALOST of app-1 appeared while the replacement was made, and was deleted",
    ]);
  });

  it("deletes no such key where the secret was changed meanwhile: it may hold it", async () => {
    const ListAccessKeys = inTurn<object>(keys(OWN, KEY), keys(OWN, "AKIAOTHER"));
    const secrets = {
      ...noSecret,
      DescribeSecret: inTurn<object>(notThere, { KmsKeyId: KMS_KEY }),
      ListSecretVersionIds: inTurn<object>(notThere, { Versions: [current("other")] }),
    };
    const answers = { CreateAccessKey: refusedAgain, ListAccessKeys };
    const { after, changes } = await rotate(app, answers, secrets);
    assert.deepEqual(changes.slice(2), [remove(KEY), create()]);
    assert.deepEqual(after.open.slice(1), [
      "No replacement key for app-1 could be made",
      `Key AKIAOTHER of app-1 appeared while the replacement was made: see whether ${secret} holds it, and delete it otherwise`,
    ]);
  });

  it("deletes the key whose answer was lost, where another was made", async () => {
    const made = { AccessKeyId: NEW, SecretAccessKey: SECRET_VALUE };
    const CreateAccessKey = { AccessKey: made, $metadata: { attempts: 2 } };
    const ListAccessKeys = inTurn<object>(keys(KEY), keys(KEY, "AKIALOST", NEW));
    const { after, changes } = await rotate(app, { CreateAccessKey, ListAccessKeys });
    assert.deepEqual(changes.slice(2), [create(), remove("AKIALOST"), stored]);
    assert.deepEqual(after.open, []);
    assert.deepEqual(after.notes, [
      `The new key ${NEW} of app-1 is in the secret ${secret}`,
      "Key AKIALOST of app-1 appeared while the replacement was made, and was deleted",
    ]);
  });

  it("adds a version to a secret that answers an earlier event", async () => {
    const earlier = secretOf(current("earlier"));
    const { changes } = await rotate(app, { ListAccessKeys: keys(KEY) }, earlier);
    assert.deepEqual(changes.slice(-1), [added]);
  });

  it("takes for a replacement what applications read, and not a staged or a tagged secret", async () => {
    const late = new Date("2026-06-01T13:00:00Z");
    const pending = { VersionId: "pending", CreatedDate: late, VersionStages: ["AWSPENDING"] };
    const staged = secretOf(pending, current("earlier", new Date("2026-06-01T11:59:59Z")));
    const { changes } = await rotate(app, { ListAccessKeys: keys(KEY) }, staged);
    assert.deepEqual(changes.slice(-1), [added]);
  });

  it("finds the version that applications read on a later page", async () => {
    const answer = current("other", new Date("2026-06-01T12:00:00Z"));
    const pending = { VersionId: "pending", VersionStages: ["AWSPENDING"] };
    const ListSecretVersionIds = ({ NextToken }: { NextToken: string | undefined }) =>
      NextToken ? { Versions: [answer] } : { Versions: [pending], NextToken: "2" };
    const paged = { ...secretOf(), ListSecretVersionIds };
    const { changes } = await rotate(app, { ListAccessKeys: keys(KEY) }, paged);
    assert.deepEqual(changes, [off(KEY), off(KEY)]);
  });

  it("takes password and the record's grant, and goes on where one of them fails", async () => {
    const grant = { kind: "attached", policyArn: TEAM } as const;
    const { after, changes } = await rotate(
      { ...app, grant },
      {
        ListAttachedUserPolicies: attached(READ_ONLY, TEAM),
        GetPolicy: noSuchEntity,
        GetLoginProfile: {},
        DeleteLoginProfile: refusal("EntityTemporarilyUnmodifiableException"),
      },
    );
    assert.deepEqual(
      sorted(changes),
      sorted([
        off(KEY),
        off(KEY),
        remove(KEY),
        create(),
        stored,
        ["DeleteLoginProfile", { UserName: "app-1" }],
        ["DetachUserPolicy", { UserName: "app-1", PolicyArn: TEAM }],
      ]),
    );
    assert.equal(after.open.length, 1);
    assert.match(after.open[0] ?? "", /^iam:DeleteLoginProfile on user app-1: EntityTemp/);
  });

  it("leaves a user whom the look makes no admin, and contains one whom it does", async () => {
    const asked: ApplicationUserSubject = {
      ...app,
      proved: false,
      grant: { kind: "inline", policyName: "p" },
    };
    const inline = {
      ListUserPolicies: { PolicyNames: ["p"] },
      GetUserPolicy: { PolicyDocument: HARMLESS },
    };
    const left = await rotate(asked, inline);
    assert.deepEqual([left.changes, left.after.subjects, left.after.alerts], [[], [], []]);
    assert.match(left.after.notes.join(), /^Application user app-1 is no admin by this/);

    const { grant: _, ...fresh } = asked;
    const { changes } = await rotate(fresh, { ListAttachedUserPolicies: attached(ADMIN) });
    assert.deepEqual(sorted(changes), sorted([off(KEY), remove(KEY), create(), stored]));
  });

  for (const name of userNames) {
    it(`names the secret of ${name} as Secrets Manager allows`, async () => {
      const { calls, changes } = await rotate({ ...app, name }, { ListAccessKeys: keys() });
      const SecretId = `stack/application/${name.replaceAll(",", "/comma/")}`;
      assert.match(SecretId, /^[\w/+=.@-]{1,512}$/);
      assert.deepEqual(
        calls.filter(([call]) => call === "DescribeSecret"),
        [["DescribeSecret", { SecretId }]],
      );
      assert.deepEqual(changes.slice(1), [
        create(name),
        ["CreateSecret", { Name: SecretId, KmsKeyId: KMS_KEY, ...content() }],
      ]);
    });
  }

  it("follows a renamed user by his key, and says so where nobody is there", async () => {
    const { changes } = await rotate(app, {
      GetUser: only("app-1", noSuchEntity, { User: {} }),
      ListAccessKeys: only("app-1", noSuchEntity, keys(OWN, KEY)),
      GetAccessKeyLastUsed: { UserName: "app-2" },
    });
    assert.deepEqual(changes.slice(-3, -1), [remove(KEY, "app-2"), create("app-2")]);

    const { after } = await rotate(app, { ...nobody, GetAccessKeyLastUsed: noSuchEntity });
    assert.deepEqual(after.alerts, [
      "Application user app-1 is not there (any more): nothing was rotated",
    ]);
    assert.deepEqual(waits.slice(-3), [250, 750, 1500]);
  });

  it("throws a throttled look, IAM's or Secrets Manager's", async () => {
    await assert.rejects(rotate(app, { ListAccessKeys: throttled }), {
      name: "ThrottlingException",
      message:
        "user app-1 could not be looked at whole: iam:ListAccessKeys failed: ThrottlingException: Rate exceeded",
    });
    for (const call of ["DescribeSecret", "ListSecretVersionIds"]) {
      await assert.rejects(rotate(app, {}, { ...secretOf(), [call]: throttled }), throttled);
    }
    await assert.rejects(rotate(app, {}, { ...secretOf(), ListSecretVersionIds: {} }), {
      name: "LookFailed",
      message: "An answer of AWS lacks the list that was asked for",
    });
  });

  it("calls nothing in observe, lists what enforce calls, and lists it once", async () => {
    const own = { ...app, actorKeyId: OWN };
    const enforced = await rotate(own);
    const observed = await rotate(own, {}, noSecret, { mode: "observe" });

    // The case names the secret and nothing of its content; what two looks found is listed once.
    const called = enforced.changes.map(([name, input]) => {
      const { SecretString: _, ClientRequestToken: __, ...rest } = input as Record<string, unknown>;
      return [name, rest] as Call;
    });
    assert.deepEqual(observed.changes, []);
    assert.deepEqual(sorted(callsOf(observed.after.actions)), [...new Set(sorted(called))]);

    const again = await rotate(own, {}, noSecret, { mode: "observe", before: observed.after });
    assert.deepEqual(again.after.actions, observed.after.actions);
  });
});
