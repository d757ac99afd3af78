import { createAPI, produceV9, Writer } from "@platformatic/kafka";

/** One partition's record batch, written already: a request may hold exactly one of each partition. */
export type PartitionBatch = {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
};

const PRODUCE_KEY = 0;
/** The last one before transactions of which partitions are not added beforehand; Kafka 2.4 and later know it. */
const VERSION = 9;
const ALL_IN_SYNC_REPLICAS = -1;
export const PRODUCE_TIMEOUT_MS = 10_000;

/**
 * Produce with record batches as they are. `@platformatic/kafka`'s own one encodes records itself, one by one.
 * Outside of a transaction its id is null. A leader whose replicas are silent says so after `replicasMaxWaitMs`.
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
    .appendArray([...Map.groupBy(batches, ({ topic }) => topic)], (writer, [topic, some]) => {
      writer.appendString(topic).appendArray(some, (each, { partition, batch }) => {
        each
          .appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch);
      });
    })
    .appendTaggedFields();
}
