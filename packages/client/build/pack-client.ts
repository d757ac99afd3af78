import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildPackage } from "./build-package.ts";

/**
 * Builds the package's file with `npm pack`.
 *
 * @param into folder of the file
 * @returns the path of the file
 * @throws the errors of the build or of npm
 */
export async function packClient(into: string): Promise<string> {
  // Outside of the workspace, where tools would treat its modules and package.json as sources.
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
