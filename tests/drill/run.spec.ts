import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { Account, type Credentials } from "../../drill/account/account";
import { Caller } from "../../drill/caller";
import type { Deployment, Execution, ExecutionResult } from "../../drill/program/deploy";
import type { ScenarioResult } from "../../drill/result";
import { runScenario } from "../../drill/run";
import { readScenario } from "../../drill/scenario";

const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";

/** mallory, an admin, makes bob one too. */
const attack = `
given:
  - { call: iam:CreateUser, input: { UserName: mallory } }
  - { call: iam:CreateUser, input: { UserName: bob } }
  - call: iam:AttachUserPolicy
    input: { UserName: mallory, PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" }
  - { call: iam:CreateAccessKey, input: { UserName: mallory }, login: mallory }
  - { call: iam:CreateAccessKey, input: { UserName: bob }, login: bob }
attack:
  - call: iam:AttachUserPolicy
    as: mallory
    input: { UserName: bob, PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" }
`;
const attached = `
  state:
    - call: iam:ListAttachedUserPolicies
      input: { UserName: bob }
      get: AttachedPolicies[].PolicyName`;
const contained = `
expect:
  decisions: [EmergencyActionAccount]
  denied: [{ call: "iam:ListUsers", as: bob }]
  allowed: [{ call: "iam:ListUsers", as: mallory }]${attached}
      contains: AWSDenyAll
`;

type Act = (
  call: (action: string, input: Record<string, unknown>) => Promise<unknown>,
  detail: Record<string, unknown>,
) => Promise<unknown>;

/** A program of one state, which does what a test wants of it, as a role that may do `actions`. */
function program(account: Account, act: Act, actions = ["iam:*"]) {
  return async (): Promise<Deployment> => {
    const caller = new Caller(account);
    const credentials = await madeRole(account, caller, actions);
    const executions: Execution[] = [];
    return {
      executions,
      logs: [],
      runtime: { node: process.version, sdk: "0" },
      stop: async () => caller.close(),
      start: () => assert.fail("nobody starts this program by hand"),
      wake: () => assert.fail("nothing sleeps in this program"),
      tick: () => assert.fail("nothing in this program runs by the clock"),
      putEvent(event) {
        const { detail } = event as { detail?: Record<string, unknown> };
        if (detail?.eventName !== "AttachUserPolicy" || detail.errorCode) return [];
        const call = (action: string, input: Record<string, unknown>) =>
          caller.call({ service: "iam", action, input }, credentials);
        const execution: Execution = {
          id: `e-${executions.length + 1}`,
          input: event,
          done: act(call, detail).then(succeeded, failed),
        };
        executions.push(execution);
        return [execution];
      },
    };
  };
}

async function madeRole(account: Account, caller: Caller, actions: string[]): Promise<Credentials> {
  const RoleName = "responder";
  const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" } };
  const assume = { Version: "2012-10-17", Statement: [{ ...trust, Action: "sts:AssumeRole" }] };
  const may = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }],
  };
  const iam = (action: string, input: Record<string, unknown>) =>
    caller.call({ service: "iam", action, input: { RoleName, ...input } }, account.owner);
  await iam("CreateRole", { AssumeRolePolicyDocument: JSON.stringify(assume) });
  await iam("PutRolePolicy", { PolicyName: "may", PolicyDocument: JSON.stringify(may) });
  return account.roleCredentials(RoleName);
}

function succeeded(): ExecutionResult {
  const output = { CloudWatcherCore: { decision: "EmergencyActionAccount" } };
  const state = { name: "EndState", input: {}, output, enteredAt: 0, leftAt: 1 };
  return { status: "SUCCEEDED", path: ["EndState"], states: [state], output, invocations: [] };
}

function failed(error: Error): ExecutionResult {
  return { ...succeeded(), status: "FAILED", path: ["Failed"], error: error.name };
}

const cut: Act = (call, { requestParameters }) => {
  const { userName, policyArn } = requestParameters as { userName: string; policyArn: string };
  if (policyArn === DENY_ALL) return Promise.resolve();
  return call("AttachUserPolicy", { UserName: userName, PolicyArn: DENY_ALL });
};

