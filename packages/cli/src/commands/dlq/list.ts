import { renderTable } from "@fiberstream/terminal/table";
import { Command } from "commander";
import { readDeadLetters, withDeadLetters } from "../../dead-letters/dead-letter-access.ts";
import { type DeadLetter, type DeadLetterFilter, originOf } from "@fiberstream/kafka/dead-letters";
import { withFilter } from "./filter-options.ts";
import { say } from "@fiberstream/terminal/say";
import { examples } from "../../options/examples.ts";

/** `fiber dlq list` */
export const dlqListCommand = (): Command =>
  withFilter(new Command("list"))
    .description("count dead letters by class, topic and schema id, with the first and last time")
    .option("--json", "print one JSON array", false)
    .addHelpText(
      "after",
      examples("dlq list --since 6h", "dlq list --topic probe.metrics.raw --json"),
    )
    .action(async ({ json, ...filter }: DeadLetterFilter & { json: boolean }) => {
      const groups = await withDeadLetters((access) =>
        countDeadLetters(readDeadLetters(access, filter)),
      );
      say(json ? `${JSON.stringify(groups)}\n` : `${renderGroups(groups)}\n`);
    });

export type DeadLetterGroup = {
  readonly class: string;
  readonly topic: string;
  readonly schemaId: number | null;
  count: number;
  replayed: number;
  first: string;
  last: string;
};

/** Counts by origin: a dead letter that was written twice counts once. */
export async function countDeadLetters(
  deadLetters: AsyncIterable<DeadLetter>,
): Promise<DeadLetterGroup[]> {
  const groups = new Map<string, DeadLetterGroup>();
  const seen = new Set<string>();
  for await (const deadLetter of deadLetters) {
    if (seen.has(originOf(deadLetter))) continue;
    seen.add(originOf(deadLetter));
    const { failureClass, origin, failedAt, replays, schemaId = null } = deadLetter;
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

function renderGroups(groups: readonly DeadLetterGroup[]): string {
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
