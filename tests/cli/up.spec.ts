import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { Files } from "../../drill/program/archive";
import { type Captured, captureProgram } from "../../drill/program/capture";
import { keys } from "../../settings";
import { CliStack, cli, type Done, PACK } from "./pulumi";

const ROOT = path.join(__dirname, "..", "..");

/** The CLI's mark of a pack that has nothing to say, not even advice. */
const OBEYS_PACK = /✅ tourniquet@v/;

/** The stacks that we ship, each with a setting that an owner may change afterwards. */
const stacks: { stack: string; key: keyof typeof keys; value: string | string[] }[] = [
  { stack: "lab", key: "mode", value: "observe" },
  { stack: "prod", key: "applicationUsers", value: ["app-*"] },
];

/** What Pulumi forgets and leaves in the account: without the key nobody could read the secrets. */
const KEPT = /^aws:kms\/key:Key /;

/** Every setting of a stack, since a capture starts from those of lab. */
function settingsOf(stack: string): Record<string, unknown> {
  const { config } = parse(fs.readFileSync(path.join(ROOT, `Pulumi.${stack}.yaml`), "utf8"));
  const defaults = Object.entries(keys).filter(([, one]) => "default" in one);
  const given = Object.entries(config as Record<string, unknown>)
    .filter(([key]) => key.startsWith("tourniquet:"))
    .map(([key, value]) => [key.slice("tourniquet:".length), value]);
  return {
    ...Object.fromEntries(defaults.map(([key, one]) => [key, one.default])),
    ...Object.fromEntries(given),
  };
}

/** One resource as capture and provider both see it. */
interface Seen {
  inputs: Record<string, unknown>;
  files: Files;
}

/** The drill's capture is always one of `lab`; the stack's name is all that may differ. */
function seenByDrill(resources: Captured[], stack: string): Map<string, Seen> {
  const renamed = (text: string) => text.replaceAll("tourniquet-lab", `tourniquet-${stack}`);
  const seen = resources
    .filter(({ type }) => type.startsWith("aws:"))
    .map(({ type, name, inputs, files = {} }): [string, Seen] => [
      renamed(`${type} ${name}`),
      {
        inputs: JSON.parse(renamed(JSON.stringify(inputs))),
        files: stack === "lab" ? files : rewritten(files, renamed),
      },
    ]);
  return new Map(seen);
}

function rewritten(files: Files, renamed: (text: string) => string): Files {
  const texts = Object.entries(files).map(([name, content]): [string, Buffer] => [
    name,
    Buffer.from(renamed(content.toString("utf8"))),
  ]);
  return Object.fromEntries(texts);
}

function seenByProvider(done: Done[]): Map<string, Seen> {
  return new Map(
    done.map(({ type, name, inputs, files = {} }) => [`${type} ${name}`, { inputs, files }]),
  );
}

/** Which files of which archive are not the same, byte for byte, on both sides. */
function differingFiles(one: Map<string, Seen>, other: Map<string, Seen>): string[] {
  return [...one].flatMap(([resource, { files }]) => {
    const others = other.get(resource)?.files ?? {};
    return [...new Set([...Object.keys(files), ...Object.keys(others)])]
      .filter((name) => !files[name] || !others[name]?.equals(files[name]))
      .map((name) => `${resource}: ${name}`);
  });
}

/** The resources of both captures that an update from one to the other has to change. */
function differing(one: Map<string, Seen>, other: Map<string, Seen>): string[] {
  return [...one.keys()].filter((resource) => {
    const [before, after] = [one.get(resource), other.get(resource)];
    if (!after) return false;
    try {
      assert.deepEqual(before, after);
      return false;
    } catch {
      return true;
    }
  });
}

/** Resources that only the first capture has. */
function missing(one: Map<string, Seen>, other: Map<string, Seen>): string[] {
  return [...one.keys()].filter((resource) => !other.has(resource)).sort();
}

const keysOf = (done: Done[]) => [...seenByProvider(done).keys()].sort();

