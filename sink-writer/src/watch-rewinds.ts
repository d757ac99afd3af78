import type { RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import { offsetOf, PartitionFaultError, type Position } from "@fiberstream/kafka/partition-fault";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

export type RewindWatch = {
  /** Partitions go on here, those that go on at all. */
  placed: (positions: ReadonlyMap<number, Position>) => void;
  /** A partition has been written up to here. */
  wrote: (partition: number, nextOffset: bigint) => void;
  /** Whether a record had been written before its partition was set back. */
  isReadAgain: (partition: number, offset: string) => boolean;
  /** Begins to look, now and then. */
  begin: (consumer: Pick<RunningConsumer, "reseek">) => void;
  end: () => Promise<void>;
};

/**
 * Notices that a stored offset was set back behind where this process goes on, or has vanished: by an operator
 * who wants records read again, or by a server that lost its last commits. The next write would notice it too,
 * but there may be none for long.
 *
 * @param options.wentBack told before anything is read again: what was written is perhaps not there any more
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
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

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
          position === undefined ? "stored offset has vanished" : "stored offset was set back",
        );
        setBack(partition, nextOffset);
        consumer.reseek(partition);
      }
    } catch (error) {
      // Those who write say so where it matters.
      log.debug({ reason: messageOf(error) }, "stored offsets not looked at");
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
      timer = setInterval(() => {
        looking ??= look(consumer).finally(() => (looking = undefined));
      }, intervalMs);
    },
    end: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
