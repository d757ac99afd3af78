import { BatchUnreadyError } from "@fiberstream/kafka/batch-unready";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import { TransientError } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { RawEventDecoder } from "../decode/decode-raw.ts";
import type { OpenAlertsOfPartition, ReadOpenAlerts } from "./open-alerts.ts";
import { createPartitionWindow, type PartitionWindow } from "./partition-window.ts";
import type { WindowCheckpoint } from "./window-checkpoint.ts";

export type OwnedWindow = PartitionWindow & {
  /** How many partitions raw had when the open alerts were read. */
  readonly partitions: number;
  /** Returns, once, the open alerts to write again: those that are in a partition that their node had before. */
  readonly takeMoved: () => readonly ProbeAlert[];
};

export type PartitionWindows = {
  /**
   * Returns the window of a partition at `position`.
   * @throws {BatchUnreadyError} when it is at another position
   */
  at: (partition: number, position: bigint) => OwnedWindow;
  /**
   * Prepares a partition's window for `position`.
   * @returns the offset from which to replay records into it
   * @throws {TransientError} also when the partition was reassigned meanwhile
   * @throws {FatalError}
   */
  replayFrom: (partition: number, position: bigint) => Promise<bigint>;
  /**
   * Adds replayed records to the window.
   * @throws {TransientError} when the registry is needed and unavailable
   */
  replay: (partition: number, records: readonly IncomingRecord[]) => Promise<void>;
  /** Drops the state of all other partitions. */
  keepOnly: (partitions: readonly number[]) => void;
  readonly nodes: () => number;
};

/** The windows of the partitions assigned to this process. */
export function createPartitionWindows(options: {
  maxNodesPerPartition: number;
  /** The checkpoint committed with the partition's offset. */
  checkpointOf: (partition: number) => WindowCheckpoint | undefined;
  earliestOf: (partition: number) => Promise<bigint>;
  openAlertsOf: ReadOpenAlerts;
  decoder: RawEventDecoder;
  countEvicted: () => void;
}): PartitionWindows {
  const { decoder } = options;
  const windows = new Map<number, OwnedWindow>();
  /** The position that a window will have once replay is done. */
  const targets = new Map<number, bigint>();
  /**
   * The latest `replayFrom` of each partition; earlier ones that are still running change nothing. An assignment that has
   * ended begins none (`partition-loop.test.ts`).
   */
  const requests = new Map<number, object>();

  const renew = (partition: number, alerts: OpenAlertsOfPartition, clockMs = 0) => {
    const window = createPartitionWindow({
      maxNodes: options.maxNodesPerPartition,
      clockMs,
      openAlerts: alerts.open,
      countEvicted: options.countEvicted,
      nowMs: wallNowMs,
    });
    const moved = [...alerts.moved];
    windows.set(
      partition,
      Object.assign(window, {
        partitions: alerts.partitions,
        takeMoved: () => moved.splice(0),
      }),
    );
  };

  /** Returns the offset to replay from: the checkpoint's, or a later one if retention has deleted records. */
  const replayStart = async (
    partition: number,
    position: bigint,
    checkpoint: WindowCheckpoint | undefined,
  ) => {
    if (checkpoint === undefined || checkpoint.from >= position) return position;
    const earliest = await options.earliestOf(partition);
    return checkpoint.from > earliest ? checkpoint.from : earliest < position ? earliest : position;
  };

  return {
    at: (partition, position) => {
      const window = windows.get(partition);
      const current = window?.position ?? targets.get(partition);
      if (window === undefined || current !== position) {
        const where = current === undefined ? "not ready" : `at ${current}`;
        throw new BatchUnreadyError(
          `the windows of partition ${partition} are ${where}, not at ${position}`,
        );
      }
      targets.delete(partition);
      window.position = position;
      return window;
    },

    replayFrom: async (partition, position) => {
      const request = {};
      requests.set(partition, request);
      // The partition stayed assigned through a rebalance and nobody has moved the offset: the window is current.
      if (windows.get(partition)?.position === position) return position;
      const checkpoint = options.checkpointOf(partition);
      const openAlerts = await options.openAlertsOf(partition, checkpoint?.partitions);
      const from = await replayStart(partition, position, checkpoint);
      if (requests.get(partition) !== request) {
        throw new TransientError("kafka", `partition ${partition} was reassigned meanwhile`);
      }
      renew(partition, openAlerts, checkpoint?.clockMs);
      // Only a target until replay is done: an interrupted replay has to start over.
      targets.set(partition, position);
      return from;
    },

    replay: async (partition, records) => {
      const window = windows.get(partition);
      if (window === undefined) return;
      await decoder.prepare(records);
      for (const record of records) {
        const outcome = decoder.decode(record);
        if (outcome.kind === "ok") window.replay(outcome.value, positionOfRecord(record));
      }
    },

    keepOnly: (partitions) => {
      const ours = new Set(partitions);
      for (const known of [windows, targets, requests]) {
        for (const partition of known.keys()) if (!ours.has(partition)) known.delete(partition);
      }
    },

    nodes: () => [...windows.values()].reduce((sum, window) => sum + window.nodes(), 0),
  };
}

export const positionOfRecord = ({ offset, timestamp }: IncomingRecord) => ({
  offset: Number(offset),
  timeMs: Number(timestamp),
});
