import assert from "node:assert/strict";
import { contain, type SfnSdk } from "../../contain/contain";
import { classify } from "../../events/classify";
import { isRefusal } from "../../operator/commandLine";

const arnOf = (name: string, partition = "aws", region = "us-east-1") =>
  `arn:${partition}:states:${region}:123456789012:stateMachine:${name}`;
const executionOf = (machine: string) =>
  `${machine.replace("stateMachine", "execution")}:0f7e0c3a-0000-4000-8000-000000000001`;

interface Sent {
  call: string;
  input: Record<string, unknown>;
}

/** A Step Functions that has these state machines, one a page. */
function world(machines: string[], answer = true) {
  const sent: Sent[] = [];
  const configs: unknown[] = [];
  const asked: string[] = [];
  const printed: string[] = [];
  const command = (call: string) =>
    class {
      readonly call = call;
      constructor(readonly input: Record<string, unknown>) {}
    };
  const sdk = {
    SFNClient: class {
      constructor(config: unknown) {
        configs.push(config);
      }
      async send(one: Sent) {
        const { call, input } = one;
        sent.push({ call, input });
        if (call === "StartExecution") {
          return { executionArn: executionOf(String(input.stateMachineArn)) };
        }
        const page = Number(input.nextToken ?? 0);
        const arn = machines[page];
        return {
          stateMachines: arn ? [{ name: arn.split(":").at(-1), stateMachineArn: arn }] : [],
          ...(page + 1 < machines.length && { nextToken: String(page + 1) }),
        };
      }
    },
    ListStateMachinesCommand: command("ListStateMachines"),
    StartExecutionCommand: command("StartExecution"),
  };
  return {
    sent,
    configs,
    asked,
    printed,
    sdk: () => sdk as unknown as SfnSdk,
    region: "us-east-1",
    ask: async (question: string) => {
      asked.push(question);
      return answer;
    },
    print: (text: string) => {
      printed.push(text);
    },
  };
}

const LAB = arnOf("tourniquet-lab");
const PROD = arnOf("tourniquet-prod");
const STRANGER = arnOf("billing");

