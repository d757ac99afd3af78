import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { AuditRow } from "@fiberstream/audit/log/audit-row";
import { newestSeq, readLog } from "@fiberstream/audit/log/read-log";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { showProgress } from "@fiberstream/terminal/progress-bar";
import { say } from "@fiberstream/terminal/say";
import { Command } from "commander";
import { withPool } from "../../tables/with-pool.ts";

type Options = { readonly from: number; readonly output: string };

/** `fiber audit export` */
export const auditExportCommand = (): Command =>
  new Command("export")
    .description("write the audit log to a file, for a verifier of your own")
    .option("--from <number>", "begin with this entry", wholeNumber(1, Number.MAX_SAFE_INTEGER), 1)
    .requiredOption("--output <file>", "the file to write, one JSON object a line")
    .addHelpText("after", HELP)
    .action(run);

const HELP = `
Each line has an entry: its exact bytes as a string (entry), the hash before it and its own (prev_hash, hash, in hexadecimal digits), and
what the columns of the table say (columns). docs/audit/verify.py verifies such a file with nothing but Python.

Examples:
  npm run fiber -- audit export --output audit.ndjson
  python3 docs/audit/verify.py audit.ndjson
`;

async function run({ from, output }: Options): Promise<void> {
  const progress = showProgress("{entries} entries");
  let entries = 0;
  await withPool(async (pool) => {
    const newest = await newestSeq(pool);
    const lines = async function* () {
      for await (const rows of readLog(pool, { from, to: newest })) {
        yield rows.map(lineOf).join("");
        entries += rows.length;
        progress.show(entries, newest - from + 1, { entries });
      }
    };
    await pipeline(lines, createWriteStream(output));
  }).finally(progress.end);
  say(`${entries} entries written to ${output}\n`);
}

function lineOf({ entry, prev_hash, hash, ...columns }: AuditRow): string {
  return `${JSON.stringify({
    seq: columns.seq,
    entry: entry.toString("utf8"),
    prev_hash: prev_hash.toString("hex"),
    hash: hash.toString("hex"),
    columns,
  })}\n`;
}
