import { messageOf } from "@fiberstream/runtime/errors";
import type { RunningConsumer } from "@fiberstream/kafka/consumer/consumer";
import type { Log } from "@fiberstream/runtime/log";

export type OffsetReports = {
  /** A partition has been written up to here. */
  wrote: (partition: number, nextOffset: bigint) => void;
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
  const untold = new Map<number, bigint>();
  let timer: NodeJS.Timeout | undefined;
  let tell = async () => {};

  return {
    wrote: (partition, nextOffset) => untold.set(partition, nextOffset),
    begin: (consumer) => {
      tell = async () => {
        if (untold.size === 0) return;
        const reports = new Map(untold);
        untold.clear();
        try {
          await consumer.commitOffsets(reports);
        } catch (error) {
          options.log.debug({ reason: messageOf(error) }, "offsets not reported to Kafka");
        }
      };
      timer = setInterval(() => void tell(), options.intervalMs);
    },
    end: async () => {
      clearInterval(timer);
      await tell();
    },
  };
}
