import assert from "node:assert/strict";
import path from "node:path";
import { s3Permissions } from "../drill/account/s3Operation";
import { Drill } from "../drill/drill";
import { type Captured, captureProgram } from "../drill/program/capture";
import type { ScenarioResult } from "../drill/result";
import { loadScenario, scenarioFiles } from "../drill/scenario";

const folder = path.join(__dirname, "..", "scenarios");
const scenarios = scenarioFiles([folder]).map(loadScenario);

/** What a role may do and no scenario makes it do on a quick machine, with the reason. */
const failurePathsOnly: Record<string, string[]> = {
  // What a lift could not take off is written down again; so does a sweep, and gives back what an
  // execution that died had moved.
  LiftSessionBlock: ["s3:PutObject"],
  SweepSessionBlocks: ["ec2:CreateNetworkAclEntry", "s3:PutObject"],
};

/**
 * Actions that each responder's role allows, by the role's name; its log and its traces aside. With
 * every setting that asks for a function.
 */
async function granted(): Promise<Record<string, string[]>> {
  const settings = { applicationUsers: ["app-*"], containRoles: true };
  const programs = await Promise.all([
    captureProgram({ settings }),
    captureProgram({ settings: { ...settings, openSsh: "restrict" } }),
  ]);
  return Object.assign({}, ...programs.map(({ resources }) => grantedBy(resources)));
}

function grantedBy(resources: Captured[]): Record<string, string[]> {
  const functions = resources.filter(({ type }) => type === "aws:lambda/function:Function");
  const policies = resources.filter(({ type }) => type === "aws:iam/rolePolicy:RolePolicy");
  return Object.fromEntries(
    functions.map(({ name }) => {
      const policy = policies.find((one) => one.name === name);
      const { Statement } = JSON.parse(policy?.inputs.policy);
      const allowed = (Statement as { Effect: string; Action: string | string[] }[])
        .filter(({ Effect }) => Effect === "Allow")
        .flatMap(({ Action }) => Action)
        .filter((action) => !/^(logs|xray):/.test(action));
      return [name, allowed.sort()];
    }),
  );
}

describe("scenarios", function () {
  this.timeout(120_000);
  let drill: Drill;
  const results = new Map<string, Promise<ScenarioResult>>();

  before(async () => {
    drill = await Drill.start({ workers: 2 });
    for (const scenario of scenarios) results.set(scenario.file, drill.run(scenario));
  });
  after(() => drill?.stop());

  it("are at least 25, each with a name of its own", () => {
    assert.ok(scenarios.length >= 25);
    assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  });

  for (const { name, file } of scenarios) {
    it(name, async () => assert.deepEqual((await results.get(file))?.failures, []));
  }

  it("use every action that a responder's role allows, and no other", async function () {
    // After all scenarios, however slow the machine is.
    this.timeout(600_000);
    const roles = await granted();
    const used = Object.fromEntries(Object.keys(roles).map((role) => [role, new Set<string>()]));
    for (const { calls } of await Promise.all(results.values())) {
      for (const { by, principal, service, action } of calls) {
        const permission = (service === "s3" && s3Permissions[action]) || action;
        if (by === "responder") used[principal]?.add(`${service}:${permission}`);
      }
    }
    const expected = Object.entries(used).map(([role, actions]) => {
      const name = role.replace("tourniquet-lab-", "");
      return [role, [...new Set([...actions, ...(failurePathsOnly[name] ?? [])])].sort()];
    });
    assert.deepEqual(roles, Object.fromEntries(expected));
  });
});
