import type { SimulatedEvent } from "@fiberstream/simulator/probes/probe";
import { isAsSent } from "@fiberstream/simulator/verify/as-sent";
import { createFarRepeats } from "./far-repeats.ts";
import { type Ledger, numberAt } from "../load/ledger.ts";
import { createProvenanceBook, type Provenance } from "./provenance.ts";

/** Where events are looked for, in the order in which they get there. */
export const STAGES = ["raw", "enriched", "table"] as const;
export type Stage = (typeof STAGES)[number];

/** An event as it was found. */
export type FoundEvent = Omit<SimulatedEvent, "timestamp" | "target_host" | "metadata"> & {
  readonly micros: number;
  readonly event_id: string;
  readonly target_host: string | null;
  readonly metadata: unknown;
  /** What the stages beside the sender have to agree on. */
  readonly provenance: Provenance;
};

export type StageCounts = {
  /** Records or rows, all of them. */
  found: number;
  /** Accepted events that are not there. */
  lost: number;
  /** Beyond the first one of an event. In `raw` they are allowed: a sender that got no answer sends again. */
  doubled: number;
  /** Doubled in another partition than before: a repeat from before and after partitions were added. */
  doubledAcrossPartitions: number;
  /**
   * In enriched from a repeat in raw that stands further behind than the processor's window of the node reaches
   * (schemas/src/topics.ts): allowed, each by its own repeat.
   */
  doubledBeyondWindow: number;
  /** Again, after the processor had been sent back to the beginning of raw: allowed, in enriched only. */
  again: number;
  /** Found with another content or event_id than was sent. */
  altered: number;
  /** After a later event of its node, of the same request or another; first appearances count. */
  reordered: number;
  /** Nobody has sent it, or it was not in the stage before. */
  unexplained: number;
  /** Its sender was never told that it is kept: allowed. */
  unconfirmed: number;
};

export type Verdict = {
  readonly stages: Readonly<Record<Stage, StageCounts>>;
  /** A few of what is wrong, by name. */
  readonly examples: readonly string[];
};

export type Checker = {
  /**
   * Stage by stage; within a partition in its order.
   * @param partition undefined in the table
   * @param round how often the processor had been sent back to the beginning of raw before
   */
  readonly found: (
    stage: Stage,
    event: FoundEvent,
    partition: number | undefined,
    round?: number,
  ) => void;
  /** When everything was handed over. */
  readonly verdict: () => Verdict;
};

const MAX_EXAMPLES = 20;
const NONE_YET = -1;

/** Compares what is found with what the ledger says was sent and accepted. */
export function createChecker(ledger: Ledger): Checker {
  const stages = { raw: noCounts(), enriched: noCounts(), table: noCounts() };
  /** By stage and node: the partition of each event's first record, plus 1; 0 when it was not found. */
  const placeOf = (): Uint16Array[] =>
    ledger.nodes.map(({ micros }) => new Uint16Array(micros.length));
  const places = { raw: placeOf(), enriched: placeOf(), table: placeOf() };
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

  /** Notes what later stages have to agree with, and says what differs from the ones before. */
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
    // A processor that does not know the schema's pair leaves out what it does not know.
    if (extra !== null && !extraInRaw.has(node, number, extra)) return "extra";
    if (stage === "enriched") enriched.note(node, number, [derived, extra]);
    return stage === "enriched" || enriched.has(node, number, [derived, extra])
      ? undefined
      : "what is derived, or extra";
  };

  const found: Checker["found"] = (stage, event, partition, round = 0) => {
    stages[stage].found++;
    const name = `${event.node_id} at ${event.micros} us`;
    const node = ledger.nodeOf(event.node_id);
    const of = node === undefined ? undefined : ledger.nodes[node];
    const number = of && numberAt(of, event.micros);
    const place = node === undefined ? undefined : places[stage][node];
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
    const isExplained = earlier === undefined || (places[earlier][node]?.[number] ?? 0) > 0;
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
          const place = places[stage][node];
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
