import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { offsetsAt } from "@fiberstream/kafka/offsets-at";
import type { From } from "./from.ts";

/**
 * Looked up once, so that a partition that comes back before anything of it was done begins where it
 * did before.
 *
 * @returns gives a partition's offset, or undefined for the first record that is kept.
 *   It throws {TransientError} when Kafka is away
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
