import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { terminalLines } from "@fiberstream/runtime/terminal-text";
import { describeValue } from "@fiberstream/kafka/describe-value";
import { Command } from "commander";
import {
  type DeadLetterAccess,
  readDeadLetters,
  withDeadLetters,
} from "../../dead-letters/dead-letter-access.ts";
import type { DeadLetterFilter } from "@fiberstream/kafka/dead-letters";
import { withFilter } from "./filter-options.ts";
import { describeDeadLetter } from "./show.ts";
import { examples } from "../../options/examples.ts";

/** `fiber dlq export` */
export const dlqExportCommand = (): Command =>
  withFilter(new Command("export"))
    .description(
      "print dead letters as one JSON object per line, with key and value also in base64",
    )
    .option("--file <path>", "the file to write; default: standard output")
    .addHelpText("after", examples("dlq export --since 1d --file dead-letters.ndjson"))
    .action(({ file, ...filter }: DeadLetterFilter & { file?: string }) =>
      withDeadLetters(async (access) => {
        const lines = Readable.from(exportLines(access, filter));
        if (file === undefined) await pipeline(lines, process.stdout, { end: false });
        else await pipeline(lines, createWriteStream(file));
      }),
    );

async function* exportLines(access: DeadLetterAccess, filter: DeadLetterFilter) {
  for await (const deadLetter of readDeadLetters(access, filter)) {
    const { key, value } = deadLetter.record;
    const line = {
      ...describeDeadLetter(deadLetter, await describeValue(access.registry, deadLetter)),
      keyBase64: key?.toString("base64") ?? null,
      valueBase64: value?.toString("base64") ?? null,
    };
    yield terminalLines(`${JSON.stringify(line)}\n`);
  }
}
