import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";

/**
 * Starts a process that ends with this one. On Linux the kernel kills it when its starter ends, however that ends. On
 * other systems it may outlive a starter that is killed.
 */
export function spawnTied(
  [command, ...args]: readonly [string, ...string[]],
  options: SpawnOptions,
): ChildProcess {
  return process.platform === "linux"
    ? spawn("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], options)
    : spawn(command, args, options);
}
