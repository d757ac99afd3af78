import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@fiberstream/runtime/errors";

/** What bounds the memory of one process. */
export type MemoryLimit = {
  /** What bounds it, in words. */
  readonly what: string;
  readonly command: (command: [string, ...string[]]) => [string, ...string[]];
  /** How often the kernel has killed for it; undefined where nobody counts. */
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
 * A cgroup below this process' own (version 1) or below the root (version 2, where one with processes may have
 * none below it). Where there can be none, V8's heap is bounded instead, which says nothing of memory outside of it.
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
  if (group === undefined) throw new Error("this process is in no cgroup for memory");
  return group;
}

const limitHeap = (megabytes: number, why: string): MemoryLimit => ({
  what: `V8's heap of ${megabytes} MB alone, for no cgroup could be made (${why})`,
  command: (command) => {
    const [node, ...rest] = asInImage(command);
    return [node, `--max-old-space-size=${megabytes}`, ...rest];
  },
  kills: () => undefined,
  remove: () => undefined,
});

/** Images have no bound for V8's heap: Node takes it from the cgroup. */
function asInImage([node, ...rest]: [string, ...string[]]): [string, ...string[]] {
  return [node, ...rest.filter((option) => !option.startsWith("--max-old-space-size="))];
}
