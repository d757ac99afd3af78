import { createFleet } from "@fiberstream/simulator/probes/fleet";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { createLedger, type Ledger } from "../load/ledger.ts";
import { createWaitWatch, type WaitWatch } from "./waits.ts";

const AFFECTED = 0;
const OTHER = 1;

let ledger: Ledger;
let watch: WaitWatch;
let visible: number[];
let beganMs: number;
beforeEach(() => {
  ledger = createLedger(createFleet({ probes: 2, seed: 1 }));
  watch = createWaitWatch(ledger);
  visible = [0, 0];
  beganMs = performance.now();
});

/** Simulates samples four times a second. Events are accepted, and visible at once if nothing waits. */
function pass(
  fromMs: number,
  toMs: number,
  still: { rows?: number[]; acceptance?: number[] } = {},
) {
  for (let ms = fromMs; ms < toMs; ms += 250) {
    for (const node of [AFFECTED, OTHER]) {
      const event = ledger.plan(node, (ledger.nodes[node]?.micros.length ?? 0) + 1);
      if (!still.acceptance?.includes(node)) ledger.accepted(event);
      if (!still.rows?.includes(node)) visible[node] = ledger.nodes[node]?.acceptedUpTo ?? 0;
    }
    watch.look(beganMs + ms, visible);
  }
}

describe("the measurement of waits", () => {
  it("measures how long affected and other nodes got no row, and how long events were behind", () => {
    pass(0, 1_000);
    const window = watch.faultBegins(new Set([AFFECTED]));
    pass(1_000, 9_000, { rows: [AFFECTED] });
    window.faultEnded();
    pass(9_000, 10_000, { rows: [OTHER] });
    pass(10_000, 30_000);
    const { affectedMs, othersMs, behindMs } = window.waits();
    expect([Math.round(affectedMs), Math.round(othersMs)]).toEqual([8_250, 1_250]);
    expect(behindMs).toBeGreaterThan(7_500);
    expect(behindMs).toBeLessThan(9_000);
  });

  it("measures how long no event was accepted", () => {
    pass(0, 1_000);
    const window = watch.faultBegins(new Set([AFFECTED]));
    pass(1_000, 5_000, { acceptance: [OTHER] });
    const { affectedUnacceptedMs, othersUnacceptedMs } = window.waits();
    expect(Math.round(affectedUnacceptedMs)).toBe(250);
    expect(othersUnacceptedMs).toBeGreaterThanOrEqual(3_500);
  });

  it("is quiet after the fault, when nothing was behind for longer than a session", () => {
    const window = watch.faultBegins(new Set([AFFECTED]));
    pass(0, 20_000);
    expect(window.isQuiet()).toBe(false);
    window.faultEnded();
    pass(20_000, 21_000, { rows: [AFFECTED] });
    pass(21_000, 25_000);
    expect(window.isQuiet()).toBe(true);
  });
});
