import { createSender, isoOf, microsOf, type ProbeEvent } from "@fiberstream/client";
import { createKafka } from "@fiberstream/kafka/kafka";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createTransactionalProducer } from "@fiberstream/kafka/transactions/transactional-producer";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { EnrichedProbeMetric } from "@fiberstream/schemas/generated/records";
import { addresses } from "@fiberstream/testkit/addresses";
import { until } from "@fiberstream/testkit/until";
import type { Platform } from "../src/platform/platform.ts";
import { bulkEvents, edgeEvents } from "./known-events.ts";

/** A value with times in ISO 8601 with six fractional digits, for the comparison with consumers. */
export type KnownValue = Omit<EnrichedProbeMetric, "timestamp" | "received_at"> & {
  readonly timestamp: string;
  readonly received_at: string;
};

/** A committed record of the topic, decoded by our own reader, which has its own tests. */
type KnownRecord = {
  readonly partition: number;
  readonly offset: string;
  readonly key: string;
  readonly value: KnownValue;
  readonly bytes: Buffer;
};

export type KnownTopic = {
  readonly topic: string;
  readonly sent: readonly ProbeEvent[];
  readonly records: readonly KnownRecord[];
};

const BULK = 3_000;
/** Number of requests, so that the processor gets the bulk in many small batches. */
const BULK_REQUESTS = 30;
/** Number of events after the aborted transaction. */
const LAST = BULK / BULK_REQUESTS;
const log = createLog({ service: "test", level: "silent", format: "json" });

/**
 * Sends known events through the platform, kills the processor in between, and writes an aborted transaction, whose
 * records would be duplicates for a consumer that reads them.
 */
export async function createKnownTopic(platform: Platform): Promise<KnownTopic> {
  const nowMs = Date.now();
  const edges = edgeEvents(nowMs);
  const bulk = bulkEvents(nowMs, BULK);
  const sent = [...edges, ...bulk];
  const topic = `${platform.namespace}probe.metrics.enriched`;
  const send = createSender({ url: platform.gatewayUrl, regionId: "eu-west" });

  await send(edges);
  // A probe without an answer sends again: these must not appear twice.
  await send(edges.slice(0, 5));
  const passing = sendInBatches(send, bulk.slice(0, -LAST));
  await rowsOf(platform, edges.length + 1);
  await platform.service("stream-processor").kill("SIGKILL");
  await platform.restart("stream-processor");
  await passing;
  await rowsOf(platform, sent.length - LAST);
  // Not while a transaction of the processor is open: plain kafkajs reads aborted records if two transactions overlap.
  await abortCopies(topic, await readKnown(topic));
  await sendInBatches(send, bulk.slice(-LAST));
  await rowsOf(platform, sent.length);

  return { topic, sent, records: await readKnown(topic) };
}

/** @throws when the gateway does not accept all events */
async function sendInBatches(send: ReturnType<typeof createSender>, events: readonly ProbeEvent[]) {
  let accepted = 0;
  const rejected: unknown[] = [];
  for (let at = 0; at < events.length; at += LAST) {
    const result = await send(events.slice(at, at + LAST));
    accepted += result.accepted;
    rejected.push(...result.rejected);
  }
  if (accepted !== events.length) {
    throw new Error(`not all accepted: ${JSON.stringify(rejected)}`);
  }
}

const rowsOf = (platform: Platform, count: number) =>
  until(
    async () => {
      const [row] = await platform.query<{ rows: number }>(
        "SELECT count(*)::int AS rows FROM metrics",
      );
      return (row?.rows ?? 0) >= count;
    },
    { what: `${count} events are rows`, timeoutMs: 60_000 },
  );

async function readKnown(topic: string): Promise<KnownRecord[]> {
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
  const readerSchema = readAvroSchema("EnrichedProbeMetric");
  const decoder = createRecordDecoder<EnrichedProbeMetric>({ registry, readerSchema });
  const reader = await connectTopicReader({ kafka });
  const known: KnownRecord[] = [];
  for (const stretch of await reader.ranges(topic)) {
    for await (const records of reader.read(topic, stretch)) {
      await decoder.prepare(records.map(({ value }) => value));
      for (const { offset, key, value } of records) {
        const outcome = decoder.decode(value);
        if (outcome.kind === "dead" || value === null)
          throw new Error("a record cannot be decoded");
        const { partition } = stretch;
        known.push({
          partition,
          offset,
          key: String(key),
          value: shown(outcome.value),
          bytes: value,
        });
      }
    }
  }
  await reader.close();
  return known;
}

const shown = (value: EnrichedProbeMetric): KnownValue => ({
  ...value,
  timestamp: isoOf(value.timestamp),
  received_at: isoOf(value.received_at),
});

async function abortCopies(topic: string, records: readonly KnownRecord[]): Promise<void> {
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "test", log });
  const producer = createTransactionalProducer({ kafka, transactionalId: `${topic}-aborted` });
  const aborted = producer.transaction(async (scope) => {
    await scope.send([
      { topic, records: records.map(({ key, bytes }) => ({ key, value: bytes })) },
    ]);
    throw new Error("abort the transaction");
  });
  await aborted.catch(() => undefined);
  await producer.close();
}

/** Returns a name that is unique among the events sent. */
export const nameOf = (event: ProbeEvent | KnownValue): string =>
  `${event.node_id} ${microsOf(event.timestamp)}`;
