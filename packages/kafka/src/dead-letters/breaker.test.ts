import { createLog } from "@fiberstream/runtime/log";
import { describe, expect, it } from "@jest/globals";
import { createBreaker } from "./breaker.ts";
import { PartitionPausedError } from "../errors/partition-paused.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });

function breaker(limits = {}) {
  const gauge: boolean[] = [];
  const changes: string[] = [];
  const made = createBreaker({
    limits: { badSharePct: 50, overRecords: 100, badRun: 20, retestAfterMs: 1, ...limits },
    metrics: { breakerOpen: (isOpen) => void gauge.push(isOpen) },
    onChange: ({ partition, isOpen, reason }) =>
      void changes.push(`${partition} ${isOpen ? "opened" : "closed"}: ${reason}`),
    log,
  });
  return { ...made, changes, isOpen: () => gauge.at(-1) ?? false };
}
const good = (count: number) => Array.from({ length: count }, () => false);
const bad = (count: number) => Array.from({ length: count }, () => true);
const everyOther = (count: number) => Array.from({ length: count }, (_, index) => index % 2 === 0);

describe("breaker", () => {
  it("stays closed for a few bad records, however many others there are", () => {
    const { check, isOpen } = breaker();
    for (let batch = 0; batch < 50; batch++) check(0, [...good(90), ...bad(10)]);
    expect(isOpen()).toBe(false);
  });

  it("opens at a number of consecutive bad records, also across two batches", () => {
    const { check, open, isOpen } = breaker();
    check(3, [...good(5), ...bad(15)]);
    expect(() => check(3, bad(5))).toThrow(PartitionPausedError);
    expect(isOpen()).toBe(true);
    expect(open()).toMatchObject([{ partition: 3, reason: "20 consecutive bad records" }]);
  });

  it("reports once that it has opened, however often the batch is retried, and that it has closed", () => {
    const { check, keepOnly, changes } = breaker();
    for (let tries = 0; tries < 3; tries++) expect(() => check(3, bad(20))).toThrow();
    check(3, good(5));
    expect(() => check(3, bad(20))).toThrow();
    keepOnly([]);
    expect(changes).toEqual([
      "3 opened: 20 consecutive bad records",
      "3 closed: records are good",
      "3 opened: 20 consecutive bad records",
      "3 closed: another member owns the partition now",
    ]);
  });

  it("opens at a share of bad records, once there are enough records", () => {
    const { check } = breaker();
    check(0, everyOther(98));
    expect(() => check(0, everyOther(4))).toThrow("50 of the last 100 records are bad");
  });

  it("does not count a paused batch, so that its retry has the same result", () => {
    const { check } = breaker();
    for (let tries = 0; tries < 3; tries++)
      expect(() => check(0, bad(20))).toThrow(PartitionPausedError);
    expect(() => check(0, [...good(5), ...bad(15)])).not.toThrow();
  });

  it("counts each partition by itself", () => {
    const { check } = breaker();
    expect(() => check(0, bad(20))).toThrow(PartitionPausedError);
    expect(() => check(1, good(20))).not.toThrow();
  });

  it("closes by itself when the batch can be decoded", () => {
    const { check, open, isOpen } = breaker();
    expect(() => check(0, bad(20))).toThrow(PartitionPausedError);
    check(0, good(20));
    expect(isOpen()).toBe(false);
    expect(open()).toEqual([]);
  });

  it("resumes a paused partition at a reset and lets its batch pass, once", async () => {
    const { check, reset, isOpen } = breaker({ retestAfterMs: 3_600_000 });
    let held: unknown;
    try {
      check(0, bad(20));
    } catch (error) {
      held = error;
    }
    expect(reset(1)).toEqual([]);
    expect(reset()).toEqual([0]);
    await (held as PartitionPausedError).resumed;
    check(0, bad(20));
    expect(isOpen()).toBe(false);
    expect(() => check(0, bad(20))).toThrow(PartitionPausedError);
  });

  it("drops the state of a partition that another member owns now", () => {
    const { check, keepOnly, isOpen, open } = breaker();
    expect(() => check(0, bad(20))).toThrow(PartitionPausedError);
    keepOnly([1, 2]);
    expect(isOpen()).toBe(false);
    expect(open()).toEqual([]);
  });
});
