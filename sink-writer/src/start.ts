import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createConnections } from "@fiberstream/kafka/broker/connections";
import { runConsumer } from "@fiberstream/kafka/consumer/consumer";
import { createKafka } from "@fiberstream/kafka/kafka";
import { readLogStarts } from "@fiberstream/kafka/log-starts";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createPool } from "@fiberstream/postgres/pool";
import { addressOf, untilAvailable } from "@fiberstream/runtime/retry";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { sinkSettings } from "./config.ts";
import { createDatabaseGauges } from "./database-gauges.ts";
import { createSendDeadLetters } from "./dead-letters.ts";
import { createLandRows } from "./land-rows.ts";
import { createNodeKeeper } from "./node-keeper.ts";
import { createOffsetReports } from "./offset-reports.ts";
import { startReconciling } from "./reconciliation/start-reconciling.ts";
import { createPathLag, createPathPositions } from "./path-progress.ts";
import { createRowBuffers } from "./row-buffers.ts";
import { createQualityMetrics } from "./quality-metrics.ts";
import { createRecentEvents } from "./recent-events.ts";
import { createRepeatingNodes } from "./repeating-nodes.ts";
import { createReadRows } from "./row-reader.ts";
import { createShareWrites } from "./share-writes.ts";
import { createSinkMetrics } from "./sink-metrics.ts";
import { createStoredPositions, readOffsets } from "./stored-offsets.ts";
import { readTableLayout } from "./table-layout.ts";
import { createTraceWrite } from "./trace-write.ts";
import { createUpkeep } from "./upkeep.ts";
import { createRewindWatch } from "./watch-rewinds.ts";
import { createWriteBatches } from "./write-batches.ts";

const SERVER_SETTINGS = {
  // A crash of the server may take the last commits with it: rows together with their offsets, so that
  // the same records are read again, once. Waiting for the disk at each commit takes a tenth of the time.
  synchronous_commit: "off",
  // A late row unpacks what is compressed around it. Past the default of 100,000 tuples TimescaleDB
  // would refuse the whole batch, again and again.
  "timescaledb.max_tuples_decompressed_per_dml_transaction": "0",
};
const TYPICAL_RECORD_BYTES = 250;
/**
 * What one partition may bring is to be enough for a fetch: otherwise the last partitions of a backlog wait
 * for others that have nothing. Measured: 87,000 rows/s without, 190,000 with it.
 */
const SHARE_OF_ONE = 0.75;

const OUT_OF_RANGE_ADVICE =
  "Look at docs/sink.md; npm run fiber -- sink rewind --offset 0 has it go on at the first record that there is";

