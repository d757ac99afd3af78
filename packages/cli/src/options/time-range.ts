import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { OffsetRange } from "@fiberstream/kafka/topic-reader";
import { startOffsetsAt } from "../records/tail-topic.ts";

/** Times from `fromMs` to before `toMs`, in ms since 1970, compared with the records' timestamps. */
export type TimeRange = { readonly fromMs: number; readonly toMs: number };

/**
 * The clocks of gateways differ, so the timestamps of a partition are not exactly in order: records of a range may
 * come after the first record beyond it.
 */
const DISORDER_MS = 10 * 60 * 1_000;

/**
 * Returns the offset ranges that contain all records of a time range, and some others at their ends.
 *
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when the topic does not exist
 */
export async function offsetRangesOf(
  kafka: KafkaClient,
  topic: string,
  { fromMs, toMs }: TimeRange,
): Promise<OffsetRange[]> {
  const [starts, ends] = [
    await startOffsetsAt(kafka, topic, fromMs),
    await startOffsetsAt(kafka, topic, toMs + DISORDER_MS),
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

/** Returns the number of offsets in the ranges. */
export const lengthOf = (offsetRanges: readonly OffsetRange[]): number =>
  offsetRanges.reduce((sum, { from, until }) => sum + Number(until - from), 0);
