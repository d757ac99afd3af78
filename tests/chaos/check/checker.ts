import type { SimulatedEvent } from "@fiberstream/simulator/probes/probe";
import { isAsSent } from "@fiberstream/simulator/verify/as-sent";
import { createFarRepeats } from "./far-repeats.ts";
import { type Ledger, numberAt } from "../load/ledger.ts";
import { createProvenanceBook, type Provenance } from "./provenance.ts";

/** The stages in which events are searched, in the order in which they pass them. */
export const STAGES = ["raw", "enriched", "table"] as const;
export type Stage = (typeof STAGES)[number];

/** An event as it was found. */
export type FoundEvent = Omit<SimulatedEvent, "timestamp" | "target_host" | "metadata"> & {
  readonly micros: number;
  readonly event_id: string;
  readonly target_host: string | null;
  readonly metadata: unknown;
  /** Values that the stages add, and that later stages have to keep. */
  readonly provenance: Provenance;
};

export type StageCounts = {
  /** All records or rows. */
  found: number;
  /** Accepted events that are missing. */
  lost: number;
  /** Additional records of an event. They are allowed in `raw`, because a sender without an answer sends again. */
  doubled: number;
  /** Duplicates in another partition, of an event that was sent before and after partitions were added. */
  doubledAcrossPartitions: number;
  /**
   * Duplicates in enriched of a duplicate in raw that is beyond the processor's window of the node
   * (schemas/src/topics.ts): allowed, one for each such duplicate in raw.
   */
  doubledBeyondWindow: number;
  /** Duplicates in enriched after the processor had to start again at the beginning of raw: allowed. */
  again: number;
  /** Found with other content or another event_id than was sent. */
  altered: number;
  /** Found after a later event of the same node; only the first record of each event counts. */
  reordered: number;
  /** Events that were never sent, or that were not in the stage before. */
  unexplained: number;
  /** Events whose sender got no 202: allowed. */
  unconfirmed: number;
};

export type Verdict = {
  readonly stages: Readonly<Record<Stage, StageCounts>>;
  /** A few of the faults, as examples. */
  readonly examples: readonly string[];
};

export type Checker = {
  /**
   * Called for each event, stage by stage, and in order within a partition.
   * @param partition undefined for the table
   * @param round how often the processor had to start again at the beginning of raw before
   */
  readonly found: (
    stage: Stage,
    event: FoundEvent,
    partition: number | undefined,
    round?: number,
  ) => void;
  /** Returns the verdict after all events were passed. */
  readonly verdict: () => Verdict;
};

const MAX_EXAMPLES = 20;
const NONE_YET = -1;

