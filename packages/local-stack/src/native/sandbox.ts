import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, closeSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { dirname } from "node:path";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";

/** A program that runs in the root file system, in mount and PID namespaces of its own, with its data at /data. */
export type Sandboxed = {
  /** The user of the root file system that runs it. */
  readonly user: "postgres" | "redis" | "kafka" | "registry" | "prometheus";
  readonly command: readonly [string, ...string[]];
  /** Absolute path; created if it is missing, and owned by `user` afterwards. */
  readonly dataDir: string;
  /** Absolute path; the program's output is appended. */
  readonly logFile: string;
  /** Folders that are mounted read-only over those of the root file system. */
  readonly mounts?: readonly Mount[];
};

/** A folder of this machine, and the folder of the root file system over which it is mounted; both absolute. */
export type Mount = { readonly from: string; readonly at: string };

/**
 * All mounts are in a mount namespace of the backing service, so nothing has to be unmounted. The root file system is
 * read-only: backing services of several starts share it. tini is the first process of the PID namespace and forwards
 * signals to the program. It stays root, because a change of user would clear the death signal of its parent. The data
 * folder is given to the user of this root file system, whose number may differ from that in an older one.
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
 * Starts a program in the root file system. It ends with this process, however that ends (Linux ends the whole PID
 * namespace). It is in a session of its own, so that Ctrl-C reaches only its starter.
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

/**
 * Runs a program in the root file system to its end.
 * @throws {NativeError} with its last lines
 */
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
 * Sends a signal to the program, not to `unshare`, which would ignore it. Does nothing if the program has ended.
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

/** Returns the process id of tini on the host. */
export function firstProcessOf(child: ChildProcess): number | undefined {
  return childrenOf(child.pid)[0];
}

/** Returns the process ids of the direct children of a process. */
export function childrenOf(pid: number | undefined): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Returns the end of a log and its path, for error messages. */
export function lastLines(logFile: string, readable = (line: string) => line): string {
  let lines: string[] = [];
  try {
    lines = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-LAST_LINES);
  } catch {
    // The program has not printed anything.
  }
  return `The last lines of ${logFile}:\n${lines.map((line) => `  ${readable(line)}`).join("\n")}`;
}
