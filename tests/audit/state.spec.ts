import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { audit } from "../../audit/audit";
import { json, type Source, sarif, table } from "../../audit/report";
import { readState } from "../../audit/state";
import { version } from "../../package.json";
import { readExemptions } from "../../rulebook/exemptions";

const FIXTURES = path.join(__dirname, "../fixtures");
const text = fs.readFileSync(path.join(FIXTURES, "state/stack.json"), "utf8");
const settings = { sshPorts: [22], trustedCidrs: [], trustedLists: [] };
const now = new Date("2026-06-15T12:00:00Z");
const exemptions = readExemptions([
  {
    rule: "admin-user",
    subject: "ci",
    owner: "platform@example.com",
    reason: "deploys the shop",
    expires: "2026-06-30",
  },
  {
    rule: "admin-user",
    subject: "dave",
    owner: "platform@example.com",
    reason: "migration",
    expires: "2026-01-31",
  },
  {
    rule: "ssh-open-to-world",
    subject: "sg-0nothing",
    owner: "platform@example.com",
    reason: "demo",
    expires: "2026-12-31",
  },
]);

/** What an audit of the state says, in all formats. */
function audited(state: string, exempt = exemptions) {
  const { lines, ...subject } = readState(state);
  const source: Source = { kind: "state", file: "out/my stack.json", lines };
  const found = audit(subject, settings, exempt, now);
  return {
    found,
    table: table(found, source),
    json: JSON.parse(json(found, source)),
    sarif: JSON.parse(sarif(found, source)),
  };
}

/** A state with these entries. */
function stateOf(...resources: object[]): string {
  return JSON.stringify({ version: 3, deployment: { resources } });
}

const urn = (type: string, name: string) => `urn:pulumi:prod::shop::${type}::${name}`;
const SG = "aws:ec2/securityGroup:SecurityGroup";
const group = (name: string) => urn(SG, name);

