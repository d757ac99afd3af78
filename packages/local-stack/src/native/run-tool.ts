import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { toolEnvironment } from "./config.ts";
import { NativeError } from "./native-error.ts";

/** What a long step is doing right now, in a few words. */
export type OnProgress = (doing: string) => void;

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
 * Runs a program to its end and hands on each line that it prints. It and all that it starts die
 * with this process, and what it mounts goes with it: the next first run finds nobody still writing.
 *
 * @throws {NativeError} `what` failed, with the tool's last lines
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
