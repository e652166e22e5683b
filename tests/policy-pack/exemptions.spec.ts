import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preview, type Shown } from "./harness";

const now = () => new Date("2026-06-01T12:00:00Z");
const web: Shown = {
  type: "aws:ec2/securityGroup:SecurityGroup",
  name: "web",
  props: { ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0"] }] },
};
const admin = (user: string): Shown => ({
  type: "aws:iam/userPolicyAttachment:UserPolicyAttachment",
  name: `${user}-admin`,
  props: { user, policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" },
});
const team: Shown[] = [
  {
    type: "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    name: "ops-admin",
    props: { group: "ops", policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" },
  },
  {
    type: "aws:iam/groupMembership:GroupMembership",
    name: "ops-members",
    props: { group: "ops", users: ["bob", "eve"] },
  },
];
const entry = (rule: string, subject: string, expires = "2026-06-30") =>
  `- { rule: ${rule}, subject: "${subject}", owner: ops, reason: until the move, expires: ${expires} }\n`;

describe("exemptions", () => {
  let project: string;
  beforeEach(() => {
    project = mkdtempSync(join(tmpdir(), "tourniquet-exemptions-"));
    writeFileSync(join(project, "Pulumi.yaml"), "name: previewed\nruntime: nodejs\n");
    mkdirSync(join(project, "node_modules", "pack"), { recursive: true });
  });
  afterEach(() => rmSync(project, { recursive: true }));

  async function reports(text: string | undefined, program: Shown[]) {
    if (text !== undefined) writeFileSync(join(project, "exemptions.yaml"), text);
    const folder = join(project, "node_modules", "pack");
    return (await preview(program, { folder, now })).map(
      ({ level, policy, name, message }) =>
        `${level} ${policy} ${name}: ${message.split("\n").slice(1).join(" | ")}`,
    );
  }
  const levels = (found: string[]) => found.map((one) => one.split(":")[0]);

  const open = "ingress[0]: the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet";
  const fix =
    'Fix: ingress[0].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world';

  it("show an exempt violation as advisory, with owner, reason and days left", async () => {
    assert.deepEqual(await reports(entry("ssh-open-to-world", "web"), [web]), [
      `advisory ssh-open-to-world-unknown web: ${open} | ` +
        `Exempt by ops until 2026-06-30 (30 days left): until the move | ${fix}`,
    ]);
  });

  for (const [story, rule, subject, program] of [
    ["a URN", "ssh-open-to-world", `urn:pulumi:dev::tests::${web.type}::web`, [web]],
    ["a pattern that says so", "ssh-open-to-world", "pattern:w*", [web]],
    ["a user's name", "admin-user", "bob", [admin("bob")]],
    ["a group's name", "admin-user", "group/ops", team],
    ["a policy's ARN", "admin-user", "arn:aws:iam::aws:policy/AdministratorAccess", [admin("bob")]],
  ] as [string, string, string, Shown[]][]) {
    it(`hold by ${story}`, async () => {
      const found = levels(await reports(entry(rule, subject), program));
      assert.deepEqual(found, [`advisory ${rule}-unknown ${program[0]?.name}`]);
    });
  }

  it("do not hold by a pattern in another case", async () => {
    const found = levels(await reports(entry("ssh-open-to-world", "pattern:W*"), [web]));
    assert.equal(found[0], "mandatory ssh-open-to-world web");
  });

  it("hold for a rule by the name of the group that it is added to", async () => {
    const rule: Shown = {
      type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
      name: "rule",
      props: { ipProtocol: "-1", cidrIpv4: "0.0.0.0/0", securityGroupId: { $unknown: "web.id" } },
      deps: { securityGroupId: ["web"] },
    };
    const program = [{ ...web, props: {} }, rule];
    const found = levels(await reports(entry("ssh-open-to-world", "web"), program));
    assert.deepEqual(found, ["advisory ssh-open-to-world-unknown rule"]);
    const other = levels(await reports(entry("ssh-open-to-world", "db"), program));
    assert.equal(other[0], "mandatory ssh-open-to-world rule");
  });

  it("hold for a cause only where all whom it makes admins are exempt", async () => {
    const one = levels(await reports(entry("admin-user", "bob"), team));
    assert.deepEqual(one, ["mandatory admin-user ops-admin"]);
    const both = entry("admin-user", "bob") + entry("admin-user", "eve");
    assert.deepEqual(levels(await reports(both, team)), ["advisory admin-user-unknown ops-admin"]);
  });

  it("exempt nothing once they expired, and say so", async () => {
    const [first, ...others] = await reports(entry("ssh-open-to-world", "web", "2026-05-31"), [
      web,
    ]);
    assert.deepEqual(others, []);
    assert.equal(
      first,
      `mandatory ssh-open-to-world web: ${open} | ${fix} | the exemption of web from ` +
        "ssh-open-to-world by ops expired at the end of 2026-05-31: renew it or drop it",
    );
  });

  it("exempt nothing where malformed, of an unknown rule or of no match, and say so", async () => {
    const text =
      "- { rule: ssh-open-to-world, subject: web }\n" +
      entry("everything", "web") +
      entry("ssh-open-to-world", "w*") +
      entry("admin-user", "nobody");
    const found = await reports(text, [web]);
    assert.equal(found[0]?.split(":")[0], "mandatory ssh-open-to-world web");
    const told = found.slice(1).map((one) => one.replace(/^advisory (\S+) .*?: /, "$1: "));
    assert.deepEqual(told, [
      "ssh-open-to-world-unknown: exemptions[0].owner must be text, got undefined",
      "ssh-open-to-world-unknown: exemptions[0].reason must be text, got undefined",
      "ssh-open-to-world-unknown: exemptions[0].expires must be a date like 2026-12-31, got undefined",
      'ssh-open-to-world-unknown: exemptions[1].rule must be ssh-open-to-world or admin-user, got "everything"',
      "ssh-open-to-world-unknown: the exemption of w* from ssh-open-to-world matches nothing here",
      "admin-user-unknown: the exemption of nobody from admin-user matches nothing here",
    ]);
  });

  it("come from nowhere else than the program that is previewed", async () => {
    assert.deepEqual(levels(await reports(undefined, [web])), ["mandatory ssh-open-to-world web"]);
  });

  it("that are no YAML exempt nothing, and say so", async () => {
    const found = await reports("{ rule: [", [web]);
    assert.equal(found[0]?.split(":")[0], "mandatory ssh-open-to-world web");
    assert.match(found[1] ?? "", /exemptions.yaml is no YAML, so no exemption holds/);
  });
});
