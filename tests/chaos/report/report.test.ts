import { describe, expect, it } from "@jest/globals";
import type { StageCounts } from "../check/checker.ts";
import { brokenPromises, type ChaosReport, renderReport } from "./report.ts";
import { drawTimeline } from "./timeline.ts";

const stage: StageCounts = {
  found: 10,
  lost: 0,
  doubled: 0,
  doubledAcrossPartitions: 0,
  doubledBeyondWindow: 0,
  again: 0,
  altered: 0,
  reordered: 0,
  unexplained: 0,
  unconfirmed: 0,
};
const kept: ChaosReport = {
  seed: 1,
  minutes: 1,
  brokers: 1,
  alone: false,
  accepted: 10,
  sentAgain: 3,
  reasons: { "503 KAFKA_UNAVAILABLE": 3 },
  refused: {},
  faults: [
    {
      kind: "kill-sink",
      target: "sink-1",
      fromMs: 1_000,
      toMs: 2_000,
      failure: undefined,
      firstRowMs: 500,
      recoveredMs: 1_500,
      waits: {
        affectedMs: 11_000,
        othersMs: 2_500,
        behindMs: 14_000,
        affectedUnacceptedMs: 100,
        othersUnacceptedMs: 200,
      },
      coordinates: [],
      isFollower: false,
    },
  ],
  verdict: { stages: { raw: stage, enriched: stage, table: stage }, examples: [] },
  deadLetters: {
    planted: 2,
    vanished: 0,
    found: 3,
    lost: 0,
    doubled: 0,
    repeated: 1,
    altered: 0,
    unexplained: 0,
  },
  books: { minutes: 0, events: 0, differs: [], notKnown: [] },
  consoleCounts: { exported: 10, summary: 10, series: 10 },
  conflicts: 0,
  unpublishedNodes: 0,
  missingNodes: 0,
  unplannedEnds: [{ name: "sink-2", reason: "code 1" }],
  badStops: [],
};

const of = (change: Partial<ChaosReport["faults"][number]>): ChaosReport["faults"] => {
  const [fault] = kept.faults;
  return fault === undefined ? [] : [{ ...fault, ...change }];
};

const withTable = (counts: Partial<StageCounts>): ChaosReport => ({
  ...kept,
  verdict: {
    examples: [],
    stages: { ...kept.verdict.stages, table: { ...stage, ...counts } },
  },
});

describe("the verdict of a run", () => {
  it("is successful if senders had to retry and the sink wrote dead letters twice", () => {
    expect(brokenPromises(kept)).toEqual([]);
  });

  it.each(["lost", "doubled", "altered", "reordered", "unexplained"] as const)(
    "reports %s events",
    (kind) => {
      expect(brokenPromises(withTable({ [kind]: 2 }))).toEqual([`2 ${kind} in table`]);
    },
  );

  it("fails if the console counts other events than the table has", () => {
    const consoleCounts = { exported: 10, summary: 9, series: 11 };
    expect(brokenPromises({ ...kept, consoleCounts })).toEqual([
      "the console counts 9 events (summary), and the table has 10",
      "the console counts 11 events (series), and the table has 10",
    ]);
  });

  it("allows a duplicate across partitions only if partitions were added", () => {
    const enriched = { ...stage, doubledAcrossPartitions: 1 };
    const verdict = { examples: [], stages: { ...kept.verdict.stages, enriched } };
    const added = of({ kind: "add-partitions" });
    expect(brokenPromises({ ...kept, verdict })).toHaveLength(1);
    expect(brokenPromises({ ...kept, verdict, faults: added })).toEqual([]);
  });

  it.each(["add-partitions", "delete-offsets"] as const)(
    "fails if the services' own books differ, also after %s",
    (kind) => {
      const differing = {
        minute: "2026-11-27T12:00:00.000Z",
        verdict: "differs",
        hop: "enriched",
        partition: 3,
        events: 2,
        offset: null,
        why: "the sink has read 4 events",
      } as const;
      const books = { ...kept.books, differs: [differing] };
      expect(brokenPromises({ ...kept, books, faults: of({ kind }) })).toEqual([
        "the books of 2026-11-27T12:00:00.000Z differ: enriched 3 the sink has read 4 events",
      ]);
    },
  );

  it("fails if a wait was longer than allowed and each fault had the time for itself", () => {
    expect(brokenPromises({ ...kept, alone: true })).toEqual([
      "kill-sink of sink-1: other partitions waited 2.5 s, at most 2.0 s are allowed",
    ]);
  });

  it("allows longer waits if others need an affected broker, and has bounds only for brokers of a cluster", () => {
    const faults = of({ kind: "kill-broker" });
    const alone = { ...kept, alone: true, faults };
    expect(brokenPromises(alone)).toEqual([]);
    expect(brokenPromises({ ...alone, brokers: 3 })).toHaveLength(1);
    for (const needed of [{ coordinates: ["transactions"] }, { isFollower: true }]) {
      const others = of({ kind: "kill-broker", ...needed });
      expect(brokenPromises({ ...alone, brokers: 3, faults: others })).toEqual([]);
    }
  });

  it("allows the time of an election if the affected broker was the active controller", () => {
    const waits = {
      affectedMs: 14_000,
      othersMs: 0,
      behindMs: 24_000,
      affectedUnacceptedMs: 0,
      othersUnacceptedMs: 0,
    };
    const broken = (coordinates: readonly string[]) =>
      brokenPromises({
        ...kept,
        alone: true,
        brokers: 3,
        faults: of({ kind: "freeze-broker", coordinates, waits }),
      });
    expect(broken(["transactions", "controllers"])).toEqual([]);
    expect(broken(["transactions"])).toHaveLength(2);
  });

  it("fails if dead letters are missing, a valid event was rejected, a node is missing, or nothing was accepted", () => {
    const broken = brokenPromises({
      ...kept,
      accepted: 0,
      refused: { "rejected TOO_OLD": 1 },
      deadLetters: { ...kept.deadLetters, lost: 1 },
      missingNodes: 1,
    });
    expect(broken).toHaveLength(4);
  });
});

describe("the report", () => {
  it("shows each kind of fault with its recovery, and unplanned exits", () => {
    const text = renderReport(kept);
    expect(text).toMatch(/kill-sink +1 +0\.5 s +1\.5 s +1\.5 s/);
    expect(text).toMatch(/kill-sink +11\.0 s +2\.5 s +14\.0 s/);
    expect(text).toContain("sink-2: code 1");
  });
});

describe("the timeline", () => {
  it("draws every fault with its name, and loads nothing from other places", () => {
    const picture = drawTimeline({
      title: "a < b",
      startMs: 0,
      samples: Array.from({ length: 40 }, (_, at) => ({
        atMs: at * 250,
        accepted: at * 100,
        visible: at * 90,
        lag: at * 10,
      })),
      faults: kept.faults,
    });
    expect(picture).toContain("<title>kill-sink sink-1</title>");
    expect(picture).toContain("a &lt; b");
    expect(picture).not.toMatch(/(href|url\()/);
    expect(picture).not.toContain("NaN");
  });
});
