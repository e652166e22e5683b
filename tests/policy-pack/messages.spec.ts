import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preview, type Shown } from "./harness";

const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const ssh = { protocol: "tcp", fromPort: 22, toPort: 22 };
const unknown = { $unknown: "later" };
const one = (type: string, name: string, props: Shown["props"]): Shown => ({ type, name, props });
const group = (name: string, cidrBlocks: unknown[]) =>
  one("aws:ec2/securityGroup:SecurityGroup", name, { ingress: [{ ...ssh, cidrBlocks }] });
const half = (name: string, cidrIpv4: string) =>
  one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", name, {
    ipProtocol: "tcp",
    fromPort: 22,
    toPort: 22,
    cidrIpv4,
    securityGroupId: "sg-0a1b2c3d",
  });

/** One program for each kind of message; the README shows what the pack says of it. */
const programs: [kind: string, program: Shown[]][] = [
  ["a rule is open", [group("web", ["0.0.0.0/0"])]],
  ["rules are open together", [half("low", "0.0.0.0/1"), half("high", "128.0.0.0/1")]],
  ["half of the internet", [half("low", "0.0.0.0/1")]],
  ["a source is not known yet", [group("web", [unknown])]],
  [
    "a service opens SSH by itself",
    [one("aws:eks/nodeGroup:NodeGroup", "nodes", { remoteAccess: { ec2SshKey: "ops" } })],
  ],
  [
    "a service may let others open SSH",
    [
      one("aws:emr/blockPublicAccessConfiguration:BlockPublicAccessConfiguration", "emr", {
        blockPublicSecurityGroupRules: false,
      }),
    ],
  ],
  [
    "inside a template",
    [
      one("aws:cloudformation/stack:Stack", "network", {
        templateBody: JSON.stringify({
          Resources: {
            Web: {
              Type: "AWS::EC2::SecurityGroup",
              Properties: {
                GroupDescription: "web",
                SecurityGroupIngress: [
                  { IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIp: "0.0.0.0/0" },
                ],
              },
            },
          },
        }),
      }),
    ],
  ],
  [
    "a template that is not here",
    [one("aws:cloudformation/stack:Stack", "network", { templateUrl: "https://example.com/t" })],
  ],
  [
    "a managed policy on a user",
    [
      one("aws:iam/userPolicyAttachment:UserPolicyAttachment", "bob-admin", {
        user: "bob",
        policyArn: ADMIN,
      }),
      one("aws:iam/accessKey:AccessKey", "bob-key", { user: "bob" }),
    ],
  ],
  [
    "a policy document",
    [
      one("aws:iam/userPolicy:UserPolicy", "deploy", {
        user: "ci",
        policy: JSON.stringify({
          Statement: [
            { Effect: "Allow", Action: "s3:*", Resource: "*" },
            { Effect: "Allow", Action: "iam:AttachUserPolicy", Resource: "*" },
          ],
        }),
      }),
    ],
  ],
  [
    "a group",
    [
      one("aws:iam/groupPolicyAttachment:GroupPolicyAttachment", "ops-admin", {
        group: "ops",
        policyArn: ADMIN,
      }),
      one("aws:iam/groupMembership:GroupMembership", "ops-members", {
        group: "ops",
        users: ["bob", "eve"],
      }),
    ],
  ],
  [
    "a document is not known yet",
    [one("aws:iam/userPolicy:UserPolicy", "deploy", { user: "ci", policy: unknown })],
  ],
];

describe("the README's messages", () => {
  const readme = readFileSync(join(__dirname, "../../README.md"), "utf8");
  const section = readme.split("## What the policy pack says")[1]?.split("\n## ")[0] ?? "";
  const shown = [...section.matchAll(/```text\n([\s\S]*?)```/g)].map(([, text]) => text);

  async function says(program: Shown[], folder = "/"): Promise<string> {
    const now = () => new Date("2026-06-01T12:00:00Z");
    const [report, ...others] = await preview(program, { folder, now });
    const { policy, level, name, message } = report ?? assert.fail("the pack says nothing");
    const again = others.filter((one) => one.policy === policy);
    assert.deepEqual(again, [], "one message a cause");
    return `[${level}] ${policy} (${name})\n${message}\n`;
  }

  const texts: Promise<string>[] = [];
  for (const [kind, program] of programs) {
    it(`are what the pack says: ${kind}`, async () => {
      const text = says(program);
      texts.push(text);
      assert.ok(shown.includes(await text), `the README lacks:\n${await text}`);
    });
  }

  it("are what the pack says: an exemption", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tourniquet-messages-"));
    try {
      writeFileSync(join(folder, "Pulumi.yaml"), "name: previewed\nruntime: nodejs\n");
      writeFileSync(
        join(folder, "exemptions.yaml"),
        "- { rule: ssh-open-to-world, subject: web, owner: ops, reason: until the VPN is there, expires: 2026-06-30 }\n",
      );
      const text = says([group("web", ["0.0.0.0/0"])], folder);
      texts.push(text);
      assert.ok(shown.includes(await text), `the README lacks:\n${await text}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("are no others", async () => {
    assert.deepEqual([...shown].sort(), (await Promise.all(texts)).sort());
  });
});
