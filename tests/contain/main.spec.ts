import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

const PROJECT = path.join(__dirname, "..", "..");
const REGION = "eu-west-1";
const arnOf = (name: string) => `arn:aws:states:${REGION}:123456789012:stateMachine:${name}`;
const LAB = arnOf("tourniquet-lab");
const EXECUTION = `${LAB.replace("stateMachine", "execution")}:0f7e0c3a-0000-4000-8000-000000000001`;

interface Asked {
  call: string;
  input: Record<string, unknown>;
  region: string;
}

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/**
 * Step Functions as it travels.
 * Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html,
 * Request Syntax; AWS JSON 1.0, https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
class StepFunctions {
  readonly asked: Asked[] = [];
  /** State machines, one a page. */
  machines: string[] = [];
  /** The call that is denied. */
  denied?: string;
  readonly #server = http.createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const [, call = ""] = String(incoming.headers["x-amz-target"]).split(".");
    const input = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const region = /Credential=[^/]+\/\d+\/([^/]+)\/states\//.exec(
      String(incoming.headers.authorization),
    );
    this.asked.push({ call, input, region: region?.[1] ?? "" });
    const isDenied = call === this.denied;
    const answer = isDenied
      ? {
          __type: "com.amazon.coral.service#AccessDeniedException",
          Message: `User: arn:aws:iam::123456789012:user/me is not authorized to perform: states:${call}`,
        }
      : this.#answer(call, Number(input.nextToken ?? 0));
    outgoing.writeHead(isDenied ? 400 : 200, { "content-type": "application/x-amz-json-1.0" });
    outgoing.end(JSON.stringify(answer));
  });

  #answer(call: string, page: number) {
    if (call === "StartExecution") return { executionArn: EXECUTION, startDate: 1 };
    const arn = this.machines[page];
    return {
      stateMachines: arn
        ? [
            {
              name: arn.split(":").at(-1),
              stateMachineArn: arn,
              type: "STANDARD",
              creationDate: 1,
            },
          ]
        : [],
      ...(page + 1 < this.machines.length && { nextToken: String(page + 1) }),
    };
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}

/** The command as `npm run contain` starts it, with nobody at its input. */
function run(args: string[]): Promise<Ended> {
  const main = ["-r", "ts-node/register/transpile-only", "contain/main.ts", ...args];
  const own = Object.entries(process.env).filter(([name]) => !/^AWS_/.test(name));
  const child = spawn(process.execPath, main, {
    cwd: PROJECT,
    env: {
      ...Object.fromEntries(own),
      AWS_ACCESS_KEY_ID: "AKIA0000000000000001",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_REGION: REGION,
      AWS_EC2_METADATA_DISABLED: "true",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended: Ended = { code: null, out: "", err: "" };
  child.stdout.on("data", (data) => {
    ended.out += data;
  });
  child.stderr.on("data", (data) => {
    ended.err += data;
  });
  return new Promise((done) => {
    child.on("close", (code) => done({ ...ended, code }));
  });
}

describe("npm run contain, as a process", function () {
  this.timeout(60_000);
  let aws: StepFunctions;
  let endpoint: string;

  beforeEach(async () => {
    aws = new StepFunctions();
    await aws.start();
    endpoint = aws.endpoint;
  });
  afterEach(() => aws.stop());

  const told = (...args: string[]) => run([...args, "--endpoint", endpoint]);

  it("starts the stack's state machine, and prints where to see the execution: 0", async () => {
    aws.machines = [arnOf("billing"), arnOf("tourniquet-prod"), LAB];
    const order = ["user", "bob", "--stack", "lab", "--reason", "seen at night", "--yes"];
    const ended = await told(...order);
    assert.deepEqual(ended, {
      code: 0,
      out:
        `Execution: ${EXECUTION}\n` +
        `Console:   https://${REGION}.console.aws.amazon.com/states/home?region=${REGION}` +
        `#/v2/executions/details/${encodeURIComponent(EXECUTION)}\n`,
      err: "",
    });
    const list = (input: object) => ({ call: "ListStateMachines", input, region: REGION });
    assert.deepEqual(aws.asked, [
      list({}),
      list({ nextToken: "1" }),
      list({ nextToken: "2" }),
      {
        call: "StartExecution",
        input: { stateMachineArn: LAB, input: '{"user":"bob","reason":"seen at night"}' },
        region: REGION,
      },
    ]);
  });

  const refusals: [name: string, machines: string[], args: string[], sentence: string][] = [
    [
      "no state machine of Tourniquet's",
      [arnOf("billing")],
      ["user", "bob", "--yes"],
      `${REGION} has no state machine tourniquet-STACK; of Tourniquet's there is none`,
    ],
    [
      "two of them",
      [LAB, arnOf("tourniquet-prod")],
      ["user", "bob", "--yes"],
      `${REGION} has tourniquet-lab, tourniquet-prod: say which, --stack NAME`,
    ],
    [
      "a name that IAM does not allow",
      [LAB],
      ["user", "bob; rm -rf", "--yes"],
      "the order cannot be read: user is no name of an IAM user",
    ],
    [
      "to start where nobody can be asked",
      [LAB],
      ["user", "bob"],
      "nobody is there to ask: --yes starts without",
    ],
  ];
  for (const [name, machines, args, sentence] of refusals) {
    it(`refuses ${name}, and starts nothing: 2`, async () => {
      aws.machines = machines;
      assert.deepEqual(await told(...args), { code: 2, out: "", err: `contain: ${sentence}\n` });
      assert.ok(aws.asked.every(({ call }) => call === "ListStateMachines"));
    });
  }

  for (const call of ["ListStateMachines", "StartExecution"]) {
    it(`says what AWS said where ${call} is denied: 1`, async () => {
      aws.machines = [LAB];
      aws.denied = call;
      assert.deepEqual(await told("user", "bob", "--yes"), {
        code: 1,
        out: "",
        err: `contain: AccessDeniedException: User: arn:aws:iam::123456789012:user/me is not authorized to perform: states:${call}\n`,
      });
      assert.equal(aws.asked.at(-1)?.call, call);
    });
  }

  it("says so where nobody answers: 1", async () => {
    await aws.stop();
    const { code, out, err } = await told("user", "bob", "--yes");
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /^contain: .*ECONNREFUSED/);
    await aws.start();
  });

  it("explains itself: 0", async () => {
    const { code, out, err } = await run(["--help"]);
    assert.deepEqual([code, err, aws.asked], [0, "", []]);
    assert.match(out, /^Has Tourniquet contain a user.*Exits with 0 if the execution was started/s);
  });
});
