import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { draw, picture } from "../docs/stateGraph";
import { breakSessionsActions } from "../functions/BreakSessions";
import { emergencyActionAccountActions } from "../functions/EmergencyActionAccount";
import { emergencyActionApplicationActions } from "../functions/EmergencyActionApplication";
import { emergencyActionInfrastructureActions } from "../functions/EmergencyActionInfrastructure";
import { liftSessionBlockActions } from "../functions/LiftSessionBlock";
import { narrowOpenSshActions } from "../functions/NarrowOpenSsh";
import { stripAccountActions } from "../functions/StripAccount";
import { syncGroupsActions } from "../functions/SyncGroups";
import { keys, laterKeys } from "../settings";

const root = path.join(__dirname, "..");
const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");

describe("the README", () => {
  it("has the settings' table", () => {
    const rows = Object.entries(keys).map(([key, { type, items, default: value, description }]) => {
      const kind = items ? `list of ${items}` : type;
      const shown = value === "" ? "none" : `\`${JSON.stringify(value).replaceAll('"', "")}\``;
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
      ...emergencyActionAccountActions.roles.cuts,
      ...stripAccountActions.roles.cuts,
      ...emergencyActionInfrastructureActions.cuts,
      ...narrowOpenSshActions.cuts,
      ...narrowOpenSshActions.grants,
      ...emergencyActionApplicationActions.cuts,
      ...emergencyActionApplicationActions.rotation,
      ...breakSessionsActions.cuts,
      ...liftSessionBlockActions.cuts,
      ...syncGroupsActions.cuts,
      ...syncGroupsActions.grants,
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

describe("the pages", () => {
  const docs = fs.readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" });
  const pages = docs.filter((file) => file.endsWith(".md")).map((file) => path.join("docs", file));

  for (const page of ["README.md", ...pages]) {
    it(`${page} links to files and headings that are there`, () => {
      const text = withoutCode(fs.readFileSync(path.join(root, page), "utf8"));
      const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? "");
      const own = targets.filter((target) => !/^[a-z]+:/.test(target));
      assert.deepEqual(
        own.filter((target) => !leadsSomewhere(page, target)),
        [],
      );
    });
  }
});

function leadsSomewhere(page: string, target: string): boolean {
  const [file, heading] = target.split("#");
  const place = file ? path.join(root, path.dirname(page), file) : path.join(root, page);
  if (!fs.existsSync(place)) return false;
  if (heading === undefined) return true;
  const headings = withoutCode(fs.readFileSync(place, "utf8")).matchAll(/^#+ (.+)$/gm);
  return [...headings].some(([, words = ""]) => anchorOf(words) === heading);
}

/** A comment in a shell command looks like a heading, and brackets in it like a link. */
function withoutCode(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
}

/** As GitHub makes it: small letters, punctuation dropped, blanks as hyphens. */
function anchorOf(words: string): string {
  return words
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
}
