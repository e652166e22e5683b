import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { parse } from "yaml";
import { keys, laterKeys, readSettings } from "../settings";

const root = path.join(__dirname, "..");
const exemptions = path.join(root, "exemptions.yaml");

const SG = "sg-0123456789abcdef0";

function read(settings: Record<string, unknown>) {
  const config = Object.entries(settings).map(([key, value]) => [
    `tourniquet:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return readSettings({ "aws:region": "us-east-1", ...Object.fromEntries(config) }, exemptions);
}

describe("settings", () => {
  it("have defaults, and observe is one of them", () => {
    const { mode, sshPorts, newCredentials, guardDutySeverity, exemptions: none } = read({});
    assert.deepEqual(
      { mode, sshPorts, newCredentials, guardDutySeverity, none },
      {
        mode: "observe",
        sshPorts: [22],
        newCredentials: "admins",
        guardDutySeverity: 7,
        none: [],
      },
    );
  });

  const wrong: [key: string, value: unknown, allowed: RegExp][] = [
    ["mode", "off", /one of observe, enforce/],
    ["sshPorts", [], /ports/],
    ["sshPorts", ["22"], /whole numbers/],
    ["sshPorts", [70000], /65535/],
    ["sshPorts", 22, /list/],
    ["trustedCidrs", ["10.0.0.0"], /CIDRs/],
    ["trustedCidrs", ["10.0.0.0/33"], /CIDRs/],
    ["trustedCidrs", ["0.0.0.0/0"], /not the world/],
    ["trustedCidrs", ["0.0.0.0/1", "128.0.0.0/1"], /not the world/],
    ["trustedCidrs", ["pl-x"], /prefix lists/],
    ["trustedCidrs", ["aws:EC2_INSTANCE_CONECT"], /near it are EC2_INSTANCE_CONNECT/],
    ["trustedCidrs", ["aws:CLOUD9:us-east1"], /CLOUD9 in "us-east1": near it are us-/],
    ["trustedCidrs", ["aws:EC2"], /every customer of AWS can rent/],
    ["trustedCidrs", ["aws:CLOUD9:us-east-1:x"], /aws:SERVICE:REGION is its form/],
    ["syncedGroups", "sg-1", /a list of { group, service/],
    ["syncedGroups", [{ group: "sg-1", service: "CLOUD9" }], /the first two required/],
    ["syncedGroups", [{ group: SG }], /the first two required/],
    ["syncedGroups", [{ group: SG, service: "CLOUD9", port: 22 }], /cidrs, ports, quota/],
    ["syncedGroups", [{ group: SG, service: "CLOUD9", ports: [] }], /cidrs, ports, quota/],
    ["syncedGroups", [{ group: SG, service: "CLOUD9", quota: 1001 }], /cidrs, ports, quota/],
    ["syncedGroups", [{ group: SG, service: "CLOUD9", cidrs: ["::/0"] }], /the CIDRs narrow/],
    ["syncedGroups", [{ group: SG, service: "CLOUD8" }], /no ranges of a service "CLOUD8"/],
    ["syncedGroups", [{ group: SG, service: "CLOUD9", region: "eu-west" }], /near it are eu-west-/],
    ["syncedGroups", [{ group: SG, service: "AMAZON" }], /every customer of AWS/],
    [
      "syncedGroups",
      [
        { group: SG, service: "CLOUD9" },
        { group: SG, service: "CLOUDFRONT" },
      ],
      /one entry for sg-0123456789abcdef0/,
    ],
    ["newCredentials", "sometimes", /always, admins, never/],
    ["guardDutySeverity", 0, /whole number from 1 to 10/],
    ["guardDutySeverity", 11, /whole number from 1 to 10/],
    ["guardDutySeverity", 7.5, /whole number from 1 to 10/],
    ["guardDutySeverity", "high", /whole number from 1 to 10/],
    ["applicationUsers", ["*"], /not match every user/],
    ["applicationUsers", ["a/b"], /names of IAM users/],
    ["protectedPrincipals", ["break-*"], /exact names/],
    ["trustedActors", ["*"], /ARN patterns/],
    ["trustedActors", ["arn:aws:iam::123456789012:role/*"], /name a user or role/],
    ["containActor", "yes", /true or false/],
    ["containRoles", 1, /true or false/],
    ["acceptLockout", "maybe", /true or false/],
    ["alertEmail", "nobody", /e-mail/],
    ["sshPort", [22], /no setting.*sshPorts/],
    ...Object.keys(laterKeys).map((key): [string, unknown, RegExp] => [key, true, /comes later/]),
  ];
  for (const [key, value, allowed] of wrong) {
    it(`${key} ${JSON.stringify(value)} is refused with key, value and what is allowed`, () => {
      assert.throws(
        () => read({ [key]: value }),
        ({ message }: Error) => {
          assert.ok(message.includes(`tourniquet:${key}`), message);
          assert.match(message, allowed);
          return true;
        },
      );
    });
  }

  it("every key has a default, which the CLI asks for where a stack does not set it", () => {
    for (const [key, one] of Object.entries(keys)) assert.notEqual(one.default, undefined, key);
    assert.equal(read({ alertEmail: "" }).alertEmail, "");
  });

  it("trustedCidrs holds CIDRs, prefix lists and published ranges, which become their CIDRs", () => {
    const { trustedCidrs, trustedLists } = read({
      trustedCidrs: [
        "203.0.113.0/24",
        "pl-0123456789abcdef0",
        "aws:EC2_INSTANCE_CONNECT:us-east-1",
      ],
    });
    assert.deepEqual(
      { trustedCidrs, trustedLists },
      {
        trustedCidrs: ["203.0.113.0/24", "18.206.107.24/29", "2600:1f18:6fe3:8c00::/56"],
        trustedLists: ["pl-0123456789abcdef0"],
      },
    );
  });

  it("a synced group is of port 22 and has no fixed CIDRs, where it does not say more", () => {
    const given = { group: SG, service: "EC2_INSTANCE_CONNECT" };
    const more = { ...given, region: "us-east-1", cidrs: ["10.0.0.0/8"], ports: [443], quota: 100 };
    const defaults = { cidrs: [], ports: [22], quota: 60 };
    assert.deepEqual(read({ syncedGroups: [given] }).syncedGroups, [{ ...given, ...defaults }]);
    assert.deepEqual(read({ syncedGroups: [more] }).syncedGroups, [more]);
  });

  it("every wrong key is named at once", () => {
    assert.throws(() => read({ mode: "off", sshPorts: [] }), /mode[\s\S]*sshPorts/);
  });

  it("enforce without a way back is refused, unless that is accepted", () => {
    assert.throws(() => read({ mode: "enforce" }), /acceptLockout/);
    assert.equal(read({ mode: "enforce", acceptLockout: true }).mode, "enforce");
    const trustedActors = ["arn:aws:iam::123456789012:role/pipeline"];
    assert.equal(read({ mode: "enforce", trustedActors }).mode, "enforce");
  });

  it("exemptions come from their file, and a missing one is an error", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "settings-"));
    const file = path.join(folder, "exemptions.yaml");
    assert.throws(() => readSettings({}, file), /ENOENT/);
    fs.writeFileSync(
      file,
      "- { rule: admin-user, subject: bob, owner: o, reason: r, expires: 2026-12-31 }\n",
    );
    assert.equal(readSettings({}, file).exemptions[0]?.subject, "bob");
    fs.rmSync(folder, { recursive: true });
  });

  it("are the ones of Pulumi.yaml, with type, default and description", () => {
    const { config } = parse(fs.readFileSync(path.join(root, "Pulumi.yaml"), "utf8"));
    const wanted = Object.entries(keys).map(([key, { type, items, description, ...rest }]) => [
      key,
      {
        type,
        ...(items && { items: { type: items } }),
        ...("default" in rest && { default: rest.default }),
        description,
      },
    ]);
    assert.deepEqual(config, Object.fromEntries(wanted));
  });
});
