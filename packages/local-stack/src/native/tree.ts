import { existsSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "./config.ts";
import { installHostTools, requireNativeHost } from "./host.ts";
import { waitForLock } from "./lock.ts";
import { NativeError } from "./native-error.ts";
import { mavenProject, RECIPE, recipeHash } from "./recipe.ts";
import { type OnProgress, runTool } from "./run-tool.ts";

/** During the build the root file system needs 1.5 GB and Maven's repository 0.3 GB; the rest is for data. */
const NEEDED_BYTES = 2.5e9;

/** The folder over which data is mounted. It is created in the build, because the root file system is read-only later. */
export const DATA_MOUNT = "/data";

/**
 * Builds the root file system of the native backing services at the first use (about a minute). If several processes
 * call it at the same time, one builds and the others wait.
 *
 * @returns the folder of the root file system
 * @throws {NativeError} with what this machine lacks, or the download that failed
 */
export async function ensureTree(onProgress: OnProgress): Promise<string> {
  const cache = cacheDirectory();
  const tree = join(cache, `native-${recipeHash(RECIPE)}`);
  requireNativeHost();
  if (existsSync(tree)) return tree;
  const lock = await waitForLock(join(cache, "native.lock"), ({ pid }) =>
    onProgress(`waiting until PID ${pid} has built the backing services`),
  );
  try {
    if (!existsSync(tree)) await buildTree(tree, onProgress);
    return tree;
  } finally {
    lock.release();
  }
}

async function buildTree(tree: string, onProgress: OnProgress): Promise<void> {
  const building = `${tree}.building`;
  await removeLeftovers(tree);
  requireSpace(cacheDirectory(), NEEDED_BYTES);
  mkdirSync(building, { recursive: true });
  await installHostTools(onProgress);

  const root = join(building, "root");
  const parts = join(building, "parts");
  const progress = { system: "starting", programs: "starting" };
  const report = (what: keyof typeof progress) => (step: string) => {
    progress[what] = step;
    onProgress(`databases and Java: ${progress.system} | Kafka and registry: ${progress.programs}`);
  };
  const builds = [
    buildSystem(root, report("system")).then(() => report("system")("done")),
    downloadPrograms(parts, building, report("programs")).then(() => report("programs")("done")),
  ];
  // Waits until both have ended before it reports or removes anything, because the other one might still be writing.
  const failed = (await Promise.allSettled(builds)).find((build) => build.status === "rejected");
  if (failed) throw failed.reason;
  for (const program of ["kafka", "apicurio"]) {
    renameSync(join(parts, program), join(root, "opt", program));
  }
  finishSystem(root);
  renameSync(root, tree);
  rmSync(building, { recursive: true, force: true });
}

/** Deletes an interrupted build: debootstrap cannot resume it. */
async function removeLeftovers(tree: string): Promise<void> {
  rmSync(`${tree}.building`, { recursive: true, force: true });
  if (existsSync(tree)) throw new NativeError(`${tree} appeared while it was being built`);
}

async function buildSystem(root: string, onProgress: OnProgress): Promise<void> {
  const include = `--include=${RECIPE.packages.join(",")}`;
  let packages = 0;
  await runTool({
    what: "Building the file system with PostgreSQL, Redis and Java",
    command: ["debootstrap", "--variant=minbase", include, RECIPE.suite, root],
    onLine: (line) => {
      const [, verb, name] = /^I: (Retrieving|Unpacking|Configuring) ([^ .]+)/.exec(line) ?? [];
      if (verb && name) onProgress(`${verb.toLowerCase()} ${name} (step ${++packages})`);
    },
  });
  await runTool({
    what: "Adding users to the file system",
    command: [
      "chroot",
      root,
      "/bin/sh",
      "-ec",
      "useradd --system kafka; useradd --system registry",
    ],
  });
}

async function downloadPrograms(
  parts: string,
  building: string,
  onProgress: OnProgress,
): Promise<void> {
  const project = join(building, "pom.xml");
  writeFileSync(project, mavenProject(RECIPE));
  await runTool({
    what: "Downloading Kafka and the schema registry",
    command: ["mvn", "-B", "-ntp", "-f", project, `-Dparts=${parts}`, "package"],
    onLine: (line) => {
      const [, doing] = /^\[INFO\] (Copying \S+|Expanding: \S+)/.exec(line) ?? [];
      if (doing) onProgress(doing.toLowerCase().replace(/(\S*\/)/, ""));
    },
  });
}

function finishSystem(root: string): void {
  mkdirSync(join(root, DATA_MOUNT));
  writeFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost\n");
  rmSync(join(root, "var/cache/apt"), { recursive: true, force: true });
  rmSync(join(root, "var/lib/apt/lists"), { recursive: true, force: true });
}

/** @throws {NativeError} with the free and the needed space */
function requireSpace(folder: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new NativeError(
    `the first start needs ${gigabytes(neededBytes)} of free disk space in ${folder}, which has ` +
      `${gigabytes(freeBytes)}. Delete files, or set XDG_CACHE_HOME to a folder on a larger disk`,
  );
}
