import assert from "node:assert/strict";
import path from "node:path";
import { captureProgram } from "../../../drill/program/capture";

describe("the capture of a program", function () {
  this.timeout(60_000);

  const fixture = (name: string) =>
    path.join(__dirname, "..", "..", "fixtures", "programs", `${name}.ts`);
  const capture = (name: string, limitMs?: number) =>
    captureProgram({ settings: {}, program: fixture(name), ...(limitMs && { limitMs }) });

  it("fails for a handler that cannot become text", () =>
    assert.rejects(capture("unserializable"), /the program failed: .*native/s));

  it("fails for a call that it has no answer for, naming it", () =>
    assert.rejects(capture("unknownCall"), /no answer for aws:index\/getAvailabilityZones/));

  it("fails for a program that does not end", () =>
    assert.rejects(capture("endless", 5_000), /the program had not ended after 5 s/));

  it("keeps the operator's own AWS and Pulumi settings out", async () => {
    process.env.PULUMI_CONFIG = JSON.stringify({ "tourniquet:mode": "nonsense" });
    process.env.AWS_PROFILE = "operator";
    try {
      const { resources } = await captureProgram({ settings: {} });
      assert.ok(resources.length > 0);
      assert.ok(!JSON.stringify(resources).includes("operator"));
    } finally {
      delete process.env.PULUMI_CONFIG;
      delete process.env.AWS_PROFILE;
    }
  });
});
