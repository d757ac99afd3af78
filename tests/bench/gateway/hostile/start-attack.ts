import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Attacked } from "./attack.ts";
import type { AttackPlan } from "./attacks.ts";

export type RunningAttack = {
  /**
   * Ends the attack.
   * @returns its results
   */
  readonly end: () => Promise<Attacked>;
  readonly kill: () => void;
};

const PROGRAM = fileURLToPath(new URL("attack.ts", import.meta.url));

/**
 * Starts the attackers in a separate process with the lowest priority, because real attackers use the CPU of other
 * machines. Resolves when they have begun.
 */
export async function startAttack(plan: AttackPlan): Promise<RunningAttack> {
  const command = ["nice", "-n", "19", process.execPath, PROGRAM, JSON.stringify(plan)];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  return {
    end: async () => {
      const line = once(lines, "line") as Promise<[string]>;
      child.kill("SIGTERM");
      const [text] = await line;
      return JSON.parse(text) as Attacked;
    },
    kill: () => void child.kill("SIGKILL"),
  };
}
