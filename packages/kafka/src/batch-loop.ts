import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Check } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { HeldBackError } from "./held-back.ts";
import { isFenced } from "./kafka-errors.ts";
import type { PipelineMetrics } from "./pipeline-metrics.ts";
import type { RecordBatch } from "./records.ts";

export type BatchResult =
  | { readonly kind: "done"; readonly nextOffset: bigint }
  /** A try that seemed to fail had been committed, or someone else has: go on from there. */
  | { readonly kind: "moved"; readonly nextOffset: bigint }
  /** Someone wants the partition to wait, see HeldBackError. */
  | { readonly kind: "held"; readonly by: HeldBackError }
  | { readonly kind: "stopped" };

/**
 * Tries a batch until it is done, in place: the partition waits, the member stays in its group. A batch whose
 * partition has been assigned anew, to us too, is not tried again: it comes again from where the partition goes on.
 * The returned function throws only what `heartbeat` throws: then the group wants the member to join again.
 */
export function createBatchLoop(options: {
  processBatch: (batch: RecordBatch) => Promise<void>;
  positionOf: (partition: number) => Promise<bigint | undefined>;
  heartbeatIntervalMs: number;
  metrics: PipelineMetrics;
  check: Check;
  halt: (reason: string) => void;
  alive: () => void;
  log: Log;
  stopping: AbortSignal;
}): (
  batch: RecordBatch,
  heartbeat: () => Promise<void>,
  isOurs: () => boolean,
) => Promise<BatchResult> {
  const { metrics, check, log, stopping, heartbeatIntervalMs } = options;
  const failing = new Map<number, string>();

  const report = (partition: number, reason: string | undefined) => {
    if (reason === undefined) failing.delete(partition);
    else failing.set(partition, reason);
    const [first] = failing.values();
    if (first === undefined) check.ok();
    else check.failing(first);
  };

  const runOnce = async (batch: RecordBatch, heartbeat: () => Promise<void>) => {
    // A rebalance that a heartbeat hears of here is told again by the next one, after the commit.
    const beat = setInterval(() => void heartbeat().catch(() => undefined), heartbeatIntervalMs);
    const begun = performance.now();
    try {
      await options.processBatch(batch);
      metrics.batch(batch.records.length, (performance.now() - begun) / 1_000);
    } finally {
      clearInterval(beat);
    }
  };

  const wait = async (waitMs: number, heartbeat: () => Promise<void>) => {
    for (let leftMs = waitMs; leftMs > 0; leftMs -= heartbeatIntervalMs) {
      options.alive();
      await delay(Math.min(leftMs, heartbeatIntervalMs), undefined, { signal: stopping });
      await heartbeat();
    }
  };

  return async (batch, heartbeat, isOurs) => {
    const { topic, partition, firstOffset, nextOffset } = batch;
    for (let tries = 1; ; tries++) {
      try {
        if (tries > 1) {
          const position = isOurs() ? await options.positionOf(partition) : undefined;
          if (!isOurs()) {
            report(partition, undefined);
            return { kind: "stopped" };
          }
          if (position !== undefined && position !== firstOffset) {
            report(partition, undefined);
            return { kind: "moved", nextOffset: position };
          }
        }
        await runOnce(batch, heartbeat);
        if (tries > 1) {
          report(partition, undefined);
          log.info({ topic, partition, tries }, "batch done after waiting");
        }
        return { kind: "done", nextOffset };
      } catch (error) {
        if (stopping.aborted) return { kind: "stopped" };
        if (error instanceof HeldBackError) {
          report(partition, undefined);
          return { kind: "held", by: error };
        }
        if (!(error instanceof TransientError)) {
          options.halt(messageOf(error));
          log.error({ topic, partition, err: error }, "batch cannot go on");
          return { kind: "stopped" };
        }
        const reason = `${error.dependency}: ${messageOf(error)}`;
        report(partition, reason);
        metrics.retry(error.dependency);
        // Fenced by another member: before taking the partition back, ask the group whose it is.
        const waitMs = Math.max(
          retryDelayMs(tries),
          isFenced(error) ? 1.5 * heartbeatIntervalMs : 0,
        );
        log.warn(
          { topic, partition, tries, reason, waitMs: Math.round(waitMs) },
          "batch waits for its next try",
        );
        try {
          await wait(waitMs, heartbeat);
        } catch (interruption) {
          report(partition, undefined);
          if (stopping.aborted) return { kind: "stopped" };
          throw interruption;
        }
      }
    }
  };
}
