import type { RecordBatch } from "@fiberstream/kafka/records";

export type PreparedBatches<Work> = {
  /** What was made of this very batch in an earlier try; undefined when this is its first one. */
  of: (batch: RecordBatch) => Work | undefined;
  keep: (batch: RecordBatch, work: Work) => Work;
  done: (batch: RecordBatch) => void;
  /** Drops the state of all other partitions. */
  keepOnly: (partitions: readonly number[]) => void;
};

/**
 * Keeps what was made of each partition's batch until it is committed. Windows move on when a batch is
 * judged, so a batch that is tried again must not be judged again.
 */
export function createPreparedBatches<Work>(): PreparedBatches<Work> {
  const byPartition = new Map<number, { batch: RecordBatch; work: Work }>();
  return {
    of: (batch) => {
      const held = byPartition.get(batch.partition);
      return held?.batch === batch ? held.work : undefined;
    },
    keep: (batch, work) => {
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
