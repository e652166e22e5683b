import assert from "node:assert/strict";
import { zippedBytes } from "../drill/program/archive";
import { type Captured, captureProgram } from "../drill/program/capture";
import { watchedEvents } from "../events/classify";

const validate = require("asl-validator") as (definition: unknown) => {
  isValid: boolean;
  errorsText(): string;
};

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, unknown>>;
}
type State = {
  Type: string;
  Retry?: { ErrorEquals: string[] }[];
  Catch?: { ErrorEquals: string[] }[];
  TimeoutSeconds?: number;
};

const CUTS =
  /^(iam|ec2|secretsmanager):(Attach|Detach|Put|Delete|Create|Update|Remove|Add|Revoke|Authorize|Set)/;
/** What hands out power, whatever the resource. */
const GRANTS =
  /^kms:(\*|CreateGrant|PutKeyPolicy|ReplicateKey)$|^iam:(\*|Put(User|Role|Group)Policy|CreatePolicyVersion|SetDefaultPolicyVersion|PassRole|AddUserToGroup|CreateUser|CreateLoginProfile|UpdateLoginProfile|Attach(Role|Group)Policy|UpdateAssumeRolePolicy|DeleteUserPermissionsBoundary)$|^\*$/;

describe("the program", function () {
  // Each of its programs is captured in a process of its own.
  this.timeout(300_000);
  let lab: Captured[];
  let observe: Captured[];
  let rotating: Captured[];

  before(async () => {
    const programs = await Promise.all([
      captureProgram({ settings: {} }),
      captureProgram({ settings: { mode: "observe" } }),
      captureProgram({ settings: { applicationUsers: ["app-*"] } }),
    ]);
    [lab, observe, rotating] = programs.map(({ resources }) => resources) as [
      Captured[],
      Captured[],
      Captured[],
    ];
  });

  const ofType = (all: Captured[], end: string) => all.filter(({ type }) => type.endsWith(end));
  const statementsOf = (all: Captured[], name: string): Statement[] => {
    const policy = ofType(all, ":RolePolicy").find((one) => one.name === `tourniquet-lab-${name}`);
    return JSON.parse(policy?.inputs.policy).Statement;
  };
  const actionsOf = (statements: Statement[]) =>
    statements.filter(({ Effect }) => Effect === "Allow").flatMap(({ Action }) => Action);
  const responders = [
    "CloudWatcherCore",
    "EmergencyActionAccount",
    "StripAccount",
    "VerifyAccount",
  ];
  responders.push("EmergencyActionInfrastructure", "RecordCase", "Report");
  responders.push("BreakSessions", "LiftSessionBlock", "SweepSessionBlocks");

  it("registers these resources and no others", () => {
    const counts = new Map<string, number>();
    for (const { type } of lab) counts.set(type, (counts.get(type) ?? 0) + 1);
    assert.deepEqual(Object.fromEntries([...counts].sort()), {
      "aws:cloudwatch/eventRule:EventRule": 4,
      "aws:cloudwatch/eventTarget:EventTarget": 4,
      "aws:cloudwatch/logGroup:LogGroup": 11,
      "aws:cloudwatch/metricAlarm:MetricAlarm": 5,
      "aws:iam/role:Role": 13,
      "aws:iam/rolePolicy:RolePolicy": 13,
      "aws:lambda/function:Function": 10,
      "aws:s3/bucket:Bucket": 1,
      "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": 1,
      "aws:s3/bucketObjectv2:BucketObjectv2": 1,
      "aws:s3/bucketPolicy:BucketPolicy": 1,
      "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 1,
      "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": 1,
      "aws:s3/bucketVersioning:BucketVersioning": 1,
      "aws:scheduler/schedule:Schedule": 1,
      "aws:sfn/stateMachine:StateMachine": 1,
      "aws:sns/topic:Topic": 1,
      "aws:sqs/queue:Queue": 1,
      "aws:sqs/queuePolicy:QueuePolicy": 1,
      "tourniquet:index:AlertTopic": 1,
      "tourniquet:index:CaseBucket": 1,
      "tourniquet:index:Detection": 1,
      "tourniquet:index:Oversight": 1,
      "tourniquet:index:Response": 1,
    });
    const functions = ofType(lab, ":Function").map(({ name }) => name);
    assert.deepEqual(functions.sort(), responders.map((name) => `tourniquet-lab-${name}`).sort());
    assert.ok(ofType(rotating, ":Function").some(({ name }) => name.endsWith("Application")));
  });

  it("lets RecordCase write cases and their index, and list the index alone", () => {
    const bucket = "arn:aws:s3:::tourniquet-lab-cases-123456789012";
    const ofS3 = statementsOf(lab, "RecordCase").filter(({ Action }) =>
      /^s3:/.test(String(Action)),
    );
    assert.deepEqual(ofS3, [
      {
        Effect: "Allow",
        Action: ["s3:PutObject"],
        Resource: [`${bucket}/cases/*`, `${bucket}/subjects/*`],
      },
      {
        Effect: "Allow",
        Action: ["s3:ListBucket"],
        Resource: bucket,
        Condition: { StringLike: { "s3:prefix": "subjects/*" } },
      },
    ]);
  });

  it("writes whom it trusts to the case bucket, where no role may write", async () => {
    const trustedActors = ["arn:aws:iam::123456789012:role/pipeline"];
    const { resources } = await captureProgram({ settings: { trustedActors } });
    const [object, ...more] = ofType(resources, ":BucketObjectv2");
    assert.deepEqual(
      [object?.inputs, more],
      [
        {
          bucket: "tourniquet-lab-cases-123456789012",
          key: "settings/trustedActors.json",
          content: JSON.stringify(trustedActors),
          contentType: "application/json",
          forceDestroy: true,
        },
        [],
      ],
    );
    const writes = ofType(resources, ":RolePolicy")
      .flatMap(({ inputs }): Statement[] => JSON.parse(inputs.policy).Statement)
      .filter(({ Effect, Action }) => Effect === "Allow" && /s3:(Put|Delete|\*)/.test(`${Action}`))
      .flatMap(({ Resource }) => Resource);
    const bucket = "arn:aws:s3:::tourniquet-lab-cases-123456789012";
    assert.deepEqual(
      [...new Set(writes)].sort(),
      ["blocks", "cases", "subjects"].map((prefix) => `${bucket}/${prefix}/*`),
    );
  });

  it("names and tags everything from the stack", () => {
    const taggable = lab.filter(({ inputs }) => "tags" in inputs);
    assert.equal(taggable.length, 4 + 11 + 5 + 13 + 10 + 1 + 1 + 1 + 1);
    for (const { inputs, name } of lab) {
      assert.ok(name.startsWith("tourniquet-lab"), name);
      if (inputs.tags) assert.equal(inputs.tags.tourniquet, "tourniquet-lab");
    }
  });

  it("keeps each version of a case for 90 days from whoever has no right to bypass", () => {
    const [lock] = ofType(lab, ":BucketObjectLockConfiguration");
    assert.deepEqual(lock?.inputs, {
      bucket: "tourniquet-lab-cases-123456789012",
      rule: { defaultRetention: { mode: "GOVERNANCE", days: 90 } },
    });
    const [bucket] = ofType(lab, ":Bucket");
    // It would replace the bucket of a stack that is there.
    assert.equal(bucket?.inputs.objectLockEnabled, undefined);
  });

  it("asks EventBridge for exactly the watched events, in a pattern that is short enough", () => {
    const text: string = ofType(lab, ":EventRule")[0]?.inputs.eventPattern;
    assert.ok(text.length <= 2048);
    const { detail, source } = JSON.parse(text);
    assert.deepEqual(source, ["aws.iam", "aws.ec2"]);
    assert.deepEqual(detail.eventName, Object.values(watchedEvents).flat());
    assert.deepEqual(detail.errorCode, [{ exists: false }]);
  });

  it("asks EventBridge for what GuardDuty and AWS Health say of access keys and SSH, and for no more", () => {
    const [, ...notices] = ofType(lab, ":EventRule").map(({ inputs, name }) => [
      name,
      JSON.parse(inputs.eventPattern),
    ]);
    assert.deepEqual(notices, [
      [
        "tourniquet-lab-guardduty-findings",
        {
          source: ["aws.guardduty"],
          "detail-type": ["GuardDuty Finding"],
          detail: { resource: { resourceType: ["AccessKey"] } },
        },
      ],
      [
        "tourniquet-lab-guardduty-ssh",
        {
          source: ["aws.guardduty"],
          "detail-type": ["GuardDuty Finding"],
          detail: { type: ["UnauthorizedAccess:EC2/SSHBruteForce"] },
        },
      ],
      [
        "tourniquet-lab-exposed-keys",
        {
          source: ["aws.health"],
          "detail-type": ["AWS Health Event"],
          detail: {
            eventTypeCode: [
              "AWS_RISK_CREDENTIALS_EXPOSED",
              "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED",
            ],
          },
        },
      ],
    ]);
  });

  it("sends what each rule matches to the one machine, and keeps what could not be delivered", () => {
    const machine = ofType(lab, ":StateMachine")[0]?.state.arn;
    const rules = ofType(lab, ":EventRule");
    const targets = ofType(lab, ":EventTarget").map(({ inputs }) => inputs);
    assert.deepEqual(
      targets.map(({ rule }) => rule),
      rules.map(({ inputs }) => inputs.name),
    );
    for (const { arn, deadLetterConfig, retryPolicy } of targets) {
      assert.equal(arn, machine);
      assert.match(deadLetterConfig.arn, /:tourniquet-lab-undelivered$/);
      assert.deepEqual(retryPolicy, { maximumEventAgeInSeconds: 3600, maximumRetryAttempts: 185 });
    }
    const [{ Condition }] = JSON.parse(ofType(lab, ":QueuePolicy")[0]?.inputs.policy).Statement;
    assert.deepEqual(Condition, {
      ArnEquals: { "aws:SourceArn": rules.map(({ state }) => state.arn) },
    });
  });

  it("has a valid state machine, in which every task has a time limit, a retry and a catch", () => {
    for (const program of [lab, rotating]) {
      const definition = JSON.parse(ofType(program, ":StateMachine")[0]?.inputs.definition);
      const result = validate(definition);
      assert.ok(result.isValid, result.isValid ? "" : result.errorsText());
      const tasks = Object.values<State>(definition.States).filter(({ Type }) => Type === "Task");
      assert.ok(tasks.length >= 9);
      for (const { Retry, Catch, TimeoutSeconds } of tasks) {
        assert.ok(TimeoutSeconds && TimeoutSeconds <= 60);
        // States.ALL must stand alone and last, which the schema does not check.
        for (const list of [Retry, Catch]) {
          assert.deepEqual(list?.at(-1)?.ErrorEquals, ["States.ALL"]);
          assert.equal(list?.length, 1);
        }
      }
    }
  });

  it("lets no execution data into the log, and keeps logs for a while only", () => {
    const { loggingConfiguration, tracingConfiguration } =
      ofType(lab, ":StateMachine")[0]?.inputs ?? {};
    assert.equal(loggingConfiguration.includeExecutionData, false);
    assert.equal(tracingConfiguration.enabled, true);
    for (const { inputs } of ofType(lab, ":LogGroup")) assert.equal(inputs.retentionInDays, 90);
  });

  it("lets EventBridge start the machine, and the machine call its functions, and neither more", () => {
    for (const program of [lab, rotating]) {
      const machine = ofType(program, ":StateMachine")[0];
      const starter = statementsOf(program, "events");
      assert.deepEqual(
        starter.map(({ Action, Resource }) => [Action, Resource]),
        [["states:StartExecution", machine?.state.arn]],
      );
      const definition = JSON.parse(machine?.inputs.definition);
      const called = Object.values<State & { Resource?: string }>(definition.States).flatMap(
        ({ Resource }) => Resource ?? [],
      );
      const callable = statementsOf(program, "machine").filter(({ Action }) =>
        [Action].flat().includes("lambda:InvokeFunction"),
      );
      assert.deepEqual(
        callable.flatMap(({ Resource }) => Resource).sort(),
        [...new Set(called)].sort(),
      );
    }
  });

  it("gives no responder the power to grant", () => {
    for (const name of responders) {
      const granting = actionsOf(statementsOf(lab, name)).filter((action) => GRANTS.test(action));
      assert.deepEqual(granting, [], name);
    }
    const rotation = actionsOf(statementsOf(rotating, "EmergencyActionApplication"));
    assert.deepEqual(
      rotation.filter((action) => GRANTS.test(action)),
      [],
    );
    assert.ok(rotation.includes("iam:CreateAccessKey"));
  });

  it("lets AWSDenyAll be attached and nothing else, and it cannot be detached", () => {
    const denyAll = "arn:aws:iam::aws:policy/AWSDenyAll";
    for (const name of ["EmergencyActionAccount", "StripAccount"]) {
      const statements = statementsOf(lab, name);
      const attaching = statements.filter(({ Action }) =>
        [Action].flat().includes("iam:AttachUserPolicy"),
      );
      assert.deepEqual(
        attaching.map(({ Condition }) => Condition),
        [{ ArnEquals: { "iam:PolicyARN": denyAll } }],
      );
      const denied = statements.find(({ Effect }) => Effect === "Deny");
      assert.deepEqual(denied?.Condition?.ArnLike?.["iam:PolicyARN"], [
        denyAll,
        "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine*",
      ]);
    }
  });

  it("concerns itself with roles only by containRoles, and denies them everything at most", async () => {
    const { resources } = await captureProgram({ settings: { containRoles: true } });
    const ofRoles = (all: Captured[], name: string) =>
      actionsOf(statementsOf(all, name))
        .flat()
        .filter((action) => /Role/.test(action))
        .sort();
    const looks = ["GetRole", "GetRolePolicy", "ListAttachedRolePolicies"];
    looks.push("ListInstanceProfilesForRole", "ListRolePolicies");
    const denies = ["AttachRolePolicy", "PutRolePermissionsBoundary"];
    const actions = (...names: string[]) => names.map((name) => `iam:${name}`).sort();
    const wanted: Record<string, string[]> = {
      EmergencyActionAccount: actions(...looks, ...denies),
      StripAccount: actions(...looks, ...denies, "DetachRolePolicy", "DeleteRolePolicy"),
      VerifyAccount: actions(...looks),
    };
    for (const name of responders) {
      assert.deepEqual(ofRoles(lab, name), [], name);
      assert.deepEqual(ofRoles(resources, name), wanted[name] ?? [], name);
    }
    const keys = ["iam:PolicyARN", "iam:PermissionsBoundary"];
    assert.deepEqual(
      statementsOf(resources, "StripAccount").filter(({ Action }) =>
        [Action].flat().some((action) => actions(...denies).includes(action)),
      ),
      actions(...denies).map((Action, index) => ({
        Effect: "Allow",
        Action,
        Resource: "arn:aws:iam::123456789012:role/*",
        Condition: { ArnEquals: { [keys[index] ?? ""]: "arn:aws:iam::aws:policy/AWSDenyAll" } },
      })),
    );
  });

  it("gives no role the power to change anything where it only observes", () => {
    const observing = ofType(observe, ":Function").map(({ inputs }) => inputs.name);
    const deployed = responders.filter((name) => observing.includes(`tourniquet-lab-${name}`));
    // Where nothing was blocked there is nothing to lift.
    assert.deepEqual(
      responders.filter((name) => !deployed.includes(name)),
      ["LiftSessionBlock"],
    );
    for (const name of deployed) {
      const cuts = actionsOf(statementsOf(observe, name)).filter((action) => CUTS.test(action));
      assert.deepEqual(cuts, [], name);
    }
  });

  it("encrypts the application users' secrets by a key that the role uses through Secrets Manager", async () => {
    const { resources } = await captureProgram({
      settings: { applicationUsers: ["app-*"], mode: "observe" },
    });
    const name = "tourniquet-lab-application";
    const arn = `arn:aws:kms:us-east-1:123456789012:key/${name}`;
    const account = "arn:aws:iam::123456789012:root";
    for (const program of [rotating, resources]) {
      const made = program.filter(({ type }) => type.startsWith("aws:kms/"));
      const [key, alias, ...others] = made.map(({ inputs }) => inputs);
      assert.deepEqual(others, []);
      const { policy, ...rest } = key ?? {};
      assert.deepEqual(rest, {
        description: "tourniquet-lab: encrypts the secrets of application users",
        enableKeyRotation: true,
        tags: { tourniquet: "tourniquet-lab" },
      });
      assert.deepEqual(JSON.parse(policy).Statement, [
        { Effect: "Allow", Principal: { AWS: account }, Action: "kms:*", Resource: "*" },
      ]);
      assert.deepEqual(alias, { name: `alias/${name}`, targetKeyId: arn });
      const rotator = ofType(program, ":Function").find((one) => one.name.endsWith("Application"));
      assert.equal(rotator?.inputs.environment.variables.SECRET_KEY_ARN, arn);
    }
    const onKeys = (program: Captured[]) =>
      statementsOf(program, "EmergencyActionApplication").filter(({ Action }) =>
        [Action].flat().some((action) => action.startsWith("kms:")),
      );
    assert.deepEqual(onKeys(resources), []);
    assert.deepEqual(onKeys(rotating), [
      {
        Effect: "Allow",
        Action: ["kms:GenerateDataKey", "kms:Decrypt"],
        Resource: arn,
        Condition: { StringEquals: { "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com" } },
      },
    ]);
  });

  it("ships archives of at most 120 KB: the code, its bundled AWS client, and no tool", () => {
    for (const { files = {}, name } of ofType(rotating, ":Function")) {
      assert.ok(zippedBytes(files) <= 120 * 1024, name);
      const packed = Object.keys(files).filter(
        (file) => !file.startsWith("node_modules/ipaddr.js/"),
      );
      const client = /require\("\.\/sdk\/bin\/(\w+)"\)/.exec(String(files["__index.js"]))?.[1];
      const bundle = client ? [`sdk/bin/${client}.LICENSES.txt`, `sdk/bin/${client}.js`] : [];
      assert.deepEqual(packed.sort(), ["__index.js", ...bundle], name);
    }
  });

  it("adds rules in an open group only by openSsh: restrict, by one function in another's place", async () => {
    const [enforcing, observing] = await Promise.all([
      captureProgram({ settings: { openSsh: "restrict" } }),
      captureProgram({ settings: { openSsh: "restrict", mode: "observe" } }),
    ]);
    const names = (all: Captured[]) =>
      ofType(all, ":Function").map(({ name }) =>
        name.replace("EmergencyActionInfrastructure", "NarrowOpenSsh"),
      );
    assert.deepEqual(names(enforcing.resources).sort(), names(lab).sort());
    const inPlace = (all: Captured[]) =>
      ofType(all, ":Function").filter(({ name }) => name.endsWith("EmergencyActionInfrastructure"));
    assert.deepEqual([inPlace(lab).length, inPlace(enforcing.resources).length], [1, 0]);
    const adding = (all: Captured[]) =>
      ofType(all, ":RolePolicy")
        .filter(({ inputs }) => /AuthorizeSecurityGroupIngress/.test(inputs.policy))
        .map(({ name }) => name);
    assert.deepEqual([lab, rotating, observing.resources, enforcing.resources].map(adding), [
      [],
      [],
      [],
      ["tourniquet-lab-NarrowOpenSsh"],
    ]);
    const changes = statementsOf(enforcing.resources, "NarrowOpenSsh").filter(({ Action }) =>
      [Action].flat().some((one) => CUTS.test(one)),
    );
    assert.deepEqual(changes, [
      {
        Effect: "Allow",
        Action: ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
        Resource: "arn:aws:ec2:us-east-1:123456789012:security-group/*",
      },
    ]);
    const definition = JSON.parse(
      ofType(enforcing.resources, ":StateMachine")[0]?.inputs.definition,
    );
    const { EmergencyActionInfrastructure, VerifyInfrastructure } = definition.States;
    for (const { Resource } of [EmergencyActionInfrastructure, VerifyInfrastructure]) {
      assert.match(Resource, /:tourniquet-lab-NarrowOpenSsh$/);
    }
    const textOf = (name: string) =>
      ofType(enforcing.resources, ":Function").find((one) => one.name === `tourniquet-lab-${name}`)
        ?.files ?? {};
    assert.ok(zippedBytes(textOf("NarrowOpenSsh")) <= 120 * 1024);
    assert.match(
      String(textOf("CloudWatcherCore")["__index.js"]),
      /"tourniquet-lab-NarrowOpenSsh"/,
    );
  });

  it("keeps groups in step only by syncedGroups, and adds rules to those groups alone", async () => {
    const syncedGroups = [{ group: "sg-0123456789abcdef0", service: "EC2_INSTANCE_CONNECT" }];
    const [enforcing, observing] = await Promise.all([
      captureProgram({ settings: { syncedGroups } }),
      captureProgram({ settings: { syncedGroups, mode: "observe" } }),
    ]);
    const added = enforcing.resources.filter(({ name }) => /-SyncGroups/.test(name));
    assert.deepEqual(added.map(({ type }) => type.split(":").at(-1)).sort(), [
      "Function",
      "LogGroup",
      "MetricAlarm",
      "Permission",
      "Role",
      "Role",
      "RolePolicy",
      "RolePolicy",
      "Schedule",
      "TopicSubscription",
    ]);
    assert.ok(!lab.some(({ name }) => /-SyncGroups/.test(name)));
    const topic = "arn:aws:sns:us-east-1:806199016981:AmazonIpSpaceChanged";
    const inputsOf = (end: string) => ofType(added, end)[0]?.inputs;
    const lambda = ofType(added, ":Function")[0]?.state.arn;
    const { action, principal, sourceArn } = inputsOf(":Permission") ?? {};
    assert.deepEqual(
      [action, principal, sourceArn],
      ["lambda:InvokeFunction", "sns.amazonaws.com", topic],
    );
    const subscription = { topic, protocol: "lambda", endpoint: lambda };
    assert.deepEqual(inputsOf(":TopicSubscription"), subscription);
    assert.equal(inputsOf(":Schedule")?.scheduleExpression, "rate(1 hour)");
    assert.equal(inputsOf(":Schedule")?.target.arn, lambda);
    const changes = (all: Captured[]) =>
      statementsOf(all, "SyncGroups").filter(({ Action }) =>
        [Action].flat().some((one) => CUTS.test(one)),
      );
    assert.deepEqual(changes(observing.resources), []);
    assert.deepEqual(changes(enforcing.resources), [
      {
        Effect: "Allow",
        Action: ["ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"],
        Resource: ["arn:aws:ec2:us-east-1:123456789012:security-group/sg-0123456789abcdef0"],
      },
    ]);
    const core = enforcing.resources.find(
      ({ type, name }) => type.endsWith(":Function") && name.endsWith("-CloudWatcherCore"),
    );
    assert.match(String(core?.files?.["__index.js"]), /"tourniquet-lab-SyncGroups"/);
  });

  it("is refused with the key's name where a setting is wrong", async () => {
    await assert.rejects(captureProgram({ settings: { sshPort: 22 } }), /tourniquet:sshPort/);
  });
});
