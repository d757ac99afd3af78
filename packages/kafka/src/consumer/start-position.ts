import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { untilAborted } from "@fiberstream/runtime/until-aborted";
import { offsetOf, PartitionFaultError, type Position } from "../errors/partition-fault.ts";
import type { LogIdentity } from "../records.ts";
import { type EpochEndOf, isSameLog, logDiffers } from "./epoch-ends.ts";

/** Where reading a partition starts, and in which log. */
export type StartPosition = {
  readonly position: bigint;
  readonly from: bigint;
  readonly log: LogIdentity;
  /** Of the last record before `position`; undefined if unknown. */
  readonly leaderEpoch: number | undefined;
};

export type PositionWork = {
  readonly positionOf: (partition: number) => Promise<Position | undefined>;
  readonly beginningOf: (partition: number) => Promise<bigint>;
  readonly epochEndOf: EpochEndOf;
  readonly replayFrom: ((partition: number, position: bigint) => Promise<bigint>) | undefined;
};

/** How long a new loop waits for an earlier loop that is reading the position: the answers would mix. */
const SETTLES_WITHIN_MS = 10_000;

/**
 * Asks for the position of a partition until it is known.
 *
 * @param options.busy runs a call of the partition's owner
 * @param options.waitStopped called with a fault of the position: waits before it is asked for again
 * @param options.pause waits, or until the partition is revoked
 */
export function createStartPosition(options: {
  topic: string;
  partition: number;
  work: PositionWork;
  identity: () => LogIdentity;
  outOfRangeAdvice: string;
  busy: <T>(call: () => Promise<T>) => Promise<T>;
  waitStopped: (fault: PartitionFaultError) => Promise<void>;
  pause: (ms: number) => Promise<unknown>;
  report: (reason: string | undefined) => void;
  halt: (error: unknown) => void;
  stopping: AbortSignal;
  log: Log;
}) {
  const { topic, partition, work, identity, busy, pause, report, stopping, log } = options;
  /** Whether the position was moved while it was being read. */
  let isMoved = false;
  let seeking: Promise<unknown> = Promise.resolve();

  /** Another process may have read up to the position, and the log may have grown again since it was truncated. */
  const checkSameLog = async (at: Pick<StartPosition, "position" | "leaderEpoch">) => {
    const { position: upTo, leaderEpoch } = at;
    if (leaderEpoch === undefined) return;
    const end = await work.epochEndOf(partition, leaderEpoch);
    const read = { topic, partition, leaderEpoch, readTo: upTo };
    if (!isSameLog(end, read)) throw logDiffers(read, end, options.outOfRangeAdvice);
  };

  const seekOnce = async (): Promise<StartPosition> => {
    isMoved = false;
    const logOfPosition = identity();
    const found = await work.positionOf(partition);
    if (found instanceof PartitionFaultError) throw found;
    if (found === undefined) throw new TransientError("kafka", "the position is not known yet");
    const offset = offsetOf(found);
    const position = offset === "beginning" ? await work.beginningOf(partition) : offset;
    const leaderEpoch = typeof found === "object" ? found.leaderEpoch : undefined;
    await checkSameLog({ position, leaderEpoch });
    // The answers above may come late. The next loop of the partition may be past this point by now.
    if (stopping.aborted) throw new TransientError("kafka", "the partition was revoked meanwhile");
    const from = (await work.replayFrom?.(partition, position)) ?? position;
    if (isMoved) throw new TransientError("kafka", "the position was moved meanwhile");
    return { position, from, log: logOfPosition, leaderEpoch };
  };

  return {
    /** Returns undefined once the partition is revoked. */
    seek: async (): Promise<StartPosition | undefined> => {
      for (let tries = 1; !stopping.aborted; tries++) {
        try {
          const found = busy(seekOnce);
          seeking = found.catch(() => undefined);
          return await untilAborted(found, stopping);
        } catch (error) {
          if (error instanceof PartitionFaultError) {
            await options.waitStopped(error);
          } else if (error instanceof TransientError) {
            // The first answer is often that an earlier commit is not completed yet.
            if (tries > 2) report(`partition ${partition}: ${messageOf(error)}`);
            log.debug(
              { topic, partition, tries, reason: messageOf(error) },
              "cannot read start position, retrying",
            );
            await pause(Math.min(1_000, retryDelayMs(tries)));
          } else {
            if (!stopping.aborted) options.halt(error);
            return undefined;
          }
        }
      }
      return undefined;
    },
    /** @throws {PartitionFaultError} the leader's log lacks what was read up to the position */
    checkSameLog,
    moved: () => void (isMoved = true),
    /** Returns whether the position was moved since it was asked for. */
    isMoved: () => isMoved,
    /** Settles when no position is being read, or reading it takes too long. */
    settled: () => Promise.race([seeking, delay(SETTLES_WITHIN_MS, undefined, { ref: false })]),
  };
}
