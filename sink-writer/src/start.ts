import { createConnections } from "@fiberstream/kafka/broker/connections";
import { runConsumer } from "@fiberstream/kafka/consumer/consumer";
import { readLogStarts } from "@fiberstream/kafka/log-starts";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { recordServiceVersion } from "@fiberstream/postgres/service-version";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { followAlerts } from "./alerts/follow-alerts.ts";
import { connect } from "./connect.ts";
import { createSendDeadLetters } from "./dead-letters.ts";
import { createGroupWrites } from "./group-writes.ts";
import { createInsertRows } from "./insert/insert-rows.ts";
import { createDatabaseGauges } from "./maintenance/database-gauges.ts";
import { createMaintenance } from "./maintenance/maintenance.ts";
import { createPathLag, createPathPositions } from "./maintenance/path-progress.ts";
import { createQualityMetrics } from "./maintenance/quality-metrics.ts";
import { createKafkaOffsetCommits } from "./offsets/kafka-offset-commits.ts";
import { createStoredPositions, readOffsets } from "./offsets/stored-offsets.ts";
import { createRewindWatch } from "./offsets/watch-rewinds.ts";
import { startReconciling } from "./reconciliation/start-reconciling.ts";
import { createNodeRegistration } from "./register-nodes.ts";
import { createRecentEvents } from "./rows/recent-events.ts";
import { createRepeatingNodes } from "./rows/repeating-nodes.ts";
import { createRollUp } from "./rollups/roll-up.ts";
import { createRollUpMetrics } from "./rollups/roll-up-metrics.ts";
import { createRowBuffers } from "./rows/row-buffers.ts";
import { createReadRows } from "./rows/row-reader.ts";
import type { sinkSettings } from "./settings.ts";
import { createSinkMetrics } from "./sink-metrics.ts";
import { createTraceWrite } from "./trace-write.ts";
import { createWriteBatches } from "./write-batches.ts";

const TYPICAL_RECORD_BYTES = 250;
/**
 * The records of one partition must be enough to complete a fetch: otherwise the last partitions of a backlog wait for
 * partitions that have nothing. Measured: 87,000 rows/s without it, 190,000 with it.
 */
const SHARE_OF_ONE = 0.75;

const OUT_OF_RANGE_ADVICE =
  "See docs/sink.md; npm run fiber -- sink rewind --offset 0 makes the sink resume at the first record that Kafka has";

/**
 * Waits for the backing services, then consumes until the end of `life`.
 * @throws {FatalError}
 */
export async function start(frame: ServiceFrame<typeof sinkSettings>): Promise<void> {
  const { config, log, life, health, registry: metricsRegistry, tracing } = frame;
  const topic = topicIn(config.namespace, "probe.metrics.enriched");
  const groupId = `${config.namespace}sink-writer`;

  const pipeline = createPipelineMetrics({ registry: metricsRegistry, stage: "sink" });
  const metrics = createSinkMetrics({
    registry: metricsRegistry,
    pipeline,
    nowMs: wallNowMs,
    isReplayed: ({ batch, record }) => rewinds.isReplayed(batch.partition, record.offset),
  });

  const connections = await connect(frame, topic);
  const { pool, maintenancePool, layout, readerSchema, registry, kafka, producer } = connections;
  recordServiceVersion({
    pool: maintenancePool,
    service: "sink-writer",
    version: frame.version,
    life,
    log,
  });

  const recent = createRecentEvents();
  const repeating = createRepeatingNodes();
  const nodes = createNodeRegistration({ maxRemembered: 50_000 });
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
    insertRows: createInsertRows({ layout, countBytes: metrics.copiedBytes, repeating }),
    nodes,
    recent,
    metrics,
    traceWrite: createTraceWrite({ tracing, groupId, databaseUrl: config.databaseUrl }),
  });

  const writeGrouped = createGroupWrites({
    write,
    maxRows: config.maxRows,
    writers: config.writers,
  });

  const kafkaCommits = createKafkaOffsetCommits({ intervalMs: 5_000, log });
  const rewinds = createRewindWatch({
    readOffsets: () => readOffsets(pool, topic),
    onRewound: () => nodes.forget(),
    intervalMs: 2_000,
    log,
  });
  const brokers = life.own(createConnections(kafka), (owned) => owned.close());
  const storedPositions = createStoredPositions({
    pool,
    topic,
    logStarts: () => readLogStarts(brokers, topic),
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
        rewinds.resumed(positions);
        return positions;
      },
      processBatch: async (batch) => {
        await writeGrouped(batch);
        kafkaCommits.wrote(batch.partition, batch.nextOffset);
        rewinds.wrote(batch.partition, batch.nextOffset);
      },
      onAssigned: kafkaCommits.keepOnly,
      outOfRangeAdvice: OUT_OF_RANGE_ADVICE,
      metrics: pipeline,
      health,
      log,
    });
  const consumer = life.own(await connections.waitForKafka(consume), (owned) => owned.close());
  kafkaCommits.begin(consumer);
  life.own(kafkaCommits, (owned) => owned.end());
  rewinds.begin(consumer);
  life.own(rewinds, (owned) => owned.end());

  life.own(
    followAlerts({
      kafka,
      schemas: registry,
      namespace: config.namespace,
      pool: maintenancePool,
      registry: metricsRegistry,
      log,
    }),
    (owned) => owned.close(),
  );
  const positions = life.own(
    createPathPositions({
      kafka,
      namespace: config.namespace,
      readOffsets: () => readOffsets(maintenancePool, topic),
    }),
    (owned) => owned.close(),
  );
  const rollUps = createRollUpMetrics(metricsRegistry);
  const maintenance = createMaintenance({
    pool: maintenancePool,
    silentAfterMs: config.nodeSilentAfterMs,
    mayMeasure: health.isReady,
    pathLag: createPathLag({ positions }),
    rollUp: createRollUp({ pool: maintenancePool, metrics: rollUps }),
    rollUps,
    rollUpIntervalMs: config.rollUpIntervalMs,
    quality: createQualityMetrics(metricsRegistry),
    gauges: createDatabaseGauges(metricsRegistry),
    log,
  });
  startReconciling({
    kafka,
    namespace: config.namespace,
    pool: maintenancePool,
    registry: metricsRegistry,
    life,
    log,
  });

  maintenance.begin();
  life.own(maintenance, (owned) => owned.end());
}
