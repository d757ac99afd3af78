import type { RunningConsumer } from "@fiberstream/kafka/consumer";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

export type RewindWatch = {
  /** A partition has been written up to here. */
  wrote: (partition: number, nextOffset: bigint) => void;
  /** Begins to look, now and then. */
  begin: (consumer: Pick<RunningConsumer, "placeAgain">) => void;
  end: () => Promise<void>;
};

/**
 * Notices that a stored offset was set back behind what this process has written: by an operator who wants
 * records read again, or by a server that lost its last commits. The next write would notice it too, but
 * there may be none for long.
 *
 * @param options.storedPositions next offset by partition
 */
export function createRewindWatch(options: {
  storedPositions: () => Promise<ReadonlyMap<number, bigint>>;
  intervalMs: number;
  log: Log;
}): RewindWatch {
  const { storedPositions, intervalMs, log } = options;
  const written = new Map<number, bigint>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  const look = async (consumer: Pick<RunningConsumer, "placeAgain">) => {
    try {
      for (const [partition, position] of await storedPositions()) {
        const writtenTo = written.get(partition);
        if (writtenTo === undefined || position >= writtenTo) continue;
        written.delete(partition);
        log.info(
          { partition, from: writtenTo.toString(), to: position.toString() },
          "stored offset was set back",
        );
        consumer.placeAgain(partition);
      }
    } catch (error) {
      // Those who write say so where it matters.
      log.debug({ reason: messageOf(error) }, "stored offsets not looked at");
    }
  };

  return {
    wrote: (partition, nextOffset) => written.set(partition, nextOffset),
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
