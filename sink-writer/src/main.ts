import { runConsumer } from "@fiberstream/kafka/consumer";
import { createKafka } from "@fiberstream/kafka/kafka";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createPool } from "@fiberstream/postgres/pool";
import { addressOf, untilAvailable } from "@fiberstream/runtime/retry";
import { runService, type ServiceFrame } from "@fiberstream/runtime/run-service";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import manifest from "../package.json" with { type: "json" };
import { sinkSettings } from "./config.ts";
import { createSendDeadLetters } from "./dead-letters.ts";
import { createLandRows } from "./land-rows.ts";
import { type MetricEvent, metricEventSchema } from "./metric-row.ts";
import { createNodeKeeper } from "./node-keeper.ts";
import { createOffsetReports } from "./offset-reports.ts";
import { createSinkMetrics } from "./sink-metrics.ts";
import { storedPosition } from "./stored-offsets.ts";
import { createWriteBatch } from "./write-batch.ts";

await runService({
  name: "sink-writer",
  version: manifest.version,
  settings: sinkSettings,
  start,
});

async function start(frame: ServiceFrame<typeof sinkSettings>): Promise<void> {
  const { config, log, life, health, registry: registryOfMetrics } = frame;
  const topic = topicIn(config.namespace, "probe.metrics.enriched");
  const groupId = `${config.namespace}sink-writer`;
  const nowMs = () => Date.now();
  const { stopping } = life;

  const pipeline = createPipelineMetrics({ registry: registryOfMetrics, stage: "sink" });
  const metrics = createSinkMetrics({ registry: registryOfMetrics, pipeline, nowMs });

  const pool = life.own(
    createPool({
      databaseUrl: config.databaseUrl,
      applicationName: "fiberstream-sink-writer",
      maxConnections: config.partitionsConcurrently + 1,
      log,
    }),
    (owned) => owned.end(),
  );
  await untilAvailable(() => storedPosition(pool, topic, 0), {
    name: "postgres",
    where: addressOf(config.databaseUrl),
    check: health.check("postgres"),
    log,
    stopping,
  });

  const registry = createSchemaRegistry({ url: config.schemaRegistryUrl });
  await untilAvailable(
    () => registry.idOf(subjectOf(topic), readAvroSchema("EnrichedProbeMetric")),
    {
      name: "registry",
      where: addressOf(config.schemaRegistryUrl),
      check: health.check("registry"),
      log,
      stopping,
    },
  );

  const kafka = createKafka({ brokers: config.kafkaBrokers, clientId: "sink-writer", log });
  const kafkaOptions = {
    name: "kafka",
    where: config.kafkaBrokers.join(","),
    check: health.check("kafka"),
    log,
    stopping,
  };
  const producer = life.own(
    await untilAvailable(() => connectProducer({ kafka }), kafkaOptions),
    (owned) => owned.close(),
  );

  const writeBatch = createWriteBatch({
    decoder: createRecordDecoder<MetricEvent>({ registry, readerSchema: metricEventSchema() }),
    pool,
    sendDeadLetters: createSendDeadLetters({
      producer,
      topic: topicIn(config.namespace, "probe.metrics.dead-letter"),
      groupId,
      nowMs,
      log,
    }),
    landRows: createLandRows({ countBytes: metrics.copiedBytes }),
    nodes: createNodeKeeper({ maxRemembered: 50_000, nowMs }),
    metrics,
  });

  const reports = createOffsetReports({ intervalMs: 5_000, log });
  const consume = () =>
    runConsumer({
      kafka,
      groupId,
      topic,
      partitionsConcurrently: config.partitionsConcurrently,
      maxBytesPerPartition: config.maxFetchBytes,
      positionOf: (partition) => storedPosition(pool, topic, partition),
      processBatch: async (batch) => {
        await writeBatch(batch);
        reports.wrote(batch.partition, batch.nextOffset);
      },
      metrics: pipeline,
      health,
      log,
    });
  const consumer = life.own(await untilAvailable(consume, kafkaOptions), (owned) => owned.close());
  reports.begin(consumer);
  life.own(reports, (owned) => owned.end());
}
