import assert from "node:assert/strict";
import fc from "fast-check";
import { documentMakesAdmin, type Grant, makesAdmin } from "../../rulebook/admin";
import type { Answer } from "../../rulebook/answer";
import { awsManagedPolicy } from "../../rulebook/managedPolicies";
import { hasDeny, matchesPattern, readDocument } from "../../rulebook/policyDocument";

const allow = (Action: unknown, Resource: unknown = "*", rest: object = {}) => ({
  Statement: [{ Effect: "Allow", Action, Resource, ...rest }],
});
const deny = (Action: unknown, rest: object = {}) => ({
  Statement: [{ Effect: "Deny", Action, Resource: "*", ...rest }],
});
const grant = (id: string, document: unknown): Grant => ({ id, path: id, document });
const aws = (name: string, partition = "aws"): Grant => {
  const policyArn = `arn:${partition}:iam::aws:policy/${name}`;
  return { id: name, path: name, policyArn, document: "unknown" };
};

describe("documentMakesAdmin", () => {
  const cases: [name: string, document: unknown, expected: Answer][] = [
    ["* on *", allow("*"), "yes"],
    ["statement as object", { Statement: { Effect: "Allow", Action: "*", Resource: "*" } }, "yes"],
    ["as text", JSON.stringify(allow("*")), "yes"],
    ["as URL-encoded text", encodeURIComponent(JSON.stringify(allow("*"))), "yes"],
    ["*:* on arn:*", allow("*:*", "arn:*"), "yes"],
    ["** on lists", allow(["s3:Get*", "**"], ["arn:aws:s3:::b", "*"]), "yes"],
    [
      "with a condition",
      allow("*", "*", { Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } } }),
      "yes",
    ],
    ["NotAction", { Statement: { Effect: "Allow", NotAction: "iam:*", Resource: "*" } }, "yes"],
    [
      "NotAction of everything",
      { Statement: { Effect: "Allow", NotAction: "*", Resource: "*" } },
      "no",
    ],
    [
      "NotResource",
      { Statement: { Effect: "Allow", Action: "*", NotResource: "arn:aws:s3:::b" } },
      "yes",
    ],
    ["one call away", allow("iam:AttachUserPolicy"), "yes"],
    ["one call away in another case", allow("IAM:attachuserpolicy"), "yes"],
    ["one call away by wildcard", allow("iam:Put?serPolicy"), "yes"],
    [
      "on one's own user only",
      allow("iam:CreateAccessKey", `arn:aws:iam::*:user/${"$"}{aws:username}`),
      "no",
    ],
    ["everything on one bucket", allow("*", "arn:aws:s3:::b/*"), "no"],
    ["all of S3", allow("s3:*"), "no"],
    [
      "denied again",
      { Statement: [...allow("iam:CreateAccessKey").Statement, ...deny("iam:*").Statement] },
      "no",
    ],
    [
      "everything denied again",
      { Statement: [...allow("*").Statement, ...deny("*").Statement] },
      "no",
    ],
    [
      "denied under a condition",
      {
        Statement: [
          ...allow("*").Statement,
          ...deny("*", { Condition: { Bool: { a: "true" } } }).Statement,
        ],
      },
      "yes",
    ],
    ["no statement", { Statement: [] }, "no"],
    ["no JSON", "{", "unknown"],
    ["not known", "unknown", "unknown"],
    ["nothing", undefined, "unknown"],
    ["an action that is not known", allow("unknown"), "unknown"],
  ];
  for (const [name, document, expected] of cases) {
    it(`${expected}: ${name}`, () => {
      const { answer, reasons } = documentMakesAdmin(document);
      assert.equal(answer, expected);
      assert.ok(reasons.length > 0);
    });
  }
});

