import { createFleet } from "@fiberstream/simulator/probes/fleet";
import { WINDOW_RECORDS } from "@fiberstream/stream-processor/windows/node-window";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { type Checker, createChecker, type FoundEvent, type Stage, STAGES } from "./checker.ts";
import { createLedger, type Ledger } from "../load/ledger.ts";
import type { Provenance } from "./provenance.ts";

const NODES = 3;
const EVENTS = 20;
const T0 = 1_790_000_000_000_000;

let ledger: Ledger;
beforeEach(() => {
  ledger = ledgerOf(NODES, EVENTS);
});

/** Returns a ledger in which every event was sent once and accepted. */
function ledgerOf(nodes: number, events: number): Ledger {
  const made = createLedger(createFleet({ probes: nodes, seed: 1 }));
  for (let number = 0; number < events; number++) {
    for (let node = 0; node < nodes; node++) {
      const event = made.plan(node, T0 + number * 1_000);
      made.sent([event]);
      made.accepted(event);
    }
  }
  return made;
}

type Located = { event: FoundEvent; partition: number };

/** Returns correct stages: each event once, in order, with a partition for each node. */
function whole(of: Ledger = ledger): Located[] {
  return of.nodes.flatMap(({ probe, micros }, node) =>
    micros.map((at, number) => ({
      event: {
        ...probe.eventAt(number, at),
        micros: at,
        event_id: `${node}-${number}`,
        provenance: {
          received_at: at + 500,
          tenant: "default",
          source_region: null,
          extra: null,
          derived: { quality: "good" },
        },
      },
      partition: node,
    })),
  );
}

/** Passes all stages to the checker, one of them changed by `plant`. */
function check(planted?: { stage: Stage; plant: (located: Located[]) => Located[] }) {
  const checker: Checker = createChecker(ledger);
  for (const stage of STAGES) {
    const located = planted?.stage === stage ? planted.plant(whole()) : whole();
    for (const { event, partition } of located) {
      checker.found(stage, event, stage === "table" ? undefined : partition);
    }
  }
  return checker.verdict();
}

const CLEAN = { lost: 0, doubled: 0, altered: 0, reordered: 0, unexplained: 0 };
const at = (located: Located[], index: number): Located => {
  const found = located[index];
  if (found === undefined) throw new RangeError(String(index));
  return found;
};

