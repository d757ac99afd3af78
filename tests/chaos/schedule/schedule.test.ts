import { describe, expect, it } from "@jest/globals";
import { FAULT_KINDS, type FaultKind, targetsOf, traitOf } from "../faults/fault-kinds.ts";
import { FAULTS } from "../faults/fault-table.ts";
import { planByChance, planEachOnce } from "./schedule.ts";
import { topologyOf } from "../platform/topology.ts";

const topology = topologyOf(1);

const HOUR = { durationMs: 3_600_000, kinds: FAULT_KINDS, everyMs: 5_000, topology };

describe("a random schedule", () => {
  it("is the same for the same seed, and different for another seed", () => {
    expect(planByChance({ seed: 7, ...HOUR })).toEqual(planByChance({ seed: 7, ...HOUR }));
    expect(planByChance({ seed: 8, ...HOUR })).not.toEqual(planByChance({ seed: 7, ...HOUR }));
  });

  it("has faults of every kind with the given average interval, and none near the end", () => {
    const faults = planByChance({ seed: 1, ...HOUR });
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    expect(faults.length).toBeGreaterThan(600);
    expect(faults.length).toBeLessThan(850);
    expect(Math.max(...faults.map(({ atMs }) => atMs))).toBeLessThan(3_600_000 - 5_000);
  });

  it("respects the targets, durations and counts of each kind", () => {
    const cluster = topologyOf(3);
    const faults = planByChance({ seed: 2, ...HOUR, topology: cluster });
    const affected = new Set(faults.map(({ target }) => target));
    for (const name of ["kafka-1", "kafka-3", "sink-2>kafka-2"]) expect(affected).toContain(name);
    for (const { kind, target, lastsMs } of faults) {
      const { lastsMs: limits, atMost = Infinity } = traitOf(kind);
      expect(targetsOf(kind, cluster)).toContain(target);
      expect(lastsMs).toBeGreaterThanOrEqual(limits[0]);
      expect(lastsMs).toBeLessThanOrEqual(limits[1]);
      expect(faults.filter((fault) => fault.kind === kind).length).toBeLessThanOrEqual(atMost);
    }
  });

  it("has only the selected kinds, and ends when none is left", () => {
    const kinds: FaultKind[] = ["add-partitions"];
    const faults = planByChance({ seed: 3, ...HOUR, kinds });
    expect(faults).toHaveLength(FAULTS["add-partitions"].atMost);
  });
});

describe("a schedule with each kind once", () => {
  it("has each kind once, evenly distributed", () => {
    const faults = planEachOnce({
      seed: 1,
      durationMs: 120_000,
      kinds: FAULT_KINDS,
      topology,
    });
    expect(faults.map(({ kind }) => kind).sort()).toEqual([...FAULT_KINDS].sort());
    const gaps = faults.slice(1).map(({ atMs }, at) => atMs - (faults[at]?.atMs ?? 0));
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
  });
});
