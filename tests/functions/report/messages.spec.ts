import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Action, Case, CaseSubject } from "../../../functions/case";
import { type ReportInput, write } from "../../../functions/Report";
import { ADMIN, bareLook, caseOf, DENY_ALL, incident } from "../given";

const page = path.join(__dirname, "..", "..", "..", "docs", "messages.md");
const bucket = "tourniquet-lab-cases-123456789012";

function done(call: string, subject: string, input: Action["input"], over?: Partial<Action>) {
  const at = "2026-06-01T12:00:01.000Z";
  return { call, subject, input, outcome: "done" as const, at, ...over };
}

function input(id: string, state: ReportInput["state"]): ReportInput {
  const key = `cases/${id}.json`;
  const earlier = state.recorded?.CloseCase?.earlier ?? [];
  return {
    execution: `arn:aws:states:us-east-1:123456789012:execution:tourniquet-lab:${id}`,
    state: { ...state, recorded: { CloseCase: { bucket, key, notes: [], earlier } } },
  };
}

const bob: CaseSubject = { kind: "user", name: "bob", before: bareLook };
const reason = "the AWS policy AdministratorAccess makes user bob an admin";
const cuts = [
  done("iam:AttachUserPolicy", "user bob", { PolicyArn: DENY_ALL }),
  done("iam:UpdateAccessKey", "user bob", { AccessKeyId: "AKIAIOSFODNN7EXAMPLE" }),
  done("iam:DeleteLoginProfile", "user bob", {}),
  done("iam:DetachUserPolicy", "user bob", { PolicyArn: ADMIN }),
  done("iam:DeactivateMFADevice", "user bob", {
    SerialNumber: "arn:aws:iam::123456789012:mfa/bob",
  }),
];

const contained: ReportInput["state"] = {
  CloudWatcherCore: incident([], { reason }),
  case: caseOf({
    subjects: [bob],
    actions: cuts,
    alerts: [
      "User bob had assumed role worker: its session ci lasts until 2026-06-01T13:00:00.000Z",
    ],
  }),
  recorded: {
    CloseCase: {
      earlier: [
        {
          subject: "user bob",
          count: 1,
          newest: [{ at: "2026-05-30T03:12:09.000Z", key: "cases/5c1f7a52.json" }],
        },
      ],
    },
  },
};

const failed: Case = caseOf({
  subjects: [bob],
  actions: [
    done("iam:AttachUserPolicy", "user bob", { PolicyArn: DENY_ALL }),
    done(
      "iam:UpdateAccessKey",
      "user bob",
      { UserName: "bob", AccessKeyId: "AKIAIOSFODNN7EXAMPLE", Status: "Inactive" },
      { outcome: "failed", error: "AccessDenied: explicit deny in a service control policy" },
    ),
  ],
  open: ["user bob has the active key AKIAIOSFODNN7EXAMPLE"],
  round: 6,
});

const rule = { id: "sgr-0a1b", protocol: "tcp", fromPort: 22, toPort: 22, source: "0.0.0.0/0" };
const until = "2026-06-01T13:00:03.000Z";
const deny = {
  NetworkAclId: "acl-0a1b",
  RuleNumber: 99,
  RuleAction: "deny",
  CidrBlock: "0.0.0.0/0",
  PortRange: { From: 22, To: 22 },
};
const opened: Case = caseOf({
  subjects: [
    { kind: "securityGroup", groupId: "sg-0a1b", before: { rules: [rule] } },
    {
      kind: "networkAcl",
      aclId: "acl-0a1b",
      before: { entries: [] },
      block: { add: [], move: [] },
      until,
    },
  ],
  actions: [
    done("ec2:RevokeSecurityGroupIngress", "sg-0a1b", {
      GroupId: "sg-0a1b",
      SecurityGroupRuleIds: ["sgr-0a1b"],
    }),
    done("ec2:CreateNetworkAclEntry", "acl-0a1b", deny),
  ],
  notes: ["EC2 tracked sessions by sg-0a1b to eni-0a1b"],
  blockedUntil: until,
});
const authorize = incident([], { reason: "sg-0a1b lets 0.0.0.0/0 reach SSH" });
authorize.event = { ...authorize.event, name: "AuthorizeSecurityGroupIngress" };

/** The messages of the page, in its order. */
const messages = [
  input("0f8fad5b", contained),
  input("7c9e6679", {
    CloudWatcherCore: incident([], { reason }),
    case: failed,
    error: { Error: "NotContained", Cause: "[]" },
  }),
  input("1b4e28ba", { CloudWatcherCore: authorize, case: opened }),
].map((one) => {
  const { subject, body } = write(one);
  return `Subject: ${subject}\n\n${body}\n`;
});

describe("docs/messages.md", () => {
  it("has the messages as they are written", () => {
    const text = readFileSync(page, "utf8");
    const blocks = [...text.matchAll(/^```text\n(.*?)^```$/gms)].map(([, block]) => block);
    assert.deepEqual(blocks, messages);
  });
});
