import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { inheritedEnvironment } from "@fiberstream/testkit/config";
import type { Environment } from "./secured-settings.ts";

const run = promisify(execFile);

/**
 * Runs one of the project's programs as an operator does, with these settings and no others.
 * @param path from the project's root
 * @returns what it printed @throws when it ends with another code than 0, with what it said
 */
export async function runProgram(
  path: string,
  environment: Environment,
  parameters: readonly string[] = [],
): Promise<string> {
  const program = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const { stdout } = await run(process.execPath, [program, ...parameters], {
    env: { ...inheritedEnvironment(), ...environment },
  });
  return stdout;
}
