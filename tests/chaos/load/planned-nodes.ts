import { createFleet } from "@fiberstream/simulator/probes/fleet";
import { withLargeEvents } from "../faults/send-bulk.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { nodesOf, type Sender } from "./senders.ts";

/** The nodes that only faults send events of. */
export type NodesOfFaults = {
  /** With the newer schema. */
  readonly newer: readonly number[];
  /** Of other clients. */
  readonly foreign: readonly number[];
  /** Of large batches. */
  readonly bulk: number;
};

const NEWER_NODES = 10;
const FOREIGN_NODES = 4;
const BULK_NODES = 1;

/** Creates the ledger of the senders' nodes, followed by the nodes of faults. */
export function planNodes(plan: { seed: number; senders: readonly Sender[] }): {
  readonly ledger: Ledger;
  readonly nodesOfFaults: NodesOfFaults;
} {
  const newest = nodesOf(plan.senders);
  const foreign = newest + NEWER_NODES;
  const bulk = foreign + FOREIGN_NODES;
  const fleet = createFleet({ probes: bulk + BULK_NODES, seed: plan.seed });
  return {
    ledger: createLedger(
      fleet.map((probe, node) => (node === bulk ? withLargeEvents(probe) : probe)),
    ),
    nodesOfFaults: {
      newer: Array.from({ length: NEWER_NODES }, (_, at) => newest + at),
      foreign: Array.from({ length: FOREIGN_NODES }, (_, at) => foreign + at),
      bulk,
    },
  };
}