for (const { stack, key, value } of cli ? stacks : []) {
  describe(`Tourniquet through the real CLI, stack ${stack}`, function () {
    this.timeout(300_000);

    let project: CliStack;
    let drilled: Map<string, Seen>;
    let drilledAfterwards: Map<string, Seen>;
    /** All resources, the components and the stack among them, as the CLI counts. */
    let count: number;
    let countAfterwards: number;
    let created: Done[];

    before(async () => {
      const settings = settingsOf(stack);
      const [before, after] = await Promise.all([
        captureProgram({ settings }),
        captureProgram({ settings: { ...settings, [key]: value } }),
      ]);
      drilled = seenByDrill(before.resources, stack);
      drilledAfterwards = seenByDrill(after.resources, stack);
      count = before.resources.length + 1;
      countAfterwards = after.resources.length + 1;
      project = new CliStack({ project: ROOT, stack, pack: PACK });
      await succeeds(project.init());
    });
    after(() => project?.remove());

    async function succeeds(command: Promise<{ code: number; text: string }>): Promise<string> {
      const { code, text } = await command;
      assert.equal(code, 0, text);
      return text;
    }

    it("previews every resource, and makes none", async () => {
      const text = await succeeds(project.preview());

      assert.match(text, new RegExp(`\\+ ${count} to create`));
      assert.match(text, OBEYS_PACK);
      assert.deepEqual(project.takeDone(), []);
    });

    it("creates every resource, with the drill's inputs", async () => {
      const text = await succeeds(project.up());

      assert.match(text, new RegExp(`\\+ ${count} created`));
      assert.match(text, OBEYS_PACK);
      created = project.takeDone();
      assert.ok(created.every(({ done }) => done === "create"));
      const inputs = (seen: Map<string, Seen>) =>
        Object.fromEntries([...seen].map(([resource, one]) => [resource, one.inputs]).sort());
      assert.deepEqual(inputs(seenByProvider(created)), inputs(drilled));
    });

    it("uploads, byte for byte, the archives that the drill runs", () => {
      const uploaded = seenByProvider(created.filter(({ files }) => files));

      assert.ok(uploaded.size > 0);
      assert.deepEqual(differingFiles(drilled, seenByProvider(created)), []);
    });

    it("changes nothing in a second update", async () => {
      const text = await succeeds(project.up("--expect-no-changes"));

      assert.match(text, new RegExp(`${count} unchanged`));
      assert.deepEqual(project.takeDone(), []);
    });

    it(`updates what depends on ${key}, and nothing else`, async () => {
      for (const [index, one] of [value].flat().entries()) {
        const path = Array.isArray(value) ? `${key}[${index}]` : key;
        await succeeds(project.set(`tourniquet:${path}`, one));
      }
      await succeeds(project.up());

      const all = project.takeDone();
      const [updated = [], made = [], deleted = []] = ["update", "create", "delete"].map((what) =>
        all.filter(({ done }) => done === what),
      );
      const wanted = differing(drilled, drilledAfterwards);
      assert.ok(wanted.length > 0);
      assert.equal(updated.length + made.length + deleted.length, all.length);
      assert.deepEqual(keysOf(updated), wanted.sort());
      assert.deepEqual(keysOf(made), missing(drilledAfterwards, drilled));
      assert.deepEqual(keysOf(deleted), missing(drilled, drilledAfterwards));
      assert.deepEqual(differingFiles(seenByProvider(updated), drilledAfterwards), []);
    });

    it("refreshes without a difference", async () => {
      const text = await succeeds(project.refresh("--expect-no-changes"));

      assert.match(text, new RegExp(`${countAfterwards} unchanged`));
    });

    it("refuses a setting that makes no sense, naming key, value and what is allowed", async () => {
      await succeeds(project.set("tourniquet:mode", "nonsense"));
      const { code, text } = await project.preview();

      assert.notEqual(code, 0);
      assert.match(text, /tourniquet:mode is "nonsense"\. It should be one of observe, enforce\./);
    });

    it("destroys every resource but the key of application secrets", async () => {
      const text = await succeeds(project.destroy());

      assert.match(text, new RegExp(`- ${countAfterwards} deleted`));
      const deleted = project.takeDone();
      assert.ok(deleted.every(({ done }) => done === "delete"));
      const kept = [...drilledAfterwards.keys()].filter((resource) => KEPT.test(resource));
      assert.equal(kept.length, key === "applicationUsers" ? 1 : 0);
      const all = [...drilledAfterwards.keys()].filter((resource) => !kept.includes(resource));
      assert.deepEqual(keysOf(deleted), all.sort());
    });
  });
}
