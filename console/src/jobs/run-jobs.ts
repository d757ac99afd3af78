import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { throttled } from "@fiberstream/runtime/throttled";
import type { Job, JobKind, JobState } from "./job.ts";
import type { ClaimedJob, JobTable } from "./job-table.ts";

/**
 * Does a job. When it is begun again, after another process has died with it or Kafka was unavailable, it resumes.
 *
 * @param options.report takes the progress so far; cheap
 * @returns the result, also of a part when `stopping` was aborted
 * @throws {TransientError} it is begun again later
 * @throws {FatalError} it fails
 */
export type DoJob = (
  job: Job,
  options: { report: (progress: object) => void; stopping: AbortSignal },
) => Promise<object>;

export type JobRunner = {
  /** Looks for a job now instead of in a second. */
  readonly wake: () => void;
  /** Releases the job that runs, so that another process takes it at once. */
  readonly end: () => Promise<void>;
};

const LOOK_EVERY_MS = 1_000;
/** After so many attempts without progress a job fails. The pauses between them add up to about 15 minutes. */
const MAX_ATTEMPTS = 20;
const MAX_PAUSE_MS = 60_000;
/** After so long a job lets others of its kind go first, so that one of days does not keep all of them waiting. */
const TURN_MS = 60_000;

/**
 * Runs jobs, one at a time and in turns, and takes over those of processes that have died.
 * @param options.turnMs how long a job runs while others of its kind wait
 */
export function startJobRunner(options: {
  table: JobTable;
  kinds: Readonly<Record<JobKind, DoJob>>;
  leaseMs: number;
  turnMs?: number;
  metrics: {
    readonly countFinished: (kind: JobKind, state: JobState) => void;
    readonly countTakenOver: (kind: JobKind) => void;
  };
  log: Log;
}): JobRunner {
  const { table, kinds, leaseMs, turnMs = TURN_MS, metrics, log } = options;
  const ending = new AbortController();
  let woken = Promise.withResolvers<void>();
  const warn = throttled((error: unknown, times) =>
    log.warn({ reason: messageOf(error), times }, "jobs cannot be looked for, retrying"),
  );

  const finish = async (job: ClaimedJob, outcome: Parameters<JobTable["finish"]>[1]) => {
    await table.finish(job.job_id, outcome);
    metrics.countFinished(job.kind, outcome.state);
    const { state, problem } = outcome;
    log.info({ job: job.job_id, kind: job.kind, state, problem }, "job finished");
  };

  const retryOrFail = async (job: ClaimedJob, attempts: number, error: unknown, result: object) => {
    const problem = messageOf(error);
    const isHopeless = !(error instanceof TransientError) || attempts >= MAX_ATTEMPTS;
    if (isHopeless) return finish(job, { state: "failed", result, problem });
    const pauseMs = Math.min(MAX_PAUSE_MS, 500 * 2 ** Math.min(attempts, 10));
    log.warn({ job: job.job_id, kind: job.kind, reason: problem, pauseMs }, "job failed, retrying");
    return table.release(job.job_id, { pauseMs, problem });
  };

  const run = async (job: ClaimedJob) => {
    if (job.is_taken_over) metrics.countTakenOver(job.kind);
    log.info({ job: job.job_id, kind: job.kind, attempts: job.attempts }, "job begun");
    const lease = keepLease({ table, job, leaseMs, turnMs });
    const stopping = AbortSignal.any([ending.signal, lease.stopping]);
    try {
      // It may have been cancelled while nobody held it.
      await lease.renew();
      const result = stopping.aborted
        ? job.progress
        : await kinds[job.kind](job, { report: lease.report, stopping });
      await lease.end();
      if (lease.state() === "cancelled")
        await finish(job, { state: "cancelled", result, problem: null });
      else if (lease.state() === "lost")
        log.warn({ job: job.job_id }, "job lost to another process");
      else if (lease.isTurnOver()) await table.requeue(job.job_id);
      else if (stopping.aborted) await table.release(job.job_id, { pauseMs: 0, problem: null });
      else await finish(job, { state: "succeeded", result, problem: null });
    } catch (error) {
      await lease.end();
      if (lease.state() === "cancelled") {
        await finish(job, { state: "cancelled", result: lease.progress(), problem: null });
      } else if (lease.state() === "held") {
        await retryOrFail(job, lease.hasProgressed() ? 1 : job.attempts, error, lease.progress());
      }
    }
  };

  const loop = async () => {
    while (!ending.signal.aborted) {
      try {
        const job = await table.claim();
        if (job !== undefined) {
          await run(job);
          continue;
        }
      } catch (error) {
        warn(error);
      }
      woken = Promise.withResolvers();
      const pause = delay(LOOK_EVERY_MS, undefined, { signal: ending.signal, ref: false });
      await Promise.race([woken.promise, pause.catch(() => undefined)]);
    }
  };

  const ended = loop();
  return {
    wake: () => woken.resolve(),
    end: async () => {
      ending.abort();
      await ended;
    },
  };
}

/** Renews a lease, and ends the work when the job was cancelled, when others wait, or when another process may hold it. */
function keepLease(options: { table: JobTable; job: ClaimedJob; leaseMs: number; turnMs: number }) {
  const { table, job, leaseMs, turnMs } = options;
  const stop = new AbortController();
  const beganAtMs = performance.now();
  let isTurnOver = false;
  let state: "held" | "cancelled" | "lost" = "held";
  let progress: object = job.progress;
  let [reports, written] = [0, 0];
  let renewedAtMs = performance.now();

  const renew = async () => {
    const reported = reports;
    try {
      const renewed = await table.renew(job.job_id, progress, {
        hasProgressed: reported > written,
      });
      renewedAtMs = performance.now();
      state = renewed.state;
      // A dry run keeps no progress: it would begin anew.
      isTurnOver = renewed.isAwaited && !job.dry_run && renewedAtMs - beganAtMs >= turnMs;
      written = reported;
    } catch {
      // PostgreSQL is unavailable. Nobody else can take the job before the lease is over.
      if (performance.now() - renewedAtMs > leaseMs) state = "lost";
    }
    if (state !== "held" || isTurnOver) stop.abort();
  };
  let renewing: Promise<void> | undefined;
  const timer = setInterval(
    () => {
      renewing ??= renew().finally(() => (renewing = undefined));
    },
    Math.min(1_000, leaseMs / 3),
  );

  return {
    stopping: stop.signal,
    state: () => state,
    isTurnOver: () => isTurnOver && stop.signal.aborted,
    progress: () => progress,
    hasProgressed: () => reports > 0,
    renew,
    report: (now: object) => {
      reports++;
      progress = now;
    },
    end: async () => {
      clearInterval(timer);
      await renewing;
      if (state === "held") await renew();
    },
  };
}
