import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { readLetters, withDeadLetters } from "../../dead-letters/dead-letter-access.ts";
import { type DeadLetter, type LetterFilter, originOf } from "../../dead-letters/dead-letters.ts";
import { withFilter } from "./filter-options.ts";
import { say } from "@fiberstream/terminal/say";

/** `fiber dlq list` */
export const dlqListCommand = (): Command =>
  withFilter(new Command("list"))
    .description("how many there are, by class, topic and schema id, with the first and last time")
    .option("--json", "as JSON, one array", false)
    .action(async ({ json, ...filter }: LetterFilter & { json: boolean }) => {
      const groups = await withDeadLetters((access) => countLetters(readLetters(access, filter)));
      say(json ? `${JSON.stringify(groups)}\n` : `${renderGroups(groups)}\n`);
    });

export type LetterGroup = {
  readonly class: string;
  readonly topic: string;
  readonly schemaId: number | null;
  count: number;
  replayed: number;
  first: string;
  last: string;
};

/** Counts by origin: one that was written twice counts once. */
export async function countLetters(letters: AsyncIterable<DeadLetter>): Promise<LetterGroup[]> {
  const groups = new Map<string, LetterGroup>();
  const seen = new Set<string>();
  for await (const letter of letters) {
    if (seen.has(originOf(letter))) continue;
    seen.add(originOf(letter));
    const { failureClass, origin, failedAt, replays, schemaId = null } = letter;
    const name = `${failureClass} ${origin.topic} ${schemaId}`;
    const group = groups.get(name) ?? {
      class: failureClass,
      topic: origin.topic,
      schemaId,
      count: 0,
      replayed: 0,
      first: failedAt,
      last: failedAt,
    };
    group.count++;
    if (replays > 0) group.replayed++;
    if (failedAt < group.first) group.first = failedAt;
    if (failedAt > group.last) group.last = failedAt;
    groups.set(name, group);
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

function renderGroups(groups: readonly LetterGroup[]): string {
  if (groups.length === 0) return "no dead letters";
  const rows = groups.map((group) => [
    String(group.count),
    group.class,
    group.topic,
    group.schemaId === null ? "-" : String(group.schemaId),
    group.first,
    group.last,
    String(group.replayed),
  ]);
  return renderTable([["COUNT", "CLASS", "FROM", "SCHEMA", "FIRST", "LAST", "REPLAYED"], ...rows]);
}
