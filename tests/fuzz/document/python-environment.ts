import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory, toolEnvironment } from "@fiberstream/local-stack/native/config";
import { messageOf } from "@fiberstream/runtime/errors";

/** Pinned, so that results are reproducible. */
const SCHEMATHESIS = "4.32.5";
const run = promisify(execFile);

/**
 * Installs the fuzzer in a Python environment in the cache folder, at the first use.
 *
 * @returns the path of its command
 * @throws with what to install when Python is missing
 */
export async function installSchemathesis(onStep: (step: string) => void): Promise<string> {
  const folder = join(cacheDirectory(), `schemathesis-${SCHEMATHESIS}`);
  const command = join(folder, "bin", "schemathesis");
  if (existsSync(command)) return command;
  await needsPython();
  onStep("installing schemathesis");
  // Created in another folder and moved when complete, so that an interrupted run leaves nothing incomplete. The scripts
  // contain the path of their folder, so pip runs again in the final folder.
  await rm(folder, { recursive: true, force: true });
  const half = `${folder}.${process.pid}`;
  await mkdir(cacheDirectory(), { recursive: true });
  try {
    await python("-m", "venv", half);
    await run(join(half, "bin", "pip"), ["install", "--quiet", `schemathesis==${SCHEMATHESIS}`], {
      env: toolEnvironment(),
    });
    await rename(half, folder);
    await python("-m", "venv", "--upgrade", folder);
    await run(join(folder, "bin", "python"), [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--force-reinstall",
      "--no-deps",
      `schemathesis==${SCHEMATHESIS}`,
    ]);
  } finally {
    await rm(half, { recursive: true, force: true });
  }
  return command;
}

const python = (...parameters: string[]) => run("python3", parameters, { env: toolEnvironment() });

async function needsPython(): Promise<void> {
  try {
    await python("-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 10)");
  } catch (error) {
    throw new Error(
      `the fuzzer needs Python 3.10 or newer with venv (on Debian: apt-get install python3-venv): ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * Runs a command, and prints its output.
 * @returns its exit code
 */
export async function runCommand(
  command: string,
  parameters: readonly string[],
  options: { folder: string },
): Promise<number> {
  const child = spawn(command, parameters, {
    cwd: options.folder,
    env: { ...toolEnvironment(), PYTHONPATH: options.folder, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
