import { messageOf } from "@fiberstream/runtime/errors";
import type { RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";

export type OffsetReports = {
  /** A partition has been written up to here. */
  wrote: (partition: number, nextOffset: bigint) => void;
  /** Forgets the partitions that are no longer ours: whoever has them tells, and is further. */
  keepOnly: (partitions: readonly number[]) => void;
  /** Begins to tell Kafka, now and then. */
  begin: (consumer: Pick<RunningConsumer, "commitOffsets">) => void;
  /** Tells what is untold, and ends. */
  end: () => Promise<void>;
};

/**
 * Commits to Kafka how far the sink is, for those who watch lag with Kafka's own tools. Nothing depends
 * on it: the sink itself goes on from the offsets in the database.
 */
export function createOffsetReports(options: { intervalMs: number; log: Log }): OffsetReports {
  const { intervalMs, log } = options;
  const untold = new Map<number, bigint>();
  let ours: ReadonlySet<number> = new Set();
  let tell = async () => {};
  let task: RepeatedTask | undefined;

  return {
    wrote: (partition, nextOffset) => untold.set(partition, nextOffset),
    keepOnly: (partitions) => {
      ours = new Set(partitions);
      for (const partition of untold.keys()) if (!ours.has(partition)) untold.delete(partition);
    },
    begin: (consumer) => {
      tell = async () => {
        if (untold.size === 0) return;
        const reports = new Map(untold);
        untold.clear();
        try {
          await consumer.commitOffsets(reports);
        } catch (error) {
          // What has been written since is further.
          for (const [partition, nextOffset] of reports) {
            if (ours.has(partition) && !untold.has(partition)) untold.set(partition, nextOffset);
          }
          log.debug({ reason: messageOf(error) }, "offsets not reported to Kafka");
        }
      };
      task = createRepeatedTask({ name: "commit offsets to Kafka", work: tell, intervalMs, log });
      task.begin();
    },
    end: async () => {
      await task?.end();
      await tell();
    },
  };
}
