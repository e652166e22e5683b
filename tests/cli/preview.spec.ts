import assert from "node:assert/strict";
import path from "node:path";
import { CliStack, cli, PACK } from "./pulumi";

const programs = path.join(__dirname, "..", "fixtures", "programs");

/** What the preview of `violating` has to say, each in one line of its own. */
const said = [
  /\[mandatory\].* admin-user +\(aws:iam:UserPolicyAttachment: module-7-admin\)/,
  /user Module-7 → policy AdministratorAccess allows nearly every action/,
  /\[mandatory\].* ssh-open-to-world +\(aws:ec2:SecurityGroup: web\)/,
  /ingress\[1\]: the rule lets 0\.0\.0\.0\/0 reach SSH/,
  /Fix: ingress\[1\]\.cidrBlocks: /,
  /error: preview failed/,
];

if (cli) {
  describe("the policy pack through the real CLI", function () {
    this.timeout(300_000);

    const projects: CliStack[] = [];
    after(() => {
      for (const project of projects) project.remove();
    });

    async function started(program: string): Promise<CliStack> {
      const folder = path.join(programs, program);
      const project = new CliStack({ project: folder, stack: "dev", pack: PACK });
      projects.push(project);
      const { code, text } = await project.init();
      assert.equal(code, 0, text);
      return project;
    }

    it("fails the preview of a violating program, with place, reason and fix", async () => {
      const { code, text } = await (await started("violating")).preview();

      assert.equal(code, 1, text);
      assert.deepEqual(
        said.filter((line) => !line.test(text)),
        [],
        text,
      );
      assert.equal(text.match(/\[mandatory\]/g)?.length, 2, text);
    });

    it("keeps an update of a violating program from making anything", async () => {
      const project = await started("violating");
      const { code, text } = await project.run("up", "--yes", "--policy-pack", PACK);

      assert.equal(code, 1, text);
      assert.deepEqual(project.takeDone(), []);
    });

    it("lets a violating program pass where the owner has switched the pack off", async () => {
      const { code, text } = await (await started("violating")).preview(
        "--policy-pack-config",
        path.join(programs, "violating", "packOff.json"),
      );

      assert.equal(code, 0, text);
      assert.doesNotMatch(text, /\[mandatory\]/);
    });

    it("passes the preview of a clean program without a word", async () => {
      const { code, text } = await (await started("clean")).preview();

      assert.equal(code, 0, text);
      assert.match(text, /✅ tourniquet@v/);
      assert.match(text, /\+ 4 to create/);
    });
  });
}
