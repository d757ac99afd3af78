import { offsetsAt, type PartitionOffsets } from "@fiberstream/kafka/offsets-at";
import { isTopicMissing } from "@fiberstream/kafka/kafka-errors";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { followFrom } from "./follow-from.ts";
import { createRecordReader, fieldLookup, type SeenRecord } from "./decoded-record.ts";
import type { NamedTopic, TopicAccess } from "./topic-access.ts";
import type { Condition } from "@fiberstream/conditions/where-values";

export type TailOptions = {
  /** Where to begin: at new records, at the topic's beginning, or at a time in ms since 1970. */
  readonly from: "now" | "beginning" | number;
  /** Where to end, in ms since 1970 and not in the future; undefined: without end. */
  readonly untilMs: number | undefined;
  readonly limit: number | undefined;
  readonly isWanted: Condition;
  readonly stopping: AbortSignal;
  readonly onUnavailable: (reason: string) => void;
};

/**
 * Yields the matching records of a topic as they arrive.
 *
 * @throws {TransientError} when Kafka or the registry is unavailable at the start
 * @throws {FatalError}
 * @throws {MissingTopicError}
 * @throws {Error} when a condition compares values that cannot be compared
 */
export async function* tailTopic(
  access: Pick<TopicAccess, "kafka" | "registry">,
  { topic, catalogueName }: NamedTopic,
  options: TailOptions,
): AsyncGenerator<readonly SeenRecord[]> {
  const { kafka, registry } = access;
  const { from, untilMs, isWanted, stopping, onUnavailable } = options;
  const starts = await startOffsetsAt(kafka, topic, typeof from === "number" ? from : 0);
  const ends = untilMs === undefined ? undefined : await startOffsetsAt(kafka, topic, untilMs);
  const decodeRecord = createRecordReader({ registry, catalogueName });
  let remaining = options.limit ?? Infinity;
  const batches = followFrom({
    kafka,
    topic,
    from: startOffsetOf(starts, ({ low, high, atTime }) =>
      from === "beginning" ? low : from === "now" ? high : (atTime ?? high),
    ),
    ends: ends && startOffsetOf(ends, ({ high, atTime }) => atTime ?? high),
    stopping,
    onUnavailable,
  });
  for await (const batch of batches) {
    const wanted: SeenRecord[] = [];
    for (const { partition, record } of batch) {
      const seen = await decodeRecord(partition, record);
      if (wanted.length < remaining && isWanted(fieldLookup(seen))) wanted.push(seen);
    }
    if (wanted.length > 0) yield wanted;
    remaining -= wanted.length;
    if (remaining <= 0) return;
  }
}

export class MissingTopicError extends Error {
  override readonly name = "MissingTopicError";

  constructor(topic: string, options: ErrorOptions) {
    super(`there is no topic ${topic}`, options);
  }
}

/**
 * Returns the first offset at or after a time, by partition.
 * @throws {MissingTopicError}
 */
export async function startOffsetsAt(
  kafka: KafkaClient,
  topic: string,
  timeMs: number,
): Promise<PartitionOffsets[]> {
  try {
    return await offsetsAt({ kafka, topic, timeMs });
  } catch (error) {
    if (!isTopicMissing(error)) throw error;
    throw new MissingTopicError(topic, { cause: error });
  }
}

const startOffsetOf = (
  offsets: readonly PartitionOffsets[],
  choose: (offsets: PartitionOffsets) => bigint,
): Map<number, bigint> => new Map(offsets.map((entry) => [entry.partition, choose(entry)]));
