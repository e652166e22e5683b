import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type Program, REGION } from "../drill/program/capture";
import { Lambda, lambdaNode } from "../drill/program/lambda";
import { credentials, Stub } from "./stub";

/** A kind of incident whose first cut is measured; the aims are multiples of the floor. */
interface Subject {
  name: string;
  lambda: "EmergencyActionAccount" | "EmergencyActionInfrastructure";
  /** The call that takes the power away. */
  cut: string;
  record: { eventSource: string; eventName: string; [field: string]: unknown };
  aims: { cold?: number; warm: number };
  /** Its cold aim is a promise: the bench fails where it is clearly missed. */
  binding?: true;
}

const iam = (eventName: string, requestParameters: object) => ({
  eventSource: "iam.amazonaws.com",
  eventName,
  requestParameters,
});
const ADMIN = { policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" };
const OPEN = { fromPort: 22, toPort: 22, ipProtocol: "tcp", cidrIpv4: "0.0.0.0/0" };

/** A cut that must look first waits for two round trips, so its aim is that of a group. */
const subjects: Subject[] = [
  {
    name: "user",
    lambda: "EmergencyActionAccount",
    cut: "AttachUserPolicy",
    record: iam("AttachUserPolicy", { userName: "bob", ...ADMIN }),
    aims: { cold: 2, warm: 2 },
  },
  {
    name: "user, looked at first",
    lambda: "EmergencyActionAccount",
    cut: "AttachUserPolicy",
    record: iam("CreateLoginProfile", { userName: "bob" }),
    aims: { cold: 2, warm: 3 },
  },
  {
    name: "IAM group",
    lambda: "EmergencyActionAccount",
    cut: "DetachGroupPolicy",
    record: iam("AttachGroupPolicy", { groupName: "devs", ...ADMIN }),
    aims: { cold: 2, warm: 3 },
  },
  {
    name: "security group",
    lambda: "EmergencyActionInfrastructure",
    cut: "RevokeSecurityGroupIngress",
    record: {
      eventSource: "ec2.amazonaws.com",
      eventName: "AuthorizeSecurityGroupIngress",
      requestParameters: { groupId: "sg-0123456789abcdef0" },
      responseElements: {
        securityGroupRuleSet: {
          items: [
            {
              groupId: "sg-0123456789abcdef0",
              securityGroupRuleId: "sgr-0123456789abcdef0",
              isEgress: false,
              ...OPEN,
            },
          ],
        },
      },
    },
    aims: { cold: 2.5, warm: 3 },
    binding: true,
  },
];

type State = "cold" | "warm";

/** Milliseconds of many runs, and what they should be compared with. */
export interface Series {
  name: string;
  state: State;
  ms: number[];
  /** At most this multiple of the floor in the same state. */
  aim?: number;
  /** A clear miss of the aim fails the bench. */
  binding?: boolean;
}

/** The name of the series that the others are compared with. */
export const FLOOR = "floor";

/** Invocations of a warm sandbox for each fresh one. */
const WARM_A_RUN = 3;

/**
 * Measures the first cut of every subject and, in turn with it and never at once, the floor.
 *
 * Cold counts from the start of a fresh process to the cut's answer at the server, warm from the
 * event's handing over to the same.
 *
 * @throws where a Lambda fails or does not cut: its speed would mean nothing.
 */
export async function measure(
  program: Program,
  { runs, latencyMs }: { runs: number; latencyMs: number },
): Promise<Series[]> {
  const all: Series[] = [];
  const add = (state: State, name: string, ms: number, aim?: number, binding?: boolean) => {
    const known = all.find((one) => one.state === state && one.name === name);
    if (known) known.ms.push(ms);
    else
      all.push({
        name,
        state,
        ms: [ms],
        ...(aim !== undefined && { aim }),
        ...(binding && { binding }),
      });
  };
  const stub = await Stub.start(latencyMs);
  // Asking a Node.js for its version takes as long as starting one.
  lambdaNode();
  try {
    for (let run = 0; run < runs; run++) {
      for (const subject of subjects) {
        await runFloor(stub, (state, ms) => add(state, FLOOR, ms));
        await runCut(program, stub, subject, (state, cutMs, coreMs = 0) => {
          add(state, "CloudWatcherCore, before each", coreMs);
          add(state, subject.name, cutMs, subject.aims[state], state === "cold" && subject.binding);
        });
      }
    }
  } finally {
    await stub.stop();
  }
  return all.sort((one, other) => one.state.localeCompare(other.state));
}

/** Does what makes the stub answer a call. @returns ms until that answer. */
async function untilAnswered(stub: Stub, call: string, what: () => Promise<unknown>) {
  stub.answered.length = 0;
  const from = performance.now();
  const told = await what();
  const answer = stub.answered.find(({ action }) => action === call);
  if (answer?.status === 200) return answer.at - from;
  throw new Error(`no ${call} succeeded: ${JSON.stringify({ told, answered: stub.answered })}`);
}

type Tell = (state: State, ...ms: [cut: number, core?: number]) => void;

async function runFloor(stub: Stub, tell: Tell): Promise<void> {
  let child: ChildProcess | undefined;
  const ask = () =>
    untilAnswered(stub, "AttachUserPolicy", () => {
      if (child) child.send("again");
      else child = startFloor(stub.endpoint);
      return Promise.race([once(child, "message"), once(child, "exit")]);
    });
  try {
    tell("cold", await ask());
    for (let turn = 0; turn < WARM_A_RUN; turn++) tell("warm", await ask());
  } finally {
    child?.kill("SIGKILL");
  }
}

function startFloor(endpoint: string): ChildProcess {
  return fork(path.join(__dirname, "floor.js"), [], {
    execPath: lambdaNode().path,
    execArgv: [],
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

async function runCut(
  program: Program,
  stub: Stub,
  { lambda, cut, record }: Subject,
  tell: Tell,
): Promise<void> {
  const core = sandbox(program, "CloudWatcherCore", stub);
  const cutter = sandbox(program, lambda, stub);
  const detail = { userIdentity: { type: "IAMUser", userName: "mallory" }, ...record };
  try {
    for (let turn = 0; turn <= WARM_A_RUN; turn++) {
      const from = performance.now();
      const { result: incident } = await core.invoke({ detail });
      const coreMs = performance.now() - from;
      const input = { incident, caseId: "bench" };
      const cutMs = await untilAnswered(stub, cut, () => cutter.invoke(input));
      tell(turn === 0 ? "cold" : "warm", cutMs, coreMs);
    }
  } finally {
    await Promise.all([core.stop(), cutter.stop()]);
  }
}

function sandbox({ resources }: Program, functionName: string, { endpoint }: Stub): Lambda {
  const captured = resources.find(
    ({ type, name }) =>
      type === "aws:lambda/function:Function" && name.endsWith(`-${functionName}`),
  );
  if (!captured) throw new Error(`the program has no Lambda ${functionName}`);
  const log = (line: string) => process.stderr.write(`${line}\n`);
  return new Lambda(captured, { endpoint, region: REGION, credentials, log });
}
