import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { type RecordSchema, readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { nowMicros } from "@fiberstream/simulator/probes/timestamp";
import { until } from "@fiberstream/testkit/until";
import type { Ledger } from "../load/ledger.ts";
import type { BackingServices } from "../platform/backing-services.ts";
import { createRawEncoder } from "./raw-records.ts";
import { chaosKafka, RETRY_FOR_MS } from "./with-admin.ts";

const SUBJECTS = [
  ["probe.metrics.enriched-value", "EnrichedProbeMetric"],
  ["probe.metrics.raw-value", "ProbeMetric"],
] as const;
const EVENTS_OF_A_NODE = 20;

/**
 * Registers both event schemas with an additional field, and sends events of the newer schema directly to Kafka, like a
 * newer gateway next to older services.
 *
 * @param options.nodes nodes that only these events use
 */
export async function evolveSchema(options: {
  backingServices: BackingServices;
  ledger: Ledger;
  nodes: readonly number[];
}): Promise<void> {
  const { backingServices, ledger, nodes } = options;
  const registry = createSchemaRegistry({ url: backingServices.of("registry").address });
  const ids = new Map<string, number>();
  for (const [subject, name] of SUBJECTS) {
    const { id } = await until(() => registry.register(subject, newer(readAvroSchema(name))), {
      what: `${subject} is registered`,
      timeoutMs: RETRY_FOR_MS,
    });
    ids.set(subject, id);
  }
  const encode = createRawEncoder({
    ledger,
    schema: newer(readAvroSchema("ProbeMetric")),
    schemaId: ids.get("probe.metrics.raw-value") ?? 0,
    fields: { resolver_ms: 1.5 },
  });
  const kafka = chaosKafka(backingServices.brokers);
  const producer = await until(() => connectProducer({ kafka }), {
    what: "the broker answers",
    timeoutMs: RETRY_FOR_MS,
  });
  for (let sent = 0; sent < EVENTS_OF_A_NODE; sent++) {
    const events = nodes.map((node) => ledger.plan(node, nowMicros()));
    const records = events.map(encode);
    await until(
      async () => {
        ledger.sent(events);
        await producer.send("probe.metrics.raw", records);
        return true;
      },
      { what: "events of the newer schema are acknowledged", timeoutMs: RETRY_FOR_MS },
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
