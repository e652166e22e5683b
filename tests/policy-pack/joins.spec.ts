import assert from "node:assert/strict";
import { verdictOf } from "./corpus";
import { preview, type Shown } from "./harness";

const SG = "aws:ec2/securityGroup:SecurityGroup";
const SG_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule";
const VPC_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const LIST = "aws:ec2/managedPrefixList:ManagedPrefixList";
const ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry";
const USER = "aws:iam/user:User";
const GROUP = "aws:iam/group:Group";
const POLICY = "aws:iam/policy:Policy";
const TO_USER = "aws:iam/userPolicyAttachment:UserPolicyAttachment";
const TO_GROUP = "aws:iam/groupPolicyAttachment:GroupPolicyAttachment";
const MEMBERS = "aws:iam/groupMembership:GroupMembership";
const GROUPS = "aws:iam/userGroupMembership:UserGroupMembership";
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const ALL = JSON.stringify({ Statement: { Effect: "Allow", Action: "*", Resource: "*" } });
const DENY = JSON.stringify({ Statement: { Effect: "Deny", Action: "*", Resource: "*" } });
const unknown = { $unknown: "later" };

const one = (type: string, name: string, props: Shown["props"], deps?: Shown["deps"]): Shown => ({
  type,
  name,
  props,
  ...(deps && { deps }),
});
const half = (name: string, cidr: string, group: unknown = unknown, on = "web") =>
  one(
    VPC_RULE,
    name,
    { ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIpv4: cidr, securityGroupId: group },
    { securityGroupId: [on] },
  );
const web = one(SG, "web", { description: "web" });
const listed = (props: Shown["props"], deps?: Shown["deps"]) =>
  one(
    SG_RULE,
    "rule",
    { type: "ingress", protocol: "tcp", fromPort: 22, toPort: 22, ...props },
    deps,
  );

const bob = one(USER, "bob", { name: "bob" });
const group = one(GROUP, "devs", { name: "devs" });
const toGroup = one(TO_GROUP, "grant", { group: unknown, policyArn: ADMIN }, { group: ["devs"] });
const policy = (document: string) => one(POLICY, "power", { name: "power", policy: document });
const ofPolicy = one(
  TO_USER,
  "grant",
  { user: "bob", policyArn: unknown },
  { policyArn: ["power"] },
);

