import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { NativeError } from "./native-error.ts";

/**
 * Checks that a port is free, before a program fails because of it.
 *
 * @param port.setting the variable that changes the port
 * @throws {NativeError} with the process that uses the port
 */
export async function requireFreePort(port: { number: number; setting: string }): Promise<void> {
  if (!(await isListening(port.number))) return;
  const process = portOwner(port.number);
  const owner = process
    ? `PID ${process.pid} (${process.name})`
    : "a process of another container or user";
  throw new NativeError(
    `port ${port.number} is in use by ${owner}: stop it, or set ${port.setting} to another port`,
  );
}

/** Returns whether the port accepts connections on 127.0.0.1. */
export function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** Returns the process that listens on a port, if this user has the permission to see it. */
export function portOwner(port: number): { pid: number; name: string } | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (holdsSocket(pid, inodes)) return { pid: Number(pid), name: nameOf(pid) };
  }
  return undefined;
}

/** Returns the sockets in state LISTEN (0A) from the kernel's table: `sl local_address rem_address st … inode`. */
function listeningInodes(port: number): Set<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readOrEmpty(table).split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === "0A" && local?.endsWith(`:${hexPort}`) && inode) inodes.add(inode);
    }
  }
  return inodes;
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return target.startsWith("socket:[") && inodes.has(target.slice(8, -1));
    });
  } catch {
    // The process has ended, or belongs to another user.
    return false;
  }
}

const nameOf = (pid: string) => readOrEmpty(`/proc/${pid}/comm`).trim() || "unknown";

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
