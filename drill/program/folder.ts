import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const made = new Set<string>();
// An interrupted drill finishes nothing, yet leaves nothing behind.
process.once("exit", () => {
  for (const folder of made) removeFolder(folder);
});

/** A folder outside the project, `tourniquet-NAME-…`, that is gone at the latest when we exit. */
export function makeFolder(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `tourniquet-${name}-`));
  made.add(folder);
  return folder;
}

/** Removes such a folder and all that is in it. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  made.delete(folder);
}
