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

/** Times as ISO 8601 with six digits of fraction, as consumers' are made before they are compared. */
export type KnownValue = Omit<EnrichedProbeMetric, "timestamp" | "received_at"> & {
  readonly timestamp: string;
  readonly received_at: string;
};

/** A committed record of the topic as our own reader, which has tests of its own, decodes it. */
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
/** As many requests, so that the processor meets the bulk in many small batches. */
const BULK_REQUESTS = 30;
/** So many of them come after the aborted transaction. */
const LAST = BULK / BULK_REQUESTS;
const log = createLog({ service: "test", level: "silent", format: "json" });

/**
 * Sends known events through the platform, kills the processor while they pass, and leaves an aborted
 * transaction among them: with records that would look like repeats to whoever reads them.
 */
export async function makeKnownTopic(platform: Platform): Promise<KnownTopic> {
  const nowMs = Date.now();
  const edges = edgeEvents(nowMs);
  const bulk = bulkEvents(nowMs, BULK);
  const sent = [...edges, ...bulk];
  const topic = `${platform.namespace}probe.metrics.enriched`;
  const send = createSender({ url: platform.gatewayUrl, regionId: "eu-west" });

  await send(edges);
  // A probe that has lost its answer sends again: these are not to come twice.
  await send(edges.slice(0, 5));
  const passing = sendInParts(send, bulk.slice(0, -LAST));
  await rowsOf(platform, edges.length + 1);
  await platform.service("stream-processor").kill("SIGKILL");
  await platform.restart("stream-processor");
  await passing;
  await rowsOf(platform, sent.length - LAST);
  // Not beside an open transaction of the processor: kafkajs by itself reads aborted records where two overlap.
  await abortCopies(topic, await readKnown(topic));
  await sendInParts(send, bulk.slice(-LAST));
  await rowsOf(platform, sent.length);

  return { topic, sent, records: await readKnown(topic) };
}

/** @throws when not all are accepted */
async function sendInParts(send: ReturnType<typeof createSender>, events: readonly ProbeEvent[]) {
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
        if (outcome.kind === "dead" || value === null) throw new Error("not to be decoded");
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
    throw new Error("to be aborted");
  });
  await aborted.catch(() => undefined);
  await producer.close();
}

/** What tells an event from every other one that was sent. */
export const nameOf = (event: ProbeEvent | KnownValue): string =>
  `${event.node_id} ${microsOf(event.timestamp)}`;
