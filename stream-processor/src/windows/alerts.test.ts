import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { describe, expect, it } from "@jest/globals";
import { sampleEvent, uuidOf } from "../testing/sample-event.ts";
import { createPartitionWindow } from "./partition-window.ts";

/** The alerts that one node's measurements cause, one a second. */
function alertsOf(
  measured: readonly {
    latency_ms?: number | null;
    packet_loss?: number;
    error?: "dns";
  }[],
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
const down = (count: number) => times(count, () => ({ latency_ms: null, packet_loss: 100 }));
const slow = (count: number) => times(count, () => ({ latency_ms: 200 }));

describe("alerts", () => {
  it("opens an alert when most of the last five events are slow, and resolves it when most are normal again", () => {
    const alerts = alertsOf([...usual(30), ...slow(20), ...usual(10)]);
    expect(alerts).toMatchObject([
      { at: 32, alert: { kind: "latency", state: "opened", value: 200 } },
      { at: 52, alert: { kind: "latency", state: "resolved" } },
    ]);
    expect(alerts[1]?.alert.alert_id).toBe(alerts[0]?.alert.alert_id);
    expect(alerts[0]?.alert.usual).toBeCloseTo(40, 0);
  });

  it("keeps an alert open as long as the fault lasts, even if its events fill the window", () => {
    expect(alertsOf([...usual(30), ...slow(200)])).toHaveLength(1);
  });

  it("opens no alert for one or two slow events, and does not flap between the two levels", () => {
    expect(alertsOf([...usual(30), ...slow(2), ...usual(30), ...slow(1), ...usual(30)])).toEqual(
      [],
    );
    const between = times(60, (index) => ({ latency_ms: index % 2 === 0 ? 58 : 62 }));
    expect(alertsOf([...usual(30), ...between]).length).toBeLessThanOrEqual(1);
  });

  it("opens and resolves an alert for packet loss besides one for latency", () => {
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

  it("opens an alert for packet loss in an outage, even if no packet was sent", () => {
    const failing = times(10, () => ({ latency_ms: null, packet_loss: 0, error: "dns" as const }));
    for (const outage of [down(10), failing]) {
      expect(alertsOf([...usual(30), ...outage, ...usual(10)])).toMatchObject([
        { at: 30, alert: { kind: "packet_loss", state: "opened", value: 20 } },
        { alert: { kind: "packet_loss", state: "resolved", value: 0 } },
      ]);
    }
    expect(alertsOf(down(5))).toHaveLength(1);
  });

  it("keeps an alert for latency open during an outage, and ignores the outage when it judges latencies", () => {
    const kinds = alertsOf([...usual(30), ...slow(5), ...down(20), ...slow(5), ...usual(5)])
      .filter(({ alert }) => alert.kind === "latency")
      .map(({ at, alert }) => [at, alert.state]);
    expect(kinds).toEqual([
      [32, "opened"],
      [62, "resolved"],
    ]);
    expect(alertsOf([...usual(30), ...down(20), ...slow(5)])).toMatchObject([
      { alert: { kind: "packet_loss" } },
      { at: 52, alert: { kind: "latency", state: "opened", value: 200 } },
      { alert: { kind: "packet_loss" } },
    ]);
  });

  it("resolves an alert that was open when the partition moved", () => {
    const [opened] = alertsOf([...usual(30), ...slow(5)]);
    const alerts = alertsOf([...slow(20), ...usual(5)], opened ? [opened.alert] : []);
    expect(alerts).toMatchObject([
      { alert: { state: "resolved", alert_id: opened?.alert.alert_id } },
    ]);
  });
});
