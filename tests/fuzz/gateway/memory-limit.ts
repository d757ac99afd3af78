import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@fiberstream/runtime/errors";

/** A memory limit of one process. */
export type MemoryLimit = {
  /** Description of the limit. */
  readonly what: string;
  readonly command: (command: [string, ...string[]]) => [string, ...string[]];
  /** Returns how often the kernel killed because of it; undefined if it is not counted. */
  readonly kills: () => number | undefined;
  readonly remove: () => void;
};

type Version = { readonly root: string; readonly limit: string; readonly kills: string };

const V1: Version = {
  root: "/sys/fs/cgroup/memory",
  limit: "memory.limit_in_bytes",
  kills: "memory.oom_control",
};
const V2: Version = { root: "/sys/fs/cgroup", limit: "memory.max", kills: "memory.events" };

/**
 * Limits memory with a cgroup below that of this process (version 1) or below the root (version 2, where a cgroup with
 * processes cannot have children). If that is not possible, it limits V8's heap, which does not include other memory.
 */
export function limitMemory(megabytes: number, name: string): MemoryLimit {
  try {
    return limitByCgroup(megabytes, name);
  } catch (error) {
    return limitHeap(Math.floor(megabytes / 2), messageOf(error));
  }
}

function limitByCgroup(megabytes: number, name: string): MemoryLimit {
  const isV2 = existsSync(join(V2.root, "cgroup.controllers"));
  const version = isV2 ? V2 : V1;
  const folder = join(version.root, isV2 ? "" : ownGroup(), name);
  const at = (file: string) => join(folder, file);
  mkdirSync(folder);
  try {
    writeFileSync(at(version.limit), String(megabytes * 1024 ** 2));
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  return {
    what: `a cgroup of ${megabytes} MB`,
    command: (command) => [
      "sh",
      "-c",
      'echo $$ > "$0" && exec "$@"',
      at("cgroup.procs"),
      ...asInImage(command),
    ],
    kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(at(version.kills), "utf8"))?.[1]),
    remove: () => rmdirSync(folder),
  };
}

function ownGroup(): string {
  const [, group] = /^\d+:memory:(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
  if (group === undefined) throw new Error("this process has no memory cgroup");
  return group;
}

const limitHeap = (megabytes: number, why: string): MemoryLimit => ({
  what: `V8's heap of ${megabytes} MB only, because no cgroup could be created (${why})`,
  command: (command) => {
    const [node, ...rest] = asInImage(command);
    return [node, `--max-old-space-size=${megabytes}`, ...rest];
  },
  kills: () => undefined,
  remove: () => undefined,
});

/** Removes the limit of V8's heap, as in images: Node derives it from the cgroup. */
function asInImage([node, ...rest]: [string, ...string[]]): [string, ...string[]] {
  return [node, ...rest.filter((option) => !option.startsWith("--max-old-space-size="))];
}
