import assert from "node:assert/strict";
import { createValidatedPolicy, validateIdentityPolicy } from "@cloud-copilot/iam-policy";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import fc from "fast-check";
import { namedUsers } from "../components/namedUsers";
import { responderStatements } from "../components/permissions";
import { matchesExactly } from "../rulebook/policyDocument";

const place = { partition: "aws", account: "123456789012", region: "us-east-1" };
const user = (path: string) => `arn:aws:iam::${place.account}:user/${path}`;

/** A role that makes keys for these users, as a second engine, that of IAM's rules, judges it. */
function keyMaker(users: string[]) {
  const narrowing = { place, secretPrefix: "tourniquet-lab/application", users };
  const Statement = responderStatements(["iam:CreateAccessKey"], narrowing);
  const policy = createValidatedPolicy(
    { Version: "2012-10-17", Statement },
    validateIdentityPolicy,
  );
  return async (path: string) => {
    const answer = await runSimulation(
      {
        request: {
          principal: `arn:aws:sts::${place.account}:assumed-role/it/it`,
          action: "iam:CreateAccessKey",
          resource: { resource: user(path), accountId: place.account },
          contextVariables: {},
        },
        identityPolicies: [{ name: "it", policy }],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
      },
      {},
    );
    assert.notEqual(answer.resultType, "error", JSON.stringify(answer));
    return answer.resultType !== "error" && answer.overallResult === "Allowed";
  };
}

/** Two letters and a capital, so that random names meet random patterns often. */
const letters = fc.constantFrom("a", "b", "A");
const name = fc.string({ unit: letters, minLength: 1, maxLength: 5 });
const pattern = fc
  .string({ unit: fc.oneof(letters, fc.constantFrom("*", "?")), minLength: 1, maxLength: 5 })
  .filter((one) => !/^[*?]+$/.test(one));
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
const runs = { numRuns: 400 };

describe("the users that a role may touch", function () {
  this.timeout(120_000);

  it("are, whatever the pattern and the path, none but those whose whole name matches", async () => {
    // A path may have slashes in a row: "///".
    const path = fc.array(fc.oneof(name, fc.constant("")), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(patterns, path, name, async (users, folders, last) => {
        const allowed = await keyMaker(users)([...folders, last].join("/"));
        const matches = users.some((one) => matchesExactly(one, last));
        assert.ok(matches || !allowed, "allowed, and the name does not match");
      }),
      runs,
    );
  });

  it("are all whose name matches, where the path is none or looks like no pattern", async () => {
    const plain = fc.constantFrom("", "team/", "team/north/");
    const begun = pattern.filter((one) => !one.startsWith("?"));
    await fc.assert(
      fc.asyncProperty(begun, plain, name, async (one, folder, last) => {
        // "*a*" is what "/team/" looks like, which holds an a: only "/" is free of that.
        const looksAlike = /^\*.*[*?]/.test(one);
        const path = looksAlike ? "" : folder;
        assert.equal(await keyMaker([one])(path + last), matchesExactly(one, last));
      }),
      runs,
    );
  });

  it("leave out who has a matching name behind a path that a pattern begins with", async () => {
    const may = keyMaker(["app-*-prod", "job?x", "batch"]);
    const paths = {
      "app-shop-prod": true,
      "team/app-shop-prod": true,
      "app-x/mallory-prod": false,
      "team/app-x/mallory-prod": false,
      "app-x/app-y-prod": false,
      jobAx: true,
      "job/x": false,
      "team/job/x": false,
      batch: true,
      "batch/batch": true,
      "batch/mallory": false,
      "app-shop-PROD": false,
    };
    const found = await Promise.all(
      Object.keys(paths).map(async (path) => [path, await may(path)] as const),
    );
    assert.deepEqual(Object.fromEntries(found), paths);
  });

  it("take one ARN to deny for each wildcard and path, and none for a name or a leading star", () => {
    assert.deepEqual(namedUsers(["batch", "*-prod", "?**x", "app-?*"], place), {
      allowed: ["batch", "*/batch", "*-prod", "*?x", "app-*?", "*/app-*?"].map(user),
      denied: ["*/x", "app-*/*?", "*/app-*/*?"].map(user),
    });
  });
});
