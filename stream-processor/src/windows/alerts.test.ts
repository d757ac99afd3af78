import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { describe, expect, it } from "@jest/globals";
import { sampleEvent, uuidOf } from "../testing/sample-event.ts";
import { createPartitionWindow } from "./partition-window.ts";

/** The alerts that one node's measurements cause, one a second. */
function alertsOf(
  measured: readonly { latency_ms?: number; packet_loss?: number }[],
  openAlerts: readonly ProbeAlert[] = [],
): { at: number; alert: ProbeAlert }[] {
  const window = createPartitionWindow({
    maxNodes: 10,
    clockMs: 0,
    openAlerts,
    countEvicted: () => undefined,
    nowMs: Date.now,
  });
  return measured.flatMap((change, at) => {
    const event = sampleEvent({ latency_ms: 40, packet_loss: 0, event_id: uuidOf(at), ...change });
    const { alerts } = window.judge(event, { offset: at, timeMs: at * 1_000 });
    return alerts.map((alert) => ({ at, alert }));
  });
}
const times = <T>(count: number, value: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => value(index));
const usual = (count: number) => times(count, (index) => ({ latency_ms: 38 + (index % 5) }));
const slow = (count: number) => times(count, () => ({ latency_ms: 200 }));

describe("alerts", () => {
  it("open when most of the last five are slow, and resolve when most are as usual again", () => {
    const alerts = alertsOf([...usual(30), ...slow(20), ...usual(10)]);
    expect(alerts).toMatchObject([
      { at: 32, alert: { kind: "latency", state: "opened", value: 200 } },
      { at: 52, alert: { kind: "latency", state: "resolved" } },
    ]);
    expect(alerts[1]?.alert.alert_id).toBe(alerts[0]?.alert.alert_id);
    expect(alerts[0]?.alert.usual).toBeCloseTo(40, 0);
  });

  it("stay open as long as it lasts, though what lasts fills the window", () => {
    expect(alertsOf([...usual(30), ...slow(200)])).toHaveLength(1);
  });

  it("do not open at one or two slow ones, nor go to and fro between the two levels", () => {
    expect(alertsOf([...usual(30), ...slow(2), ...usual(30), ...slow(1), ...usual(30)])).toEqual(
      [],
    );
    const between = times(60, (index) => ({ latency_ms: index % 2 === 0 ? 58 : 62 }));
    expect(alertsOf([...usual(30), ...between]).length).toBeLessThanOrEqual(1);
  });

  it("open and resolve for packet loss, beside one for latency", () => {
    const bad = times(10, () => ({ latency_ms: 200, packet_loss: 60 }));
    const kinds = alertsOf([...usual(30), ...bad, ...usual(10)]).map(
      ({ alert }) => `${alert.kind} ${alert.state}`,
    );
    expect(kinds.toSorted()).toEqual([
      "latency opened",
      "latency resolved",
      "packet_loss opened",
      "packet_loss resolved",
    ]);
  });

  it("go on from what was open when the partition moved", () => {
    const [opened] = alertsOf([...usual(30), ...slow(5)]);
    const alerts = alertsOf([...slow(20), ...usual(5)], opened ? [opened.alert] : []);
    expect(alerts).toMatchObject([
      { alert: { state: "resolved", alert_id: opened?.alert.alert_id } },
    ]);
  });
});