describe("runScenario", function () {
  this.timeout(60_000);
  let account: Account;

  before(async () => {
    account = await Account.start();
  });
  after(() => account?.stop());

  function run(text: string, act: Act, actions?: string[]): Promise<ScenarioResult> {
    const scenario = readScenario("test.yaml", `name: test\n${text}`);
    return runScenario(scenario, { account, deploy: program(account, act, actions) });
  }

  it("passes a responder that contains, and tells what it did when", async () => {
    const result = await run(attack + contained, cut);
    assert.deepEqual(result.failures, []);
    assert.deepEqual(result.decisions, ["EmergencyActionAccount"]);
    assert.deepEqual(
      result.calls.map(({ by, principal, action }) => `${by} ${principal} ${action}`),
      ["attacker mallory AttachUserPolicy", "responder responder AttachUserPolicy"],
    );
    assert.ok(result.firstCutMs !== null && result.firstCutMs > 0);
    assert.equal(result.containedMs, result.firstCutMs);
    assert.ok((result.calls[0]?.at ?? 0) < 0, "the attack comes before its event");
    assert.deepEqual(
      result.executions.map(({ cause }) => cause),
      ["attack", "responder"],
      "the responder's own call is an event too",
    );
  });

  it("fails a responder that does nothing", async () => {
    const result = await run(attack + contained, async () => undefined);
    assert.equal(result.firstCutMs, null);
    assert.deepEqual(result.failures, [
      'expect.state[0] iam:ListAttachedUserPolicies AttachedPolicies[].PolicyName: wanted contains "AWSDenyAll", got ["AdministratorAccess"]',
      "expect.denied[0] iam:ListUsers as bob: wanted denied, got allowed",
    ]);
  });

  it("fails a responder whose grant is missing", async () => {
    const result = await run(attack + contained, cut, ["iam:ListUsers"]);
    const refused = result.failures.find((failure) => failure.startsWith("responder was refused"));
    assert.match(refused ?? "", /iam:AttachUserPolicy: .*not authorized/);
  });

  it("fails a responder that answers its own calls without end", async () => {
    const result = await run(attack + contained, (call) =>
      call("AttachUserPolicy", { UserName: "bob", PolicyArn: DENY_ALL }),
    );
    assert.match(result.failures.join(), /answers its own calls without end/);
  });

  const fightBack = `
  - call: iam:DetachUserPolicy
    as: mallory
    input: { UserName: bob, PolicyArn: "${DENY_ALL}" }
    when: first-cut
`;

  it("fights back after the first cut, and counts that event too", async () => {
    const text = `${attack}${fightBack}expect:\n  decisions: [EmergencyActionAccount, Ignore]`;
    const result = await run(`${text}${attached}\n      is: [AdministratorAccess]`, cut);
    assert.deepEqual(result.failures, []);
    const back = result.calls.find(({ action }) => action === "DetachUserPolicy");
    assert.ok((back?.at ?? 0) > (result.firstCutMs ?? Number.POSITIVE_INFINITY));
  });

  it("answers each cut anew, without an event, and is done before anybody looks", async () => {
    const twice: Act = async (call, detail) => {
      await cut(call, detail);
      await setTimeout(300);
      await cut(call, detail);
    };
    const each = fightBack.replace("first-cut", "each-cut");
    const text = `${attack}${each}expect:\n  decisions: [EmergencyActionAccount]`;
    const result = await run(`${text}${attached}\n      is: [AdministratorAccess]`, twice);
    assert.deepEqual(result.failures, []);
    assert.deepEqual(
      result.calls.slice(1).map(({ by, action }) => `${by} ${action}`),
      [
        "responder AttachUserPolicy",
        "attacker DetachUserPolicy",
        "responder AttachUserPolicy",
        "attacker DetachUserPolicy",
      ],
    );
  });

  it("fails where an answer to a cut fails that may not", async () => {
    const each = fightBack.replace("first-cut", "each-cut").replace("bob", "nobody");
    const result = await run(`${attack}${each}expect: {}`, cut);
    assert.match(result.failures.join(), /^attack\[1\] iam:DetachUserPolicy as mallory failed: /);
  });

  it("lets the attacker act between the arrival of the first cut and its effect", async () => {
    const race = fightBack
      .replace("DetachUserPolicy", "AttachUserPolicy")
      .replace("first-cut", "before-cut");
    const text = `${attack}${race}expect:\n  decisions: [EmergencyActionAccount, EmergencyActionAccount]`;
    const result = await run(text, cut);
    assert.deepEqual(result.failures, []);
    const order = result.calls.map(({ action, by }) => `${by} ${action}`);
    const ahead = order.lastIndexOf("attacker AttachUserPolicy");
    assert.ok(ahead > 0 && ahead < order.indexOf("responder AttachUserPolicy"), order.join());
    assert.ok((result.calls[ahead]?.at ?? 0) > 0, "it came before the event");
  });

  it("lets a cut take its time where the scenario says so, and waits for it in the end", async () => {
    const cutMallory: Act = (call, { requestParameters }) =>
      (requestParameters as { userName: string }).userName === "bob"
        ? call("AttachUserPolicy", { UserName: "mallory", PolicyArn: DENY_ALL })
        : Promise.resolve();
    const look = "  - { call: iam:ListUsers, as: mallory, when: first-cut }\n";
    const text = `${attack}${look}expect: { denied: [{ call: iam:ListUsers, as: mallory }] }`;

    const late = await run(`${text}\niamDelayMs: 1000\ntrailDelayMs: 250`, cutMallory);
    const delays = [account.iamDelayMs, account.trailDelayMs];
    const atOnce = await run(text, cutMallory);

    assert.deepEqual(late.failures, []);
    assert.deepEqual(delays, [1000, 250]);
    assert.match(
      atOnce.failures.join(),
      /^attack\[1\] iam:ListUsers as mallory failed: AccessDenied/,
    );
  });

  it("fails where nothing was cut and somebody waits to fight back", async () => {
    const result = await run(`${attack}${fightBack}expect: {}`, async () => undefined);
    assert.match(result.failures.join(), /nobody fights back/);
    const early = fightBack.replace("first-cut", "before-cut");
    const still = await run(`${attack}${early}expect: {}`, async () => undefined);
    assert.match(
      still.failures.join(),
      /the responder changes nothing, so nothing comes before it/,
    );
  });

  it("fails a responder that does more when the same event comes again", async () => {
    let times = 0;
    const onceMore: Act = async (call, detail) => {
      times += 1;
      if (times < 3) return cut(call, detail);
      return call("DetachUserPolicy", { UserName: "bob", PolicyArn: DENY_ALL });
    };
    const result = await run(`${attack}repeat: true${contained}`, onceMore);
    assert.match(result.failures[0] ?? "", /^repeat: a second delivery changed expect\.state\[0\]/);
    assert.match(result.failures[1] ?? "", /users and groups; it called iam:DetachUserPolicy$/);
  });

  it("is content where the same event again changes nothing", async () => {
    const result = await run(`${attack}repeat: true${contained}`, cut);
    assert.deepEqual(result.failures, []);
    assert.ok(result.executions.some(({ cause }) => cause === "repeat"));
  });

  it("makes calls fail where the scenario asks for it, and accepts that end", async () => {
    const faults = "faults: [{ call: iam:ListAccessKeys, code: ServiceFailure }]\n";
    const look: Act = (call) => call("ListAccessKeys", { UserName: "bob" });
    const expected = await run(`${attack}${faults}expect: { ends: Failed }`, look);
    assert.deepEqual(expected.failures, []);
    const unexpected = await run(`${attack}${faults}expect: {}`, look);
    assert.match(unexpected.failures[0] ?? "", /^execution e-1 FAILED in Failed \(ServiceFailure/);
  });

  it("reports a step of the scenario that fails instead of throwing", async () => {
    const text = "attack:\n  - { call: iam:DeleteUser, input: { UserName: nobody } }\nexpect: {}";
    const result = await run(text, cut);
    assert.match(
      result.failures[0] ?? "",
      /^attack\[0\] iam:DeleteUser as owner failed: NoSuchEnt/,
    );
    const mayFail = await run(text.replace("} }", "}, mayFail: true }"), cut);
    assert.deepEqual(mayFail.failures, []);
    assert.deepEqual(mayFail.decisions, ["Ignore"]);
  });

  it("delivers events as they are, and wraps a bare record", async () => {
    const record =
      "{ eventSource: iam.amazonaws.com, eventName: AttachUserPolicy, requestParameters: { userName: bob, policyArn: x } }";
    const whole = `{ source: aws.iam, detail-type: x, detail: ${record} }`;
    const bob = "given: [{ call: iam:CreateUser, input: { UserName: bob } }]";
    const attacks = `attack: [{ event: ${record} }, { event: ${whole} }, { event: { detail: null } }]`;
    const account = "EmergencyActionAccount";
    const text = `${bob}\n${attacks}\nexpect: { decisions: [${account}, ${account}, Ignore] }`;
    assert.deepEqual((await run(text, cut)).failures, []);
  });
});
