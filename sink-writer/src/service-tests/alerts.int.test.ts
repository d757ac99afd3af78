import { randomUUID } from "node:crypto";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer, type Producer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { createSinkFixture, type SinkFixture } from "../testing/sink-fixture.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
const schema = readAvroSchema("ProbeAlert");
const type = avsc.Type.forSchema(schema as avsc.Schema);
const AT = 1_790_000_000_123_457;

let fixture: SinkFixture;
let topic: string;
let producer: Producer;
let schemaId: number;
beforeEach(async () => {
  fixture = await createSinkFixture();
  topic = topicIn(fixture.namespace, "probe.alerts");
  producer = await connectProducer({ kafka });
  schemaId = await registry.idOf(subjectOf(topic), schema);
});
afterEach(async () => {
  await producer.close();
  await fixture.stop();
});

const opened = (node_id: string, change: Partial<ProbeAlert> = {}): ProbeAlert => {
  const id = randomUUID();
  return {
    alert_id: id,
    node_id,
    kind: "latency",
    state: "opened",
    at: AT,
    event_id: id,
    value: 180.5,
    usual: 41.5,
    resolve_below: 48,
    ...change,
  };
};
const resolved = (was: ProbeAlert, change: Partial<ProbeAlert> = {}): ProbeAlert => ({
  ...was,
  state: "resolved",
  at: was.at + 60_000_001,
  event_id: randomUUID(),
  value: 40,
  ...change,
});
const send = (alerts: readonly ProbeAlert[]) =>
  producer.send(
    topic,
    alerts.map((alert) => ({
      key: alert.node_id,
      value: wireValue(schemaId, type.toBuffer(alert)),
    })),
  );
const rowsOf = async (node: string) =>
  (
    await fixture.sql.query<Record<string, unknown>>(
      `SELECT kind, state, value, usual, resolve_below, end_value, tenant, alert_id, ended_by,
              to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS opened_at,
              extract(epoch FROM ended_at - opened_at)::float8 AS seconds
       FROM node_alerts WHERE node_id = $1 ORDER BY opened_at, kind`,
      [node],
    )
  ).rows;
const untilRows = (node: string, states: readonly string[]) =>
  until(
    async () => {
      const rows = await rowsOf(node);
      return JSON.stringify(rows.map(({ state }) => state)) === JSON.stringify(states)
        ? rows
        : undefined;
    },
    { what: `the alerts of ${node} are ${states.join(", ")}` },
  );

describe("alerts of nodes", () => {
  it("are written once, with their end, whatever is read again and whoever reads", async () => {
    await fixture.sql.query("INSERT INTO nodes (node_id, tenant) VALUES ('a', 'acme')");
    await fixture.start();
    await fixture.start();
    const first = opened("a");
    await send([first, opened("a", { kind: "packet_loss", usual: null, value: 20 })]);
    await untilRows("a", ["open", "open"]);
    const end = resolved(first);
    // As after partitions were added.
    await send([first, end]);
    const rows = await untilRows("a", ["resolved", "open"]);
    expect(rows[0]).toEqual({
      kind: "latency",
      state: "resolved",
      value: 180.5,
      usual: 41.5,
      resolve_below: 48,
      end_value: 40,
      tenant: "acme",
      alert_id: first.alert_id,
      ended_by: end.event_id,
      opened_at: "2026-09-21T14:13:20.123457",
      seconds: 60.000001,
    });
    expect(rows[1]).toMatchObject({ kind: "packet_loss", usual: null, seconds: null });
  });

  it("are of the tenant of their event, although the node was moved to another one since", async () => {
    await fixture.sql.query("INSERT INTO nodes (node_id, tenant) VALUES ('a', 'zeta')");
    const alert = opened("a");
    await fixture.sql.query(
      `INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region,
                            probe_type, enrichment_status)
       VALUES ('2026-09-21T14:13:20.123457Z', now(), 180.5, 100, 0, $1, 'a', 'acme', 'GH', 'Accra', 'ping', 'complete')`,
      [alert.alert_id],
    );
    await fixture.start();
    await send([alert, opened("a", { at: AT + 5_000_000 })]);
    const rows = await untilRows("a", ["replaced", "open"]);
    expect(rows.map(({ tenant }) => tenant)).toEqual(["acme", "zeta"]);
  });

  it("are read from where the last sink has ended, and again if the database has lost some", async () => {
    const before = await fixture.start();
    await send([opened("a")]);
    await untilRows("a", ["open"]);
    await before.stop();
    await fixture.sql.query("DELETE FROM node_alerts");
    const sink = await fixture.start();
    await send([opened("b")]);
    await untilRows("b", ["open"]);
    expect(await rowsOf("a")).toEqual([]);

    // A standby that lagged has taken over.
    await fixture.sql.query("DELETE FROM node_alerts; UPDATE alert_offsets SET next_offset = 0");
    await send([opened("a", { at: AT + 1 }), opened("b", { at: AT + 1 })]);
    await untilRows("a", ["replaced", "open"]);
    await untilRows("b", ["replaced", "open"]);
    const metrics = await (await fetch(`${sink.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/fiberstream_sink_alert_failures_total [1-9]/);
  });

  it("that were never resolved are replaced by the node's next one of the kind", async () => {
    await fixture.start();
    await send([opened("a"), opened("a", { at: AT + 5_000_000 })]);
    const rows = await untilRows("a", ["replaced", "open"]);
    expect(rows[0]).toMatchObject({ seconds: 5, end_value: null, ended_by: null });
  });

  it("that are no alerts, or cannot be held, are counted and delay no other", async () => {
    const sink = await fixture.start();
    await producer.send(topic, [
      { key: "a", value: Buffer.from("not avro") },
      { key: "a", value: null },
    ]);
    await send([opened("a", { alert_id: "no uuid" }), opened("a", { value: Number.NaN })]);
    await send([opened("a")]);
    await untilRows("a", ["open"]);
    const metrics = await (await fetch(`${sink.adminUrl}/metrics`)).text();
    expect(metrics).toContain('fiberstream_sink_alert_records_total{outcome="skipped"} 4');
  });

  it("are erased with their node, and do not come back", async () => {
    const sink = await fixture.start();
    const erased = opened("a");
    await send([erased, opened("b")]);
    await untilRows("a", ["open"]);
    await untilRows("b", ["open"]);
    await sink.stop();
    await fixture.fiber("erase", "--node", "a", "--yes");
    expect(await rowsOf("a")).toEqual([]);
    await fixture.sql.query("TRUNCATE alert_offsets, node_alerts");
    await fixture.start();
    await untilRows("b", ["open"]);
    const later = opened("a");
    await send([later]);
    expect(await untilRows("a", ["open"])).toMatchObject([{ alert_id: later.alert_id }]);
  });
});
