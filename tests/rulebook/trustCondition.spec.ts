import assert from "node:assert/strict";
import { strangersMeet } from "../../rulebook/trustCondition";

const OWN = "123456789012";
const OTHER = "210987654321";

describe("strangersMeet", () => {
  const equals = (key: string, value: unknown) => ({ StringEquals: { [key]: value } });
  const arn = (account: string) => `arn:aws:iam::${account}:role/r`;
  const cases: [name: string, condition: unknown, answer: string][] = [
    ["no condition", {}, "yes"],
    ["an external id", equals("sts:ExternalId", "x"), "yes"],
    ["a second factor", { Bool: { "aws:MultiFactorAuthPresent": "true" } }, "yes"],
    ["the own account", equals("aws:PrincipalAccount", OWN), "no"],
    [
      "the own account, in other letters",
      { stringequals: { "AWS:principalaccount": [OWN] } },
      "no",
    ],
    ["another account", equals("aws:PrincipalAccount", OTHER), "yes"],
    ["the own account or another one", equals("aws:PrincipalAccount", [OWN, OTHER]), "yes"],
    ["any account", { StringLike: { "aws:PrincipalAccount": "*" } }, "yes"],
    ["accounts by a pattern", { StringLike: { "aws:PrincipalAccount": "1*" } }, "unknown"],
    ["no value", equals("aws:PrincipalAccount", []), "unknown"],
    ["a value that is no text", equals("aws:PrincipalAccount", 1), "unknown"],
    ["a principal of the own account", { ArnLike: { "aws:PrincipalArn": arn(OWN) } }, "no"],
    ["a principal of another account", { ArnLike: { "aws:PrincipalArn": arn(OTHER) } }, "yes"],
    ["a role of any account", { ArnLike: { "aws:PrincipalArn": arn("*") } }, "yes"],
    ["any principal", { StringLike: { "aws:PrincipalArn": "*" } }, "yes"],
    ["principals by a pattern", { ArnLike: { "aws:PrincipalArn": "arn:*:role/r" } }, "unknown"],
    ["a service for the own account", equals("aws:SourceAccount", OWN), "no"],
    ["a service for another account", equals("aws:SourceAccount", OTHER), "unknown"],
    ["an organization", equals("aws:PrincipalOrgID", "o-1"), "unknown"],
    ["an address", { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } }, "unknown"],
    ["all but some", { StringNotEquals: { "aws:PrincipalAccount": OWN } }, "yes"],
    [
      "the own account if it is told",
      { StringEqualsIfExists: { "aws:SourceAccount": OWN } },
      "unknown",
    ],
    [
      "all values of what may not be there",
      { "ForAllValues:StringEquals": { "aws:SourceAccount": OWN } },
      "unknown",
    ],
    ["no such key", equals("constructor", OWN), "unknown"],
    [
      "an address and the own account",
      { IpAddress: { "aws:SourceIp": "203.0.113.7" }, ...equals("aws:PrincipalAccount", OWN) },
      "no",
    ],
    [
      "an external id and an address",
      { ...equals("sts:ExternalId", "x"), IpAddress: { "aws:SourceIp": "203.0.113.7" } },
      "unknown",
    ],
    ["what is no condition", "?", "unknown"],
    ["what is no test", { StringEquals: "?" }, "unknown"],
  ];
  for (const [name, condition, answer] of cases) {
    it(`${answer}: ${name}`, () => assert.equal(strangersMeet([condition], OWN), answer));
  }

  it("needs all conditions", () => {
    assert.equal(strangersMeet([{}, equals("aws:PrincipalAccount", OWN)], OWN), "no");
    assert.equal(strangersMeet([], OWN), "yes");
  });
});
