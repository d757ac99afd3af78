import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import { topicIn } from "@fiberstream/kafka/topic-names";
import type { Cluster } from "../cluster.ts";
import { commitWithRetries } from "./commit-with-retries.ts";
import { connectionTo } from "../connection.ts";
import { runGroup } from "./run-group.ts";
import type { From } from "./from.ts";
import { createStartPositions } from "./start-position.ts";
import { createDecodeRecords } from "../records/decode-records.ts";
import type { TopicRecord, TopicValues, UndecodableError } from "../records/topic-record.ts";

export type ConsumeBatchesOptions<Topic extends keyof TopicValues> = {
  readonly cluster: Cluster;
  readonly topic: Topic;
  /** The consumer group, one for each purpose: its members share the partitions. */
  readonly group: string;
  /** Where to begin in partitions for which the group has no committed offset; default "earliest". */
  readonly from?: From;
  /**
   * Called with committed records of one partition, in order; called with the partition's next batch when it has
   * resolved. If it throws, the consumer ends, and the offset of the batch is not committed.
   */
  readonly onBatch: (records: readonly TopicRecord<Topic>[]) => Promise<void> | void;
  /** Called for each record that cannot be decoded, which is then skipped; without it the consumer ends with the error. */
  readonly onUndecodable?: (error: UndecodableError) => void;
  /** How many partitions are processed at once; default 1. */
  readonly partitionsAtOnce?: number;
  /** Stops the consumer: it finishes and commits the batch in progress, then leaves the group. */
  readonly signal?: AbortSignal;
};

/**
 * Consumes a topic at least once: a batch's offset is committed when the handler has resolved, with retries. A batch is
 * delivered again, here or to another member, after a crash, if all attempts to commit fail, or if its partition is lost
 * before the commit. Recognize duplicates by `value.event_id`.
 *
 * @returns resolves after `signal` was aborted
 * @throws the handler's error, {UndecodableError}, or an Error with the reason why the group cannot continue
 */
export function consumeBatches<Topic extends keyof TopicValues>(
  options: ConsumeBatchesOptions<Topic>,
): Promise<void> {
  const { onBatch } = options;
  return consumePartially({
    ...options,
    onRecords: async (records) => {
      await onBatch(records);
      return undefined;
    },
  });
}

/**
 * Like `consumeBatches`, but when the group stops, the handler may end in the middle of a batch.
 * @param options.onRecords returns the offset up to which the records are processed, or undefined for all
 */
export async function consumePartially<Topic extends keyof TopicValues>(
  options: Omit<ConsumeBatchesOptions<Topic>, "onBatch"> & {
    readonly onRecords: (records: readonly TopicRecord<Topic>[]) => Promise<bigint | undefined>;
  },
): Promise<void> {
  const { cluster, group: groupId, onRecords, onUndecodable, signal } = options;
  const { kafka, registry, log } = connectionTo(cluster);
  const topic = topicIn(cluster.namespace ?? "", options.topic);
  const decode = createDecodeRecords({ registry, topic: options.topic, onUndecodable });
  const startOf = createStartPositions({ kafka, topic, from: options.from ?? "earliest" });
  const offsets = await connectGroupOffsets({ kafka, groupId, topic });
  try {
    await runGroup({
      kafka,
      groupId,
      topic,
      partitionsAtOnce: options.partitionsAtOnce ?? 1,
      work: (commitOffset) => ({
        positionOf: async (partition) =>
          (await offsets.committed(partition))?.offset ?? (await startOf(partition)) ?? "beginning",
        processBatch: async (batch, owned) => {
          const records = await decode(batch.partition, batch.records);
          const doneUpTo = records.length === 0 ? undefined : await onRecords(records);
          const nextOffset = doneUpTo ?? batch.nextOffset;
          await commitWithRetries(() => commitOffset(batch.partition, nextOffset), owned);
          return nextOffset;
        },
      }),
      log,
      signal,
    });
  } finally {
    await offsets.close();
  }
}
