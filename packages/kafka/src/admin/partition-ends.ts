import type { KafkaClient } from "../kafka.ts";
import { createCluster } from "../kafkajs/kafkajs-cluster.ts";

/** A partition's log start offset, and the offset of its next record. */
export type PartitionEnds = { readonly low: bigint; readonly high: bigint };

/**
 * Returns the ends of a topic's partitions, except those without a leader.
 * @throws what kafkajs throws: see `kafkaFailure`
 */
export async function partitionEnds(options: {
  kafka: KafkaClient;
  topic: string;
}): Promise<ReadonlyMap<number, PartitionEnds>> {
  const { topic } = options;
  const cluster = createCluster(options.kafka);
  try {
    await cluster.connect();
    await cluster.addTargetTopic(topic);
    const partitions = cluster
      .findTopicPartitionMetadata(topic)
      .flatMap(({ partitionId, leader }) => (leader < 0 ? [] : [{ partition: partitionId }]));
    const offsets = async (fromBeginning: boolean) => {
      const [found] = await cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
      return new Map(found?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    };
    const highs = await offsets(false);
    const lows = await offsets(true);
    return new Map(
      [...highs].map(([partition, high]) => [
        partition,
        { low: lows.get(partition) ?? high, high },
      ]),
    );
  } finally {
    await cluster.disconnect();
  }
}
