import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { nowMicros } from "@fiberstream/simulator/probes/timestamp";
import { until } from "@fiberstream/testkit/until";
import {
  compatibilityPartitioner,
  type CompressionAlgorithmValue,
  Producer,
} from "@platformatic/kafka";
import type { Ledger } from "../load/ledger.ts";
import type { BackingServices } from "../platform/backing-services.ts";
import { createRawEncoder } from "./raw-records.ts";
import { RETRY_FOR_MS } from "./with-admin.ts";

const TOPIC = "probe.metrics.raw";
const CODECS: readonly CompressionAlgorithmValue[] = ["none", "gzip", "snappy", "lz4", "zstd"];
const BATCHES_OF_A_CODEC = 4;
const EVENTS_OF_A_NODE = 10;

/**
 * Sends valid events directly to Kafka with another client, in batches of every codec.
 * @param options.nodes nodes that only these events use
 */
export async function sendForeignBatches(options: {
  backingServices: BackingServices;
  ledger: Ledger;
  nodes: readonly number[];
}): Promise<void> {
  const { backingServices, ledger, nodes } = options;
  const schema = readAvroSchema("ProbeMetric");
  const registry = createSchemaRegistry({ url: backingServices.of("registry").address });
  const schemaId = await until(() => registry.idOf(`${TOPIC}-value`, schema), {
    what: "the registry answers",
    timeoutMs: RETRY_FOR_MS,
  });
  const encode = createRawEncoder({ ledger, schema, schemaId });
  for (let batch = 0; batch < BATCHES_OF_A_CODEC * CODECS.length; batch++) {
    const compression = CODECS[batch % CODECS.length] ?? "none";
    const events = Array.from({ length: EVENTS_OF_A_NODE }, () =>
      nodes.map((node) => ledger.plan(node, nowMicros())),
    ).flat();
    const records = events.map(encode);
    await until(
      async () => {
        ledger.sent(events);
        await produce(backingServices.brokers, compression, records);
        return true;
      },
      { what: `a batch of ${compression} is acknowledged`, timeoutMs: RETRY_FOR_MS },
    );
    for (const event of events) ledger.accepted(event);
  }
}

/** Uses a new producer each time, because one may be broken after a fault. */
async function produce(
  brokers: readonly string[],
  compression: CompressionAlgorithmValue,
  records: readonly { key: string; value: Buffer }[],
): Promise<void> {
  const producer = new Producer({
    clientId: "chaos-foreign",
    bootstrapBrokers: [...brokers],
    timeout: 5_000,
    retries: 1,
    compression,
    partitioner: compatibilityPartitioner,
  });
  try {
    await producer.send({
      acks: -1,
      messages: records.map(({ key, value }) => ({ topic: TOPIC, key: Buffer.from(key), value })),
    });
  } finally {
    await producer.close(true);
  }
}
