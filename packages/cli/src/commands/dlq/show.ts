import { terminalText } from "@fiberstream/runtime/terminal-text";
import { describeValue } from "@fiberstream/kafka/describe-value";
import { Command } from "commander";
import { readDeadLetters, withDeadLetters } from "../../dead-letters/dead-letter-access.ts";
import {
  type DeadLetter,
  headerText,
  type DeadLetterFilter,
} from "@fiberstream/kafka/dead-letters";
import { withFilter } from "./filter-options.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

type Options = DeadLetterFilter & { readonly limit: number; readonly json: boolean };

/** `fiber dlq show` */
export const dlqShowCommand = (): Command =>
  withFilter(new Command("show"))
    .description("print dead letters with record, reason and headers")
    .option("--limit <number>", "show at most so many", wholeNumber(1, 1e6), 10)
    .option("--json", "print one JSON object per line", false)
    .addHelpText("after", examples("dlq show --class unknown-schema --limit 3"))
    .action(({ limit, json, ...filter }: Options) =>
      withDeadLetters(async (access) => {
        let shown = 0;
        for await (const deadLetter of readDeadLetters(access, filter)) {
          const described = describeDeadLetter(
            deadLetter,
            await describeValue(access.registry, deadLetter),
          );
          say(json ? `${JSON.stringify(described)}\n` : renderDeadLetter(described));
          if (++shown === limit) break;
        }
        if (shown === 0 && !json) say("no dead letters\n");
      }),
    );

/** Returns a dead letter as the object that --json prints. */
export function describeDeadLetter(deadLetter: DeadLetter, value: object) {
  const { record, ...about } = deadLetter;
  const headers = Object.keys(record.headers ?? {}).map(
    (name) => [name, headerText(record.headers, name) ?? ""] as const,
  );
  return {
    ...about,
    timestamp: new Date(Number(record.timestamp)).toISOString(),
    key: record.key === null ? null : String(record.key),
    ...value,
    headers: Object.fromEntries(headers),
  };
}

export function renderDeadLetter(deadLetter: ReturnType<typeof describeDeadLetter>): string {
  const { origin, headers, ...rest } = deadLetter;
  const lines = [
    `${deadLetter.failureClass}: ${deadLetter.reason}`,
    `  from        ${origin.topic} partition ${origin.partition} offset ${origin.offset}`,
    `  failed      ${deadLetter.failedAt} by ${deadLetter.service}, replayed ${deadLetter.replays} times before`,
    `  key         ${deadLetter.key ?? "-"}`,
    "decoded" in rest
      ? `  record      ${JSON.stringify(rest.decoded)}`
      : `  bytes       ${"hex" in rest ? String(rest.hex) : "-"}`,
    ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`),
  ];
  return `${lines.map(terminalText).join("\n")}\n\n`;
}
