import { postgresSettings } from "@fiberstream/postgres/settings";
import { readConfig } from "@fiberstream/runtime/config";
import { messageOf } from "@fiberstream/runtime/errors";
import { stopOnCtrlC } from "@fiberstream/terminal/stopping";
import { createCommand, type Options } from "./options.ts";
import { checkGateway, checkTable } from "./preflight.ts";
import { showProgress } from "./progress.ts";
import { renderSummary } from "./render-summary.ts";
import { simulate } from "./simulate.ts";
import { createTally } from "./load/tally.ts";
import { problemsOf } from "./verdict.ts";

/** Rows that have not appeared so long after the last one count as lost. */
const STALL_MS = 15_000;

try {
  await createCommand(run).parseAsync();
} catch (error) {
  process.stderr.write(`simulate: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

async function run(options: Options): Promise<void> {
  const verify = options.verify
    ? { ...readConfig(postgresSettings()), stallMs: STALL_MS }
    : undefined;
  const warning = await checkGateway(options.url);
  if (warning !== undefined) process.stderr.write(`simulate: ${warning}\n`);
  if (verify) await checkTable(verify.databaseUrl);

  const tally = createTally();
  const stopping = stopOnCtrlC();
  const progress = showProgress(tally, options);
  const summary = await simulate(
    { ...options, verify },
    {
      tally,
      stopping,
      onVerifying: () => {
        progress.end();
        process.stderr.write("looking for the rows\n");
      },
    },
  ).finally(progress.end);

  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : renderSummary(summary));
  const problems = problemsOf(summary, options.rate);
  if (problems.length > 0) {
    process.stderr.write(`simulate: ${problems.join("; ")}\n`);
    process.exitCode = 1;
  }
}
