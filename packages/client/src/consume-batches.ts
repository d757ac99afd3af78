import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import { topicIn } from "@fiberstream/kafka/topic-names";
import type { Cluster } from "./cluster.ts";
import { commitAgain } from "./commit-again.ts";
import { connectionTo } from "./connection.ts";
import { runGroup } from "./run-group.ts";
import type { From } from "./from.ts";
import { createStartPositions } from "./start-position.ts";
import { createDecodeRecords } from "./decode-records.ts";
import type { TopicRecord, TopicValues, UndecodableError } from "./topic-record.ts";

export type ConsumeBatchesOptions<Topic extends keyof TopicValues> = {
  readonly cluster: Cluster;
  readonly topic: Topic;
  /** The consumer group, one for each purpose: its members share the partitions. */
  readonly group: string;
  /** Where to begin in partitions of which the group has done nothing yet; default "earliest". */
  readonly from?: From;
  /**
   * Given committed records of one partition in their order, oldest first; the next batch of the
   * partition comes when it settles. What it throws ends the consumer, with nothing of the batch committed.
   */
  readonly onBatch: (records: readonly TopicRecord<Topic>[]) => Promise<void> | void;
  /** Told of records that cannot be decoded, which are left out then; without it the consumer ends. */
  readonly onUndecodable?: (error: UndecodableError) => void;
  /** How many partitions' batches may be in hand at once; default 1. */
  readonly partitionsAtOnce?: number;
  /** Ends it: the batch in hand is finished and committed, then the group is left. */
  readonly signal?: AbortSignal;
};

/**
 * Consumes a topic at least once: a batch's offset is committed when the handler has settled, with some tries
 * while Kafka does not take it. The batch in hand comes again, here or to another member, after a crash, when all
 * these tries fail, and when its partition is lost before the commit; tell repeats by `value.event_id`.
 *
 * @returns settles when `signal` has been aborted
 * @throws what the handler threw, {UndecodableError}, or an Error that says why the group cannot go on
 */
export function consumeBatches<Topic extends keyof TopicValues>(
  options: ConsumeBatchesOptions<Topic>,
): Promise<void> {
  const { onBatch } = options;
  return consumeParts({
    ...options,
    onPart: async (records) => {
      await onBatch(records);
      return undefined;
    },
  });
}

/**
 * As `consumeBatches`, but `onPart` may leave off in the middle when the group is to stop.
 * @param options.onPart gives the offset up to which the records are done, or undefined for all
 */
export async function consumeParts<Topic extends keyof TopicValues>(
  options: Omit<ConsumeBatchesOptions<Topic>, "onBatch"> & {
    readonly onPart: (records: readonly TopicRecord<Topic>[]) => Promise<bigint | undefined>;
  },
): Promise<void> {
  const { cluster, group: groupId, onPart, onUndecodable, signal } = options;
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
        doBatch: async (batch, owned) => {
          const records = await decode(batch.partition, batch.records);
          const doneUpTo = records.length === 0 ? undefined : await onPart(records);
          const nextOffset = doneUpTo ?? batch.nextOffset;
          await commitAgain(() => commitOffset(batch.partition, nextOffset), owned);
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