describe("the audit of a stack's exported state", () => {
  it("says in the table what is open, what is not known, and what is exempt", () => {
    const lines = audited(text).table.split("\n");

    assert.deepEqual(
      lines.map((line) => line.replaceAll(/(\S) {2,}/g, "$1 | ")),
      TABLE.split("\n"),
    );
    const places = lines.filter((line) => /^(open|unknown|exempt|STATUS) /.test(line));
    const columns = ["RULE", "RESOURCE", "PLACE"].map((head) => lines[0]?.indexOf(head) ?? 0);
    assert.deepEqual(
      places.filter((line) => columns.some((at) => /\S/.test(line.charAt(at - 1)))),
      [],
    );
  });

  it("says the same in JSON", () => {
    const { found, json: told } = audited(text);

    assert.deepEqual(told, {
      source: { state: "out/my stack.json" },
      open: 6,
      unknown: 5,
      exempt: 1,
      findings: found.findings,
      notes: found.notes,
    });
    assert.deepEqual(told.findings[0], {
      status: "open",
      rule: "ssh-open-to-world",
      answer: "yes",
      resource: group("bastion"),
      place: "ingress[0]",
      reasons: ["the rule lets ::/0 reach SSH (tcp 22): the whole IPv6 internet"],
      fix: 'ingress[0].ipv6CidrBlocks: ["2001:db8::/32"] // who may reach SSH, in place of the world',
    });
  });

  it("says the same in SARIF, on the line of the resource", () => {
    const { found, sarif: log } = audited(text);
    const lines = text.split("\n");

    assert.equal(log.runs[0].results.length, found.findings.length);
    for (const [at, { rule, answer, resource, exempt }] of found.findings.entries()) {
      const { ruleId, ruleIndex, level, suppressions, locations } = log.runs[0].results[at];
      assert.equal(ruleId, answer === "yes" ? rule : `${rule}-unknown`);
      assert.equal(log.runs[0].tool.driver.rules[ruleIndex].id, ruleId);
      assert.equal(level, answer === "yes" ? "error" : "note");
      assert.equal(suppressions.length, exempt ? 1 : 0);
      const { physicalLocation } = locations[0];
      const [name, pending] = resource.split(" (");
      const line = lines[physicalLocation.region.startLine - 1];
      assert.equal(line?.trim(), `"urn": "${name}",`);
      const entry = lines.slice(physicalLocation.region.startLine).join("\n").split('"urn"')[0];
      assert.equal(entry?.includes('"delete": true'), pending !== undefined);
    }
  });

  it("says in SARIF what a viewer needs", () => {
    const ingress = [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0"] }];
    const attachment = "aws:iam/userPolicyAttachment:UserPolicyAttachment";
    const inputs = { user: "ci", policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" };
    const state = JSON.stringify(
      JSON.parse(
        stateOf(
          { urn: group("web"), type: SG, id: "sg-1", inputs: { ingress } },
          { urn: urn(attachment, "ci"), type: attachment, id: "ci-1", inputs },
        ),
      ),
      null,
      2,
    );
    const [ci, ...others] = exemptions.exemptions;

    const { sarif: log } = audited(state, { exemptions: ci ? [ci] : [], complaints: ["a note"] });

    const [run, ...more] = log.runs;
    const { rules, ...driver } = run.tool.driver;
    assert.equal(others.length, 2);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [log.version, log.$schema],
      ["2.1.0", "https://json.schemastore.org/sarif-2.1.0.json"],
    );
    assert.deepEqual(driver, { name: "Tourniquet", version });
    assert.deepEqual(
      rules.map(({ id }: { id: string }) => id),
      ["ssh-open-to-world", "admin-user", "ssh-open-to-world-unknown", "admin-user-unknown"],
    );
    assert.deepEqual(run.invocations, [
      {
        executionSuccessful: true,
        toolExecutionNotifications: [{ level: "warning", message: { text: "a note" } }],
      },
    ]);
    const place = (startLine: number, name: string) => [
      {
        physicalLocation: {
          artifactLocation: { uri: "out/my%20stack.json" },
          region: { startLine },
        },
        logicalLocations: [{ fullyQualifiedName: name, kind: "resource" }],
      },
    ];
    const print = (text: string) => ({
      "tourniquet/v1": createHash("sha256").update(text).digest("hex"),
    });
    assert.deepEqual(run.results, [
      {
        ruleId: "ssh-open-to-world",
        ruleIndex: 0,
        level: "error",
        message: {
          text: 'ingress[0]: the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet\nFix: ingress[0].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world',
        },
        locations: place(6, `${group("web")} ingress[0]`),
        partialFingerprints: print(`ssh-open-to-world ${group("web")} ingress[0]`),
        suppressions: [],
      },
      {
        ruleId: "admin-user",
        ruleIndex: 1,
        level: "error",
        message: {
          text: 'policyArn: user ci → policy AdministratorAccess allows nearly every action on nearly every resource\nFix: policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" // or only what is needed',
        },
        locations: place(23, `${urn(attachment, "ci")} policyArn`),
        partialFingerprints: print(`admin-user ${urn(attachment, "ci")} policyArn`),
        suppressions: [
          {
            kind: "external",
            status: "accepted",
            justification:
              "exempt by platform@example.com until 2026-06-30 (16 days left): deploys the shop",
          },
        ],
      },
    ]);
  });

  it("writes SARIF that the official schema accepts", () => {
    const { $schema, id, ...schema } = JSON.parse(
      fs.readFileSync(path.join(FIXTURES, "sarif/sarif-2.1.0-rtm.5.json"), "utf8"),
    );
    // Draft 4 and 7 agree on all that this one uses; one of its patterns is none in Unicode mode.
    const validate = addFormats(
      new Ajv({ strict: false, allErrors: true, unicodeRegExp: false }),
    ).compile(schema);

    for (const state of [text, stateOf()]) {
      validate(audited(state).sarif);
      assert.deepEqual(validate.errors, null);
    }
  });

  it("prints no secret, shown or encrypted", () => {
    const everything = JSON.stringify(audited(text));

    assert.ok(text.includes("b3BhcXVl") && !everything.includes("b3BhcXVl"));
    assert.ok(
      text.includes("AKIAIOSFODNN7EXAMPLE") && !everything.includes("AKIAIOSFODNN7EXAMPLE"),
    );
  });

  it("finds nothing in an empty stack", () => {
    const none = { exemptions: [], complaints: [] };
    assert.equal(
      audited(stateOf(), none).table,
      "0 open, 0 unknown, 0 exempt in out/my stack.json\n",
    );
    assert.deepEqual(audited(JSON.stringify({ version: 3, deployment: {} }), none).found, {
      findings: [],
      notes: [],
    });
  });

  it("exempts the old one of a replacement's two by the URN that both have", () => {
    const entry = {
      rule: "ssh-open-to-world",
      subject: group("old"),
      owner: "o@example.com",
      reason: "r",
      expires: "2026-06-15",
    };
    const ingress = [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0"] }];
    const old = { urn: group("old"), type: SG, id: "sg-1", delete: true, inputs: { ingress } };

    const { found } = audited(stateOf(old), readExemptions([entry]));

    assert.deepEqual(
      found.findings.map(({ status, resource, exempt }) => ({ status, resource, exempt })),
      [
        {
          status: "exempt",
          resource: `${group("old")} (pending deletion)`,
          exempt: "exempt by o@example.com until 2026-06-15 (1 day left): r",
        },
      ],
    );
  });

  it("lets no name move the cursor of a terminal", () => {
    const ingress = [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["0.0.0.0/0"] }];
    const name = "a\u001b[2Jb\u202ec";

    const { table: printed } = audited(
      stateOf({ urn: group(name), type: SG, inputs: { ingress } }),
    );

    assert.match(printed, /::a�\[2Jb�c {2}ingress\[0\]/);
    assert.ok(!printed.includes("\u001b") && !printed.includes("\u202e"));
  });

  for (const [what, state, message] of [
    ["text", "not a state", /^it is no JSON: it has to be what `pulumi stack export` prints$/],
    ["another version", '{"version":2}', /^its version is 2, and 3 or 4 can be read: it has to be/],
    ["no version", "[]", /^its version is missing, and 3 or 4 can be read/],
    ["no deployment", '{"version":3}', /^it has no list deployment\.resources: it has to be/],
    [
      "resources that are no list",
      '{"version":3,"deployment":{"resources":{}}}',
      /^it has no list deployment\.resources: it has to be/,
    ],
    [
      "a resource that is none",
      '{"version":3,"deployment":{"resources":[{"urn":"u"}]}}',
      /^deployment\.resources\[0\] has no urn and type: it has to be/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readState(state), { message });
    });
  }
});

/** Each run of blanks that a column ends with stands as " | ". */
const TABLE = `STATUS | RULE | RESOURCE | PLACE
open | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroup:SecurityGroup::bastion | ingress[0]
  the rule lets ::/0 reach SSH (tcp 22): the whole IPv6 internet
  Fix: ingress[0].ipv6CidrBlocks: ["2001:db8::/32"] // who may reach SSH, in place of the world
open | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroup:SecurityGroup::shared | ingress[0]
  the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet
  Fix: ingress[0].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world
open | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroup:SecurityGroup::web | ingress[1]
  the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet
  Fix: ingress[1].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world
open | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroupRule:SecurityGroupRule::bastion-ssh
  the rule lets 0.0.0.0/0 reach SSH (tcp 22): the whole IPv4 internet
  Fix: cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world
open | admin-user | urn:pulumi:prod::shop::aws:iam/groupPolicyAttachment:GroupPolicyAttachment::ops-admin | policyArn
  user bob → group ops → policy AdministratorAccess allows nearly every action on nearly every resource; he has an access key
  Fix: policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" // or only what is needed
open | admin-user | urn:pulumi:prod::shop::aws:iam/userPolicyAttachment:UserPolicyAttachment::dave-admin | policyArn
  user dave → policy AdministratorAccess allows nearly every action on nearly every resource
  Fix: policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" // or only what is needed
unknown | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroup:SecurityGroup::split (pending deletion) | ingress[0]
  the rule (128.0.0.0/1) may let half of the IPv4 internet reach SSH (tcp 22), and another source can complete it: name the network that needs it, or list it in trustedCidrs
  To be sure: ingress[0].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world
unknown | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroup:SecurityGroup::split | ingress[0]
  the rule (0.0.0.0/1) may let half of the IPv4 internet reach SSH (tcp 22), and another source can complete it: name the network that needs it, or list it in trustedCidrs
  To be sure: ingress[0].cidrBlocks: ["203.0.113.0/24"] // who may reach SSH, in place of the world
unknown | ssh-open-to-world | urn:pulumi:prod::shop::aws:ec2/securityGroup:SecurityGroup::vault | ingress[0]
  the rule lets a source that is not known yet reach SSH (tcp 22)
  To be sure: ingress[0].cidrBlocks: ["203.0.113.0/24"] // a value that is known now, or judge it after deployment: npm run audit
unknown | ssh-open-to-world | urn:pulumi:prod::shop::aws:cloudformation/stack:Stack::legacy
  templateUrl is not read: its content is on S3
  To be sure: look at what it made: npm run audit -- --account
unknown | admin-user | urn:pulumi:prod::shop::aws:cloudformation/stack:Stack::legacy
  templateUrl is not read: its content is on S3
  To be sure: look at what it made: npm run audit -- --account
exempt | admin-user | urn:pulumi:prod::shop::aws:iam/userPolicyAttachment:UserPolicyAttachment::ci-everything | policyArn
  user ci → policy everything allows nearly every action on nearly every resource (Statement[0])
  exempt by platform@example.com until 2026-06-30 (16 days left): deploys the shop
  Fix: policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" // or only what is needed
Note: an interrupted update left 1 pending: what that made is not in this state; run pulumi refresh
Note: the exemption of dave from admin-user by platform@example.com expired at the end of 2026-01-31: renew it or drop it
Note: the exemption of sg-0nothing from ssh-open-to-world matches nothing here
6 open, 5 unknown, 1 exempt in out/my stack.json
`;