describe("the checker", () => {
  it("finds nothing if everything is correct", () => {
    const { stages, examples } = check();
    for (const stage of STAGES) {
      expect(stages[stage]).toMatchObject({ ...CLEAN, found: NODES * EVENTS, unconfirmed: 0 });
    }
    expect(examples).toEqual([]);
  });

  it.each(STAGES)("finds one lost event in %s", (stage) => {
    const { stages, examples } = check({ stage, plant: (located) => located.toSpliced(7, 1) });
    expect(stages[stage].lost).toBe(1);
    expect(examples.join()).toContain(`lost in ${stage}`);
  });

  it.each(["enriched", "table"] as const)("finds one duplicated event in %s", (stage) => {
    const { stages } = check({ stage, plant: (located) => [...located, at(located, 7)] });
    expect(stages[stage]).toMatchObject({ ...CLEAN, doubled: 1 });
  });

  it("allows a duplicate in raw, and one in another partition only if the processor cannot recognize it", () => {
    const again = (located: Located[]) => [...located, { ...at(located, 7), partition: 9 }];
    expect(check({ stage: "raw", plant: again }).stages.raw).toMatchObject({
      ...CLEAN,
      doubled: 1,
    });
    expect(check({ stage: "enriched", plant: again }).stages.enriched).toMatchObject({
      ...CLEAN,
      doubledAcrossPartitions: 1,
    });
    expect(check({ stage: "table", plant: again }).stages.table.doubled).toBe(1);
  });

  it("allows an event once more in enriched for each deletion of the offsets", () => {
    const checker = createChecker(ledger);
    const [first, second] = whole();
    if (first === undefined || second === undefined) throw new Error("there are no events");
    for (const { event, partition } of whole()) checker.found("raw", event, partition);
    for (const [{ event, partition }, round] of [
      [first, 0],
      [second, 1],
      [first, 1],
      // Not twice in one round, and not if it appeared for the first time in that round.
      [first, 1],
      [second, 1],
      [first, 2],
    ] as const) {
      checker.found("enriched", event, partition, round);
    }
    expect(checker.verdict().stages.enriched).toMatchObject({ again: 2, doubled: 2 });
  });

  it("allows an event once more in enriched for each duplicate that is beyond the processor's window", () => {
    const found = (repeatAfter: number) => {
      const long = ledgerOf(1, WINDOW_RECORDS + 2);
      const checker = createChecker(long);
      const all = whole(long);
      const [first] = all;
      if (first === undefined) throw new Error("there are no events");
      const raw = [...all.slice(0, repeatAfter), first, ...all.slice(repeatAfter)];
      for (const { event, partition } of raw) checker.found("raw", event, partition);
      for (const { event, partition } of [...all, first, first]) {
        checker.found("enriched", event, partition);
      }
      return checker.verdict().stages.enriched;
    };
    expect(found(WINDOW_RECORDS)).toMatchObject({ doubledBeyondWindow: 0, doubled: 2 });
    expect(found(WINDOW_RECORDS + 1)).toMatchObject({ doubledBeyondWindow: 1, doubled: 1 });
  });

  const changes: [string, Partial<FoundEvent>][] = [
    ["a number", { latency_ms: 1.25 }],
    ["a text", { region: "elsewhere" }],
    ["a value inside the metadata", { metadata: { city: "elsewhere" } }],
    ["the event_id", { event_id: "another" }],
  ];
  const provenance = () => at(whole(), 7).event.provenance;
  const disagreements: [string, Stage[], Partial<Provenance>][] = [
    ["received_at", ["enriched", "table"], { received_at: 1 }],
    ["the tenant", ["enriched", "table"], { tenant: "another" }],
    ["the relay's region", ["enriched", "table"], { source_region: "another" }],
    ["extra", ["enriched", "table"], { extra: { resolver_ms: 1 } }],
    ["a derived column", ["table"], { derived: { quality: "late" } }],
  ];
  it.each(disagreements)("finds one event whose stages differ in %s", (_what, stages, change) => {
    for (const stage of stages) {
      const plant = (located: Located[]) =>
        located.with(7, {
          ...at(located, 7),
          event: { ...at(located, 7).event, provenance: { ...provenance(), ...change } },
        });
      expect(check({ stage, plant }).stages[stage]).toMatchObject({ ...CLEAN, altered: 1 });
    }
  });

  it("allows the processor to drop unknown fields, but the table to drop nothing else", () => {
    const withExtra = (extra: unknown) => (located: Located[]) =>
      located.with(7, {
        ...at(located, 7),
        event: { ...at(located, 7).event, provenance: { ...provenance(), extra } },
      });
    const known = { resolver_ms: 1 };
    expect(check({ stage: "raw", plant: withExtra(known) }).stages.enriched).toMatchObject(CLEAN);
    const checker = createChecker(ledger);
    for (const stage of STAGES) {
      const located = stage === "table" ? whole() : withExtra(known)(whole());
      for (const { event, partition } of located) {
        checker.found(stage, event, stage === "table" ? undefined : partition);
      }
    }
    expect(checker.verdict().stages.table).toMatchObject({ ...CLEAN, altered: 1 });
  });

  it("accepts the values of any of an event's records in raw", () => {
    const { event, partition } = at(whole(), 7);
    const later = { ...event, provenance: { ...event.provenance, received_at: 1 } };
    const checker = createChecker(ledger);
    for (const stage of STAGES) {
      const place = stage === "table" ? undefined : partition;
      if (stage === "raw") checker.found(stage, event, place);
      checker.found(stage, later, place);
    }
    const { stages } = checker.verdict();
    expect([stages.raw.doubled, stages.enriched.altered, stages.table.altered]).toEqual([1, 0, 0]);
  });

  it.each(changes)("finds one event altered in %s", (_what, change) => {
    for (const stage of ["enriched", "table"] as const) {
      const { stages } = check({
        stage,
        plant: (located) =>
          located.with(7, { ...at(located, 7), event: { ...at(located, 7).event, ...change } }),
      });
      expect(stages[stage]).toMatchObject({ ...CLEAN, altered: 1 });
    }
  });

  it.each(["raw", "enriched"] as const)("finds one event out of order in %s", (stage) => {
    const { stages } = check({
      stage,
      plant: (located) => located.toSpliced(4, 1).toSpliced(8, 0, at(located, 4)),
    });
    expect(stages[stage]).toMatchObject({ ...CLEAN, reordered: 1 });
  });

  it.each(["raw", "enriched"] as const)("finds swapped events of a request in %s", (stage) => {
    const { stages, examples } = check({
      stage,
      plant: (located) => located.with(4, at(located, 5)).with(5, at(located, 4)),
    });
    expect(stages[stage]).toMatchObject({ ...CLEAN, reordered: 1 });
    expect(examples.join()).toContain(`reordered in ${stage}`);
  });

  it("accepts late duplicates", () => {
    const late = check({ stage: "raw", plant: (located) => [...located, at(located, 0)] });
    expect(late.stages.raw).toMatchObject({ ...CLEAN, doubled: 1 });
  });

  it("finds an event that was never sent, and one that skipped a stage", () => {
    const stranger = { ...at(whole(), 0).event, micros: T0 + 1 };
    const made = check({
      stage: "table",
      plant: (located) => [...located, { event: stranger, partition: 0 }],
    });
    expect(made.stages.table).toMatchObject({ ...CLEAN, unexplained: 1 });
    const skipped = check({ stage: "enriched", plant: (located) => located.toSpliced(3, 1) });
    expect(skipped.stages.table.unexplained).toBe(1);
  });

  it("does not expect an event that was not accepted, but counts it where it exists", () => {
    const unanswered = ledger.plan(0, T0 + 1_000_000);
    ledger.sent([unanswered]);
    expect(check().stages.table).toMatchObject({ ...CLEAN, unconfirmed: 1 });
    const absent = check({ stage: "table", plant: (located) => located.toSpliced(EVENTS, 1) });
    expect(absent.stages.table).toMatchObject({ ...CLEAN, unconfirmed: 0 });
  });
});
