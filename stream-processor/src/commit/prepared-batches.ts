import type { RecordBatch } from "@fiberstream/kafka/records";

export type InHand<Work> = {
  /** What was made of this very batch in an earlier try; undefined when this is its first one. */
  of: (batch: RecordBatch) => Work | undefined;
  keep: (batch: RecordBatch, work: Work) => Work;
  done: (batch: RecordBatch) => void;
  /** Forgets the partitions that are no longer ours. */
  keepOnly: (partitions: readonly number[]) => void;
};

/**
 * Keeps what was made of each partition's batch until it is committed. Windows move on when a batch is
 * judged, so a batch that is tried again must not be judged again.
 */
export function createInHand<Work>(): InHand<Work> {
  const kept = new Map<number, { batch: RecordBatch; work: Work }>();
  return {
    of: (batch) => {
      const held = kept.get(batch.partition);
      return held?.batch === batch ? held.work : undefined;
    },
    keep: (batch, work) => {
      kept.set(batch.partition, { batch, work });
      return work;
    },
    done: (batch) => {
      if (kept.get(batch.partition)?.batch === batch) kept.delete(batch.partition);
    },
    keepOnly: (partitions) => {
      const ours = new Set(partitions);
      for (const partition of kept.keys()) if (!ours.has(partition)) kept.delete(partition);
    },
  };
}
