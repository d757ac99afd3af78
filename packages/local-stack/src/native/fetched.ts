import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@fiberstream/runtime/errors";
import { cacheDirectory, toolEnvironment } from "./config.ts";
import { waitForLock } from "./lock.ts";

const run = promisify(execFile);

/** A Go program takes a minute to build on two busy cores; what takes longer than this is stuck. */
const FETCH_TIMEOUT_MS = 420_000;

/** Where a program is, or why it cannot be had here: tests that need it are then skipped, and say so. */
export type Fetched = { readonly folder: string } | { readonly missing: string };

/**
 * Makes a folder of the user's cache at first use, whole or not at all, one process at a time.
 *
 * @param name of the folder, with the versions of what is in it
 * @param make puts it together in an empty folder
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
    return { missing: `it cannot be fetched: ${messageOf(error)}` };
  } finally {
    lock.release();
  }
}

/**
 * Builds a Go program. What is downloaded for it is deleted afterwards; what is compiled is kept, beside
 * that of the Go client of the docs: most of it is Go's own library.
 */
export async function buildWithGo(into: string, program: string): Promise<void> {
  const build = join(into, "build");
  await fetchWith("go", ["install", program], {
    GOBIN: into,
    GOPATH: join(build, "path"),
    GOCACHE: join(cacheDirectory(), "client-examples", "cache"),
    // Else what it downloads could not be deleted.
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
