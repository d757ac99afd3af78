import { setTimeout as delay } from "node:timers/promises";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { BatchUnreadyError } from "../errors/batch-unready.ts";
import { PartitionPausedError } from "../errors/partition-paused.ts";
import { isAnotherLog } from "../log-identity.ts";
import { offsetOf, PartitionFaultError, type Position } from "../errors/partition-fault.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import type { LogIdentity, RecordBatch } from "../records.ts";
import { untilAborted } from "@fiberstream/runtime/until-aborted";

export type BatchResult =
  | { readonly kind: "done" }
  /** An attempt that seemed to fail was committed, the position was moved, or the owner is not ready: ask for it again. */
  | { readonly kind: "moved" }
  | { readonly kind: "fault"; readonly fault: PartitionFaultError }
  | { readonly kind: "stopped" };

/**
 * Kafka replaces the leaders and coordinators of a lost broker after about 9 s: attempts whose waits have doubled until
 * then would miss that by seconds.
 */
const KAFKA_MAX_WAIT_MS = 1_000;
/** A position is unknown while a transaction is open, which ends soon. */
const UNKNOWN_MAX_WAIT_MS = 200;

/** Returns how long to wait after the failed attempt number `attempt`, from 1. */
export function waitAfterMs({ dependency }: TransientError, attempt: number): number {
  const maxMs = dependency === "kafka" ? KAFKA_MAX_WAIT_MS : Infinity;
  return Math.round(Math.min(maxMs, retryDelayMs(attempt)));
}

/**
 * Returns a function that processes a batch, with retries, until it is committed. Its partition waits; all others
 * continue. The function never throws.
 *
 * @param options.positionOf called before each retry; undefined: not known yet, then it is called again soon
 * @param options.identity returns the topic's present log: a batch of another log is not retried
 * @param options.report called with the reason why the partition waits, or undefined when it no longer does
 * @param options.halt called with an error after which the consumer cannot continue
 * @param options.stopping no further attempt is begun; the running one is waited for
 */
export function createTryBatch(options: {
  processBatch: (batch: RecordBatch) => Promise<void>;
  positionOf: () => Promise<Position | undefined>;
  identity: () => LogIdentity;
  metrics: Pick<PipelineMetrics, "batch" | "retry">;
  report: (reason: string | undefined) => void;
  halt: (error: unknown) => void;
  stopping: AbortSignal;
  log: Log;
}): (batch: RecordBatch) => Promise<BatchResult> {
  const { metrics, report, stopping, log } = options;

  const wait = (waitMs: number) =>
    delay(waitMs, undefined, { signal: stopping }).catch(() => undefined);

  /** Returns undefined once the partition is revoked. */
  const knownPosition = async (): Promise<Position | undefined> => {
    for (let tries = 1; !stopping.aborted; tries++) {
      const position = await options.positionOf();
      if (position !== undefined) return position;
      report("kafka: the position is not known yet");
      await wait(Math.min(UNKNOWN_MAX_WAIT_MS, retryDelayMs(tries)));
    }
    return undefined;
  };

  /** @returns undefined if the batch can be retried as it is */
  const checkPosition = async ({
    firstOffset,
    log: ofBatch,
  }: RecordBatch): Promise<BatchResult | undefined> => {
    const position = await knownPosition();
    if (stopping.aborted || position === undefined) return { kind: "stopped" };
    if (position instanceof PartitionFaultError) return { kind: "fault", fault: position };
    if (isAnotherLog(ofBatch, options.identity())) return { kind: "moved" };
    // "beginning": nothing is committed yet, so this batch is not either.
    const offset = offsetOf(position);
    return offset === "beginning" || offset === firstOffset ? undefined : { kind: "moved" };
  };

  return async (batch) => {
    const { topic, partition } = batch;
    let begunMs = performance.now();
    for (let tries = 1, transient = 0; !stopping.aborted; tries++) {
      try {
        const result = transient > 0 ? await checkPosition(batch) : undefined;
        if (result !== undefined) {
          report(undefined);
          return result;
        }
        await options.processBatch(batch);
        metrics.batch(batch.records.length, (performance.now() - begunMs) / 1_000);
        if (tries > 1) {
          report(undefined);
          log.info({ topic, partition, tries }, "batch succeeded after retries");
        }
        return { kind: "done" };
      } catch (error) {
        if (error instanceof PartitionFaultError) return { kind: "fault", fault: error };
        if (stopping.aborted) break;
        if (error instanceof PartitionPausedError) {
          report(undefined);
          await untilAborted(error.resumed, stopping);
          // The pause does not count as the batch's duration.
          begunMs = performance.now();
          continue;
        }
        if (!(error instanceof TransientError)) {
          options.halt(error);
          log.error({ topic, partition, err: error }, "batch failed permanently");
          break;
        }
        transient++;
        const reason = `${error.dependency}: ${messageOf(error)}`;
        report(reason);
        metrics.retry(error.dependency);
        const waitMs = waitAfterMs(error, transient);
        log.warn({ topic, partition, tries, reason, waitMs }, "batch failed, retrying");
        await wait(waitMs);
        if (error instanceof BatchUnreadyError && !stopping.aborted) return { kind: "moved" };
      }
    }
    report(undefined);
    return { kind: "stopped" };
  };
}
