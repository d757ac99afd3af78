import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@fiberstream/runtime/errors";
import { createCommand, type Options } from "./options.ts";
import { brokenPromises, renderReport } from "./report.ts";
import { runUpgrade } from "./run-upgrade.ts";

try {
  await createCommand(run).parseAsync();
} catch (error) {
  process.stderr.write(`upgrade-test: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

async function run({ from, holdSeconds, rate, keep, json }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fiberstream-upgrade-"));
  let isKept = true;
  try {
    const onProgress = (doing: string) => process.stderr.write(`${doing}\n`);
    const report = await runUpgrade({
      from,
      holdMs: holdSeconds * 1_000,
      rate,
      folder,
      onProgress,
    });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : renderReport(report));
    const broken = brokenPromises(report);
    isKept = keep || broken.length > 0;
    if (broken.length === 0) {
      process.stderr.write(
        "upgrade-test: no event lost, duplicated, altered, reordered or unexplained\n",
      );
    } else {
      process.stderr.write(`upgrade-test: ${broken.join("; ")}\n`);
      process.exitCode = 1;
    }
  } finally {
    if (isKept) process.stderr.write(`data and logs are in ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true });
  }
}
