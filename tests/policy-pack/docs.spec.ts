import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { Configured, configSchema } from "../../policy-pack/configuration";
import { policies } from "../../policy-pack/policies";
import { remediate } from "../../policy-pack/remediation";
import { readTypes } from "../../policy-pack/surfaces";
import { readExemptions } from "../../rulebook/exemptions";

const page = readFileSync(join(__dirname, "../../docs/policy-pack.md"), "utf8");
const pack = policies({ folder: "/" });

function section(heading: string): string {
  const [, text = ""] = page.split(`\n## ${heading}\n`);
  return text.split("\n## ")[0] ?? "";
}

/** The first column of a table, or the items of lists, where they are code. */
function coded(text: string, mark: "|" | "-"): string[] {
  const pattern = mark === "|" ? /^\| `([^`]+)` \|/gm : /^- `([^`]+)`/gm;
  return [...text.matchAll(pattern)].map(([, code = ""]) => code);
}

function block(text: string, language: string): string {
  const [, code = ""] = text.match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``)) ?? [];
  return code;
}

describe("docs/policy-pack.md", () => {
  it("lists the policies with their levels and severities", () => {
    const [head = ""] = page.split("\n## ");
    const rows = [...head.matchAll(/^\| `([^`]+)` \| (\w+) \| (\w+) \|/gm)];
    assert.deepEqual(
      rows.map(([, name, level, severity]) => ({ name, level, severity })),
      pack.map(({ name, enforcementLevel, severity }) => ({
        name,
        level: enforcementLevel,
        severity,
      })),
    );
  });

  it("lists the keys with what is allowed, in the words of the complaint", () => {
    const rows = coded(section("Configure it"), "|");
    assert.deepEqual(rows, Object.keys(configSchema.properties));
    for (const key of rows) {
      const [complaint = ""] = new Configured().take("admin-user", { [key]: false });
      const [, allowed = ""] = complaint.split("and must be ");
      assert.ok(page.includes(`| ${allowed} |`), complaint);
    }
  });

  it("configures with keys, values, policies and levels that there are", () => {
    const told: Record<string, string | Record<string, unknown>> = JSON.parse(
      block(section("Configure it"), "json"),
    );
    for (const [policy, given] of Object.entries(told)) {
      const { enforcementLevel, ...keys } =
        typeof given === "string" ? { enforcementLevel: given } : given;
      assert.ok(
        pack.some(({ name }) => name === policy),
        policy,
      );
      assert.match(String(enforcementLevel), /^(mandatory|advisory|disabled|remediate)$/);
      assert.deepEqual(new Configured().take(policy, keys), []);
    }
  });

  it("shows an exemption that is one", () => {
    const { exemptions, complaints } = readExemptions(parse(block(section("Exempt"), "yaml")));
    assert.deepEqual({ found: exemptions.length, complaints }, { found: 1, complaints: [] });
  });

  it("lists every type that is read", () => {
    assert.deepEqual(coded(section("What it reads"), "-").sort(), [...readTypes].sort());
  });

  it("lists every type that is remediated", () => {
    const ports = { protocol: "tcp", ipProtocol: "tcp", fromPort: 22, toPort: 22 };
    const rule = { ...ports, cidrBlocks: ["0.0.0.0/0"], cidrIp: "0.0.0.0/0", type: "ingress" };
    const props = { ...rule, ingress: [rule], securityGroupIngress: [rule] };
    const office = { sshPorts: [22], trustedCidrs: ["203.0.113.0/24"] };

    const rewritten = readTypes.filter((type) => remediate({ type, props }, office) !== undefined);

    assert.deepEqual(coded(section("Remediate"), "-").sort(), rewritten.sort());
  });
});
