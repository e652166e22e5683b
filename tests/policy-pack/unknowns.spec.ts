import assert from "node:assert/strict";
import { preview, type Shown } from "./harness";

const unknown = { $unknown: "later" };
const SG = "aws:ec2/securityGroup:SecurityGroup";
const open = { protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0"] };
const ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess";
const admin: Shown = {
  type: "aws:iam/userPolicyAttachment:UserPolicyAttachment",
  name: "grant",
  props: { user: "bob", policyArn: ADMIN },
};

async function levels(program: Shown[]) {
  return (await preview(program)).map(({ policy, level, name }) => `${level} ${policy} ${name}`);
}

describe("an unknown value", () => {
  it("hides no open rule beside it", async () => {
    const rule = { ...open, fromPort: unknown, cidrBlocks: [unknown] };
    const ingress = [rule, unknown, { ...open, securityGroups: [unknown] }];
    const program = [{ type: SG, name: "web", props: { name: unknown, ingress, tags: unknown } }];
    assert.deepEqual(await levels(program), ["mandatory ssh-open-to-world web"]);
  });

  it("hides no source beside it", async () => {
    const ingress = [{ ...open, cidrBlocks: [unknown, "0.0.0.0/0"], description: unknown }];
    const program = [{ type: SG, name: "web", props: { ingress } }];
    assert.deepEqual(await levels(program), ["mandatory ssh-open-to-world web"]);
  });

  it("excuses no admin: a document that nobody can read takes nothing away", async () => {
    const beside: Shown = {
      type: "aws:iam/userPolicy:UserPolicy",
      name: "beside",
      props: { user: "bob", policy: unknown },
    };
    assert.deepEqual(await levels([admin, beside]), ["mandatory admin-user grant"]);
  });

  it("in one user's policy is named with the resource that holds it", async () => {
    const program: Shown[] = [
      { type: "aws:iam/policy:Policy", name: "shop", props: { name: "shop", policy: unknown } },
      { ...admin, props: { user: "bob", policyArn: unknown }, deps: { policyArn: ["shop"] } },
    ];
    const [report, ...others] = await preview(program);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [report?.policy, report?.level, report?.name],
      ["admin-user-unknown", "advisory", "grant"],
    );
    assert.match(
      report?.message ?? "",
      /user bob → policy shop has no policy document that can be read/,
    );
  });

  it("of whatever kind never throws", async () => {
    const types = [SG, admin.type, "aws-native:iam:User", "aws:cloudformation/stack:Stack"];
    const odd = [unknown, null, 7, true, "text", [], [[]], [null], {}, [{}], { a: unknown }];
    const properties = ["ingress", "policyArn", "user", "policies", "groups", "templateBody"];
    for (const type of types) {
      for (const property of properties) {
        for (const value of odd) {
          const program = [{ type, name: "it", props: { [property]: value } }];
          for (const { message } of await preview(program)) {
            assert.doesNotMatch(message, /The policy pack failed/, `${type} ${property}`);
          }
        }
      }
    }
  });
});

describe("a secret", () => {
  it("is judged, and only what opens is told of it", async () => {
    const cidrs = { $secret: ["198.51.100.7/32", "0.0.0.0/0"] };
    const document = JSON.stringify({
      Statement: [
        { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::hidden-bucket" },
        { Effect: "Allow", Action: "*", Resource: "*" },
      ],
    });
    const reports = await preview([
      {
        type: SG,
        name: "web",
        props: { ingress: [{ ...open, cidrBlocks: cidrs, description: { $secret: "hidden" } }] },
      },
      {
        type: "aws:iam/userPolicy:UserPolicy",
        name: "all",
        props: { user: "bob", policy: { $secret: document } },
      },
    ]);
    assert.deepEqual(
      reports.map(({ level, policy }) => `${level} ${policy}`),
      ["mandatory ssh-open-to-world", "mandatory admin-user"],
    );
    assert.doesNotMatch(reports.map(({ message }) => message).join(), /hidden|198\.51/);
  });
});
