import { homedir } from "node:os";
import { join } from "node:path";

/** Returns the folder of the root file systems: the user's cache folder, so that clones share them. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const cache = environment["XDG_CACHE_HOME"];
  return join(cache ? cache : join(homedir(), ".cache"), "fiberstream");
}

/**
 * Returns the environment of tools and backing services: that of this process, with messages in English, and with
 * the folders of root's programs in PATH, which a root shell opened from a user's shell may lack.
 */
export const toolEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
  LC_ALL: "C.UTF-8",
  DEBIAN_FRONTEND: "noninteractive",
});
