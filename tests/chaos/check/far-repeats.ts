import { WINDOW_RECORDS } from "@fiberstream/stream-processor/windows/node-window";
import type { Ledger } from "../load/ledger.ts";

/** Duplicates in raw that are beyond the processor's window. */
export type FarRepeats = {
  /** Called for each record of raw, in the order of each partition. */
  readonly noteRaw: (node: number, number: number, partition: number) => void;
  /**
   * Returns whether an additional record of an event in enriched comes from such a duplicate. Each allows one.
   * @param round how often the processor had to start again at the beginning of raw before
   */
  readonly takeOne: (node: number, number: number, round: number) => boolean;
};

/** A duplicate is beyond the window if more records of its node than the window has are between it and the one before. */
export function createFarRepeats(ledger: Ledger): FarRepeats {
  const recordsOf = new Map<string, number>();
  /** By node and event: number and partition of its last record among the records of its node. */
  const last = ledger.nodes.map(() => new Map<number, { partition: number; at: number }>());
  const far = new Map<string, number>();
  const taken = new Map<string, number>();

  return {
    noteRaw: (node, number, partition) => {
      const place = `${partition} ${node}`;
      const at = recordsOf.get(place) ?? 0;
      recordsOf.set(place, at + 1);
      const before = last[node]?.get(number);
      last[node]?.set(number, { partition, at });
      if (before?.partition !== partition || at - before.at <= WINDOW_RECORDS) return;
      const event = `${node} ${number}`;
      far.set(event, (far.get(event) ?? 0) + 1);
    },
    takeOne: (node, number, round) => {
      const event = `${node} ${number}`;
      const inRound = `${round} ${event}`;
      const used = taken.get(inRound) ?? 0;
      if (used >= (far.get(event) ?? 0)) return false;
      taken.set(inRound, used + 1);
      return true;
    },
  };
}
