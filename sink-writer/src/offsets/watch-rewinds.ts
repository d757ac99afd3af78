import type { RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import { offsetOf, PartitionFaultError, type Position } from "@fiberstream/kafka/partition-fault";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask, type RepeatedTask } from "@fiberstream/runtime/repeated-task";

export type RewindWatch = {
  /** Partitions go on here, those that go on at all. */
  placed: (positions: ReadonlyMap<number, Position>) => void;
  /** A partition has been written up to here. */
  wrote: (partition: number, nextOffset: bigint) => void;
  /** Whether a record was written before its partition was rewound. */
  isReadAgain: (partition: number, offset: string) => boolean;
  /** Begins to check at each interval. */
  begin: (consumer: Pick<RunningConsumer, "reseek">) => void;
  end: () => Promise<void>;
};

/**
 * Notices that a stored offset was rewound behind this process's position, or is missing: an operator wants records
 * to be read again, or the server has lost its last commits. The next write would notice it too, but there may be none
 * for long.
 *
 * @param options.wentBack called before anything is read again: rows that were written may be gone
 * @param options.readOffsets next offset by partition, of those that have one stored
 */
export function createRewindWatch(options: {
  readOffsets: () => Promise<ReadonlyMap<number, bigint>>;
  wentBack: () => void;
  intervalMs: number;
  log: Log;
}): RewindWatch {
  const { readOffsets, wentBack, intervalMs, log } = options;
  const next = new Map<number, bigint>();
  /** Up to where partitions that were set back had been written. */
  const writtenTo = new Map<number, bigint>();
  let task: RepeatedTask | undefined;

  const setBack = (partition: number, from: bigint) => {
    const before = writtenTo.get(partition) ?? 0n;
    if (from > before) writtenTo.set(partition, from);
    wentBack();
  };

  const look = async (consumer: Pick<RunningConsumer, "reseek">) => {
    try {
      // As they were before the question: what is placed or written meanwhile may not be in its answer.
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
        setBack(partition, nextOffset);
        consumer.reseek(partition);
      }
    } catch (error) {
      // Those who write say so where it matters.
      log.debug({ reason: messageOf(error) }, "checking stored offsets failed");
    }
  };

  return {
    placed: (positions) => {
      for (const [partition, position] of positions) {
        if (position instanceof PartitionFaultError) continue;
        const offset = offsetOf(position);
        if (offset === "beginning") continue;
        // A partition may also have been another member's meanwhile.
        const before = next.get(partition);
        if (before !== undefined && offset < before) setBack(partition, before);
        next.set(partition, offset);
      }
    },
    wrote: (partition, nextOffset) => {
      next.set(partition, nextOffset);
      if (nextOffset >= (writtenTo.get(partition) ?? nextOffset)) writtenTo.delete(partition);
    },
    isReadAgain: (partition, offset) =>
      writtenTo.size > 0 && BigInt(offset) < (writtenTo.get(partition) ?? 0n),
    begin: (consumer) => {
      const work = () => look(consumer);
      task = createRepeatedTask({ name: "check stored offsets", work, intervalMs, log });
      task.begin();
    },
    end: async () => task?.end(),
  };
}
