import assert from "node:assert/strict";
import { servicesIn, strangersIn } from "../../rulebook/trustPolicy";

const OWN = "123456789012";
const OTHER = "210987654321";

function trust(...statements: object[]) {
  const Statement = statements.map((one) => ({
    Effect: "Allow",
    Action: "sts:AssumeRole",
    ...one,
  }));
  return { Version: "2012-10-17", Statement };
}

describe("strangersIn", () => {
  const root = `arn:aws:iam::${OTHER}:root`;
  const session = `arn:aws:sts::${OTHER}:assumed-role/r/s`;
  const condition = { StringEquals: { "sts:ExternalId": "x" } };
  const somewhere = { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } };
  const cases: [name: string, document: unknown, answer: string, strangers?: string[]][] = [
    ["everybody", trust({ Principal: "*" }), "yes", ["everybody"]],
    ["everybody, as an AWS principal", trust({ Principal: { AWS: "*" } }), "yes", ["everybody"]],
    ["all but some", trust({ NotPrincipal: { AWS: root } }), "yes", ["everybody"]],
    ["another account's number", trust({ Principal: { AWS: OTHER } }), "yes", [OTHER]],
    ["another account", trust({ Principal: { AWS: [root, root] } }), "yes", [root]],
    ["another account's session", trust({ Principal: { AWS: session } }), "yes", [session]],
    [
      "a stranger who knows a word",
      trust({ Principal: { AWS: root }, Condition: condition }),
      "yes",
      [root],
    ],
    [
      "everybody of the own account",
      trust({ Principal: "*", Condition: { StringEquals: { "aws:PrincipalAccount": OWN } } }),
      "no",
    ],
    [
      "a stranger from somewhere",
      trust({ Principal: { AWS: root }, Condition: somewhere }),
      "unknown",
      [root],
    ],
    [
      "a stranger from somewhere, and another one",
      trust({ Principal: { AWS: root }, Condition: somewhere }, { Principal: { AWS: OTHER } }),
      "yes",
      [OTHER],
    ],
    [
      "the own account from somewhere",
      trust({ Principal: { AWS: OWN }, Condition: somewhere }),
      "no",
    ],
    [
      "a stranger in the second statement",
      trust({ Principal: { Service: "ec2.amazonaws.com" } }, { Principal: { AWS: root } }),
      "yes",
      [root],
    ],
    ["a denied stranger", trust({ Effect: "Deny", Principal: { AWS: root } }), "no"],
    ["the own account", trust({ Principal: { AWS: [OWN, `arn:aws:iam::${OWN}:user/a`] } }), "no"],
    ["a service", trust({ Principal: { Service: "ec2.amazonaws.com" } }), "no"],
    ["a deleted principal", trust({ Principal: { AWS: "AIDACKCEVSQ6C2EXAMPLE" } }), "no"],
    ["an identity provider", trust({ Principal: { Federated: "accounts.google.com" } }), "no"],
    ["no statement", { Version: "2012-10-17" }, "unknown"],
    ["no document", "?", "unknown"],
    ["a statement that is none", { Statement: ["?"] }, "unknown"],
  ];
  for (const [name, document, answer, strangers = []] of cases) {
    it(`${answer}: ${name}`, () => {
      assert.deepEqual(strangersIn(document, OWN), { answer, strangers });
    });
  }

  it("reads text, plain and encoded for a URL", () => {
    const text = JSON.stringify(trust({ Principal: "*" }));
    for (const document of [text, encodeURIComponent(text)]) {
      assert.deepEqual(strangersIn(document, OWN), { answer: "yes", strangers: ["everybody"] });
    }
  });
});

describe("servicesIn", () => {
  it("names the services that may assume the role, once each", () => {
    const services = ["lambda.amazonaws.com", "ec2.amazonaws.com"];
    const document = trust(
      { Principal: { Service: services, AWS: OWN } },
      { Principal: { Service: "ec2.amazonaws.com" } },
      { Principal: "*" },
    );
    assert.deepEqual(servicesIn(JSON.stringify(document)), [
      "ec2.amazonaws.com",
      "lambda.amazonaws.com",
    ]);
    assert.deepEqual(servicesIn(undefined), []);
  });
});
