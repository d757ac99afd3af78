import { homedir } from "node:os";
import { join } from "node:path";

/** The folder that trees are kept in: the user's cache folder, so that clones share them. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const cache = environment["XDG_CACHE_HOME"];
  return join(cache ? cache : join(homedir(), ".cache"), "fiberstream");
}

/**
 * The environment that tools and backing services are started with: the caller's own, in English, with the
 * folders of root's programs, which a root shell opened from a user's may lack.
 */
export const toolEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`,
  LC_ALL: "C.UTF-8",
  DEBIAN_FRONTEND: "noninteractive",
});
