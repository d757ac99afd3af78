import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";

/** A volume in memory that can be filled and freed. */
export type Volume = {
  /** Fills the volume: only existing blocks can be overwritten. */
  readonly fill: () => Promise<void>;
  readonly free: () => Promise<void>;
  readonly unmount: () => Promise<void>;
};

const run = promisify(execFile);
/** The maximum; only written data uses memory. */
const LARGE = "size=16g";
const MAX_ATTEMPTS = 50;

/**
 * Mounts a volume at an existing folder. Needs root, and a mount namespace that ends with this process.
 */
export async function mountVolume(folder: string): Promise<Volume> {
  await run("mount", ["-t", "tmpfs", "-o", LARGE, "tmpfs", folder]);
  const resize = (size: string) => run("mount", ["-o", `remount,${size}`, folder]);
  return {
    fill: async () => {
      for (let attempt = 1; ; attempt++) {
        const { blocks, bfree, bsize } = await statfs(folder);
        try {
          await resize(`size=${(blocks - bfree) * bsize}`);
          return;
        } catch (error) {
          // A volume cannot become smaller than its data, and the database has written meanwhile.
          if (attempt === MAX_ATTEMPTS) throw error;
        }
      }
    },
    free: async () => void (await resize(LARGE)),
    // A lazy unmount, because a killed backing service may still have open files.
    unmount: async () => void (await run("umount", ["-l", folder])),
  };
}
