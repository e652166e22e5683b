import assert from "node:assert/strict";
import type { Call } from "../../drill/account/account";
import { brokenLaws, type Evidence } from "../../drill/laws";

const ended = {
  id: "e-1",
  cause: "attack" as const,
  input: {},
  result: {
    status: "SUCCEEDED" as const,
    path: ["IngestionAction", "EndState"],
    states: [
      { name: "IngestionAction", input: {}, output: {}, enteredAt: 0, leftAt: 1 },
      { name: "EndState", input: {}, output: {}, enteredAt: 1, leftAt: 1 },
    ],
    invocations: [],
  },
};
const failed = {
  ...ended,
  id: "e-2",
  result: {
    ...ended.result,
    status: "FAILED" as const,
    path: ["IngestionAction", "Failed", "Stop"],
  },
};
const broken = {
  ...ended,
  result: {
    ...ended.result,
    status: "FAILED" as const,
    path: ["IngestionAction"],
    error: "States.DataLimitExceeded",
    cause: "too large",
  },
};
const call = {
  id: "1",
  time: new Date(0),
  service: "iam",
  action: "CreateAccessKey",
  principal: "cutter",
  principalKind: "role" as const,
  accessKeyId: "ASIA1",
  caller: { kind: "role" as const, name: "cutter", arn: "arn:cutter", id: "AROA1", session: "s" },
  params: {},
  status: 200,
  userAgent: "spec",
  at: 0,
  ms: 1,
};
const secret = "wJalrXUtnFEMI/K7MDENG";

const refused = { ...call, errorCode: "AccessDenied", errorMessage: "not authorized" };

const lawful: Evidence = {
  ends: "EndState",
  executions: [ended],
  responderCalls: [call],
  secrets: [secret],
  events: [],
  logs: ["nothing to see"],
  objects: [{ key: "cases/e-1.json", text: "{}" }],
  acls: [],
};

const made: Call = {
  ...call,
  service: "ec2",
  action: "CreateNetworkAclEntry",
  principal: "tourniquet-lab-BreakSessions",
  params: {
    NetworkAclId: "acl-1",
    RuleNumber: "99",
    RuleAction: "deny",
    Egress: "false",
    CidrBlock: "0.0.0.0/0",
  },
};
const standing = [
  {
    NetworkAclId: "acl-1",
    Entries: [
      { RuleNumber: 99, RuleAction: "deny" as const, Egress: false, CidrBlock: "0.0.0.0/0" },
    ],
  },
];
const written = (aclId: string) => ({
  key: "bucket/blocks/e-1.json",
  text: JSON.stringify({ changes: [{ aclId, block: { add: [{ number: 99 }], move: [] } }] }),
});

const cases: [name: string, breach: Partial<Evidence>, sentence: RegExp | undefined][] = [
  ["nothing broken", {}, undefined],
  [
    "a refused responder, once however often it tried",
    { responderCalls: [refused, refused] },
    /^cutter was refused iam:CreateAccessKey: not authorized$/,
  ],
  [
    "a responder refused on purpose",
    { responderCalls: [{ ...refused, injected: true }] },
    undefined,
  ],
  ["a throttled responder", { responderCalls: [{ ...call, errorCode: "Throttling" }] }, undefined],
  [
    "an entry of a block that is written down",
    { responderCalls: [made], acls: standing, objects: [written("acl-1")] },
    undefined,
  ],
  ["an entry that was taken away again", { responderCalls: [made] }, undefined],
  [
    "an entry that no sweep would find",
    { responderCalls: [made], acls: standing, objects: [written("acl-2")] },
    /^acl-1 has the entry 99, which no sweep would find$/,
  ],
  [
    "nor where its answer was lost",
    { responderCalls: [{ ...made, errorCode: "AnswerLost" }], acls: standing },
    /^acl-1 has the entry 99, which no sweep would find$/,
  ],
  ["an unexpected Failed", { executions: [failed] }, /^execution e-2 FAILED in Stop, by Ing/],
  ["an expected Failed", { ends: "Failed", executions: [failed, ended] }, undefined],
  ["a Failed that did not come", { ends: "Failed" }, /no execution went through Failed/],
  ["an end in mid-air", { executions: [broken] }, /in IngestionAction \(States\.DataLimitExceeded/],
  [
    "an end in mid-air, Failed expected",
    { ends: "Failed", executions: [broken, failed] },
    /mid|Data/,
  ],
  ["a secret in a log", { logs: [`key ${secret}`] }, /^a log line holds a secret: wJal…$/],
  [
    "a secret in a case",
    { objects: [{ key: "b/k", text: `{"s":"${secret}"}` }] },
    /^the object b\/k/,
  ],
  [
    "a secret in a message",
    {
      responderCalls: [{ ...call, service: "sns", action: "Publish", params: { Message: secret } }],
    },
    /^sns:Publish holds a secret/,
  ],
  [
    "a secret between states",
    { executions: [withState({ output: { secret } })] },
    /^the output of/,
  ],
  ["a secret in the event alone", { executions: [withState({ input: { secret } })] }, undefined],
  [
    "a secret that the event carried",
    {
      secrets: [],
      events: [{ detail: { responseElements: { accessKey: { secretAccessKey: secret } } } }],
      logs: [secret],
    },
    /^a log line/,
  ],
  [
    "a case that its schema does not allow",
    { objects: [{ key: "bucket/cases/e-1.json", text: '"no case"' }] },
    /^the case bucket\/cases\/e-1\.json is not as schema\/case\.schema\.json has it: the case must/,
  ],
  ["a word that is a password", { secrets: ["to"] }, undefined],
];

function withState(data: { input?: unknown; output?: unknown }) {
  const [first, ...rest] = ended.result.states;
  return {
    ...ended,
    result: { ...ended.result, states: [{ ...first, ...data }, ...rest] },
  } as never;
}

describe("brokenLaws", () => {
  for (const [name, breach, sentence] of cases) {
    it(name, () => {
      const broken = brokenLaws({ ...lawful, ...breach });
      if (!sentence) return assert.deepEqual(broken, []);
      assert.equal(broken.length, 1);
      assert.match(broken[0] ?? "", sentence);
    });
  }
});
