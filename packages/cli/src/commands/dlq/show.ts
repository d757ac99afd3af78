import { terminalText } from "@fiberstream/runtime/terminal-text";
import { Command } from "commander";
import {
  describeValue,
  readLetters,
  withDeadLetters,
} from "../../dead-letters/dead-letter-access.ts";
import { type DeadLetter, headerText, type LetterFilter } from "../../dead-letters/dead-letters.ts";
import { withFilter } from "./filter-options.ts";
import { wholeNumber } from "@fiberstream/terminal/numbers";
import { say } from "@fiberstream/terminal/say";

type Options = LetterFilter & { readonly limit: number; readonly json: boolean };

/** `fiber dlq show` */
export const dlqShowCommand = (): Command =>
  withFilter(new Command("show"))
    .description("what is in them: the record, why it was put aside, and its headers")
    .option("--limit <number>", "the most to show", wholeNumber(1, 1e6), 10)
    .option("--json", "one JSON object a line", false)
    .action(({ limit, json, ...filter }: Options) =>
      withDeadLetters(async (access) => {
        let shown = 0;
        for await (const letter of readLetters(access, filter)) {
          const described = describeLetter(letter, await describeValue(access.registry, letter));
          say(json ? `${JSON.stringify(described)}\n` : renderLetter(described));
          if (++shown === limit) break;
        }
        if (shown === 0 && !json) say("no dead letters\n");
      }),
    );

/** A letter for people and scripts. */
export function describeLetter(letter: DeadLetter, value: object) {
  const { record, ...about } = letter;
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

export function renderLetter(letter: ReturnType<typeof describeLetter>): string {
  const { origin, headers, ...rest } = letter;
  const lines = [
    `${letter.failureClass}: ${letter.reason}`,
    `  stood at    ${origin.topic} partition ${origin.partition} offset ${origin.offset}`,
    `  put aside   ${letter.failedAt} by ${letter.service}, replayed ${letter.replays} times before`,
    `  key         ${letter.key ?? "-"}`,
    "decoded" in rest
      ? `  record      ${JSON.stringify(rest.decoded)}`
      : `  bytes       ${"hex" in rest ? String(rest.hex) : "-"}`,
    ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`),
  ];
  return `${lines.map(terminalText).join("\n")}\n\n`;
}
