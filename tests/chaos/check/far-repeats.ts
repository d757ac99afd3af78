import { WINDOW_RECORDS } from "@fiberstream/stream-processor/windows/node-window";
import type { Ledger } from "../load/ledger.ts";

/** The repeats in raw that the processor cannot know any more, one by one. */
export type FarRepeats = {
  /** In the order of each partition. */
  readonly noteRaw: (node: number, number: number, partition: number) => void;
  /**
   * Whether one record of an event more in enriched comes from such a repeat. Each allows one.
   * @param round how often the processor had been sent back to the beginning of raw before
   */
  readonly takeOne: (node: number, number: number, round: number) => boolean;
};

/** A repeat is far when more than a window's records of its node stand between it and the one before. */
export function createFarRepeats(ledger: Ledger): FarRepeats {
  const recordsOf = new Map<string, number>();
  /** By node and event: which of its node's records it last was, with its partition. */
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
