import assert from "node:assert/strict";
import { AttachUserPolicyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { Account } from "../../../drill/account/account";
import { type Captured, captureProgram } from "../../../drill/program/capture";
import { type Deployment, deploy } from "../../../drill/program/deploy";

const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";

describe("a deployed program", function () {
  this.timeout(60_000);
  let account: Account;
  let resources: Captured[];
  let deployment: Deployment | undefined;

  before(async () => {
    [account, { resources }] = await Promise.all([
      Account.start(),
      captureProgram({ settings: {} }),
    ]);
  });
  after(() => account?.stop());
  beforeEach(() => account.reset());
  afterEach(async () => {
    await deployment?.stop();
    deployment = undefined;
  });

  const clientAs = (credentials: IAMClient["config"]["credentials"] | object) =>
    new IAMClient({
      endpoint: account.endpoint,
      region: account.region,
      credentials: credentials as never,
    });

  it("takes an event of 256 KB through to its end", async () => {
    deployment = await deploy({ resources }, account);
    const padding = " ".repeat(250_000);
    const [execution] = deployment.putEvent({
      version: "0",
      id: "6f0f9a54-4c07-4a61-9d6a-0f6f5fb0a1c2",
      source: "aws.iam",
      "detail-type": "AWS API Call via CloudTrail",
      account: account.accountId,
      region: account.region,
      detail: {
        eventSource: "iam.amazonaws.com",
        eventName: "PutUserPolicy",
        eventTime: "2026-03-01T10:00:00Z",
        userIdentity: { type: "IAMUser", userName: "mallory", accountId: account.accountId },
        requestParameters: {
          userName: "nobody",
          policyName: "all",
          policyDocument: `{"Statement":{"Effect":"Allow","Action":"*",${padding}"Resource":"*"}}`,
        },
      },
    });
    const result = await execution?.done;
    assert.deepEqual([result?.status, result?.path.at(-1)], ["SUCCEEDED", "EndState"]);
    const largest = Math.max(
      ...(result?.states ?? []).slice(1).map(({ output }) => JSON.stringify(output ?? null).length),
    );
    assert.ok(largest < 48_000, `${largest} characters of state`);
  });

  it("refuses AdministratorAccess to every responder", async () => {
    deployment = await deploy({ resources }, account);
    const owner = clientAs(account.owner);
    await owner.send(new CreateUserCommand({ UserName: "bob" }));
    const functions = resources.filter(({ type }) => type === "aws:lambda/function:Function");
    assert.ok(functions.length >= 7);
    for (const { inputs } of functions) {
      const responder = clientAs(await account.roleCredentials(inputs.role, inputs.name));
      await assert.rejects(
        responder.send(new AttachUserPolicyCommand({ UserName: "bob", PolicyArn: ADMIN })),
        { name: "AccessDenied" },
        inputs.name,
      );
      responder.destroy();
    }
    owner.destroy();
  });

  it("is refused where it holds a resource that the drill does not know, by name", () => {
    const queue = { type: "aws:kinesis/stream:Stream", name: "stream", inputs: {}, state: {} };
    return assert.rejects(
      deploy({ resources: [queue] }, account),
      /cannot make stream, a aws:kinesis/,
    );
  });

  it("is refused where a target changes its event", () => {
    const changed = resources.map((one) =>
      one.type === "aws:cloudwatch/eventTarget:EventTarget"
        ? { ...one, inputs: { ...one.inputs, inputPath: "$.detail" } }
        : one,
    );
    return assert.rejects(deploy({ resources: changed }, account), /changes its input/);
  });
});
