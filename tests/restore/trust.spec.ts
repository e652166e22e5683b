import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as iamSdk from "@aws-sdk/client-iam";
import * as s3Sdk from "@aws-sdk/client-s3";
import * as stsSdk from "@aws-sdk/client-sts";
import { placeOf } from "../../restore/read";
import { deployedTrust, distrust, trustedActorsOf, whoCalls } from "../../restore/trust";
import { type Call, fakeSdk, refusal } from "../functions/fakeSdk";

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
      const where = "s3://b/settings/trustedActors.json";
      const reason = distrust(await operator(arn, role), { actors: trusted, where });
      assert.equal(reason === undefined, may);
      if (!may) {
        const shown = trusted.join(", ") || "nobody";
        const said = ` is not in tourniquet:trustedActors of ${where} (${shown}): what you give`;
        assert.ok(reason?.includes(said), reason);
      }
    });
  }

  it("refuses anybody where the deployed list is not known, and says why", async () => {
    const unknown = "s3://b/settings/trustedActors.json could not be read";
    const anybody = await operator("arn:aws:iam::123456789012:user/eve", refusal("NoSuchEntity"));
    assert.equal(distrust(anybody, { unknown }), unknown);
  });

  const where = "s3://tourniquet-prod-cases-123456789012/settings/trustedActors.json";
  const body = (text: string) => ({ Body: { transformToString: async () => text } as never });
  const upWrites = "It has the trustedActors that are deployed, and pulumi up -s prod writes it";
  const answers: [name: string, answer: object, trust: object][] = [
    [
      "the list",
      body('["arn:aws:iam::123456789012:user/eve"]'),
      { actors: ["arn:aws:iam::123456789012:user/eve"], where },
    ],
    ["an empty list", body("[]"), { actors: [], where }],
    [
      "no list",
      body('{"eve":true}'),
      { unknown: `${where} could not be read: Error: it is no list of ARN patterns. ${upWrites}` },
    ],
    [
      "a list of something else",
      body("[1]"),
      { unknown: `${where} could not be read: Error: it is no list of ARN patterns. ${upWrites}` },
    ],
    [
      "no object",
      refusal("NoSuchKey", "not there"),
      { unknown: `${where} could not be read: NoSuchKey: not there. ${upWrites}` },
    ],
    [
      "a refusal",
      refusal("AccessDenied", "no"),
      {
        unknown: `${where} could not be read: AccessDenied: no. Use credentials that may s3:GetObject it`,
      },
    ],
  ];
  for (const [name, answer, trust] of answers) {
    it(`reads what is deployed: ${name}`, async () => {
      const calls: Call[] = [];
      const { sdk } = fakeSdk(s3Sdk, "S3Client", { GetObject: answer as never }, calls);
      const shelf = { sdk, s3: new sdk.S3Client({}) };
      assert.deepEqual(await deployedTrust(shelf, "prod", "123456789012"), trust);
      assert.deepEqual(calls, [
        [
          "GetObject",
          {
            Bucket: "tourniquet-prod-cases-123456789012",
            Key: "settings/trustedActors.json",
            ExpectedBucketOwner: "123456789012",
          },
        ],
      ]);
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
