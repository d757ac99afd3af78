import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";

/** Called with what a long step is doing, in a few words. */
export type OnProgress = (progress: string) => void;

const LAST_LINES = 15;
const NAMESPACES = [
  "unshare",
  "--mount",
  "--pid",
  "--mount-proc",
  "--fork",
  "--kill-child=KILL",
  "--",
];

/**
 * Runs a program to its end, and calls `onLine` for each line that it prints. It and all its child processes and mounts
 * end with this process, so that a later build finds nobody still writing.
 *
 * @throws {NativeError} when the program fails, with `what` and its last lines
 */
export async function runTool(options: {
  what: string;
  command: readonly [string, ...string[]];
  onLine?: (line: string) => void;
}): Promise<void> {
  const { what, command, onLine } = options;
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...NAMESPACES, ...command], {
    stdio: ["ignore", "pipe", "pipe"],
    env: toolEnvironment(),
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      onLine?.(line);
    });
  }
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  throw new NativeError(
    `${what} failed (${command[0]} ended with ${signal ?? `code ${code}`}). Its last lines:\n` +
      last.map((line) => `  ${line}`).join("\n"),
  );
}
