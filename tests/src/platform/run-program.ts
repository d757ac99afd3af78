import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { inheritedEnvironment } from "@fiberstream/testkit/config";

/** Settings as environment variables. */
export type Environment = Readonly<Record<string, string>>;

/** The root of this version of the project. */
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const run = promisify(execFile);

/**
 * Runs one of the project's programs like an operator, with only these settings.
 *
 * @param path path from the project's root
 * @param options.root root of another version of the project
 * @returns its output
 * @throws with its output when the exit code is not 0
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
