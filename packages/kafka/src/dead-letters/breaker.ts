import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "@fiberstream/runtime/log";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { PartitionPausedError } from "../errors/partition-paused.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";

/** The limits from which bad records count as a broken deploy. */
export type BreakerLimits = {
  /** Opens at this share of bad records among the last `overRecords`, in percent. */
  readonly badSharePct: number;
  readonly overRecords: number;
  /** Opens at so many consecutive bad records. */
  readonly badRun: number;
  readonly retestAfterMs: number;
};

export const breakerSettings = () => ({
  breakerSharePct: setting(
    "BREAKER_SHARE_PCT",
    wholeNumber({ min: 1, max: 101 }).default(50),
    "share of bad records, in percent, at which a partition stops; 101: never",
  ),
  breakerOverRecords: setting(
    "BREAKER_OVER_RECORDS",
    wholeNumber({ min: 10, max: 1_000_000 }).default(1_000),
    "number of a partition's last records that the share is computed from; with fewer records the share never stops it",
  ),
  breakerRun: setting(
    "BREAKER_RUN",
    wholeNumber({ min: 1, max: 1_000_000 }).default(200),
    "number of consecutive bad records at which a partition stops",
  ),
  breakerRetestMs: setting(
    "BREAKER_RETEST_MS",
    wholeNumber({ min: 100, max: 3_600_000 }).default(30_000),
    "how long a stopped partition waits before its records are retried",
  ),
});

export type OpenBreaker = {
  readonly partition: number;
  readonly since: Date;
  /** A description of why it opened. */
  readonly reason: string;
};

/** A breaker that has opened or closed, and why. */
export type BreakerChange = {
  readonly partition: number;
  readonly isOpen: boolean;
  readonly reason: string;
};

export type Breaker = {
  /**
   * Counts the bad records of a batch, before any of it is written.
   * @param isBad one entry a record, in order
   * @throws {PartitionPausedError} too many are bad: nothing of the batch may be written now
   */
  check: (partition: number, isBad: readonly boolean[]) => void;
  /**
   * Lets the next batch of open partitions pass whatever is in it, and starts counting again.
   * @returns the partitions
   */
  reset: (partition?: number) => number[];
  open: () => OpenBreaker[];
  /** Drops the state of all other partitions. */
  keepOnly: (partitions: readonly number[]) => void;
};

/**
 * Pauses a partition whose records are bad in bulk, so that a broken deploy does not drain the topic into the dead-letter
 * topic. The batch is retried periodically: the partition resumes once its records can be read, or when an operator resets the
 * breaker.
 */
export function createBreaker(options: {
  limits: BreakerLimits;
  metrics: Pick<PipelineMetrics, "breakerOpen">;
  onChange?: (change: BreakerChange) => void;
  log: Log;
}): Breaker {
  const { limits, metrics, onChange, log } = options;
  const tallies = new Map<number, Tally>();
  const open = new Map<number, OpenBreaker & { resume: () => void }>();
  const passes = new Set<number>();

  const close = (partition: number, why: string) => {
    const was = open.get(partition);
    if (was === undefined) return;
    open.delete(partition);
    metrics.breakerOpen(open.size > 0);
    was.resume();
    onChange?.({ partition, isOpen: false, reason: why });
    log.info({ partition, why, since: was.since.toISOString() }, "breaker closed");
  };

  const pause = (partition: number, reason: string): PartitionPausedError => {
    const resumed = new AbortController();
    const since = open.get(partition)?.since ?? new Date();
    if (!open.has(partition)) {
      onChange?.({ partition, isOpen: true, reason });
      log.error(
        { partition, reason, retestAfterMs: limits.retestAfterMs },
        "breaker opened, partition paused",
      );
    }
    open.set(partition, { partition, since, reason, resume: () => resumed.abort() });
    metrics.breakerOpen(true);
    const wait = delay(limits.retestAfterMs, undefined, { signal: resumed.signal, ref: false });
    return new PartitionPausedError(
      reason,
      wait.catch(() => undefined),
    );
  };

  return {
    check: (partition, isBad) => {
      if (passes.delete(partition)) {
        tallies.delete(partition);
        return close(partition, "reset");
      }
      const before = tallies.get(partition) ?? EMPTY;
      // No bad record now or lately: the usual case costs one comparison for each record.
      if (before.bad === 0 && !isBad.includes(true)) return close(partition, "records are good");
      const tally = count(before, isBad, limits);
      if (tally.fault !== undefined) throw pause(partition, tally.fault);
      tallies.set(partition, tally);
      close(partition, "records are good");
    },
    reset: (partition) => {
      const wanted = [...open.keys()].filter(
        (candidate) => partition === undefined || candidate === partition,
      );
      for (const reset of wanted) {
        passes.add(reset);
        open.get(reset)?.resume();
      }
      return wanted;
    },
    open: () => [...open.values()].map(({ resume: _resume, ...state }) => state),
    keepOnly: (partitions) => {
      const ours = new Set(partitions);
      for (const partition of open.keys()) {
        if (!ours.has(partition)) close(partition, "another member owns the partition now");
      }
      for (const partition of tallies.keys()) {
        if (!ours.has(partition)) tallies.delete(partition);
      }
    },
  };
}

/** The last records of a partition: `recent` tells whether each was bad, the newest last. */
type Tally = { readonly recent: readonly boolean[]; readonly bad: number; readonly run: number };
const EMPTY: Tally = { recent: [], bad: 0, run: 0 };

function count(
  before: Tally,
  isBad: readonly boolean[],
  limits: BreakerLimits,
): Tally & { fault?: string } {
  const all = [...before.recent, ...isBad];
  let { bad, run } = before;
  for (let at = before.recent.length; at < all.length; at++) {
    if (all[at]) bad++;
    run = all[at] ? run + 1 : 0;
    if (at >= limits.overRecords && all[at - limits.overRecords]) bad--;
    const fault = faultOf({ bad, run, seen: at + 1 }, limits);
    if (fault !== undefined) return { ...before, fault };
  }
  return { recent: all.slice(-limits.overRecords), bad, run };
}

function faultOf(
  { bad, run, seen }: { bad: number; run: number; seen: number },
  { badRun, badSharePct, overRecords }: BreakerLimits,
): string | undefined {
  if (run >= badRun) return `${run} consecutive bad records`;
  if (seen >= overRecords && bad * 100 >= badSharePct * overRecords) {
    return `${bad} of the last ${overRecords} records are bad`;
  }
  return undefined;
}
