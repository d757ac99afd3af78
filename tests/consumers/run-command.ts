import { spawn } from "node:child_process";
import { once } from "node:events";
import { toolEnvironment } from "@fiberstream/local-stack/native/config";

export type Command = readonly [string, ...string[]];
export type CommandOptions = {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

export type RunningCommand = {
  /** Returns its standard output so far. */
  readonly output: () => string;
  /** Sends SIGTERM. */
  readonly stop: () => void;
  /**
   * Resolves at its end with its standard output. Rejects with its standard error if the exit code is not 0.
   */
  readonly ended: Promise<string>;
};

/** Starts a program. On Linux it ends with this process. */
export function startCommand(command: Command, options: CommandOptions = {}): RunningCommand {
  const [program, ...parameters] =
    process.platform === "linux"
      ? (["setpriv", "--pdeathsig", "KILL", "--", ...command] as const)
      : command;
  const child = spawn(program, parameters, {
    cwd: options.folder,
    env: { ...toolEnvironment(), ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errorOutput = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errorOutput += text));
  const end = async () => {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (code === 0) return output;
    const said = (errorOutput + output).slice(-4_000);
    throw new Error(`${command.join(" ")} ended with ${signal ?? `code ${code}`}:\n${said}`);
  };
  return { output: () => output, stop: () => void child.kill("SIGTERM"), ended: end() };
}

/**
 * Runs a program to its end.
 * @returns its standard output
 * @throws with its standard error
 */
export const runCommand = (command: Command, options: CommandOptions = {}): Promise<string> =>
  startCommand(command, options).ended;
