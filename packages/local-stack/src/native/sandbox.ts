import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, closeSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { dirname } from "node:path";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";

/** A program that runs inside the tree with its own data folder (at /data), mounts and processes. */
export type Sandboxed = {
  /** The user in the tree that it runs as. */
  readonly user: "postgres" | "redis" | "kafka" | "registry" | "prometheus";
  readonly command: readonly [string, ...string[]];
  /** Absolute; made if it is missing, and owned by `user` afterwards. */
  readonly dataDir: string;
  /** Absolute; what the program prints is appended. */
  readonly logFile: string;
  /** Folders over those of the tree, read-only. */
  readonly mounts?: readonly Mount[];
};

/** A folder of this machine, at a folder that the tree has; both absolute. */
export type Mount = { readonly from: string; readonly at: string };

/**
 * Everything is mounted inside a mount namespace of the backing service's own, so nothing is left to unmount.
 * The tree itself is read-only: backing services of several starts share it. tini is the first process of the
 * PID namespace, hands signals on to the program and, by staying root, keeps the order to die with
 * its parent, which a change of user would clear. Data that another tree has written gets the number
 * that its user has in this one.
 */
const SCRIPT = `set -e
root=$1 data=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
while [ "$1" != -- ]; do
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
  shift 2
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mount --bind "$data" "$root/data"
chroot "$root" find /data -ignore_readdir_race ! -user "$user" -exec chown -h "$user:" '{}' +
cd /
exec chroot "$root" /usr/bin/tini -- /usr/bin/setpriv --reuid="$user" --regid="$user" --clear-groups \
  /usr/bin/env -i HOME=/data PATH=/usr/bin:/bin LANG=C.UTF-8 "$@"
`;

const LAST_LINES = 12;

const NAMESPACES =
  "--pdeathsig KILL -- unshare --mount --pid --fork --kill-child=KILL -- /bin/sh -c"
    .split(" ")
    .concat(SCRIPT, "sandbox");

/**
 * Starts a program inside the tree. It dies with this process however that ends (Linux ends the
 * whole PID namespace), and is in a session of its own: Ctrl-C reaches only its starter.
 */
export function startSandboxed(root: string, sandboxed: Sandboxed): ChildProcess {
  const { user, command, dataDir, logFile, mounts = [] } = sandboxed;
  const mounted = mounts.flatMap(({ from, at }) => [from, at]);
  mkdirSync(dataDir, { recursive: true });
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a");
  try {
    return spawn("setpriv", [...NAMESPACES, root, dataDir, user, ...mounted, "--", ...command], {
      stdio: ["ignore", log, log],
      detached: true,
      env: toolEnvironment(),
    });
  } finally {
    closeSync(log);
  }
}

/** Runs a program inside the tree to its end. @throws {NativeError} with its last lines */
export async function runSandboxed(
  root: string,
  what: string,
  sandboxed: Sandboxed,
): Promise<void> {
  const child = startSandboxed(root, sandboxed);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  throw new NativeError(
    `${what} failed (${signal ?? `code ${code}`}). ${lastLines(sandboxed.logFile)}`,
  );
}

/**
 * Signals the program, not `unshare`, which would swallow it.
 * Does nothing when the program has already ended.
 */
export function signalSandboxed(child: ChildProcess, signal: NodeJS.Signals): void {
  const first = firstProcessOf(child);
  if (first === undefined) return;
  try {
    process.kill(first, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The process ID, as the host sees it, of tini inside the namespace. */
export function firstProcessOf(child: ChildProcess): number | undefined {
  return childrenOf(child.pid)[0];
}

/** Process IDs of the direct children of a process. */
export function childrenOf(pid: number | undefined): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** For error messages: the end of a log, and where the rest is. */
export function lastLines(logFile: string, readable = (line: string) => line): string {
  let lines: string[] = [];
  try {
    lines = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-LAST_LINES);
  } catch {
    // It did not come to print anything.
  }
  return `The last lines of ${logFile}:\n${lines.map((line) => `  ${readable(line)}`).join("\n")}`;
}
