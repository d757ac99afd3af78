import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { offsetsAt } from "@fiberstream/kafka/offsets-at";
import type { From } from "./from.ts";

/**
 * Creates a function that returns the offset at which a partition begins, or undefined for its first record. It throws
 * a TransientError when Kafka is unavailable. Times are looked up once, so that a partition that is assigned again
 * before its first commit begins at the same offset.
 */
export function createStartPositions(options: {
  kafka: KafkaClient;
  topic: string;
  from: From;
}): (partition: number) => Promise<bigint | undefined> {
  const { kafka, topic, from } = options;
  if (from === "earliest") return async () => undefined;
  if (from !== "latest" && !(from instanceof Date)) return async (partition) => from[partition];

  let positions: Map<number, bigint> | undefined;
  return async (partition) => {
    positions ??= new Map(
      (
        await offsetsAt({ kafka, topic, timeMs: from === "latest" ? Date.now() : from.getTime() })
      ).map(({ partition: at, high, atTime }) => [at, from === "latest" ? high : (atTime ?? high)]),
    );
    return positions.get(partition);
  };
}
