import { randomUUID } from "node:crypto";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf, pushAccepted } from "./platform/send.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

/** Returns a time a minute ago, with microseconds. */
const momentWithMicros = () =>
  new Date(Date.now() - 60_000).toISOString().replace(/\.\d+Z$/, ".123457Z");

describe("one event of a new probe", () => {
  it("is a row within 10 s, as it was sent, and its node is registered", async () => {
    const nodeId = randomUUID();
    const timestamp = momentWithMicros();
    const metadata = {
      version: "2.1.0",
      interfaces: [{ name: "eth0", mtu: 1_500, up: true }],
      note: 'ünïcode, "quotes" and \u{1F4E1}',
      nothing: null,
      tiny: 1e-7,
    };
    const event = eventOf(nodeId, {
      timestamp,
      metadata,
      target_host: "one.example.net",
      probe_type: "http",
    });

    const eventId = await pushAccepted(platform.gatewayUrl, event);
    const row = await until(async () => (await readMetric(nodeId))[0], {
      what: "the row exists",
      timeoutMs: 10_000,
    });

    expect(row).toEqual({
      time: timestamp,
      event_id: eventId,
      country: "GH",
      region: "Greater Accra",
      latency_ms: 42.75,
      uptime_pct: 99.9,
      packet_loss: 0.5,
      target_host: "one.example.net",
      probe_type: "http",
      metadata,
      metadata_type: "jsonb",
    });
    const nodes = await platform.query("SELECT node_name, status FROM nodes WHERE node_id = $1", [
      nodeId,
    ]);
    expect(nodes).toEqual([{ node_name: `probe-${nodeId.slice(0, 8)}`, status: "reporting" }]);
  });

  it("sets the default of a field that a probe omits", async () => {
    const nodeId = randomUUID();
    await pushAccepted(platform.gatewayUrl, eventOf(nodeId));
    const row = await until(async () => (await readMetric(nodeId))[0], {
      what: "the row exists",
    });
    expect(row).toMatchObject({ target_host: null, probe_type: "ping", metadata: null });
  });

  it("is one row however often it is sent", async () => {
    const nodeId = randomUUID();
    const event = eventOf(nodeId);
    const first = await pushAccepted(platform.gatewayUrl, event);
    expect(await pushAccepted(platform.gatewayUrl, event)).toBe(first);
    // Records of one probe are processed in order: when the last one is a row, the duplicate was processed.
    await pushAccepted(platform.gatewayUrl, eventOf(nodeId, { probe_type: "last" }));
    await until(async () => (await readMetric(nodeId)).some((row) => row.probe_type === "last"), {
      what: "the last event's row exists",
    });
    expect(await readMetric(nodeId)).toHaveLength(2);
  });
});

describe("the table metrics", () => {
  it("is a hypertable with chunks of one week", async () => {
    const dimensions = await platform.query(
      `SELECT column_name, time_interval = INTERVAL '7 days' AS is_one_week
         FROM timescaledb_information.dimensions WHERE hypertable_name = 'metrics'`,
    );
    expect(dimensions).toEqual([{ column_name: "time", is_one_week: true }]);
  });
});

const readMetric = (nodeId: string) =>
  platform.query<Record<string, unknown>>(
    `SELECT to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time,
            event_id, country, region, latency_ms, uptime_pct, packet_loss, target_host, probe_type,
            metadata, pg_typeof(metadata)::text AS metadata_type
       FROM metrics WHERE node_id = $1`,
    [nodeId],
  );
