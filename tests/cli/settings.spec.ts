import assert from "node:assert/strict";
import path from "node:path";
import { CliStack, cli } from "./pulumi";

const ROOT = path.join(__dirname, "..", "..");

if (cli) {
  describe("settings as an owner writes them, through the real CLI", function () {
    this.timeout(300_000);
    const synced = { group: "sg-0123456789abcdef0", service: "EC2_INSTANCE_CONNECT" };
    let project: CliStack;

    before(async () => {
      project = new CliStack({ project: ROOT, stack: "lab" });
      const { code, text } = await project.init();
      assert.equal(code, 0, text);
    });
    after(() => project?.remove());

    it("may be a list of objects, and true and false for what is text otherwise", async () => {
      project.write({ "tourniquet:syncedGroups": [synced], "tourniquet:breakSessions": false });
      const { code, text } = await project.preview();

      assert.equal(code, 0, text);
      assert.match(text, /aws:lambda:Function tourniquet-lab-SyncGroups/);
      assert.doesNotMatch(text, /tourniquet-lab-BreakSessions/);
    });

    it("are refused where an object lacks a field, or the list holds none", async () => {
      const { service: _, ...nameless } = synced;
      project.write({ "tourniquet:syncedGroups": [nameless], "tourniquet:breakSessions": true });
      const lacking = await project.preview();
      project.write({ "tourniquet:syncedGroups": ["sg-0123456789abcdef0"] });
      const listed = await project.preview();

      assert.notEqual(lacking.code, 0);
      assert.match(
        lacking.text,
        /tourniquet:syncedGroups is \[\{"group":"sg-0123456789abcdef0"\}\]/,
      );
      assert.notEqual(listed.code, 0);
      assert.match(listed.text, /'syncedGroups' must be of type 'array<object>'/);
    });
  });
}
