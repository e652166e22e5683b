import * as fs from "node:fs";
import * as path from "node:path";
import * as zlib from "node:zlib";
import { asset } from "@pulumi/pulumi";

/** The files of an archive: path → content. */
export type Files = Record<string, Buffer>;

/**
 * The files that Pulumi would put into an archive's zip.
 *
 * @param value an asset or archive, or a promise of one.
 * @throws for a kind that is not read here, such as a remote archive.
 */
export async function flatten(value: unknown, at = "", files: Files = {}): Promise<Files> {
  const one = await value;
  if (one instanceof asset.AssetArchive) {
    for (const [name, child] of Object.entries(await one.assets)) {
      await flatten(child, path.posix.join(at, name), files);
    }
  } else if (one instanceof asset.StringAsset) {
    files[at] = Buffer.from(await one.text, "utf8");
  } else if (one instanceof asset.FileAsset) {
    files[at] = fs.readFileSync(await one.path);
  } else if (one instanceof asset.FileArchive) {
    const folder = await one.path;
    for (const name of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const file = path.join(folder, name);
      if (fs.statSync(file).isFile()) files[path.posix.join(at, name)] = fs.readFileSync(file);
    }
  } else {
    throw new Error(`the archive holds ${String(one)} at '${at}', which is not read here`);
  }
  return files;
}

/** Unpacks an archive into a folder. */
export function unpack(files: Files, folder: string): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
}

/** What a zip adds to each file beside its name: local header, central entry; and its end. */
const ZIP_BYTES_A_FILE = 30 + 46;
const ZIP_END_BYTES = 22;

/** How many bytes the archive has as a zip. */
export function zippedBytes(files: Files): number {
  const each = Object.entries(files).map(
    ([name, content]) =>
      zlib.deflateRawSync(content, { level: 9 }).length +
      ZIP_BYTES_A_FILE +
      2 * Buffer.byteLength(name),
  );
  return each.reduce((sum, bytes) => sum + bytes, ZIP_END_BYTES);
}
