import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { asset } from "@pulumi/pulumi";
import { flatten, unpack, zippedBytes } from "../../../drill/program/archive";
import { makeFolder, removeFolder } from "../../../drill/program/folder";

describe("an archive", () => {
  let folder: string;
  beforeEach(() => {
    folder = makeFolder("archive-test");
  });
  afterEach(() => removeFolder(folder));

  it("is its files, however they are nested, and unpacks to the same", async () => {
    fs.mkdirSync(path.join(folder, "from", "lib"), { recursive: true });
    fs.writeFileSync(path.join(folder, "from", "lib", "a.js"), "a");
    fs.writeFileSync(path.join(folder, "b.js"), "b");
    const archive = new asset.AssetArchive({
      "index.js": new asset.StringAsset("i"),
      node_modules: new asset.AssetArchive({
        x: new asset.FileArchive(path.join(folder, "from")),
        "b.js": new asset.FileAsset(path.join(folder, "b.js")),
      }),
    });
    const files = await flatten(Promise.resolve(archive));
    const texts = Object.entries(files).map(([name, content]) => [name, content.toString()]);
    assert.deepEqual(Object.fromEntries(texts), {
      "index.js": "i",
      "node_modules/x/lib/a.js": "a",
      "node_modules/b.js": "b",
    });
    unpack(files, path.join(folder, "to"));
    const unpacked = path.join(folder, "to", "node_modules", "x", "lib", "a.js");
    assert.equal(fs.readFileSync(unpacked, "utf8"), "a");
  });

  it("of a kind that is not read here is an error that says where", () =>
    assert.rejects(
      flatten(
        new asset.AssetArchive({ far: new asset.RemoteArchive("https://example.com/a.zip") }),
      ),
      /'far', which is not read here/,
    ));

  it("counts as many bytes as zip makes of it", () => {
    // Measured with Info-ZIP 3.0: zip -9 -X of one file "a.js" that holds 1,000 times "x".
    const bytes = zippedBytes({ "a.js": Buffer.from("x".repeat(1000)) });
    assert.ok(Math.abs(bytes - 122) <= 8, `${bytes}`);
  });
});
