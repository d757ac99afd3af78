import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildPackage } from "./build-package.ts";

/**
 * Makes the file that is published, as `npm pack` does.
 *
 * @param into the folder to put it in
 * @returns its path
 * @throws what the build or npm says
 */
export async function packClient(into: string): Promise<string> {
  // Not in the workspace, where the tools would take its modules and its package.json for sources.
  const folder = await mkdtemp(join(tmpdir(), "fiberstream-client-"));
  try {
    await buildPackage(folder);
    const parameters = ["pack", folder, "--silent", `--pack-destination=${into}`];
    const { stdout } = await promisify(execFile)("npm", parameters);
    return join(into, stdout.trim());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
