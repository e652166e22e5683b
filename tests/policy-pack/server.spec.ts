import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packPackage from "../../policy-pack/package.json";
import type { Shown } from "./harness";
import { type Served, serve } from "./served";

const ROOT = join(__dirname, "../..");
const PACK = join(ROOT, "policy-pack");

const SG = "aws:ec2/securityGroup:SecurityGroup";
const ssh = { protocol: "tcp", fromPort: 22, toPort: 22 };
const https = { protocol: "tcp", fromPort: 443, toPort: 443, cidrBlocks: ["0.0.0.0/0"] };
const world = { ...ssh, cidrBlocks: ["0.0.0.0/0"] };
const unknown = { $unknown: "vpc.id" };
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = (value: unknown) => ({ $secret: value });
/** A secret as the engine sends it, and wants it back. */
const SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
};

const group = (ingress: unknown, name = "web"): Shown => ({ type: SG, name, props: { ingress } });
const admin: Shown = {
  type: "aws:iam/userPolicyAttachment:UserPolicyAttachment",
  name: "root",
  props: { user: "bob", policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" },
};

const opens =
  "SSH must not be open to the world.\n" +
  "ingress[0]: the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet\n" +
  'Fix: ingress[0].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world';

/** Compiling takes four seconds, starting one to three. */
const SLOW = 30_000;

describe("the compiled pack, over gRPC", function () {
  this.timeout(SLOW);
  let pack: Served;

  before(async () => {
    // What setup.js makes, where this spec is run alone.
    const { status, stderr } = spawnSync(process.execPath, ["setup.js"], { cwd: ROOT });
    assert.equal(status, 0, String(stderr));
    pack = await serve(PACK);
  });
  beforeEach(() => pack.configure({}));
  after(async () => {
    await pack.stop();
    assert.equal(pack.stdout.length, 1, `more than its port on stdout: ${pack.stdout}`);
  });

  it("tells the engine what its four policies are", async () => {
    const { name, version, policies } = await pack.describe();

    assert.deepEqual({ name, version }, { name: "tourniquet", version: packPackage.version });
    assert.deepEqual(
      policies.map(({ name, level, severity }) => [name, level, severity]),
      [
        ["ssh-open-to-world", "mandatory", "critical"],
        ["admin-user", "mandatory", "critical"],
        ["ssh-open-to-world-unknown", "advisory", "medium"],
        ["admin-user-unknown", "advisory", "medium"],
      ],
    );
    for (const { name, framework, tags, steps, url, keys } of policies) {
      assert.match(framework?.name ?? "", /^CIS AWS Foundations Benchmark$/, name);
      assert.match(framework?.reference ?? "", /^\d\.\d+, \d\.\d+$/, name);
      assert.ok(framework?.version && framework.specification, name);
      assert.ok(
        tags.some((tag) => tag.startsWith("ATT&CK T")),
        name,
      );
      assert.ok(steps.length > 40, name);
      assert.match(url, /^https:\/\/\S+#\S+$/, name);
      assert.deepEqual(keys.sort(), ["exemptions", "sshPorts", "trustedCidrs"], name);
    }
  });

  it("refuses open SSH and an admin, at the resources that make them", async () => {
    const reports = await pack.preview([group([https, world]), admin]);

    assert.deepEqual(
      reports.map(({ policy, level, name }) => [policy, level, name]),
      [
        ["ssh-open-to-world", "mandatory", "web"],
        ["admin-user", "mandatory", "root"],
      ],
    );
  });

  it("has no word for a program that opens nothing", async () => {
    assert.deepEqual(await pack.preview([group([https, { ...ssh, self: true }])]), []);
  });

  it("keeps a violation mandatory beside values that are not known", async () => {
    const shown = { ...group([world, unknown, { ...ssh, cidrBlocks: [unknown] }]) };
    shown.props.vpcId = unknown;

    const reports = await pack.preview([shown]);

    assert.deepEqual(
      reports.filter(({ level }) => level === "mandatory"),
      [{ policy: "ssh-open-to-world", level: "mandatory", name: "web", message: opens }],
    );
    assert.doesNotMatch(JSON.stringify(reports), /can't run policy/);
  });

  describe("configured", () => {
    it("reads its keys", async () => {
      await pack.configure({ "ssh-open-to-world": { sshPorts: [2222] } });
      const at2222 = { ...world, fromPort: 2222, toPort: 2222 };

      const reports = await pack.preview([group([world], "plain"), group([at2222], "moved")]);

      assert.deepEqual(
        reports.map(({ level, name }) => [level, name]),
        [["mandatory", "moved"]],
      );
    });

    it("names each key that it does not know, as a violation of the policy that was told it", async () => {
      await pack.configure({
        "ssh-open-to-world": { sshPort: 2222 },
        "admin-user-unknown": { toString: "x" },
      });

      const keys = "none of its keys sshPorts, trustedCidrs, exemptions";
      assert.deepEqual(await pack.preview([]), [
        {
          policy: "ssh-open-to-world",
          level: "mandatory",
          name: "",
          message: `SSH must not be open to the world.\nconfiguration of ssh-open-to-world: sshPort (2222) is ${keys}`,
        },
        {
          policy: "admin-user-unknown",
          level: "advisory",
          name: "",
          message: `${await descriptionOf("admin-user-unknown")}\nconfiguration of admin-user-unknown: toString ("x") is ${keys}`,
        },
      ]);
    });

    const wrong: [key: string, value: unknown, allowed: RegExp][] = [
      ["sshPorts", [], /sshPorts is \[\], and must be a list of ports from 0 to 65535/],
      ["sshPorts", [65536], /sshPorts is \[65536\], and must be a list of ports/],
      ["sshPorts", "22", /sshPorts is "22", and must be a list of ports/],
      ["trustedCidrs", ["0.0.0.0/0"], /trustedCidrs is \["0\.0\.0\.0\/0"\], and must be .*CIDRs/],
      ["trustedCidrs", ["office"], /trustedCidrs is \["office"\], and must be .*CIDRs/],
      ["exemptions", "", /exemptions is "", and must be the path of a YAML file/],
      ["exemptions", "no/such.yaml", /exemptions: no\/such\.yaml is not there \(looked for \//],
    ];
    it("names each wrong value and what is allowed, and goes on with the default", async () => {
      for (const [key, value, allowed] of wrong) {
        await pack.configure({ "ssh-open-to-world": { [key]: value } });

        const reports = await pack.preview([group([world])]);

        assert.ok(
          reports.some(({ name, message }) => name === "" && allowed.test(message)),
          `${key}: ${JSON.stringify(reports)}`,
        );
        assert.ok(
          reports.some(({ level, message }) => level === "mandatory" && message === opens),
          `${key}: ${JSON.stringify(reports)}`,
        );
      }
    });

    it("takes the level that it is given", async () => {
      const levels = async (level: "advisory" | "disabled" | "remediate") => {
        await pack.configure({ "ssh-open-to-world": { level }, "admin-user": { level } });
        const reports = await pack.preview([group([world]), admin]);
        return reports.map((report) => [report.policy, report.level]);
      };

      assert.deepEqual(await levels("advisory"), [
        ["ssh-open-to-world", "advisory"],
        ["admin-user", "advisory"],
      ]);
      assert.deepEqual(await levels("disabled"), []);
      // What is still open after remediation stops the preview.
      assert.deepEqual(await levels("remediate"), [
        ["ssh-open-to-world", "mandatory"],
        ["admin-user", "mandatory"],
      ]);
    });

    async function descriptionOf(policy: string): Promise<string> {
      await pack.configure({ [policy]: { nonsense: 1 } });
      const [report] = await pack.preview([]);
      return report?.message.split("\n")[0] ?? "";
    }
  });

  describe("secrets", () => {
    it("judges a secret list of sources, and prints none that does not open", async () => {
      const sources = secret(["198.51.100.77/32", "0.0.0.0/0"]);
      const rule = { ...ssh, description: secret("hunter2"), cidrBlocks: sources };

      const reports = await pack.preview([group(secret([https, rule]))]);

      assert.deepEqual(
        reports.map(({ policy, level, name }) => [policy, level, name]),
        [["ssh-open-to-world", "mandatory", "web"]],
      );
      assert.match(reports[0]?.message ?? "", /^ingress\[1\]: the rule lets 0\.0\.0\.0\/0 reach/m);
      assert.doesNotMatch(JSON.stringify(reports), /198\.51|hunter2/);
    });

    it("judges a secret policy, and prints nothing of it", async () => {
      const statements = [
        { Sid: "hunter2", Effect: "Allow", Action: "s3:Get*", Resource: "arn:aws:s3:::vault/*" },
        { Sid: "hunter3", Effect: "Allow", Action: "*", Resource: "*" },
      ];
      const policy = secret(JSON.stringify({ Version: "2012-10-17", Statement: statements }));
      const type = "aws:iam/userPolicy:UserPolicy";

      const reports = await pack.preview([
        { type, name: "inline", props: { user: "bob", policy } },
      ]);

      assert.deepEqual(
        reports.map(({ policy, level, name }) => [policy, level, name]),
        [["admin-user", "mandatory", "inline"]],
      );
      assert.doesNotMatch(JSON.stringify(reports), /hunter|vault/);
    });
  });

  describe("remediation", () => {
    const remediate = { level: "remediate" as const, trustedCidrs: ["192.0.2.0/24"] };

    it("puts the trusted sources in place of the world, from the first resource on", async () => {
      const fresh = await serve(PACK);
      await fresh.configure({ "ssh-open-to-world": remediate });
      const office = { ...ssh, cidrBlocks: ["0.0.0.0/0", "198.51.100.0/24"], self: true };

      const answer = await fresh.remediate({
        type: SG,
        name: "web",
        props: { vpcId: unknown, ingress: [https, office], egress: [world], tags: { team: "x" } },
      });
      await fresh.stop();

      assert.deepEqual(answer, [
        {
          policy: "ssh-open-to-world",
          diagnostic: "",
          props: {
            vpcId: UNKNOWN,
            ingress: [https, { ...office, cidrBlocks: ["198.51.100.0/24", "192.0.2.0/24"] }],
            egress: [world],
            tags: { team: "x" },
          },
        },
      ]);
    });

    it("leaves alone what is exempt", async () => {
      const folder = mkdtempSync(join(tmpdir(), "tourniquet-exempt-"));
      try {
        const file = join(folder, "exemptions.yaml");
        const entry = "{ rule: ssh-open-to-world, subject: web, owner: ops, reason: moving";
        writeFileSync(file, `- ${entry}, expires: 2999-01-01 }\n`);
        const told = { ...remediate, exemptions: file };
        await pack.configure({ "ssh-open-to-world": told });
        assert.deepEqual(await pack.remediate(group([world])), []);
        assert.equal((await pack.remediate(group([world], "db"))).length, 1);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("drops a rule that nobody trusted is left for", async () => {
      await pack.configure({ "ssh-open-to-world": { level: "remediate" } });

      const [answer] = await pack.remediate(group([https, world]));

      assert.deepEqual(answer?.props, { ingress: [https] });
    });

    it("keeps secret what was secret", async () => {
      await pack.configure({ "ssh-open-to-world": remediate });

      const [answer] = await pack.remediate({
        type: SG,
        name: "web",
        props: { description: secret("hunter2"), ingress: secret([world]) },
      });

      assert.deepEqual(answer?.props, {
        description: { ...SECRET, value: "hunter2" },
        ingress: { ...SECRET, value: [{ ...ssh, cidrBlocks: ["192.0.2.0/24"] }] },
      });
    });

    it("leaves alone what is not open, and every grant of IAM", async () => {
      await pack.configure({
        "ssh-open-to-world": remediate,
        "admin-user": { level: "remediate" },
      });

      assert.deepEqual(await pack.remediate(group([https])), []);
      assert.deepEqual(await pack.remediate(admin), []);
    });

    it("happens at no other level", async () => {
      assert.deepEqual(await pack.remediate(group([world])), []);
    });
  });
});
