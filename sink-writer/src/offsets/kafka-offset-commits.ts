import { messageOf } from "@fiberstream/runtime/errors";
import type { RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";

export type KafkaOffsetCommits = {
  /** Records that a partition has been written up to this offset. */
  wrote: (partition: number, nextOffset: bigint) => void;
  /** Drops the offsets of all other partitions: their new owner commits later offsets. */
  keepOnly: (partitions: readonly number[]) => void;
  /** Begins to commit to Kafka at each interval. */
  begin: (consumer: Pick<RunningConsumer, "commitOffsets">) => void;
  /** Commits what is pending, and ends. */
  end: () => Promise<void>;
};

/**
 * Commits the sink's offsets to Kafka, for lag monitoring with Kafka's own tools. Nothing depends on them: the
 * sink resumes from the offsets in the database.
 */
export function createKafkaOffsetCommits(options: {
  intervalMs: number;
  log: Log;
}): KafkaOffsetCommits {
  const { intervalMs, log } = options;
  const pending = new Map<number, bigint>();
  let ours: ReadonlySet<number> = new Set();
  let commit = async () => {};
  let task: RepeatedTask | undefined;

  return {
    wrote: (partition, nextOffset) => pending.set(partition, nextOffset),
    keepOnly: (partitions) => {
      ours = new Set(partitions);
      for (const partition of pending.keys()) if (!ours.has(partition)) pending.delete(partition);
    },
    begin: (consumer) => {
      commit = async () => {
        if (pending.size === 0) return;
        const commits = new Map(pending);
        pending.clear();
        try {
          await consumer.commitOffsets(commits);
        } catch (error) {
          // An offset that was written meanwhile is later, and stays.
          for (const [partition, nextOffset] of commits) {
            if (ours.has(partition) && !pending.has(partition)) pending.set(partition, nextOffset);
          }
          log.debug({ reason: messageOf(error) }, "committing offsets to Kafka failed");
        }
      };
      task = createRepeatedTask({ name: "commit offsets to Kafka", work: commit, intervalMs, log });
      task.begin();
    },
    end: async () => {
      await task?.end();
      await commit();
    },
  };
}