/** Connects what the sink is made of, and consumes until the service stops. @throws {FatalError} */
export async function startSink(frame: ServiceFrame<typeof sinkSettings>): Promise<void> {
  const { config, log, life, health, registry: registryOfMetrics, tracing } = frame;
  const topic = topicIn(config.namespace, "probe.metrics.enriched");
  const groupId = `${config.namespace}sink-writer`;
  const { stopping } = life;
  // Before anything is waited for: settings that do not go together are to be told at once.
  const places = { kafka: kafkaAccess(config), registry: registryAccess(config) };

  const pipeline = createPipelineMetrics({ registry: registryOfMetrics, stage: "sink" });
  const metrics = createSinkMetrics({
    registry: registryOfMetrics,
    pipeline,
    nowMs: wallNowMs,
    isReadAgain: ({ batch, record }) => rewinds.isReadAgain(batch.partition, record.offset),
  });

  const connect = (maxConnections: number) =>
    createPool({
      databaseUrl: config.databaseUrl,
      applicationName: "fiberstream-sink-writer",
      maxConnections,
      serverSettings: SERVER_SETTINGS,
      log,
    });
  // One more than writers, for positions and short looks.
  const pool = life.own(connect(config.writers + 1), (owned) => owned.end());
  // Apart, because it takes its time: a slow look at the database is not to hold up a write.
  const upkeepPool = life.own(connect(3), (owned) => owned.end());
  const postgresOptions = {
    name: "postgres",
    where: addressOf(config.databaseUrl),
    check: health.check("postgres"),
    log,
    stopping,
  };
  await untilAvailable(() => readOffsets(pool, topic), postgresOptions);
  const readerSchema = readAvroSchema("EnrichedProbeMetric");
  const layout = await untilAvailable(() => readTableLayout(pool, readerSchema), postgresOptions);

  const registry = createSchemaRegistry(places.registry);
  await untilAvailable(() => registry.idOf(subjectOf(topic), readerSchema), {
    name: "registry",
    where: addressOf(config.schemaRegistryUrl),
    check: health.check("registry"),
    log,
    stopping,
  });

  const kafka = createKafka({ ...places.kafka, clientId: "sink-writer", log });
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

  const recent = createRecentEvents();
  const repeating = createRepeatingNodes();
  const nodes = createNodeKeeper({ maxRemembered: 50_000 });
  const write = createWriteBatches({
    buffers: createRowBuffers(),
    readRows: createReadRows({ registry, readerSchema, layout, recent, repeating }),
    pool,
    sendDeadLetters: createSendDeadLetters({
      producer,
      topic: topicIn(config.namespace, "probe.metrics.dead-letter"),
      groupId,
      nowMs: wallNowMs,
      countFailedWrite: pipeline.deadLetterWriteFailed,
      log,
    }),
    landRows: createLandRows({ layout, countBytes: metrics.copiedBytes, repeating }),
    nodes,
    recent,
    metrics,
    traceWrite: createTraceWrite({ tracing, groupId, databaseUrl: config.databaseUrl }),
  });

  const writeShared = createShareWrites({
    write,
    maxRows: config.maxRows,
    writers: config.writers,
  });

  const reports = createOffsetReports({ intervalMs: 5_000, log });
  const rewinds = createRewindWatch({
    readOffsets: () => readOffsets(pool, topic),
    wentBack: () => nodes.forget(),
    intervalMs: 2_000,
    log,
  });
  const connections = life.own(createConnections(kafka), (owned) => owned.close());
  const storedPositions = createStoredPositions({
    pool,
    topic,
    logStarts: () => readLogStarts(connections, topic),
    log,
  });
  const consume = () =>
    runConsumer({
      kafka,
      groupId,
      topic,
      maxBytesPerPartition: config.maxFetchBytes,
      sessionTimeoutMs: config.sessionTimeoutMs,
      groupInstanceId: config.groupInstanceId,
      minBytes: Math.floor(
        Math.min(config.maxRows * TYPICAL_RECORD_BYTES, config.maxFetchBytes * SHARE_OF_ONE),
      ),
      maxWaitMs: config.maxWaitMs,
      positionsOf: async (partitions, logOfTopic) => {
        const positions = await storedPositions(partitions, logOfTopic);
        rewinds.placed(positions);
        return positions;
      },
      processBatch: async (batch) => {
        await writeShared(batch);
        reports.wrote(batch.partition, batch.nextOffset);
        rewinds.wrote(batch.partition, batch.nextOffset);
      },
      onAssigned: reports.keepOnly,
      outOfRangeAdvice: OUT_OF_RANGE_ADVICE,
      metrics: pipeline,
      health,
      log,
    });
  const consumer = life.own(await untilAvailable(consume, kafkaOptions), (owned) => owned.close());
  reports.begin(consumer);
  life.own(reports, (owned) => owned.end());
  rewinds.begin(consumer);
  life.own(rewinds, (owned) => owned.end());

  const positions = life.own(
    createPathPositions({
      kafka,
      namespace: config.namespace,
      readOffsets: () => readOffsets(upkeepPool, topic),
    }),
    (owned) => owned.close(),
  );
  const upkeep = createUpkeep({
    pool: upkeepPool,
    silentAfterMs: config.nodeSilentAfterMs,
    mayMeasure: health.isReady,
    pathLag: createPathLag({ positions }),
    quality: createQualityMetrics(registryOfMetrics),
    gauges: createDatabaseGauges(registryOfMetrics),
    log,
  });
  startReconciling({
    kafka,
    namespace: config.namespace,
    pool: upkeepPool,
    registry: registryOfMetrics,
    life,
    log,
  });

  upkeep.begin();
  life.own(upkeep, (owned) => owned.end());
}
