import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectionTo } from "../connection.ts";
import type { ConsumeBatchesOptions } from "./consume-batches.ts";
import { createOffsetTable } from "../database/offset-table.ts";
import { inTransaction, type PostgresClient, type PostgresPool } from "../database/postgres.ts";
import { runGroup } from "./run-group.ts";
import { createStartPositions } from "./start-position.ts";
import { createDecodeRecords } from "../records/decode-records.ts";
import type { TopicRecord, TopicValues } from "../records/topic-record.ts";

export type { PostgresClient, PostgresPool };

export type ConsumeIntoOptions<
  Topic extends keyof TopicValues,
  Client extends PostgresClient,
> = Omit<ConsumeBatchesOptions<Topic>, "onBatch"> & {
  /** A pool of the package pg, or one with the same methods. */
  readonly pool: PostgresPool<Client>;
  /** Table of the groups' offsets, created if it is missing; default "fiberstream_offsets". */
  readonly offsetTable?: string;
  /**
   * Writes a batch with `client`, in a transaction that is committed when it has resolved. After a lost connection, a
   * deadlock or a similar error it is called again with the same batch. Any other error ends the consumer.
   */
  readonly onBatch: (records: readonly TopicRecord<Topic>[], client: Client) => Promise<void>;
};

/**
 * Consumes a topic into PostgreSQL exactly once: the rows of the handler and the offset are committed in one
 * transaction, and the transaction of a member that has lost its partition is rolled back.
 *
 * @returns resolves after `signal` was aborted
 * @throws the handler's error, {UndecodableError}, or an Error with the reason why the group cannot continue
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
      processBatch: async (batch) => {
        const { partition, firstOffset, nextOffset } = batch;
        const records = await decode(partition, batch.records);
        await inTransaction(pool, async (client) => {
          await table.move(client, { partition, from: firstOffset, to: nextOffset });
          if (records.length > 0) await onBatch(records, client);
        });
        // Only for tools that show the group's lag; the consumer uses the offset in the table.
        await commitOffset(partition, nextOffset).catch(() => undefined);
        return nextOffset;
      },
    }),
    log,
    signal,
  });
}
