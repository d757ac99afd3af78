import { describe, expect, it } from "@jest/globals";
import { createFleet } from "./fleet.ts";
import { timestampOf } from "./timestamp.ts";

const NOON_MICROS = Date.UTC(2026, 5, 15, 12) * 1_000;
const MINUTE_MICROS = 60_000_000;
const DAY_MINUTES = 24 * 60;

/** The events of 200 probes in a day, one in each slot of their weather. */
const eventsOfADay = once(() =>
  createFleet({ probes: 200, seed: 1 }).flatMap((probe) =>
    Array.from({ length: DAY_MINUTES / 5 }, (_, slot) =>
      probe.eventAt(slot, NOON_MICROS + slot * 5 * MINUTE_MICROS),
    ),
  ),
);

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

describe("a fleet", () => {
  it("is the same for the same seed, and different for another seed", () => {
    const event = (seed: number) => createFleet({ probes: 9, seed })[8]?.eventAt(7, NOON_MICROS);
    expect(event(1)).toEqual(event(1));
    expect(event(2)?.node_id).not.toBe(event(1)?.node_id);
    expect(event(2)?.latency_ms).not.toBe(event(1)?.latency_ms);
  });

  it("has a unique node id for each probe, of at most 50 characters", () => {
    const fleet = createFleet({ probes: 1_000, seed: 1, freshIds: "a1b2c3d4" });
    const ids = fleet.map(({ nodeId }) => nodeId);
    expect(new Set(ids).size).toBe(1_000);
    for (const id of ids) expect(id.length).toBeLessThanOrEqual(50);
    expect(ids[0]).toBe("accra-1-a1b2c3d4");
  });
});

describe("a probe", () => {
  it("stays within the ranges of the event's fields, whatever happens to its network", () => {
    const fleet = createFleet({ probes: 50, seed: 3 });
    for (const probe of fleet) {
      for (let minute = 0; minute < DAY_MINUTES; minute += 7) {
        const event = probe.eventAt(minute, NOON_MICROS + minute * MINUTE_MICROS);
        expect(event.latency_ms === null).toBe(event.packet_loss === 100);
        const { sent, received, rtt_min_ms, rtt_max_ms, rtts_ms, latency_ms } = event;
        if (latency_ms === null) continue;
        expect(latency_ms).toBeGreaterThan(0);
        expect(latency_ms).toBeLessThanOrEqual(10_000);
        const isCounted =
          typeof sent !== "number" || 100 - (100 * (received ?? 0)) / sent === event.packet_loss;
        const areTimesWithin = (rtts_ms ?? []).every(
          (timeMs) => timeMs >= (rtt_min_ms ?? Infinity) && timeMs <= (rtt_max_ms ?? 0),
        );
        expect([isCounted, areTimesWithin]).toEqual([true, true]);
        for (const percent of [event.uptime_pct, event.packet_loss]) {
          expect(percent).toBeGreaterThanOrEqual(0);
          expect(percent).toBeLessThanOrEqual(100);
        }
      }
    }
  });

  it("measures several targets with several probe types", () => {
    const [probe] = createFleet({ probes: 1, seed: 1 });
    const targets = new Set(
      Array.from({ length: 6 }, (_, number) => probe?.eventAt(number, NOON_MICROS).target_host),
    );
    expect(targets.size).toBe(3);
  });

  it("is slower in the evening than in the morning", () => {
    const [probe] = createFleet({ probes: 1, seed: 1 });
    const around = (hour: number) =>
      median(
        Array.from({ length: 300 }, (_, number) => {
          const micros = Date.UTC(2026, 5, 1 + (number % 20), hour) * 1_000;
          return probe?.eventAt(number * 3, micros).latency_ms ?? 0;
        }),
      );
    expect(around(20)).toBeGreaterThan(around(8) * 1.2);
  });

  it("says why nothing came back, if its firmware does, and reports no latency then", () => {
    const events = eventsOfADay();
    const outages = events.filter(({ packet_loss }) => packet_loss === 100);
    const errors = new Set(outages.map(({ error }) => error));
    expect([...errors]).toEqual(expect.arrayContaining([undefined, "timeout", "unreachable"]));
    for (const { latency_ms, received = 0, rtts_ms = null } of outages) {
      expect([latency_ms, received, rtts_ms]).toEqual([null, 0, null]);
    }
    expect(events.some(({ error, latency_ms }) => error === "http" && latency_ms !== null)).toBe(
      true,
    );
  });

  it("has outages and periods of packet loss, and outages lower its uptime", () => {
    const events = eventsOfADay();
    const share = (of: (event: (typeof events)[number]) => boolean) =>
      events.filter(of).length / events.length;
    expect(share(({ packet_loss }) => packet_loss === 100)).toBeGreaterThan(0.0003);
    expect(share(({ packet_loss }) => packet_loss === 100)).toBeLessThan(0.003);
    expect(share(({ packet_loss }) => packet_loss === 0)).toBeGreaterThan(0.9);
    expect(share(({ uptime_pct }) => uptime_pct < 100)).toBeGreaterThan(0.003);
  });
});

describe("timestampOf", () => {
  it("writes microseconds", () => {
    expect(timestampOf(1_790_000_000_000_007)).toBe("2026-09-21T14:13:20.000007Z");
    expect(timestampOf(1_790_000_000_999_999)).toBe("2026-09-21T14:13:20.999999Z");
  });
});
