import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { lambdaNode } from "../../drill/program/lambda";
import rootPackage from "../../package.json";
import packPackage from "../../policy-pack/package.json";
import type { Report, Shown } from "./harness";
import { serve, type Told } from "./served";

const ROOT = path.join(__dirname, "../..");
const PACK = path.join(ROOT, "policy-pack");

const ssh = { protocol: "tcp", fromPort: 22, toPort: 22 };
const open = (name: string): Shown => ({
  type: "aws:ec2/securityGroup:SecurityGroup",
  name,
  props: { ingress: [{ ...ssh, cidrBlocks: ["0.0.0.0/0"] }] },
});

/** Compiling, packing and starting. */
const SLOW = 60_000;

describe("the pack's tarball", function () {
  this.timeout(SLOW);
  let temporary: string;
  let files: string[];
  /** The pack as another project has it after `npm install`. */
  let installed: string;
  /** The pack in a folder that belongs to no program. */
  let shared: string;

  before(() => {
    temporary = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), "tourniquet-pack-")));
    execFileSync("npm", ["pack", "--pack-destination", temporary], { cwd: PACK, stdio: "pipe" });
    installed = unpacked(path.join(temporary, "project"));
    shared = unpacked(path.join(temporary, "shared"));
    files = fs
      .readdirSync(installed, { recursive: true, encoding: "utf8" })
      .filter((file) => fs.statSync(path.join(installed, file)).isFile());
    const project = path.join(temporary, "project");
    fs.writeFileSync(path.join(project, "Pulumi.yaml"), "name: other\nruntime: nodejs\n");
    fs.writeFileSync(path.join(project, "exemptions.yaml"), exemptionOf("bastion"));
    fs.writeFileSync(path.join(project, "more.yaml"), exemptionOf("jump"));
    fs.writeFileSync(path.join(shared, "beside.yaml"), exemptionOf("jump"));
  });
  after(() => fs.rmSync(temporary, { recursive: true }));

  it("holds each source compiled, and nothing else but what npm and Pulumi read", () => {
    const folders = ["policy-pack", "policy-pack/surfaces", "rulebook"];
    const sources = folders.flatMap((folder) =>
      fs
        .readdirSync(path.join(ROOT, folder))
        .filter((name) => name.endsWith(".ts"))
        .map((name) => path.join("bin", folder, name.replace(/ts$/, "js"))),
    );
    assert.deepEqual(
      files.sort(),
      ["LICENSE", "PulumiPolicy.yaml", "README.md", "package.json", ...sources].sort(),
    );
  });

  it("requires what it depends on and no more, and so no TypeScript", () => {
    const required = files
      .filter((file) => file.endsWith(".js"))
      .flatMap((file) => [
        ...fs
          .readFileSync(path.join(installed, file), "utf8")
          .matchAll(/require\("([^".][^"]*)"\)/g),
      ])
      // A module within a package comes with the package.
      .map(([, name = ""]) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
      .filter((name) => !name.startsWith("node:") && !builtinModules.includes(name));
    // The engine starts the pack with @pulumi/pulumi/cmd/run-policy-pack, sought from the pack.
    assert.deepEqual(
      [...new Set([...required, "@pulumi/pulumi"])].sort(),
      Object.keys(packPackage.dependencies).sort(),
    );
  });

  it("runs nothing when it is installed", () => {
    assert.deepEqual(Object.keys(packPackage.scripts), ["prepack"]);
  });

  it("is in step with the project: version, licence, and what it depends on", () => {
    const ours: Record<string, string> = {
      ...rootPackage.devDependencies,
      ...rootPackage.dependencies,
    };
    const { version, license, dependencies } = packPackage;
    assert.deepEqual(
      { version, license, dependencies },
      {
        version: rootPackage.version,
        license: rootPackage.license,
        dependencies: Object.fromEntries(
          Object.keys(dependencies).map((name) => [name, ours[name]]),
        ),
      },
    );
    assert.equal(
      fs.readFileSync(path.join(PACK, "LICENSE"), "utf8"),
      fs.readFileSync(path.join(ROOT, "LICENSE"), "utf8"),
    );
  });

  const nodes = new Map([
    [process.version, process.execPath],
    [lambdaNode().version, lambdaNode().path],
  ]);
  for (const [version, node] of nodes) {
    it(`judges another project's program, and finds its exemptions, on Node ${version}`, async () => {
      const reports = await reported(installed, { node });

      assert.deepEqual(levels(reports), [
        ["mandatory", "web"],
        ["advisory", "bastion"],
      ]);
      assert.match(reports[1]?.message ?? "", /Exempt by network-team until 2999-12-31 /);
    });
  }

  it("takes a relative path of exemptions from the folder of the project's Pulumi.yaml", async () => {
    const reports = await reported(installed, { exemptions: "more.yaml" });

    assert.deepEqual(levels(reports), [
      ["mandatory", "web"],
      ["mandatory", "bastion"],
      ["advisory", ""],
    ]);
    assert.match(reports[2]?.message ?? "", /exemption of jump .* matches nothing here/);
  });

  it("exempts nothing where it lies above no program, but by the path that it is told", async () => {
    assert.deepEqual(levels(await reported(shared)), [
      ["mandatory", "web"],
      ["mandatory", "bastion"],
    ]);
    const told = { exemptions: path.join(temporary, "project", "exemptions.yaml") };
    assert.deepEqual(levels(await reported(shared, told)), [
      ["mandatory", "web"],
      ["advisory", "bastion"],
    ]);
    const [, , beside] = await reported(shared, { exemptions: "beside.yaml" });
    assert.match(beside?.message ?? "", /exemption of jump .* matches nothing here/);
  });

  /** As `npm install` leaves it, with this project's packages in place of a download. */
  function unpacked(project: string): string {
    const modules = path.join(project, "node_modules");
    const folder = path.join(modules, packPackage.name);
    fs.mkdirSync(folder, { recursive: true });
    const [tarball = "none"] = fs.readdirSync(temporary).filter((name) => name.endsWith(".tgz"));
    execFileSync("tar", ["-xzf", path.join(temporary, tarball), "--strip-components=1"], {
      cwd: folder,
    });
    for (const name of Object.keys(packPackage.dependencies)) {
      fs.mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
      fs.symlinkSync(path.join(ROOT, "node_modules", name), path.join(modules, name));
    }
    return folder;
  }
});

/** What a pack in a process of its own says of two open groups. */
async function reported(
  folder: string,
  { node, ...told }: Told & { node?: string } = {},
): Promise<Report[]> {
  const pack = await serve(folder, { ...(node && { node }) });
  try {
    await pack.configure({ "ssh-open-to-world": told });
    return await pack.preview([open("web"), open("bastion")]);
  } finally {
    await pack.stop();
  }
}

function levels(reports: Report[]): [level: string, resource: string][] {
  return reports.map(({ level, name }) => [level, name]);
}

function exemptionOf(subject: string): string {
  return `- rule: ssh-open-to-world
  subject: ${subject}
  owner: network-team
  reason: reached by a vendor without fixed addresses
  expires: 2999-12-31
`;
}
