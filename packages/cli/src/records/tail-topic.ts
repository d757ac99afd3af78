import { offsetsAt, type PartitionOffsets } from "@fiberstream/kafka/offsets-at";
import { isTopicMissing } from "@fiberstream/kafka/kafka-errors";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { followFrom } from "./follow-from.ts";
import { createSeeing, lookIn, type SeenRecord } from "./decoded-record.ts";
import type { NamedTopic, TopicAccess } from "./topic-access.ts";
import type { Condition } from "../where/where-values.ts";

export type TailOptions = {
  /** Where it begins: at what comes, at the topic's beginning, or at a time in ms since 1970. */
  readonly from: "now" | "beginning" | number;
  /** Ends there, in ms since 1970 and not after now; undefined: goes on. */
  readonly untilMs: number | undefined;
  readonly limit: number | undefined;
  readonly isWanted: Condition;
  readonly stopping: AbortSignal;
  readonly onAway: (reason: string) => void;
};

/**
 * The records of a topic that are wanted, as they come.
 * @throws {TransientError} when Kafka or the registry is away at the start @throws {FatalError}
 * @throws {MissingTopicError} @throws {Error} when a condition compares what cannot be compared
 */
export async function* tailTopic(
  access: Pick<TopicAccess, "kafka" | "registry">,
  { topic, catalogueName }: NamedTopic,
  options: TailOptions,
): AsyncGenerator<readonly SeenRecord[]> {
  const { kafka, registry } = access;
  const { from, untilMs, isWanted, stopping, onAway } = options;
  const starts = await placesAt(kafka, topic, typeof from === "number" ? from : 0);
  const ends = untilMs === undefined ? undefined : await placesAt(kafka, topic, untilMs);
  const see = createSeeing({ registry, catalogueName });
  let left = options.limit ?? Infinity;
  const rounds = followFrom({
    kafka,
    topic,
    from: placeOf(starts, ({ low, high, atTime }) =>
      from === "beginning" ? low : from === "now" ? high : (atTime ?? high),
    ),
    goals: ends && placeOf(ends, ({ high, atTime }) => atTime ?? high),
    stopping,
    onAway,
  });
  for await (const placed of rounds) {
    const wanted: SeenRecord[] = [];
    for (const { partition, record } of placed) {
      const seen = await see(partition, record);
      if (wanted.length < left && isWanted(lookIn(seen))) wanted.push(seen);
    }
    if (wanted.length > 0) yield wanted;
    left -= wanted.length;
    if (left <= 0) return;
  }
}

export class MissingTopicError extends Error {
  override readonly name = "MissingTopicError";

  constructor(topic: string, options: ErrorOptions) {
    super(`there is no topic ${topic}`, options);
  }
}

/** What a cluster has of a topic. @throws {MissingTopicError} */
export async function placesAt(
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

const placeOf = (
  offsets: readonly PartitionOffsets[],
  place: (offsets: PartitionOffsets) => bigint,
): Map<number, bigint> => new Map(offsets.map((entry) => [entry.partition, place(entry)]));
