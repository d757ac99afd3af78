import type { IncomingRecord } from "@fiberstream/kafka/records";
import { TransientError } from "@fiberstream/runtime/errors";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { RawEventDecoder } from "../decode/decode-raw.ts";
import { createPartitionWindow, type PartitionWindow } from "./partition-window.ts";
import type { WindowNote } from "./window-checkpoint.ts";

export type PartitionWindows = {
  /** The window of a partition, which has to be ready for `position`. @throws {TransientError} it is not */
  at: (partition: number, position: bigint) => PartitionWindow;
  /**
   * Makes a partition's window ready for `position`. @returns where to begin reading for it
   * @throws {TransientError} also when the partition was placed anew or has been lost meanwhile @throws {FatalError}
   */
  readFrom: (partition: number, position: bigint) => Promise<bigint>;
  /** Takes in what is read again. @throws {TransientError} when the registry is needed and away */
  learn: (partition: number, records: readonly IncomingRecord[]) => Promise<void>;
  /** Forgets the partitions that are no longer ours. */
  keepOnly: (partitions: readonly number[]) => void;
  readonly nodes: () => number;
};

/** The windows of all partitions that are ours. */
export function createPartitionWindows(options: {
  maxNodesPerPartition: number;
  /** What was committed with the partition's offset, read with it. */
  noteOf: (partition: number) => WindowNote | undefined;
  earliestOf: (partition: number) => Promise<bigint>;
  openAlertsOf: (partition: number) => Promise<readonly ProbeAlert[]>;
  decoder: RawEventDecoder;
  countEvicted: () => void;
}): PartitionWindows {
  const { decoder } = options;
  const windows = new Map<number, PartitionWindow>();
  /** Where windows will be when what is read again is through. */
  const targets = new Map<number, bigint>();
  /** The last `readFrom` of each partition: one that it has overtaken changes nothing. */
  const placings = new Map<number, object>();

  const renew = (partition: number, openAlerts: readonly ProbeAlert[], clockMs = 0) => {
    const window = createPartitionWindow({
      maxNodes: options.maxNodesPerPartition,
      clockMs,
      openAlerts,
      countEvicted: options.countEvicted,
      nowMs: wallNowMs,
    });
    windows.set(partition, window);
    return window;
  };

  /** What the windows need may have been deleted by retention. */
  const beginningFor = async (
    partition: number,
    position: bigint,
    note: WindowNote | undefined,
  ) => {
    if (note === undefined || note.from >= position) return position;
    const earliest = await options.earliestOf(partition);
    return note.from > earliest ? note.from : earliest < position ? earliest : position;
  };

  return {
    at: (partition, position) => {
      const window = windows.get(partition);
      const stands = window?.position ?? targets.get(partition);
      if (window === undefined || stands !== position) {
        const where = stands === undefined ? "not ready" : `at ${stands}`;
        throw unready(`the windows of partition ${partition} are ${where}, not at ${position}`);
      }
      targets.delete(partition);
      window.position = position;
      return window;
    },

    readFrom: async (partition, position) => {
      const placing = {};
      placings.set(partition, placing);
      // Still ours after a rebalance, and nobody else has moved it: the window is as it should be.
      if (windows.get(partition)?.position === position) return position;
      const note = options.noteOf(partition);
      const openAlerts = await options.openAlertsOf(partition);
      const from = await beginningFor(partition, position, note);
      if (placings.get(partition) !== placing) {
        throw unready(`partition ${partition} was placed anew meanwhile`);
      }
      renew(partition, openAlerts, note?.clockMs);
      // Not its position yet: reading may be interrupted, and would then have to begin again.
      targets.set(partition, position);
      return from;
    },

    learn: async (partition, records) => {
      const window = windows.get(partition);
      if (window === undefined) return;
      await decoder.prepare(records);
      for (const record of records) {
        const outcome = decoder.decode(record);
        if (outcome.kind === "ok") window.learn(outcome.value, placeOf(record));
      }
    },

    keepOnly: (partitions) => {
      const ours = new Set(partitions);
      for (const known of [windows, targets, placings]) {
        for (const partition of known.keys()) if (!ours.has(partition)) known.delete(partition);
      }
    },

    nodes: () => [...windows.values()].reduce((sum, window) => sum + window.nodes(), 0),
  };
}

const unready = (reason: string) => new TransientError("kafka", reason);

export const placeOf = ({ offset, timestamp }: IncomingRecord) => ({
  offset: Number(offset),
  timeMs: Number(timestamp),
});
