import assert from "node:assert/strict";
import * as path from "node:path";
import { audit } from "../../audit/audit";
import { readState } from "../../audit/state";
import { CliStack, cli } from "../cli/pulumi";

const project = path.join(__dirname, "../fixtures/programs/violating");

for (const name of cli ? ["what the real CLI exports"] : []) {
  describe(name, function () {
    this.timeout(120_000);
    let stack: CliStack;

    before(() => {
      stack = new CliStack({ project, stack: "dev" });
    });
    after(() => {
      stack.remove();
    });

    it("is read by the audit", async () => {
      await stack.init();
      assert.equal((await stack.up()).code, 0);
      const { text } = await stack.run("stack", "export");

      const settings = { sshPorts: [22], trustedCidrs: [], trustedLists: [] };
      const none = { exemptions: [], complaints: [] };
      const { lines, ...subject } = readState(text);
      const { findings, notes } = audit(subject, settings, none, new Date());

      const web = "urn:pulumi:dev::violating::aws:ec2/securityGroup:SecurityGroup::web";
      const attachment = "aws:iam/userPolicyAttachment:UserPolicyAttachment";
      const admin = `urn:pulumi:dev::violating::${attachment}::module-7-admin`;
      assert.deepEqual(
        findings.map(({ status, resource, place }) => ({ status, resource, place })),
        [
          { status: "open", resource: web, place: "ingress[1]" },
          { status: "open", resource: admin, place: "policyArn" },
        ],
      );
      assert.deepEqual(notes, []);
      const line = text.split("\n")[(lines.get(web) ?? 0) - 1];
      assert.equal(line?.trim(), `"urn": "${web}",`);
    });
  });
}
