import type { Probe } from "@fiberstream/simulator/probes/probe";

/** The events of one node; the index is the event's number. */
export type NodeLedger = {
  readonly probe: Probe;
  /** Times in us since 1970, increasing. */
  readonly micros: number[];
  readonly isAccepted: boolean[];
  /** How often each event was sent. */
  readonly sends: number[];
  /** All events before this index are accepted. */
  acceptedUpTo: number;
};

export type EventRef = { readonly node: number; readonly number: number };

/** All events of the load, with what was sent and answered. */
export type Ledger = {
  readonly nodes: readonly NodeLedger[];
  readonly nodeOf: (nodeId: string) => number | undefined;
  /** Plans a node's next event. */
  readonly plan: (node: number, nowMicros: number) => EventRef;
  readonly sent: (events: readonly EventRef[]) => void;
  readonly accepted: (event: EventRef) => void;
  readonly counts: () => { planned: number; accepted: number; sentAgain: number };
};

export function createLedger(fleet: readonly Probe[]): Ledger {
  const nodes = fleet.map((probe): NodeLedger => ({
    probe,
    micros: [],
    isAccepted: [],
    sends: [],
    acceptedUpTo: 0,
  }));
  const numberOfNode = new Map(fleet.map(({ nodeId }, node) => [nodeId, node]));
  const counts = { planned: 0, accepted: 0, sentAgain: 0 };
  const of = (node: number): NodeLedger => {
    const found = nodes[node];
    if (found === undefined) throw new RangeError(`there is no node ${node}`);
    return found;
  };
  return {
    nodes,
    nodeOf: (nodeId) => numberOfNode.get(nodeId),
    plan: (node, nowMicros) => {
      const { micros, isAccepted, sends } = of(node);
      const number = micros.length;
      micros.push(Math.max(nowMicros, (micros.at(-1) ?? 0) + 1));
      isAccepted.push(false);
      sends.push(0);
      counts.planned++;
      return { node, number };
    },
    sent: (events) => {
      for (const { node, number } of events) {
        const { sends } = of(node);
        const times = (sends[number] ?? 0) + 1;
        sends[number] = times;
        if (times > 1) counts.sentAgain++;
      }
    },
    accepted: ({ node, number }) => {
      const ledger = of(node);
      ledger.isAccepted[number] = true;
      counts.accepted++;
      while (ledger.isAccepted[ledger.acceptedUpTo] === true) ledger.acceptedUpTo++;
    },
    counts: () => counts,
  };
}

/** Returns the number of the event with this time; undefined if there is none. */
export function numberAt({ micros }: NodeLedger, wanted: number): number | undefined {
  const number = countUpTo(micros, wanted) - 1;
  return micros[number] === wanted ? number : undefined;
}

/** Returns how many of the increasing times are at or before `wanted`. */
export function countUpTo(micros: readonly number[], wanted: number): number {
  let low = 0;
  let high = micros.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((micros[middle] ?? Infinity) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
