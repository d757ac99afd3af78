import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { inheritedEnvironment } from "@fiberstream/testkit/config";

/** Settings by their variables. */
export type Environment = Readonly<Record<string, string>>;

/** This version of the project. */
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const run = promisify(execFile);

/**
 * Runs one of the project's programs as an operator does, with these settings and no others.
 *
 * @param path from the project's root
 * @param options.root another version's, instead of this one
 * @returns what it printed @throws when it ends with another code than 0, with what it said
 */
export async function runProgram(
  path: string,
  environment: Environment,
  options: { parameters?: readonly string[]; root?: string } = {},
): Promise<string> {
  const { parameters = [], root = ROOT } = options;
  const { stdout } = await run(process.execPath, [join(root, path), ...parameters], {
    env: { ...inheritedEnvironment(), ...environment },
  });
  return stdout;
}
