import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import { connectAdmin } from "../kafkajs/with-admin.ts";

/** A group's committed offset and its metadata. */
export type CommittedOffset = { readonly offset: bigint; readonly metadata: string };

export type GroupOffsets = {
  /**
   * Returns the committed offset of a partition; undefined if there is none.
   * @throws {TransientError}
   */
  committed: (partition: number) => Promise<CommittedOffset | undefined>;
  /**
   * Returns the committed offsets of all partitions that have one, in one request.
   * @throws {TransientError}
   */
  offsets: () => Promise<ReadonlyMap<number, bigint>>;
  close: () => Promise<void>;
};

/**
 * Reads the committed offsets of one group and topic.
 * @throws {TransientError} when no broker answers
 */
export async function connectGroupOffsets(options: {
  kafka: KafkaClient;
  groupId: string;
  topic: string;
}): Promise<GroupOffsets> {
  const { groupId, topic } = options;
  const admin = await connectAdmin(options.kafka);
  return {
    committed: async (partition) => {
      try {
        const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const found = offsets?.partitions.find((entry) => entry.partition === partition);
        if (found === undefined || found.offset === "-1") return undefined;
        return { offset: BigInt(found.offset), metadata: found.metadata ?? "" };
      } catch (error) {
        throw kafkaFailure(error);
      }
    },
    offsets: async () => {
      try {
        const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const committed = (found?.partitions ?? []).filter(({ offset }) => offset !== "-1");
        return new Map(committed.map(({ partition, offset }) => [partition, BigInt(offset)]));
      } catch (error) {
        throw kafkaFailure(error);
      }
    },
    close: () => admin.disconnect(),
  };
}
