import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@fiberstream/runtime/errors";
import { cacheDirectory, toolEnvironment } from "./config.ts";
import { waitForLock } from "./lock.ts";

const run = promisify(execFile);

/** Building a Go program takes a minute on two busy cores. */
const FETCH_TIMEOUT_MS = 420_000;

/** The folder of a program, or the reason why it is not available. Tests that need it are then skipped, with the reason. */
export type Fetched = { readonly folder: string } | { readonly missing: string };

/**
 * Creates a folder in the user's cache at the first use: completely or not at all, and by one process at a time.
 *
 * @param name name of the folder, with the versions of its content
 * @param make creates the content in an empty folder
 */
export async function ensureFetched(
  name: string,
  make: (into: string) => Promise<void>,
): Promise<Fetched> {
  const folder = join(cacheDirectory(), name);
  if (existsSync(folder)) return { folder };
  const lock = await waitForLock(`${folder}.lock`, () => undefined);
  const building = `${folder}.building`;
  try {
    if (existsSync(folder)) return { folder };
    rmSync(building, { recursive: true, force: true });
    mkdirSync(building, { recursive: true });
    await make(building);
    renameSync(building, folder);
    return { folder };
  } catch (error) {
    return { missing: `it cannot be downloaded: ${messageOf(error)}` };
  } finally {
    lock.release();
  }
}

/**
 * Builds a Go program. The downloaded modules are deleted afterwards. The compiled packages are kept together with
 * those of the documents' Go client: most are of Go's standard library.
 */
export async function buildWithGo(into: string, program: string): Promise<void> {
  const build = join(into, "build");
  await fetchWith("go", ["install", program], {
    GOBIN: into,
    GOPATH: join(build, "path"),
    GOCACHE: join(cacheDirectory(), "client-examples", "cache"),
    // Otherwise the downloaded modules are read-only and cannot be deleted.
    GOFLAGS: "-modcacherw",
  });
  rmSync(build, { recursive: true });
}

export const fetchWith = (
  command: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) =>
  run(command, [...parameters], {
    env: { ...toolEnvironment(), ...environment },
    timeout: FETCH_TIMEOUT_MS,
  });

export const isProgram = (command: string, probe: readonly string[]): Promise<boolean> =>
  run(command, [...probe]).then(
    () => true,
    () => false,
  );
