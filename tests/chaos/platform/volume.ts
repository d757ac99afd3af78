import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";

/** A volume in memory, whose space can be taken away and given back. */
export type Volume = {
  /** From now on nothing more can be written, other than over what is there. */
  readonly fill: () => Promise<void>;
  readonly free: () => Promise<void>;
  readonly unmount: () => Promise<void>;
};

const run = promisify(execFile);
/** Memory is taken by what is written only. */
const ROOMY = "size=16g";

/**
 * Mounts a volume at a folder that is there. Needs root, and a mount namespace that ends with this process,
 * so that nothing is left mounted.
 */
export async function mountVolume(folder: string): Promise<Volume> {
  await run("mount", ["-t", "tmpfs", "-o", ROOMY, "tmpfs", folder]);
  const resize = (size: string) => run("mount", ["-o", `remount,${size}`, folder]);
  return {
    fill: async () => {
      const { blocks, bfree, bsize } = await statfs(folder);
      await resize(`size=${(blocks - bfree) * bsize}`);
    },
    free: async () => void (await resize(ROOMY)),
    // Lazily: what a killed backing service still holds is let go of as it ends.
    unmount: async () => void (await run("umount", ["-l", folder])),
  };
}
