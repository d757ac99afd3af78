import type { Log } from "@fiberstream/runtime/log";
import type { PartitionFaultError } from "../errors/partition-fault.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import type { StartPosition } from "./start-position.ts";

/** How often a stopped partition asks for its position, because an operator may have moved it. */
const RECHECK_MS = 5_000;

/** Reports by metric, log and check that a partition is stopped by a fault, and when it resumes. */
export function createStoppedPartition(options: {
  topic: string;
  partition: number;
  pause: (ms: number) => Promise<unknown>;
  report: (reason: string | undefined) => void;
  metrics: Pick<PipelineMetrics, "partitionStopped">;
  stopping: AbortSignal;
  log: Log;
}) {
  const { topic, partition, report, metrics, stopping, log } = options;
  let fault: PartitionFaultError | undefined;
  /** The position at which it is stopped until the position is moved. */
  let stuck: { readonly fault: PartitionFaultError; readonly at: StartPosition } | undefined;

  return {
    isStopped: () => fault !== undefined,
    /** Stops only this partition, for a while; an operator may move its position meanwhile. */
    wait: async (why: PartitionFaultError): Promise<void> => {
      if (stopping.aborted) return;
      metrics.partitionStopped(topic, partition, true);
      report(why.message);
      if (fault?.reason !== why.reason) {
        const { reason, advice } = why;
        log.error({ topic, partition, reason, advice }, "partition stopped");
      }
      fault = why;
      await options.pause(RECHECK_MS);
    },
    /** Marks the partition as resumed, because something was fetched. */
    resume: () => {
      if (fault === undefined) return;
      fault = undefined;
      metrics.partitionStopped(topic, partition, false);
      report(undefined);
      log.info({ topic, partition }, "partition resumed");
    },
    /** Remembers a fault that lasts until the position is moved from `at`. */
    stick: (why: PartitionFaultError, at: StartPosition) => void (stuck = { fault: why, at }),
    /** Returns the fault that lasts at this position; any other position ends it. */
    stuckAt: ({ position, log: { topicId } }: StartPosition): PartitionFaultError | undefined => {
      if (stuck?.at.position !== position || stuck.at.log.topicId !== topicId) stuck = undefined;
      return stuck?.fault;
    },
    /** Called when the loop ends. */
    end: () => {
      report(undefined);
      metrics.partitionStopped(topic, partition, false);
    },
  };
}
