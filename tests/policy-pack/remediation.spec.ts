import assert from "node:assert/strict";
import { Secret } from "@pulumi/policy";
import { remediate } from "../../policy-pack/remediation";

const SG = "aws:ec2/securityGroup:SecurityGroup";
const none = { sshPorts: [22], trustedCidrs: [] as string[] };
const office = { sshPorts: [22], trustedCidrs: ["192.0.2.0/24", "2001:db8::/32"] };
const ssh = { protocol: "tcp", fromPort: 22, toPort: 22, description: "admin" };
const https = { protocol: "tcp", fromPort: 443, toPort: 443, cidrBlocks: ["0.0.0.0/0"] };
const world = { ...ssh, cidrBlocks: ["0.0.0.0/0"], ipv6CidrBlocks: ["::/0"] };
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

describe("remediation", () => {
  it("puts the trusted sources in place of the world, and leaves the rest as it was", () => {
    const props = { name: UNKNOWN, ingress: [https, { ...world, securityGroups: [UNKNOWN] }] };
    assert.deepEqual(remediate({ type: SG, props }, office), {
      name: UNKNOWN,
      ingress: [
        https,
        {
          ...ssh,
          securityGroups: [UNKNOWN],
          cidrBlocks: ["192.0.2.0/24"],
          ipv6CidrBlocks: ["2001:db8::/32"],
        },
      ],
    });
  });

  it("drops the rule where nobody is trusted, and keeps one that others come by", () => {
    const own = { ...world, self: true };
    const props = { ingress: [world, own, https] };
    assert.deepEqual(remediate({ type: SG, props }, none), {
      ingress: [{ ...ssh, self: true }, https],
    });
  });

  it("keeps narrow sources beside the world", () => {
    const props = { ingress: [{ ...ssh, cidrBlocks: ["198.51.100.0/24", "0.0.0.0/0"] }] };
    const wanted = { ingress: [{ ...ssh, cidrBlocks: ["198.51.100.0/24"] }] };
    assert.deepEqual(remediate({ type: SG, props }, none), wanted);
  });

  it("closes two halves that are open together", () => {
    const halves = { ...ssh, cidrBlocks: ["0.0.0.0/1", "128.0.0.0/1", "192.0.2.0/24"] };
    const wanted = { ingress: [{ ...ssh, cidrBlocks: ["192.0.2.0/24"] }] };
    assert.deepEqual(remediate({ type: SG, props: { ingress: [halves] } }, none), wanted);
  });

  it("closes a rule that is a resource of its own where somebody is trusted, and leaves it else", () => {
    const type = "aws:ec2/securityGroupRule:SecurityGroupRule";
    const props = { ...ssh, type: "ingress", cidrBlocks: ["0.0.0.0/0"], securityGroupId: UNKNOWN };
    const ipv4 = { sshPorts: [22], trustedCidrs: ["192.0.2.0/24"] };
    const wanted = { ...props, cidrBlocks: ["192.0.2.0/24"] };
    assert.deepEqual(remediate({ type, props }, ipv4), wanted);
    assert.equal(remediate({ type, props }, none), undefined);
    assert.equal(remediate({ type, props: { ...props, type: "egress" } }, ipv4), undefined);
  });

  it("gives each trusted source a rule where a rule has one source", () => {
    const type = "aws-native:ec2:SecurityGroup";
    const rule = { ipProtocol: "tcp", fromPort: 22, toPort: 22 };
    const props = { securityGroupIngress: [{ ...rule, cidrIp: "0.0.0.0/0" }] };
    assert.deepEqual(remediate({ type, props }, office), {
      securityGroupIngress: [
        { ...rule, cidrIp: "192.0.2.0/24" },
        { ...rule, cidrIpv6: "2001:db8::/32" },
      ],
    });
  });

  it("leaves a secret one", () => {
    const props = {
      ingress: new Secret([{ ...ssh, cidrBlocks: new Secret(["0.0.0.0/0"]) }, https]),
    };
    const changed = remediate({ type: SG, props }, office);
    assert.ok(changed?.ingress instanceof Secret);
    const [first] = changed.ingress.value;
    assert.ok(first.cidrBlocks instanceof Secret);
    assert.deepEqual(first.cidrBlocks.value, ["192.0.2.0/24"]);
  });

  for (const [story, type, props] of [
    ["what is closed", SG, { ingress: [https, { ...ssh, cidrBlocks: ["192.0.2.0/24"] }] }],
    ["what is not known", SG, { ingress: UNKNOWN }],
    ["an admin grant", "aws:iam/userPolicyAttachment:UserPolicyAttachment", { user: "bob" }],
  ] as [string, string, Record<string, unknown>][]) {
    it(`leaves ${story} alone`, () => assert.equal(remediate({ type, props }, office), undefined));
  }
});
