import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { PartitionFaultError } from "../errors/partition-fault.ts";
import type { IncomingRecord } from "../records.ts";
import type { StartPosition } from "./start-position.ts";

export type ReplayWork = {
  readonly replay:
    ((partition: number, records: readonly IncomingRecord[]) => Promise<void>) | undefined;
};

/**
 * Returns a function that replays records from before the position; it retries while a dependency is unavailable. With
 * the last of them it checks the log again: a fetch from before the position cannot carry the position's epoch, so a
 * leader that was elected since the position was read would not notice that its log differs.
 *
 * The function's `last` is the position if these are the last records before it. It returns the fault of a log that
 * differs.
 */
export function createReplay(options: {
  topic: string;
  partition: number;
  work: ReplayWork;
  busy: <T>(call: () => Promise<T>) => Promise<T>;
  checkSameLog: (position: StartPosition) => Promise<void>;
  pause: (ms: number) => Promise<unknown>;
  report: (reason: string | undefined) => void;
  stopping: AbortSignal;
  log: Log;
}): (
  records: readonly IncomingRecord[],
  last: StartPosition | undefined,
) => Promise<PartitionFaultError | undefined> {
  const { topic, partition, report, stopping, log } = options;
  return async (records, last) => {
    for (let tries = 1; !stopping.aborted; tries++) {
      try {
        await options.busy(async () => {
          if (last !== undefined) await options.checkSameLog(last);
          if (records.length > 0) await options.work.replay?.(partition, records);
        });
        if (tries > 1) report(undefined);
        return undefined;
      } catch (error) {
        if (error instanceof PartitionFaultError) return error;
        if (!(error instanceof TransientError)) throw error;
        report(`${error.dependency}: ${messageOf(error)}`);
        log.debug(
          { topic, partition, tries, reason: messageOf(error) },
          "replaying earlier records failed, retrying",
        );
        await options.pause(retryDelayMs(tries));
      }
    }
    return undefined;
  };
}

/** Returns how many records are before the position. Offsets stay below 2^53 in practice. */
export function countReplayed(records: readonly IncomingRecord[], position: bigint): number {
  const [first] = records;
  if (first === undefined || Number(first.offset) >= Number(position)) return 0;
  const at = records.findIndex(({ offset }) => Number(offset) >= Number(position));
  return at === -1 ? records.length : at;
}
