import type { RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import { offsetOf, PartitionFaultError, type Position } from "@fiberstream/kafka/partition-fault";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";

export type RewindWatch = {
  /** Records where partitions resume. */
  resumed: (positions: ReadonlyMap<number, Position>) => void;
  /** Records that a partition has been written up to this offset. */
  wrote: (partition: number, nextOffset: bigint) => void;
  /** Whether a record was written before its partition was rewound. */
  isReplayed: (partition: number, offset: string) => boolean;
  /** Begins to check at each interval. */
  begin: (consumer: Pick<RunningConsumer, "reseek">) => void;
  end: () => Promise<void>;
};

/**
 * Notices that a stored offset is lower than this process's position, or is missing: an operator has rewound it, or the
 * server has lost its last commits. The next write would notice it too, but it may be a long time until there is one.
 *
 * @param options.onRewound called before anything is read again: rows that were written may be gone
 * @param options.readOffsets next offset by partition, of those that have one stored
 */
export function createRewindWatch(options: {
  readOffsets: () => Promise<ReadonlyMap<number, bigint>>;
  onRewound: () => void;
  intervalMs: number;
  log: Log;
}): RewindWatch {
  const { readOffsets, onRewound, intervalMs, log } = options;
  const next = new Map<number, bigint>();
  /** Up to which offset rewound partitions had been written. */
  const writtenTo = new Map<number, bigint>();
  let task: RepeatedTask | undefined;

  const markRewound = (partition: number, from: bigint) => {
    const before = writtenTo.get(partition) ?? 0n;
    if (from > before) writtenTo.set(partition, from);
    onRewound();
  };

  const check = async (consumer: Pick<RunningConsumer, "reseek">) => {
    try {
      // A copy from before the query: the result may not have what changes meanwhile.
      const before = [...next];
      const stored = await readOffsets();
      for (const [partition, nextOffset] of before) {
        const position = stored.get(partition);
        if (position !== undefined && position >= nextOffset) continue;
        next.delete(partition);
        log.info(
          { partition, from: nextOffset.toString(), to: position?.toString() },
          position === undefined ? "stored offset is missing" : "stored offset was rewound",
        );
        markRewound(partition, nextOffset);
        consumer.reseek(partition);
      }
    } catch (error) {
      // If the database is unavailable, the writes log it.
      log.debug({ reason: messageOf(error) }, "checking stored offsets failed");
    }
  };

  return {
    resumed: (positions) => {
      for (const [partition, position] of positions) {
        if (position instanceof PartitionFaultError) continue;
        const offset = offsetOf(position);
        if (offset === "beginning") continue;
        // Another member may have owned the partition meanwhile.
        const before = next.get(partition);
        if (before !== undefined && offset < before) markRewound(partition, before);
        next.set(partition, offset);
      }
    },
    wrote: (partition, nextOffset) => {
      next.set(partition, nextOffset);
      if (nextOffset >= (writtenTo.get(partition) ?? nextOffset)) writtenTo.delete(partition);
    },
    isReplayed: (partition, offset) =>
      writtenTo.size > 0 && BigInt(offset) < (writtenTo.get(partition) ?? 0n),
    begin: (consumer) => {
      const work = () => check(consumer);
      task = createRepeatedTask({ name: "check stored offsets", work, intervalMs, log });
      task.begin();
    },
    end: async () => task?.end(),
  };
}
