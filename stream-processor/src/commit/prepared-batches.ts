import type { RecordBatch } from "@fiberstream/kafka/records";

export type PreparedBatches<Work> = {
  /** Returns the result of an earlier attempt for this batch; undefined at the first attempt. */
  of: (batch: RecordBatch) => Work | undefined;
  add: (batch: RecordBatch, work: Work) => Work;
  done: (batch: RecordBatch) => void;
  /** Drops the state of all other partitions. */
  keepOnly: (partitions: readonly number[]) => void;
};

/**
 * Stores the prepared batch of each partition until it is committed. Preparing a batch advances the windows, so a retry
 * must not prepare it again.
 */
export function createPreparedBatches<Work>(): PreparedBatches<Work> {
  const byPartition = new Map<number, { batch: RecordBatch; work: Work }>();
  return {
    of: (batch) => {
      const held = byPartition.get(batch.partition);
      return held?.batch === batch ? held.work : undefined;
    },
    add: (batch, work) => {
      byPartition.set(batch.partition, { batch, work });
      return work;
    },
    done: (batch) => {
      if (byPartition.get(batch.partition)?.batch === batch) byPartition.delete(batch.partition);
    },
    keepOnly: (partitions) => {
      const ours = new Set(partitions);
      for (const partition of byPartition.keys())
        if (!ours.has(partition)) byPartition.delete(partition);
    },
  };
}
