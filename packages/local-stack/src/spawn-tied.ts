import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";

/**
 * Starts a process that does not outlive this one: on Linux the kernel ends it when its starter is gone, however that
 * ended; elsewhere a starter that is killed may leave it behind.
 */
export function spawnTied(
  [command, ...args]: readonly [string, ...string[]],
  options: SpawnOptions,
): ChildProcess {
  return process.platform === "linux"
    ? spawn("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], options)
    : spawn(command, args, options);
}
