import { randomUUID } from "node:crypto";
import { deployTopics } from "@fiberstream/provisioning/topics";
import { connectGroupOffsets } from "@fiberstream/kafka/group-offsets";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { messageOf } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { setAddresses } from "@fiberstream/testkit/config";
import { startPrivateBackingService } from "@fiberstream/testkit/private-backing-service";
import type { BackingServiceKind } from "@fiberstream/testkit/test-backing-service";
import { until } from "@fiberstream/testkit/until";
import { createRawRecords } from "../../bench/processor/raw-records.ts";
import { injectAll } from "./faults.ts";
import { createCommand, type Options } from "./options.ts";
import { sendEvents } from "./send-events.ts";
import { type Verdict, verify } from "./verify.ts";

const TOPICS = {
  raw: "probe.metrics.raw",
  enriched: "probe.metrics.enriched",
  deadLetter: "probe.metrics.dead-letter",
} as const;
const NODES = 200;
/** One of 100 records is not an event, and one of 1,000 is of an unknown node. */
const MIX = { nodes: NODES, unknown: 0.1, bad: 1 };

try {
  await createCommand(run).parseAsync();
} catch (error) {
  process.stderr.write(`chaos:processor: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

async function run(options: Options): Promise<void> {
  const life = createLife();
  const begunMs = performance.now();
  const say = (what: string) => {
    const seconds = Math.round((performance.now() - begunMs) / 1_000);
    process.stderr.write(`${String(seconds).padStart(4)} s  ${what}\n`);
  };
  try {
    const verdict = await runWithFaults(options, life, say);
    for (const [name, count] of Object.entries(verdict)) {
      process.stdout.write(`${name.padEnd(14)}${count}\n`);
    }
    if (!isClean(verdict)) process.exitCode = 1;
  } finally {
    await life.stop();
  }
}

async function runWithFaults(
  options: Options,
  life: Life,
  say: (what: string) => void,
): Promise<Verdict> {
  say("starting the backing services");
  const backingService = async (kind: BackingServiceKind) =>
    life.own(await startPrivateBackingService(kind), (owned) => owned.remove());
  const [kafkaServer, registry, redis, postgres] = await Promise.all([
    backingService("kafka"),
    backingService("registry"),
    backingService("redis"),
    backingService("postgres"),
  ]);
  setAddresses(
    JSON.stringify({
      kafkaBrokers: kafkaServer.address,
      schemaRegistryUrl: registry.address,
      redisUrl: redis.address,
      databaseUrl: postgres.address,
    }),
  );
  // These modules read the addresses when they are imported.
  const { createTestDatabase } = await import("@fiberstream/testkit/database");
  const { startService } = await import("@fiberstream/testkit/service");

  const log = createLog({ service: "chaos", level: "silent", format: "json" });
  const [brokers, schemaRegistryUrl] = [[kafkaServer.address], registry.address];
  await deployTopics({ brokers, schemaRegistryUrl, namespace: "", log, print: () => undefined });
  const database = await createTestDatabase();
  const kafka = createKafka({ brokers, clientId: "chaos", log });
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const schemaId = await createSchemaRegistry({ url: schemaRegistryUrl }).idOf(
    subjectOf(TOPICS.raw),
    readAvroSchema("ProbeMetric"),
  );
  const { record } = createRawRecords({ schemaId, mix: MIX, run: randomUUID().slice(0, 8) });

  const startProcessor = async () =>
    life.own(
      await startService("stream-processor", {
        DATABASE_URL: database.url,
        KAFKA_SESSION_TIMEOUT_MS: "6000",
      }),
      (owned) => owned.kill("SIGKILL"),
    );
  const processors = await Promise.all([startProcessor(), startProcessor()]);
  const victims = { processors, startProcessor, kafka: kafkaServer, redis, postgres };

  let sent = 0;
  const sending = sendEvents({
    ...options,
    producer,
    topic: TOPICS.raw,
    record,
    onSent: (events) => (sent = events),
  });
  await injectAll(options, victims, (what) => say(`${sent} sent; ${what}`));
  say(`${sent} sent; no more faults`);
  await sending;
  say("all sent, waiting for the processors");
  const reader = life.own(await connectTopicReader({ kafka }), (owned) => owned.close());
  const topic = TOPICS.raw;
  const offsets = await connectGroupOffsets({ kafka, groupId: "stream-processor", topic });
  life.own(offsets, (owned) => owned.close());
  const ends = await reader.ranges(topic);
  for (const { partition, until: end } of ends) {
    await until(async () => (await offsets.committed(partition))?.offset === end, {
      what: `partition ${partition} is processed`,
      timeoutMs: 120_000,
    });
  }
  say("comparing the topics");
  return verify(reader, TOPICS);
}

function isClean({ lost, doubled, outOfOrder, badLost, badDoubled }: Verdict): boolean {
  return lost + doubled + outOfOrder + badLost + badDoubled === 0;
}
