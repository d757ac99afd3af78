import { existsSync, rmSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { tryLock } from "@fiberstream/local-stack/native/lock";
import { removeContainers } from "@fiberstream/local-stack/compose";
import { composeSettings, type LocalConfig } from "../config.ts";
import { describeRun } from "../supervision/describe-run.ts";
import { hasCompose, isEngineUp } from "@fiberstream/local-stack/docker-engine";
import { say } from "../output.ts";
import { readRun, stateFiles } from "../supervision/state-files.ts";

/**
 * Deletes all data of the local start: topics, schemas, rows and caches. It asks for confirmation first.
 *
 * @returns the process's exit code
 */
export async function reset(config: LocalConfig, options: { yes: boolean }): Promise<number> {
  const files = stateFiles(config.stateDir);
  const lock = tryLock(files.lock);
  if ("heldBy" in lock) {
    say(`Nothing was deleted. ${describeRun(readRun(config.stateDir), lock.heldBy.pid)}`);
    return 1;
  }
  try {
    if (!options.yes && !(await isConfirmed(files.data))) {
      say("Nothing was deleted.");
      return 1;
    }
    if ((await isEngineUp()) && (await hasCompose()))
      await removeContainers(composeSettings(config));
    const hadData = existsSync(files.data);
    rmSync(files.data, { recursive: true, force: true });
    say(hadData ? `Deleted ${files.data}.` : "There was no data to delete.");
    return 0;
  } finally {
    lock.release();
  }
}

async function isConfirmed(folder: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    say(
      "There is no terminal to ask for confirmation. To delete all data, run: npm run reset -- --yes",
    );
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(
      `Delete all topics, schemas and rows in ${folder}? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
