import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { OffsetRange } from "@fiberstream/kafka/topic-reader";
import { placesAt } from "../records/tail-topic.ts";

/** From the first, up to the second, which is not in it. In ms since 1970, by the records' timestamps. */
export type TimeRange = { readonly fromMs: number; readonly toMs: number };

/**
 * Gateways' clocks differ, so that a partition's timestamps are not in order to the last second: what
 * belongs into a range may stand behind the first record past it.
 */
const DISORDER_MS = 10 * 60 * 1_000;

/**
 * The stretches of a topic that have all records of a time range, and some others at their ends.
 * @throws {TransientError} @throws {FatalError} @throws {Error} when there is no such topic
 */
export async function stretchesOf(
  kafka: KafkaClient,
  topic: string,
  { fromMs, toMs }: TimeRange,
): Promise<OffsetRange[]> {
  const [starts, ends] = [
    await placesAt(kafka, topic, fromMs),
    await placesAt(kafka, topic, toMs + DISORDER_MS),
  ];
  return starts
    .map(({ partition, high, atTime }) => {
      const end = ends.find((entry) => entry.partition === partition);
      return { partition, from: atTime ?? high, until: end?.atTime ?? end?.high ?? high };
    })
    .filter(({ from, until }) => from < until)
    .toSorted((a, b) => a.partition - b.partition);
}

export const isWithin = ({ fromMs, toMs }: TimeRange, timestamp: string): boolean =>
  Number(timestamp) >= fromMs && Number(timestamp) < toMs;

/** How many offsets stretches span. */
export const lengthOf = (stretches: readonly OffsetRange[]): number =>
  stretches.reduce((sum, { from, until }) => sum + Number(until - from), 0);
