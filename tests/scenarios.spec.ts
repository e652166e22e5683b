import assert from "node:assert/strict";
import path from "node:path";
import { Drill } from "../drill/drill";
import type { ScenarioResult } from "../drill/run";
import { loadScenario, scenarioFiles } from "../drill/scenario";

const folder = path.join(__dirname, "..", "scenarios");
const scenarios = scenarioFiles([folder]).map(loadScenario);

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
});
