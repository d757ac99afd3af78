import { randomUUID } from "node:crypto";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { writeWirePrefix, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { createLog } from "@fiberstream/runtime/log";
import { type RecordSchema, readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { nowMicros } from "@fiberstream/simulator/timestamp";
import { until } from "@fiberstream/testkit/until";
import avsc from "avsc";
import type { Parts } from "./parts.ts";
import type { EventRef, Ledger } from "./ledger.ts";

const SUBJECTS = [
  ["probe.metrics.enriched-value", "EnrichedProbeMetric"],
  ["probe.metrics.raw-value", "ProbeMetric"],
] as const;
const EVENTS_OF_A_NODE = 20;
const TRY_FOR_MS = 60_000;

/**
 * Registers both event schemas with a field more, and sends events of the newer one straight to Kafka,
 * as a newer gateway would while the other services are as they were.
 *
 * @param options.nodes theirs alone
 */
export async function evolveSchema(options: {
  parts: Parts;
  ledger: Ledger;
  nodes: readonly number[];
}): Promise<void> {
  const { parts, ledger, nodes } = options;
  const registry = createSchemaRegistry({ url: parts.of("registry").address });
  const ids = new Map<string, number>();
  for (const [subject, name] of SUBJECTS) {
    const { id } = await until(() => registry.register(subject, newer(readAvroSchema(name))), {
      what: `${subject} is registered`,
      timeoutMs: TRY_FOR_MS,
    });
    ids.set(subject, id);
  }
  const encode = createEncode(ids.get("probe.metrics.raw-value") ?? 0);
  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: parts.brokers, clientId: "chaos", log });
  const producer = await until(() => connectProducer({ kafka }), {
    what: "the broker answers",
    timeoutMs: TRY_FOR_MS,
  });
  for (let sent = 0; sent < EVENTS_OF_A_NODE; sent++) {
    const events = nodes.map((node) => ledger.plan(node, nowMicros()));
    const records = events.map((event) => encode(ledger, event));
    await until(
      async () => {
        ledger.sent(events);
        await producer.send("probe.metrics.raw", records);
        return true;
      },
      { what: "events of the newer schema are acknowledged", timeoutMs: TRY_FOR_MS },
    );
    for (const event of events) ledger.accepted(event);
  }
  await producer.close();
}

const newer = (schema: RecordSchema): RecordSchema => ({
  ...schema,
  fields: [
    ...schema.fields,
    {
      name: "resolver_ms",
      type: ["null", "double"],
      default: null,
      doc: "How long it took to look up the target's name, ms.",
    },
  ],
});

function createEncode(schemaId: number) {
  const type = avsc.Type.forSchema(newer(readAvroSchema("ProbeMetric")) as avsc.Schema);
  return (ledger: Ledger, { node, number }: EventRef) => {
    const of = ledger.nodes[node];
    if (of === undefined) throw new RangeError(`there is no node ${node}`);
    const micros = of.micros[number] ?? 0;
    const { metadata, ...event } = of.probe.eventAt(number, micros);
    const avro = type.toBuffer({
      ...event,
      event_id: randomUUID(),
      tenant: "default",
      timestamp: micros,
      metadata: JSON.stringify(metadata),
      source_region: null,
      received_at: nowMicros(),
      resolver_ms: 1.5,
    });
    const value = Buffer.alloc(WIRE_PREFIX_BYTES + avro.length);
    writeWirePrefix(value, 0, schemaId);
    avro.copy(value, WIRE_PREFIX_BYTES);
    return { key: event.node_id, value };
  };
}