/** Creates a checker that compares the events found with those of the ledger. */
export function createChecker(ledger: Ledger): Checker {
  const stages = { raw: noCounts(), enriched: noCounts(), table: noCounts() };
  /** By stage and node: the partition of each event's first record plus 1; 0 if it was not found. */
  const emptyPartitions = (): Uint16Array[] =>
    ledger.nodes.map(({ micros }) => new Uint16Array(micros.length));
  const partitions = {
    raw: emptyPartitions(),
    enriched: emptyPartitions(),
    table: emptyPartitions(),
  };
  const lastRounds = ledger.nodes.map((): number[] => []);
  const eventIds = ledger.nodes.map((): string[] => []);
  const receivedInRaw = createProvenanceBook(ledger);
  const extraInRaw = createProvenanceBook(ledger);
  const enriched = createProvenanceBook(ledger);
  const farRepeats = createFarRepeats(ledger);
  const lastNumbers = new Map<string, number>();
  const examples: string[] = [];

  const fault = (stage: Stage, kind: keyof StageCounts, what: string) => {
    stages[stage][kind]++;
    if (examples.length < MAX_EXAMPLES) examples.push(`${kind} in ${stage}: ${what}`);
  };

  /** Stores the values for later stages, and returns what differs from earlier ones. */
  const differing = (
    stage: Stage,
    node: number,
    number: number,
    { derived, extra, ...received }: Provenance,
  ): string | undefined => {
    if (stage === "raw") {
      receivedInRaw.note(node, number, received);
      extraInRaw.note(node, number, extra);
      return undefined;
    }
    if (!receivedInRaw.has(node, number, received)) return Object.keys(received).join(", ");
    // A processor that does not know the newer schema drops unknown fields.
    if (extra !== null && !extraInRaw.has(node, number, extra)) return "extra";
    if (stage === "enriched") enriched.note(node, number, [derived, extra]);
    return stage === "enriched" || enriched.has(node, number, [derived, extra])
      ? undefined
      : "derived fields, or extra";
  };

  const found: Checker["found"] = (stage, event, partition, round = 0) => {
    stages[stage].found++;
    const name = `${event.node_id} at ${event.micros} us`;
    const node = ledger.nodeOf(event.node_id);
    const of = node === undefined ? undefined : ledger.nodes[node];
    const number = of && numberAt(of, event.micros);
    const place = node === undefined ? undefined : partitions[stage][node];
    if (node === undefined || of === undefined || number === undefined || place === undefined) {
      return fault(stage, "unexplained", `${name} was never sent`);
    }
    const difference = differing(stage, node, number, event.provenance);
    if (stage === "raw" && partition !== undefined) farRepeats.noteRaw(node, number, partition);
    const before = place[number] ?? 0;
    if (before > 0) {
      if (stage === "raw") return void stages.raw.doubled++;
      if (round > (lastRounds[node]?.[number] ?? 0)) {
        (lastRounds[node] ?? [])[number] = round;
        return void stages[stage].again++;
      }
      const isElsewhere = partition !== undefined && before !== partition + 1;
      if (isElsewhere) return void stages[stage].doubledAcrossPartitions++;
      if (stage === "enriched" && farRepeats.takeOne(node, number, round)) {
        return void stages.enriched.doubledBeyondWindow++;
      }
      return fault(stage, "doubled", `${name}${partition === undefined ? "" : ` in ${partition}`}`);
    }
    place[number] = (partition ?? 0) + 1;
    if (round > 0) (lastRounds[node] ?? [])[number] = round;
    if (of.isAccepted[number] !== true) stages[stage].unconfirmed++;

    const earlier = stageBefore(stage);
    const isExplained = earlier === undefined || (partitions[earlier][node]?.[number] ?? 0) > 0;
    if (!isExplained) fault(stage, "unexplained", `${name} was not in ${earlier}`);
    const ids = eventIds[node] ?? [];
    const isSame = isAsSent(event, of.probe.eventAt(number, event.micros));
    if (!isSame || (ids[number] ??= event.event_id) !== event.event_id) {
      fault(stage, "altered", name);
    } else if (isExplained && difference !== undefined) {
      fault(stage, "altered", `${name}: ${difference}`);
    }
    if (partition === undefined) return;
    const key = `${stage} ${partition} ${node}`;
    const last = lastNumbers.get(key) ?? NONE_YET;
    if (number < last) fault(stage, "reordered", `${name} in ${partition}`);
    else lastNumbers.set(key, number);
  };

  return {
    found,
    verdict: () => {
      for (const stage of STAGES) {
        for (const [node, { probe, micros, isAccepted }] of ledger.nodes.entries()) {
          const place = partitions[stage][node];
          for (let number = 0; number < micros.length; number++) {
            if (isAccepted[number] !== true || (place?.[number] ?? 0) > 0) continue;
            fault(stage, "lost", `${probe.nodeId} at ${micros[number]} us`);
          }
        }
      }
      return { stages, examples };
    },
  };
}

const stageBefore = (stage: Stage): Stage | undefined => STAGES[STAGES.indexOf(stage) - 1];

const noCounts = (): StageCounts => ({
  found: 0,
  lost: 0,
  doubled: 0,
  doubledAcrossPartitions: 0,
  doubledBeyondWindow: 0,
  again: 0,
  altered: 0,
  reordered: 0,
  unexplained: 0,
  unconfirmed: 0,
});
