import assert from "node:assert/strict";
import { SECRET_FIELDS } from "../../events/record";
import type { AclEntry } from "../../networkAcl/acl";
import { type CaseFile, caseComplaints, readCaseText } from "../../restore/caseFile";
import schema from "../../schema/case.schema.json";
import { bareLook, caseOf, incident, KEY, TEAM } from "../functions/given";

const small: CaseFile = { ...caseOf(), incident: incident([]) };

/** Names that a secret's field has in the APIs of IAM, STS and Secrets Manager. */
const SECRET_NAMES =
  /secretAccessKey|sessionToken|service(Specific)?Password|newPassword|oldPassword|secretString|privateKey/i;

describe("the schema of a case", () => {
  it("forbids every secret field that evidence hides, in any case, and no other", () => {
    // JSON Schema's patterns know no flag for it.
    const inAnyCase = (name: string) =>
      name.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
    const { patternProperties } = schema.$defs.noSecret;
    assert.deepEqual(Object.keys(patternProperties), [
      `^(${SECRET_FIELDS.map(inAnyCase).join("|")})$`,
    ]);
  });

  it("allows every kind of subject, with all that it can hold", () => {
    const look = {
      ...bareLook,
      boundary: TEAM,
      keys: [{ id: KEY, status: "Active" }],
      groups: [{ name: "devs", attached: [TEAM], inline: [{ name: "own", document: "%7B%7D" }] }],
      serviceCredentials: [{ id: "ACCA1", status: "Active", service: "codecommit.amazonaws.com" }],
      mfaDevices: ["arn:aws:iam::123456789012:mfa/bob"],
    };
    const entry: AclEntry = {
      number: 100,
      egress: false,
      action: "allow",
      protocol: "6",
      cidr: "0.0.0.0/0",
      fromPort: 22,
      toPort: 22,
    };
    const whole: CaseFile = {
      ...caseOf({
        subjects: [
          { kind: "user", name: "bob" },
          { kind: "user", name: "eve", accessKeyId: KEY, before: look },
          { kind: "applicationUser", name: "app", accessKeyId: KEY, before: look, secret: "s/app" },
          { kind: "group", name: "devs", policyArn: TEAM, before: { members: ["eve"] } },
          {
            kind: "policy",
            arn: TEAM,
            before: { users: ["eve"], groups: [], roles: ["r"], keepers: [] },
          },
          {
            kind: "securityGroup",
            groupId: "sg-1",
            before: {
              rules: [
                { id: "sgr-1", protocol: "tcp", fromPort: 22, toPort: 22, source: "0.0.0.0/0" },
                { SecurityGroupRuleId: "sgr-2", IpProtocol: "-1", CidrIpv6: "::/0", Tags: [] },
              ],
            },
          },
          {
            kind: "networkAcl",
            aclId: "acl-1",
            before: { entries: [entry] },
            block: {
              add: [{ ...entry, number: 1, icmp: { type: -1, code: -1 } }],
              move: [{ entry, to: 101, foreign: true }],
              inherited: [{ entry, to: 102 }],
            },
            until: "2026-06-01T13:00:00.000Z",
          },
        ],
      }),
      incident: incident([]),
    };
    assert.deepEqual(caseComplaints(whole), []);
  });

  const wrong: [name: string, value: unknown, complaint: RegExp][] = [
    ["no object", [], /the case must be object/],
    ["a case without its incident", caseOf(), /required property 'incident'/],
    ["a field that nobody writes", { ...small, extra: 1 }, /"additionalProperty":"extra"/],
    [
      "an outcome that is none",
      {
        ...small,
        actions: [
          {
            call: "iam:AttachUserPolicy",
            subject: "user bob",
            input: {},
            outcome: "maybe",
            at: "2026-06-01T12:00:00.000Z",
          },
        ],
      },
      /\/actions\/0\/outcome must be equal to one of the allowed values/,
    ],
    [
      "a secret in the record, however deep",
      { ...small, incident: incident([], { record: { a: [{ SecretAccessKey: "wJalr" }] } }) },
      /\/incident\/record\/a\/0\/SecretAccessKey must be equal to constant/,
    ],
  ];
  for (const [name, value, complaint] of wrong) {
    it(`refuses ${name}`, () => assert.match(caseComplaints(value).join("\n"), complaint));
  }

  it("names the file that is no case", () => {
    assert.throws(() => readCaseText("{", "case.json"), /^Error: case.json is no case: it is not/);
    assert.throws(() => readCaseText("{}", "case.json"), /^Error: case.json is no case as schema/);
    assert.deepEqual(readCaseText(JSON.stringify(small), "case.json"), small);
  });

  it("has no field for a secret", () => {
    const fields = (value: unknown): string[] => {
      if (typeof value !== "object" || value === null) return [];
      const { properties } = value as { properties?: object };
      return [...Object.keys(properties ?? {}), ...Object.values(value).flatMap(fields)];
    };
    const told = fields(schema);
    assert.ok(told.includes("accessKeyId"));
    assert.deepEqual(
      told.filter((name) => SECRET_NAMES.test(name)),
      [],
    );
  });
});
