import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectionTo } from "./connection.ts";
import type { ConsumeBatchesOptions } from "./consume-batches.ts";
import { createOffsetTable } from "./offset-table.ts";
import { inTransaction, type PostgresClient, type PostgresPool } from "./postgres.ts";
import { runGroup } from "./run-group.ts";
import { createStartPositions } from "./start-position.ts";
import { createDecodeRecords } from "./decode-records.ts";
import type { TopicRecord, TopicValues } from "./topic-record.ts";

export type { PostgresClient, PostgresPool };

export type ConsumeIntoOptions<
  Topic extends keyof TopicValues,
  Client extends PostgresClient,
> = Omit<ConsumeBatchesOptions<Topic>, "onBatch"> & {
  /** Of the package pg, or with the same methods. */
  readonly pool: PostgresPool<Client>;
  /** Holds the groups' offsets, made when it is missing; default "fiberstream_offsets". */
  readonly offsetTable?: string;
  /**
   * Writes a batch through `client`, inside of a transaction that is committed when it settles. A lost
   * connection, a deadlock and the like have it called again with the same batch; anything else ends the consumer.
   */
  readonly onBatch: (records: readonly TopicRecord<Topic>[], client: Client) => Promise<void>;
};

/**
 * Consumes a topic into PostgreSQL exactly once: what the handler writes and the offset that says so are
 * committed together, and an owner that has lost its partition is rolled back.
 *
 * @returns settles when `signal` has been aborted
 * @throws what the handler threw, {UndecodableError}, or an Error that says why the group cannot go on
 */
export async function consumeInto<Topic extends keyof TopicValues, Client extends PostgresClient>(
  options: ConsumeIntoOptions<Topic, Client>,
): Promise<void> {
  const { cluster, group, pool, onBatch, onUndecodable, signal } = options;
  const { kafka, registry, log } = connectionTo(cluster);
  const topic = topicIn(cluster.namespace ?? "", options.topic);
  const decode = createDecodeRecords({ registry, topic: options.topic, onUndecodable });
  const startOf = createStartPositions({ kafka, topic, from: options.from ?? "earliest" });
  const table = createOffsetTable({
    name: options.offsetTable ?? "fiberstream_offsets",
    group,
    topic,
  });
  await inTransaction(pool, table.create);
  await runGroup({
    kafka,
    groupId: group,
    topic,
    partitionsAtOnce: options.partitionsAtOnce ?? 1,
    work: (commitOffset) => ({
      positionOf: async (partition) =>
        (await inTransaction(pool, (client) => table.find(client, partition))) ??
        (await startOf(partition)) ??
        "beginning",
      doBatch: async (batch) => {
        const { partition, firstOffset, nextOffset } = batch;
        const records = await decode(partition, batch.records);
        await inTransaction(pool, async (client) => {
          await table.move(client, { partition, from: firstOffset, to: nextOffset });
          if (records.length > 0) await onBatch(records, client);
        });
        // For tools that show the group's lag; the offset that counts is in the table.
        await commitOffset(partition, nextOffset).catch(() => undefined);
        return nextOffset;
      },
    }),
    log,
    signal,
  });
}
