import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as iamSdk from "@aws-sdk/client-iam";
import * as stsSdk from "@aws-sdk/client-sts";
import { placeOf } from "../../restore/read";
import { distrust, trustedActorsOf, whoCalls } from "../../restore/trust";
import { fakeSdk, refusal } from "../functions/fakeSdk";

const SESSION = "arn:aws:sts::123456789012:assumed-role/pipeline/deploy-7";

async function operator(Arn: string, role: string | Error) {
  const identity = { GetCallerIdentity: { Account: "123456789012", Arn } };
  const sts = fakeSdk(stsSdk, "STSClient", identity).sdk;
  const answer = { GetRole: role instanceof Error ? role : { Role: { Arn: role } } };
  const iam = fakeSdk(iamSdk, "IAMClient", answer).sdk;
  return whoCalls(sts, new sts.STSClient({}), iam, new iam.IAMClient({}));
}

describe("who may restore", () => {
  const cases: [
    name: string,
    arn: string,
    role: string | Error,
    trusted: string[],
    may: boolean,
  ][] = [
    [
      "a user who is named",
      "arn:aws:iam::123456789012:user/ops/eve",
      refusal("NoSuchEntityException"),
      ["arn:aws:iam::123456789012:user/ops/*"],
      true,
    ],
    [
      "a session of a role that is named with its path",
      SESSION,
      "arn:aws:iam::123456789012:role/ci/pipeline",
      ["arn:aws:iam::123456789012:role/ci/pipeline"],
      true,
    ],
    [
      "a session whose role may not be asked for",
      SESSION,
      refusal("AccessDenied"),
      ["arn:aws:iam::123456789012:role/pipeline"],
      true,
    ],
    ["a session that is named itself", SESSION, refusal("AccessDenied"), [SESSION], true],
    [
      "somebody else",
      "arn:aws:iam::123456789012:user/bob",
      refusal("NoSuchEntityException"),
      ["arn:aws:iam::123456789012:user/eve"],
      false,
    ],
    ["anybody, where nobody is trusted", SESSION, refusal("AccessDenied"), [], false],
  ];
  for (const [name, arn, role, trusted, may] of cases) {
    it(`${may ? "lets" : "refuses"} ${name}`, async () => {
      const reason = distrust(await operator(arn, role), trusted, "/x/Pulumi.lab.yaml");
      assert.equal(reason === undefined, may);
      if (!may)
        assert.match(reason ?? "", /is not in tourniquet:trustedActors of Pulumi\.lab\.yaml/);
    });
  }

  it("reads the stack's file as the program does, and names a wrong key", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "restore-trust-"));
    const file = path.join(folder, "Pulumi.lab.yaml");
    const write = (line: string) =>
      writeFileSync(file, `config:\n  aws:region: us-east-1\n  ${line}\n`);
    try {
      write('tourniquet:trustedActors: ["arn:aws:iam::123456789012:role/pipeline"]');
      assert.deepEqual(trustedActorsOf(file), ["arn:aws:iam::123456789012:role/pipeline"]);
      write("tourniquet:mode: observe");
      assert.deepEqual(trustedActorsOf(file), []);
      write("tourniquet:trustedActors: eve");
      assert.throws(
        () => trustedActorsOf(file),
        /tourniquet:trustedActors is "eve"\. It should be/,
      );
      assert.throws(() => trustedActorsOf(`${file}.no`), /there is no .*Pulumi\.lab\.yaml\.no/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("where a case is", () => {
  const object = { bucket: "b", key: "cases/x.json" };
  const cases: [text: string, stack: string | undefined, place: object][] = [
    ["s3://b/cases/x.json", undefined, object],
    ["./case.json", "lab", { path: "./case.json" }],
    [
      "6f0f9a54",
      "lab",
      { bucket: "tourniquet-lab-cases-123456789012", key: "cases/6f0f9a54.json" },
    ],
  ];
  for (const [text, stack, place] of cases) {
    it(`reads ${text}`, () => assert.deepEqual(placeOf(text, stack, "123456789012"), place));
  }

  it("asks for the stack of an id", () => {
    assert.throws(
      () => placeOf("6f0f9a54", undefined, "123456789012"),
      /^Error: CASE is "6f0f9a54": with an execution's id --stack has to name the stack/,
    );
  });
});