describe("npm run contain", () => {
  it("asks, starts the stack's state machine with the order, and says where to see it", async () => {
    const aws = world([STRANGER, PROD, LAB]);
    await contain(["user", "bob", "--stack", "lab", "--reason", "seen at night"], aws);
    assert.deepEqual(aws.asked, [`Contain user bob by ${LAB}? [y/N] `]);
    assert.deepEqual(aws.sent, [
      { call: "ListStateMachines", input: {} },
      { call: "ListStateMachines", input: { nextToken: "1" } },
      { call: "ListStateMachines", input: { nextToken: "2" } },
      {
        call: "StartExecution",
        input: { stateMachineArn: LAB, input: '{"user":"bob","reason":"seen at night"}' },
      },
    ]);
    const arn = executionOf(LAB);
    assert.deepEqual(aws.printed, [
      `Execution: ${arn}\n` +
        "Console:   https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1" +
        `#/v2/executions/details/${encodeURIComponent(arn)}\n`,
    ]);
  });

  it("what it starts with is an order that the classification carries out", async () => {
    const aws = world([LAB]);
    await contain(["user", "bob", "--yes"], aws);
    const settings = {
      sshPorts: [22],
      trustedCidrs: [],
      newCredentials: "admins" as const,
      guardDutySeverity: 7,
      applicationUsers: [],
      protectedPrincipals: [],
      trustedActors: [],
      exemptions: [],
      ownRoles: [],
      stackRoles: [],
      containActor: false,
      containRoles: false,
    };
    const input = JSON.parse(String(aws.sent.at(-1)?.input.input));
    const { decision, subjects } = classify(input, settings, "2026-06-01T12:00:00Z");
    assert.deepEqual(
      { decision, subjects },
      {
        decision: "EmergencyActionAccount",
        subjects: [{ kind: "user", name: "bob", proved: true, reported: true }],
      },
    );
    assert.deepEqual(aws.asked, []);
  });

  it("takes the only stack there is, in the console of its partition", async () => {
    const aws = world([STRANGER, arnOf("tourniquet-lab", "aws-us-gov", "us-gov-west-1")]);
    await contain(["user", "bob", "--yes"], aws);
    assert.match(
      aws.printed.join(),
      /https:\/\/us-gov-west-1\.console\.amazonaws-us-gov\.com\/states\/home\?region=us-gov-west-1#/,
    );
  });

  it("talks to a stand-in on this machine", async () => {
    const aws = world([LAB]);
    await contain(["user", "bob", "--yes", "--endpoint", "http://127.0.0.1:5000"], aws);
    assert.deepEqual(aws.configs, [{ region: "us-east-1", endpoint: "http://127.0.0.1:5000" }]);
  });

  it("prints help without an SDK", async () => {
    const aws = {
      ...world([]),
      sdk: () => assert.fail("help needs no SDK"),
    };
    await contain(["--help"], aws);
    assert.match(aws.printed.join(), /^Has Tourniquet contain a user/);
  });

  it("starts an execution that closes a group", async () => {
    const aws = world([LAB]);
    await contain(["group", "sg-0123456789abcdef0"], aws);
    assert.deepEqual(aws.asked, [`Close security group sg-0123456789abcdef0 by ${LAB}? [y/N] `]);
    assert.deepEqual(aws.sent.at(-1), {
      call: "StartExecution",
      input: { stateMachineArn: LAB, input: '{"group":"sg-0123456789abcdef0"}' },
    });
  });

  const refusals: [name: string, args: string[], machines: string[], message: string][] = [
    ["nobody", [], [LAB], "what to contain should be said as: user NAME, or group ID; got nothing"],
    [
      "another kind",
      ["role", "x"],
      [LAB],
      "what to contain should be said as: user NAME, or group ID; got role x",
    ],
    [
      "two users",
      ["user", "a", "b"],
      [LAB],
      "what to contain should be said as: user NAME, or group ID; got user a b",
    ],
    [
      "a name that IAM does not allow",
      ["user", "a b"],
      [LAB],
      "the order cannot be read: user is no name of an IAM user",
    ],
    [
      "an empty reason",
      ["user", "a", "--reason", ""],
      [LAB],
      "the order cannot be read: reason is no text of at most 256 characters",
    ],
    [
      "an endpoint elsewhere",
      ["user", "a", "--endpoint", "http://example.org"],
      [LAB],
      "--endpoint http://example.org: not on this machine; it has to be a URL such as http://127.0.0.1:5000",
    ],
    [
      "a stack that is not there",
      ["user", "a", "--stack", "la"],
      [LAB, STRANGER],
      "us-east-1 has no state machine tourniquet-la; of Tourniquet's there is tourniquet-lab",
    ],
    [
      "no stack at all",
      ["user", "a"],
      [STRANGER],
      "us-east-1 has no state machine tourniquet-STACK; of Tourniquet's there is none",
    ],
    [
      "two stacks",
      ["user", "a"],
      [LAB, PROD],
      "us-east-1 has tourniquet-lab, tourniquet-prod: say which, --stack NAME",
    ],
  ];
  for (const [name, args, machines, message] of refusals) {
    it(`refuses ${name}`, async () => {
      const aws = world(machines);
      await assert.rejects(contain(args, aws), (error: Error) => {
        assert.ok(isRefusal(error));
        assert.equal(error.message, message);
        return true;
      });
      assert.ok(aws.sent.every(({ call }) => call !== "StartExecution"));
    });
  }

  it("refuses an option that is none, and a no", async () => {
    await assert.rejects(contain(["user", "a", "--force"], world([LAB])), isRefusal);
    const aws = world([LAB], false);
    await assert.rejects(contain(["user", "a"], aws), /^Refusal: nothing was started$/);
    assert.ok(aws.sent.every(({ call }) => call !== "StartExecution"));
  });
});