const rows: [family: "ssh" | "admin", story: string, wanted: string, program: Shown[]][] = [
  [
    "ssh",
    "two halves on one group",
    "violation",
    [web, half("low", "0.0.0.0/1"), half("high", "128.0.0.0/1")],
  ],
  [
    "ssh",
    "two halves on two groups",
    "unknown",
    [web, one(SG, "db", {}), half("low", "0.0.0.0/1"), half("high", "128.0.0.0/1", unknown, "db")],
  ],
  [
    "ssh",
    "halves by a literal id",
    "violation",
    [half("low", "0.0.0.0/1", "sg-1", "x"), half("high", "128.0.0.0/1", "sg-1", "x")],
  ],
  [
    "ssh",
    "a half inside the group and one beside it",
    "violation",
    [
      one(SG, "web", {
        ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/1"] }],
      }),
      half("high", "128.0.0.0/1"),
    ],
  ],
  [
    "ssh",
    "a prefix list of the world, by reference",
    "violation",
    [
      one(LIST, "all", { entries: [{ cidr: "0.0.0.0/0" }] }),
      listed({ prefixListIds: [unknown], securityGroupId: "sg-1" }, { prefixListIds: ["all"] }),
    ],
  ],
  [
    "ssh",
    "a prefix list whose entries are resources",
    "violation",
    [
      one(LIST, "all", { name: "all" }),
      one(ENTRY, "entry", { cidr: "::/0", prefixListId: unknown }, { prefixListId: ["all"] }),
      listed({ prefixListIds: [unknown], securityGroupId: "sg-1" }, { prefixListIds: ["all"] }),
    ],
  ],
  [
    "ssh",
    "a prefix list of offices",
    "ok",
    [
      one(LIST, "offices", { entries: [{ cidr: "192.0.2.0/24" }] }),
      listed({ prefixListIds: [unknown], securityGroupId: "sg-1" }, { prefixListIds: ["offices"] }),
    ],
  ],
  [
    "ssh",
    "an imported group",
    "violation",
    [
      {
        ...one(SG, "web", {
          ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0"] }],
        }),
        imported: true,
      },
    ],
  ],
  [
    "ssh",
    "half of it on a resource that is deleted",
    "unknown",
    [web, half("low", "0.0.0.0/1"), { ...half("high", "128.0.0.0/1"), deleted: true }],
  ],
  [
    "admin",
    "user → group → policy, by groupMembership",
    "violation",
    [bob, group, toGroup, one(MEMBERS, "in", { group: "devs", users: ["bob"] })],
  ],
  [
    "admin",
    "user → group → policy, by userGroupMembership and references",
    "violation",
    [
      bob,
      group,
      toGroup,
      one(GROUPS, "in", { user: unknown, groups: [unknown] }, { user: ["bob"], groups: ["devs"] }),
    ],
  ],
  [
    "admin",
    "a group whose member is somebody else's",
    "ok",
    [bob, group, toGroup, one(MEMBERS, "in", { group: "others", users: ["bob"] })],
  ],
  ["admin", "a customer policy by reference", "violation", [bob, policy(ALL), ofPolicy]],
  [
    "admin",
    "a customer policy by its literal ARN",
    "violation",
    [
      policy(ALL),
      one(TO_USER, "grant", { user: "bob", policyArn: "arn:aws:iam::123456789012:policy/power" }),
    ],
  ],
  [
    "admin",
    "a customer policy whose document nobody knows",
    "unknown",
    [bob, one(POLICY, "power", { name: "power", policy: unknown }), ofPolicy],
  ],
  [
    "admin",
    "a Deny beside it",
    "ok",
    [
      bob,
      policy(ALL),
      ofPolicy,
      one("aws:iam/userPolicy:UserPolicy", "deny", { user: "bob", policy: DENY }),
    ],
  ],
  [
    "admin",
    "a Deny on somebody else",
    "violation",
    [
      bob,
      policy(ALL),
      ofPolicy,
      one("aws:iam/userPolicy:UserPolicy", "deny", { user: "eve", policy: DENY }),
    ],
  ],
  [
    "admin",
    "a boundary that cuts it",
    "ok",
    [
      one(USER, "bob", {
        name: "bob",
        permissionsBoundary: "arn:aws:iam::aws:policy/ReadOnlyAccess",
      }),
      policy(ALL),
      ofPolicy,
    ],
  ],
  [
    "admin",
    "a boundary that is admin itself",
    "violation",
    [one(USER, "bob", { name: "bob", permissionsBoundary: ADMIN }), policy(ALL), ofPolicy],
  ],
  [
    "admin",
    "a boundary that nobody knows",
    "unknown",
    [one(USER, "bob", { name: "bob", permissionsBoundary: unknown }), policy(ALL), ofPolicy],
  ],
  [
    "admin",
    "two policies that make one together",
    "violation",
    [
      one("aws:iam/userPolicy:UserPolicy", "some", {
        user: "bob",
        policy: JSON.stringify({
          Statement: { Effect: "Allow", NotAction: "iam:*", Resource: "*" },
        }),
      }),
      one(TO_USER, "rest", { user: "bob", policyArn: "arn:aws:iam::aws:policy/IAMFullAccess" }),
    ],
  ],
];

describe("joins across resources", () => {
  for (const [family, story, wanted, program] of rows) {
    it(`${story}: ${wanted}`, async () => {
      assert.equal(verdictOf(family, await preview(program)), wanted);
    });
    it(`${story}, in the other order: ${wanted}`, async () => {
      assert.equal(verdictOf(family, await preview([...program].reverse())), wanted);
    });
  }

  it("report what one resource opens once, and what several open once", async () => {
    const open = one(SG, "open", {
      ingress: [
        { protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0", "192.0.2.0/24"] },
      ],
    });
    const program = [open, web, half("low", "0.0.0.0/1"), half("high", "128.0.0.0/1")];
    const reports = await preview(program);
    const mandatory = reports.filter(({ level }) => level === "mandatory");
    assert.deepEqual(
      mandatory.map(({ policy: by, name }) => [by, name]),
      [
        ["ssh-open-to-world", "open"],
        ["ssh-open-to-world", "high"],
      ],
    );
  });
});