describe("makesAdmin", () => {
  const admin = grant("admin", allow("*"));
  const reader = grant("reader", allow("s3:Get*"));
  const cases: [name: string, grants: Grant[], boundary: Grant | undefined, expected: Answer][] = [
    ["AdministratorAccess", [aws("AdministratorAccess")], undefined, "yes"],
    ["in China", [aws("AdministratorAccess", "aws-cn")], undefined, "yes"],
    ["PowerUserAccess", [aws("PowerUserAccess")], undefined, "yes"],
    [
      "a name that contains Administrator",
      [aws("job-function/DatabaseAdministrator")],
      undefined,
      "no",
    ],
    ["AWSDenyAll beside it", [aws("AdministratorAccess"), aws("AWSDenyAll")], undefined, "no"],
    ["a Deny in another policy", [admin, grant("d", deny("*"))], undefined, "no"],
    ["a boundary that cuts", [admin], grant("b", allow("s3:*")), "no"],
    ["a boundary that is admin itself", [admin], aws("AdministratorAccess"), "yes"],
    ["a boundary that is not known", [admin], grant("b", "unknown"), "unknown"],
    ["a reader under any boundary", [reader], grant("b", "unknown"), "no"],
    ["a policy that is not known", [grant("x", "unknown")], undefined, "unknown"],
    ["nothing", [], undefined, "no"],
    ["what is no ARN", [{ id: "x", path: "x", policyArn: "nonsense" }], undefined, "no"],
  ];
  for (const [name, grants, boundary, expected] of cases) {
    it(`${expected}: ${name}`, () => assert.equal(makesAdmin(grants, boundary).answer, expected));
  }

  it("names the grants that must go, and no others", () => {
    const { culprits, reasons } = makesAdmin([reader, admin, aws("IAMFullAccess")]);
    assert.deepEqual(culprits, ["admin", "IAMFullAccess"]);
    assert.match(reasons.join("\n"), /admin/);
  });

  const document = fc.record({
    Statement: fc.array(
      fc.record({
        Effect: fc.constantFrom("Allow", "Deny"),
        Action: fc.constantFrom<unknown>(
          "*",
          "iam:*",
          "s3:*",
          ["iam:CreateAccessKey", "ec2:*"],
          "unknown",
        ),
        Resource: fc.constantFrom<unknown>(
          "*",
          "arn:aws:s3:::b",
          ["arn:aws:iam::*:user/*"],
          "unknown",
        ),
      }),
      { maxLength: 3 },
    ),
  });
  const grants = fc
    .array(document, { maxLength: 4 })
    .map((list) => list.map((one, index) => grant(`g${index}`, one)));

  it("the order of grants is irrelevant", () => {
    fc.assert(
      fc.property(grants, (list) =>
        assert.equal(makesAdmin(list).answer, makesAdmin([...list].reverse()).answer),
      ),
    );
  });

  it("adding an Allow never makes an admin disappear", () => {
    fc.assert(
      fc.property(grants, fc.constantFrom("s3:*", "iam:*", "*"), (list, action) => {
        if (makesAdmin(list).answer !== "yes") return;
        assert.equal(makesAdmin([...list, grant("more", allow(action))]).answer, "yes");
      }),
    );
  });

  it("without the culprits nobody is an admin", () => {
    fc.assert(
      fc.property(grants, (list) => {
        const { answer, culprits } = makesAdmin(list);
        if (answer !== "yes") return assert.deepEqual(culprits, []);
        assert.notEqual(makesAdmin(list.filter(({ id }) => !culprits.includes(id))).answer, "yes");
      }),
    );
  });

  it("no JSON makes it throw", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        documentMakesAdmin(value);
        documentMakesAdmin(JSON.stringify(value));
        documentMakesAdmin({ Statement: value });
        hasDeny(value);
        assert.ok(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("policy documents", () => {
  it("say whether they deny anything", () => {
    assert.equal(hasDeny(allow("*")), "no");
    assert.equal(hasDeny(deny("s3:*")), "yes");
    assert.equal(hasDeny("{"), "unknown");
  });

  it("are read from every form, or not at all", () => {
    assert.equal(readDocument(JSON.stringify(allow("*")))?.length, 1);
    for (const bad of [undefined, null, 7, "", "text", "%", "[]", []]) {
      assert.equal(readDocument(bad), undefined, String(bad));
    }
  });

  it("patterns match as IAM's do, also where they are made to be slow", () => {
    assert.equal(matchesPattern("iam:*User?olicy", "IAM:AttachUserPolicy"), true);
    assert.equal(matchesPattern("iam:", "iam:x"), false);
    assert.equal(matchesPattern("a*b", "axxc"), false);
    assert.equal(matchesPattern(`${"*a".repeat(2000)}b`, "a".repeat(20_000)), false);
  });
});

describe("AWS managed policies", () => {
  it("are known by their whole name in every partition, with or without a path", () => {
    assert.equal(
      awsManagedPolicy("arn:aws-us-gov:iam::aws:policy/AdministratorAccess")?.admin,
      "yes",
    );
    assert.equal(awsManagedPolicy("arn:aws:iam::aws:policy/job-function/Billing")?.name, "Billing");
    assert.equal(
      awsManagedPolicy("arn:aws:iam::123456789012:policy/AdministratorAccess"),
      undefined,
    );
    assert.equal(awsManagedPolicy("nonsense"), undefined);
  });

  it("that deny something are known", () => {
    assert.equal(awsManagedPolicy("arn:aws:iam::aws:policy/AWSDenyAll")?.denies, "yes");
    assert.equal(
      awsManagedPolicy("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2")?.denies,
      "yes",
    );
    assert.equal(awsManagedPolicy("arn:aws:iam::aws:policy/ReadOnlyAccess")?.denies, "no");
  });
});
