import { createAPI, produceV9, Writer } from "@platformatic/kafka";

/** The encoded record batch of one partition. A request may have only one for each partition. */
export type PartitionBatch = {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
};

const PRODUCE_KEY = 0;
/** The last version with which partitions are added to a transaction beforehand; Kafka 2.4 and later support it. */
const VERSION = 9;
const ALL_IN_SYNC_REPLICAS = -1;
export const PRODUCE_TIMEOUT_MS = 10_000;

/**
 * Produce with encoded record batches. The request of `@platformatic/kafka` encodes records itself, one by one. Outside of
 * a transaction the transactional id is null. A leader whose replicas do not answer reports that after `replicasMaxWaitMs`.
 */
export const produceBatches = createAPI<
  [transactionalId: string | null, batches: readonly PartitionBatch[], replicasMaxWaitMs?: number],
  ReturnType<typeof produceV9.parseResponse>
>(PRODUCE_KEY, VERSION, createRequest, produceV9.parseResponse);

function createRequest(
  transactionalId: string | null,
  batches: readonly PartitionBatch[],
  replicasMaxWaitMs = PRODUCE_TIMEOUT_MS,
): Writer {
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(ALL_IN_SYNC_REPLICAS)
    .appendInt32(replicasMaxWaitMs)
    .appendArray([...Map.groupBy(batches, ({ topic }) => topic)], (writer, [topic, ofTopic]) => {
      writer.appendString(topic).appendArray(ofTopic, (each, { partition, batch }) => {
        each
          .appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch);
      });
    })
    .appendTaggedFields();
}
