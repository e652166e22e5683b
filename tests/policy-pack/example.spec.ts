import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { parse } from "yaml";
import packPackage from "../../policy-pack/package.json";
import { policies } from "../../policy-pack/policies";
import { cli } from "../cli/pulumi";

const FOLDER = path.join(__dirname, "../../examples/github-actions");

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
  shell?: string;
}
interface Job {
  if?: string;
  permissions: Record<string, string>;
  steps: Step[];
}

const text = fs.readFileSync(path.join(FOLDER, "policy.yml"), "utf8");
const workflow = parse(text) as { on: object; permissions: object; jobs: Record<string, Job> };
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
const preview = steps.find(({ run }) => run?.includes("pulumi preview"));

describe("the GitHub Actions example", () => {
  it("runs on pull requests of the repository itself", () => {
    assert.deepEqual(workflow.on, { pull_request: null });
    assert.match(workflow.jobs.preview?.if ?? "", /head\.repo\.full_name == github\.repository/);
  });

  it("has the least permissions: what runs the program cannot write, what writes runs nothing", () => {
    const given = Object.entries(workflow.jobs).map(([name, { permissions }]) => [
      name,
      permissions,
    ]);
    assert.deepEqual(workflow.permissions, {});
    assert.deepEqual(Object.fromEntries(given), {
      preview: { contents: "read", "id-token": "write" },
      comment: { "pull-requests": "write" },
    });
    const writer = workflow.jobs.comment?.steps ?? [];
    assert.deepEqual(
      writer.flatMap(
        ({ uses, run }) => uses?.split("@")[0] ?? run?.split(" ").slice(0, 3).join(" "),
      ),
      ["actions/download-artifact", "gh pr comment"],
    );
  });

  it("puts nothing of the pull request into a shell's text", () => {
    for (const { run = "" } of steps) assert.doesNotMatch(run, /\$\{\{/);
  });

  it("names a version of each action, and a role in place of keys", () => {
    for (const { uses = "owner/name@v1" } of steps) assert.match(uses, /^[\w-]+\/[\w-]+@v\d+$/);
    assert.match(text, /role-to-assume: \$\{\{ vars\.\w+ \}\}/);
    assert.doesNotMatch(text, /AWS_(ACCESS_KEY|SECRET)/i);
  });

  it("keeps the preview's exit code, and asks for the events that annotate.js reads", () => {
    assert.equal(preview?.shell, "bash");
    assert.equal(preview?.env?.PULUMI_ENABLE_STREAMING_JSON_PREVIEW, "true");
    assert.match(preview?.run ?? "", /pulumi preview --json /);
  });

  it("names files and commands that there are", () => {
    const command = preview?.run ?? "";
    assert.ok(command.includes(`--policy-pack node_modules/${packPackage.name} `));
    const [, config = ""] = command.match(/--policy-pack-config (\S+)/) ?? [];
    const [, script = ""] = command.match(/\bnode \.github\/policy\/(\S+)/) ?? [];
    for (const file of [config, script]) assert.ok(fs.existsSync(path.join(FOLDER, file)), file);
    const told = JSON.parse(fs.readFileSync(path.join(FOLDER, config), "utf8"));
    const names = policies({ folder: "/" }).map(({ name }) => name);
    assert.deepEqual(
      Object.keys(told).filter((policy) => !names.includes(policy)),
      [],
    );
  });

  if (cli) {
    it("gives the real CLI flags and a variable that it knows", () => {
      const { stdout } = spawnSync(cli as string, ["preview", "--help"], {
        encoding: "utf8",
        env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
      });
      const flags = preview?.run?.match(/--[a-z-]+/g) ?? [];
      assert.equal(flags.length, 5);
      for (const flag of [...flags, ...Object.keys(preview?.env ?? {}).slice(1)]) {
        assert.ok(stdout.includes(flag), flag);
      }
    }).timeout(30_000);
  }
});

describe("annotate.js", () => {
  const urn = (type: string, name: string) => `urn:pulumi:dev::shop::${type}::${name}`;
  const web = urn("shop:index:Site$aws:ec2/securityGroup:SecurityGroup", "web, old");
  const policyEvent = {
    resourceUrn: web,
    message:
      "SSH must not be open to the world.\ningress[0]: 100% of it\nFix: `[]`, ```or``` none\n",
    policyName: "ssh-open-to-world",
    enforcementLevel: "mandatory",
  };
  const doubt = {
    resourceUrn: urn("pulumi:pulumi:Stack", "shop-dev"),
    message: "An IAM user may be an admin.\nsee there\n",
    policyName: "admin-user-unknown",
    enforcementLevel: "advisory",
  };
  /** In the form that pulumi 3.259.0 prints. */
  const events = [
    { sequence: 0, policyLoadEvent: {} },
    { sequence: 1, resourcePreEvent: { metadata: { op: "create", urn: web } } },
    { sequence: 2, resourcePreEvent: { metadata: { op: "same", urn: doubt.resourceUrn } } },
    { sequence: 3, diagnosticEvent: { message: "registering\n", severity: "debug" } },
    { sequence: 4, policyEvent: doubt },
    { sequence: 5, policyEvent },
    { sequence: 6, diagnosticEvent: { prefix: "error: ", message: "no\n", severity: "error" } },
  ];
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(tmpdir(), "tourniquet-annotate-"));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function annotate(input: string) {
    const comment = path.join(folder, "comment.md");
    const summary = path.join(folder, "summary.md");
    for (const file of [comment, summary]) fs.rmSync(file, { force: true });
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [path.join(FOLDER, "annotate.js"), comment],
      { input, encoding: "utf8", env: { GITHUB_STEP_SUMMARY: summary } },
    );
    assert.equal(stderr, "");
    assert.equal(fs.readFileSync(summary, "utf8"), fs.readFileSync(comment, "utf8"));
    return {
      status,
      lines: stdout.trimEnd().split("\n"),
      comment: fs.readFileSync(comment, "utf8"),
    };
  }
  const lines = (all: object[]) => all.map((one) => JSON.stringify(one)).join("\n");

  it("makes an annotation of each violation, errors first, and keeps the log readable", () => {
    const { status, lines: printed } = annotate(
      `Loading policy packs...\n${lines(events)}\n{broken`,
    );

    assert.equal(status, 0);
    assert.deepEqual(printed, [
      "create web, old (aws:ec2/securityGroup:SecurityGroup)",
      "error: no",
      "::error title=ssh-open-to-world%3A web%2C old (aws%3Aec2/securityGroup%3ASecurityGroup)::SSH must not be open to the world.%0Aingress[0]: 100%25 of it%0AFix: `[]`, ```or``` none",
      "::warning title=admin-user-unknown%3A shop-dev (pulumi%3Apulumi%3AStack)::An IAM user may be an admin.%0Asee there",
    ]);
  });

  it("writes a comment in which no message ends its block", () => {
    assert.equal(
      annotate(lines(events)).comment,
      `### Policy pack: 1 to fix before this can be merged

**mandatory** \`ssh-open-to-world\` \`web, old (aws:ec2/securityGroup:SecurityGroup)\`

\`\`\`\`text
SSH must not be open to the world.
ingress[0]: 100% of it
Fix: \`[]\`, \`\`\`or\`\`\` none
\`\`\`\`

**advisory** \`admin-user-unknown\` \`shop-dev (pulumi:pulumi:Stack)\`

\`\`\`text
An IAM user may be an admin.
see there
\`\`\`
`,
    );
  });

  it("says so where nothing stops the change, and where there is nothing to say", () => {
    const advisory = annotate(lines([events[0] as object, { sequence: 1, policyEvent: doubt }]));
    assert.match(advisory.comment, /^### Policy pack: nothing that stops this\n/);
    const clean = annotate(lines([events[0] as object]));
    assert.equal(clean.comment, "### Policy pack: nothing to say\n");
  });

  it("does not call a program that broke off clean", () => {
    const broken = events.filter((event) => !event.policyEvent);
    const { status, comment } = annotate(lines(broken));
    assert.equal(status, 0);
    assert.equal(
      comment,
      "### Policy pack: the preview failed, so not all was judged: see its log\n",
    );
  });

  it("keeps a comment within what GitHub takes", () => {
    const many = Array.from({ length: 1000 }, () => ({ sequence: 1, policyEvent }));
    assert.ok(annotate(lines(many)).comment.length < 65_536);
  });

  it("fails where the preview printed no events", () => {
    const { status, lines: printed, comment } = annotate('{\n "steps": []\n}\n');
    assert.equal(status, 1);
    assert.match(printed[0] ?? "", /^::error::The preview printed no events/);
    assert.match(comment, /^### Policy pack: the preview failed, /);
  });
});
