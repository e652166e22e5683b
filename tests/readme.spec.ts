import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { draw, picture } from "../docs/stateGraph";
import { emergencyActionAccountActions } from "../functions/EmergencyActionAccount";
import { emergencyActionApplicationActions } from "../functions/EmergencyActionApplication";
import { emergencyActionInfrastructureActions } from "../functions/EmergencyActionInfrastructure";
import { stripAccountActions } from "../functions/StripAccount";
import { keys, laterKeys } from "../settings";

const readme = fs.readFileSync(path.join(__dirname, "..", "README.md"), "utf8");

describe("the README", () => {
  it("has the settings' table", () => {
    const rows = Object.entries(keys).map(([key, { type, items, default: value, description }]) => {
      const kind = items ? `list of ${items}` : type;
      const shown =
        value === undefined ? "none" : `\`${JSON.stringify(value).replaceAll('"', "")}\``;
      return `| \`${key}\` | ${kind} | ${shown} | ${description} |`;
    });
    assert.ok(readme.includes(rows.join("\n")), `the table should be:\n${rows.join("\n")}`);
  });

  it("names every key that comes later", () => {
    for (const key of Object.keys(laterKeys)) assert.ok(readme.includes(`\`${key}\``), key);
  });

  it("lists every change that a responder's role may make", () => {
    const changes = [
      ...emergencyActionAccountActions.cuts,
      ...stripAccountActions.cuts,
      ...emergencyActionInfrastructureActions.cuts,
      ...emergencyActionApplicationActions.cuts,
      ...emergencyActionApplicationActions.rotation,
    ];
    const listed = [...readme.matchAll(/^\| `((?:iam|ec2|secretsmanager):\w+)` \|/gm)].map(
      ([, one]) => one,
    );
    assert.deepEqual(listed.sort(), [...new Set(changes)].sort());
  });

  it("shows the state machine as it is", async () => {
    assert.equal(await draw(), fs.readFileSync(picture, "utf8"));
  });
});
