import { describe, expect, it } from "@jest/globals";
import { createLedger, numberOf, oldestUnsettled } from "./ledger.ts";

function ledgerOf(...micros: number[]) {
  const ledger = createLedger(1);
  for (const [number, at] of micros.entries()) ledger.sent({ probe: 0, number, micros: at });
  const [probe] = ledger.probes;
  if (probe === undefined) throw new Error("the ledger has one probe");
  return { ledger, probe };
}

describe("the ledger", () => {
  it("counts accepted events that have no row yet", () => {
    const { ledger } = ledgerOf(10, 20);
    expect(ledger.missing()).toBe(0);
    ledger.accepted({ probe: 0, number: 0 }, 5);
    ledger.accepted({ probe: 0, number: 1 }, 6);
    expect(ledger.missing()).toBe(2);
    expect(ledger.seen(0, 10)).toBe(5);
    expect(ledger.missing()).toBe(1);
  });

  it("counts a row once, and does not count an event as missing whose row came before its answer", () => {
    const { ledger } = ledgerOf(10);
    expect(ledger.seen(0, 10)).toBeUndefined();
    ledger.accepted({ probe: 0, number: 0 }, 5);
    expect(ledger.seen(0, 10)).toBeUndefined();
    expect(ledger.missing()).toBe(0);
  });

  it("knows the oldest event that may still become a row", () => {
    const { ledger, probe } = ledgerOf(10, 20, 30);
    expect(oldestUnsettled(probe)).toBe(10);
    ledger.refused({ probe: 0, number: 0 });
    ledger.accepted({ probe: 0, number: 1 }, 5);
    expect(oldestUnsettled(probe)).toBe(20);
    ledger.seen(0, 20);
    ledger.seen(0, 30);
    expect(oldestUnsettled(probe)).toBeUndefined();
  });

  it("finds an event by its time", () => {
    const { ledger, probe } = ledgerOf(10, 20, 30, 40);
    expect([10, 20, 30, 40].map((micros) => numberOf(probe, micros))).toEqual([0, 1, 2, 3]);
    expect(numberOf(probe, 25)).toBeUndefined();
    expect(ledger.seen(0, 25)).toBeUndefined();
  });
});
