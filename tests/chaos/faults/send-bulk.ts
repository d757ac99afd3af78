import type { Probe } from "@fiberstream/simulator/probes/probe";
import type { Ledger } from "../load/ledger.ts";
import { type Load, sendLoad } from "../load/send-load.ts";
import type { Sender } from "../load/senders.ts";

/** An event may have 4 KB: 600 of these are 2 MB for one partition, which is more than a Produce request of the gateway. */
const PADDING = "x".repeat(3_200);
const EVENTS_OF_A_BULK = 600;
const EVERY_MS = 2_000;

/** Returns a probe whose events are nearly as large as allowed. */
export const withLargeEvents = (probe: Probe): Probe => ({
  ...probe,
  eventAt: (number, micros) => {
    const event = probe.eventAt(number, micros);
    return { ...event, metadata: { ...event.metadata, padding: PADDING } };
  },
});

/**
 * Sends batches of 2 MB for one node, one after the other.
 * @param options.node a node with large events
 */
export function sendBulk(options: {
  ledger: Ledger;
  node: number;
  gatewayUrls: readonly URL[];
  lastsMs: number;
  stopping: AbortSignal;
}): Promise<Load> {
  const sender: Sender = {
    form: "batch",
    nodes: [options.node],
    perNode: EVENTS_OF_A_BULK,
    everyMs: EVERY_MS,
    requests: Math.ceil(options.lastsMs / EVERY_MS),
  };
  return sendLoad({ ...options, senders: [sender] });
}
