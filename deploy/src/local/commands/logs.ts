import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, watch } from "node:fs";
import type { LocalConfig } from "../config.ts";
import { readableLine } from "@fiberstream/terminal/readable-line";
import { BACKING_SERVICES } from "@fiberstream/local-stack/backing-services";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import { stateFiles } from "../supervision/state-files.ts";

export const LOG_NAMES = [...SERVICE_NAMES, ...BACKING_SERVICES, "supervisor"] as const;

/**
 * Prints the last lines of one log, or of the logs of all services.
 *
 * @param options.follow keeps printing new lines until Ctrl-C
 */
export async function logs(
  config: LocalConfig,
  options: { name?: string; lines: number; follow: boolean },
): Promise<void> {
  const names = options.name === undefined ? [...SERVICE_NAMES] : [options.name];
  const width = Math.max(...names.map((name) => name.length));
  const print = (name: string) => (line: string) =>
    process.stdout.write(`${name.padEnd(width)} | ${readableLine(line)}\n`);
  const files = stateFiles(config.stateDir);
  if (!names.some((name) => existsSync(files.log(name)))) {
    process.stdout.write("There are no logs yet. Start FiberStream with npm start\n");
    return;
  }
  const offsets = new Map<string, number>();
  for (const name of names.filter((each) => existsSync(files.log(each)))) {
    const text = readFileSync(files.log(name), "utf8");
    text.trimEnd().split("\n").slice(-options.lines).forEach(print(name));
    offsets.set(name, Buffer.byteLength(text));
  }
  if (!options.follow) return;
  const watcher = watch(files.logs, (_, changed) => {
    const name = names.find((each) => changed === `${each}.log`);
    if (name === undefined) return;
    const { lines, offset } = linesFrom(files.log(name), offsets.get(name) ?? 0);
    offsets.set(name, offset);
    lines.forEach(print(name));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once("SIGINT", () => resolve()).once("SIGTERM", () => resolve());
  await promise;
  watcher.close();
}

/** Returns the complete lines after an offset. An incomplete line is left for the next read. */
export function linesFrom(file: string, offset: number): { lines: string[]; offset: number } {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  // The file was replaced by a new one since.
  const from = size < offset ? 0 : offset;
  if (size === from) return { lines: [], offset: from };
  const bytes = Buffer.alloc(size - from);
  const fd = openSync(file, "r");
  try {
    readSync(fd, bytes, 0, bytes.length, from);
  } finally {
    closeSync(fd);
  }
  const end = bytes.lastIndexOf("\n") + 1;
  const lines = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
  return { lines, offset: from + end };
}
