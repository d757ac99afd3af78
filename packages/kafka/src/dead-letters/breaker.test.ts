import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { createBreaker } from "./breaker.ts";
import { HeldBackError } from "../errors/partition-paused.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

function breaker(limits = {}) {
  const gauge: boolean[] = [];
  const made = createBreaker({
    limits: { badSharePct: 50, overRecords: 100, badRun: 20, retestAfterMs: 1, ...limits },
    metrics: { breakerOpen: (isOpen) => void gauge.push(isOpen) },
    log,
  });
  return { ...made, isOpen: () => gauge.at(-1) ?? false };
}
const good = (count: number) => Array.from({ length: count }, () => false);
const bad = (count: number) => Array.from({ length: count }, () => true);
const everyOther = (count: number) => Array.from({ length: count }, (_, index) => index % 2 === 0);

describe("breaker", () => {
  it("lets a few bad records pass, however long the partition goes on", () => {
    const { admit, isOpen } = breaker();
    for (let batch = 0; batch < 50; batch++) admit(0, [...good(90), ...bad(10)]);
    expect(isOpen()).toBe(false);
  });

  it("opens at a run of bad records, over the border of two batches", () => {
    const { admit, open, isOpen } = breaker();
    admit(3, [...good(5), ...bad(15)]);
    expect(() => admit(3, bad(5))).toThrow(HeldBackError);
    expect(isOpen()).toBe(true);
    expect(open()).toMatchObject([{ partition: 3, reason: "20 bad records one after another" }]);
  });

  it("opens at a share of bad records, once there are enough to tell", () => {
    const { admit } = breaker();
    admit(0, everyOther(98));
    expect(() => admit(0, everyOther(4))).toThrow("50 of the last 100 records are bad");
  });

  it("does not count a held batch, so that its next try is judged as the first was", () => {
    const { admit } = breaker();
    for (let tries = 0; tries < 3; tries++) expect(() => admit(0, bad(20))).toThrow(HeldBackError);
    expect(() => admit(0, [...good(5), ...bad(15)])).not.toThrow();
  });

  it("keeps partitions apart", () => {
    const { admit } = breaker();
    expect(() => admit(0, bad(20))).toThrow(HeldBackError);
    expect(() => admit(1, good(20))).not.toThrow();
  });

  it("closes by itself when the batch can be read", () => {
    const { admit, open, isOpen } = breaker();
    expect(() => admit(0, bad(20))).toThrow(HeldBackError);
    admit(0, good(20));
    expect(isOpen()).toBe(false);
    expect(open()).toEqual([]);
  });

  it("releases a held partition at a reset and lets its batch pass, once", async () => {
    const { admit, reset, isOpen } = breaker({ retestAfterMs: 3_600_000 });
    let held: unknown;
    try {
      admit(0, bad(20));
    } catch (error) {
      held = error;
    }
    expect(reset(1)).toEqual([]);
    expect(reset()).toEqual([0]);
    await (held as HeldBackError).released;
    admit(0, bad(20));
    expect(isOpen()).toBe(false);
    expect(() => admit(0, bad(20))).toThrow(HeldBackError);
  });

  it("forgets a partition that another member has now", () => {
    const { admit, keepOnly, isOpen, open } = breaker();
    expect(() => admit(0, bad(20))).toThrow(HeldBackError);
    keepOnly([1, 2]);
    expect(isOpen()).toBe(false);
    expect(open()).toEqual([]);
  });
});
