import { FAILURE_CLASSES } from "@fiberstream/runtime/outcome";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Moment } from "./dead-letters.ts";
import { wholeNumber } from "./whole-number.ts";

/** The options that say which dead letters are meant. */
export const withFilter = (command: Command): Command =>
  command
    .addOption(new Option("--class <class>", "why it was put aside").choices(FAILURE_CLASSES))
    .option("--topic <topic>", "the topic that it came from")
    .option("--partition <number>", "its partition there", wholeNumber(0, 1e6))
    .option("--key <key>", "its key, a node's id")
    .option("--since <time>", "put aside at or after, ISO 8601 or such as 30m, 6h, 2d ago", time)
    .option("--until <time>", "put aside before, in the same way", time);

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function time(text: string): Moment {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const ms =
    amount === undefined
      ? Date.parse(text)
      : Date.now() - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (!Number.isNaN(ms)) return { text, ms };
  throw new InvalidArgumentError("It must be a time such as 2026-11-24T12:00:00Z, or 6h.");
}
