import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { isRead } from "../../policy-pack/surfaces";
import { preview, type Shown } from "./harness";

/** A program that nobody should be stopped for; the fixtures' README tells more. */
interface Program {
  name: string;
  story: string;
  resources: Record<string, { type: string; props: Record<string, unknown> }>;
  /** "policy resource": what only deployment can tell, where other resources' values are unknown. */
  unsettled?: string[];
}

const folder = join(__dirname, "../fixtures/ordinary-programs");
const programs: Program[] = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .flatMap((file) => parse(readFileSync(join(folder, file), "utf8")));

/** Types that open nothing and give no user anything: what stands beside the others. */
const BYSTANDERS = [
  "aws-native:sqs:Queue",
  "aws:ec2/eip:Eip",
  "aws:ec2/instance:Instance",
  "aws:ec2/networkAcl:NetworkAcl",
  "aws:ec2/vpc:Vpc",
  "aws:ecr/repository:Repository",
  "aws:iam/role:Role",
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  "aws:s3/bucket:Bucket",
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
];

/** Properties that the provider turns into JSON text. */
const TEXTS = ["policy", "assumeRolePolicy", "desiredState", "templateBody"];

/** The program's resources as the engine shows them, what others give being known or unknown. */
function shown({ resources }: Program, given: "known" | "unknown"): Shown[] {
  return Object.entries(resources).map(([name, { type, props }]) => {
    const entries = Object.entries(props);
    const deps = entries.map(([key, value]): [string, string[]] => [key, givers(value)]);
    return {
      type,
      name,
      props: Object.fromEntries(
        entries.map(([key, value]) => [key, checked(type, key, value, given)]),
      ),
      deps: Object.fromEntries(deps.filter(([, names]) => names.length > 0)),
    };
  });
}

/**
 * A document of the classic provider becomes text, and is wholly unknown where a part of it is.
 * Source: https://github.com/pulumi/pulumi-terraform-bridge, pkg/tfbridge/transforms.go
 */
function checked(type: string, key: string, value: unknown, given: "known" | "unknown"): unknown {
  const isText = type.startsWith("aws:") && TEXTS.includes(key) && typeof value === "object";
  if (!isText) return filled(value, given);
  const [giver] = givers(value);
  if (giver && given === "unknown") return { $unknown: giver };
  return JSON.stringify(filled(value, "known"));
}

function filled(value: unknown, given: "known" | "unknown"): unknown {
  if (Array.isArray(value)) return value.map((one) => filled(one, given));
  if (typeof value !== "object" || value === null) return value;
  if ("$of" in value && "is" in value)
    return given === "known" ? value.is : { $unknown: value.$of };
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, filled(held, given)]));
}

/** Names of the resources that a value comes from. */
function givers(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if ("$of" in value) return [String(value.$of).split(".")[0] as string];
  return [...new Set(Object.values(value).flatMap(givers))];
}

/** Every report in short, each once: "policy resource". */
async function reportsOf(program: Program, given: "known" | "unknown"): Promise<string[]> {
  const reports = await preview(shown(program, given));
  return [...new Set(reports.map(({ policy, name }) => `${policy} ${name}`))].sort();
}

describe("the pack's false alarms", () => {
  it("are sought in at least sixty programs, each of which names a resource that is there", () => {
    assert.ok(programs.length >= 60, `${programs.length}`);
    const names = programs.map(({ name }) => name);
    assert.deepEqual([...new Set(names)], names);
    for (const { name, story, resources } of programs) {
      assert.ok(story, name);
      for (const giver of Object.values(resources).flatMap(({ props }) => givers(props))) {
        assert.ok(Object.hasOwn(resources, giver), `${name}: no resource ${giver}`);
      }
    }
  });

  it("are not avoided by types that the pack does not read", () => {
    const types = programs.flatMap(({ resources }) =>
      Object.values(resources).map(({ type }) => type),
    );
    const unread = [...new Set(types)].filter((type) => !isRead(type)).sort();
    assert.deepEqual(unread, BYSTANDERS);
  });

  for (const program of programs) {
    it(`are none: ${program.name}`, async () => {
      assert.deepEqual(await reportsOf(program, "known"), []);
    });

    it(`are none before deployment: ${program.name}`, async () => {
      assert.deepEqual(await reportsOf(program, "unknown"), [...(program.unsettled ?? [])].sort());
    });
  }
});
