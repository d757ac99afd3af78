import { randomUUID } from "node:crypto";
import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createBreaker } from "@fiberstream/kafka/breaker";
import { type RunningConsumer, runConsumer } from "@fiberstream/kafka/consumer/consumer";
import { createKafka } from "@fiberstream/kafka/kafka";
import { partitionCounts } from "@fiberstream/kafka/partition-count";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader } from "@fiberstream/kafka/topic-reader";
import { createGroupTransactions } from "@fiberstream/kafka/transactions/group-transactions";
import { createPool, query } from "@fiberstream/postgres/pool";
import { connectRedis } from "@fiberstream/redis/redis";
import { redisAccess } from "@fiberstream/redis/settings";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import { addressOf, untilAvailable } from "@fiberstream/runtime/retry";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { createAlertRecord } from "./alert-record.ts";
import { addBreakerRoutes } from "./breaker-routes.ts";
import { createRawEventDecoder } from "./decode-raw.ts";
import { createEnrich } from "./enrich.ts";
import { createTimePolicy } from "./event-time.ts";
import { createMissingOffsets } from "./missing-offset.ts";
import { readOpenAlerts } from "./open-alerts.ts";
import { createPartitionWindows } from "./partition-windows.ts";
import { createBatchProcessor } from "./process-batch.ts";
import { createProcessorMetrics } from "./processor-metrics.ts";
import { createOpenEntries } from "./reconciliation/open-entries.ts";
import type { processorSettings } from "./settings.ts";
import { createSharedReading } from "./shared-reading.ts";
import { startNodes } from "./start-nodes.ts";
import { createTraceBatch } from "./trace-batch.ts";
import { watchCluster } from "./watch-cluster.ts";
import { watchRedis } from "./watch-redis.ts";
import { readNote } from "./window-note.ts";

/** One that holds the publisher's lock, and for look-ups of nodes: of more batches at once the others wait. */
const MAX_CONNECTIONS = 5;

/** Waits for what the processor needs, then consumes until the end of `life`. */
export async function start(frame: ServiceFrame<typeof processorSettings>): Promise<void> {
  const { config, log, life, health, registry: metricsRegistry, tracing } = frame;
  const { namespace, kafkaBrokers, schemaRegistryUrl } = config;
  const groupId = `${namespace}stream-processor`;
  // Before anything is waited for: settings that do not go together are to be told at once.
  const places = {
    kafka: kafkaAccess(config),
    registry: registryAccess(config),
    redis: redisAccess(config),
  };
  const topics = {
    raw: topicIn(namespace, "probe.metrics.raw"),
    enriched: topicIn(namespace, "probe.metrics.enriched"),
    deadLetter: topicIn(namespace, "probe.metrics.dead-letter"),
    alerts: topicIn(namespace, "probe.alerts"),
    nodes: topicIn(namespace, "probe.nodes"),
    reconciliation: topicIn(namespace, "probe.reconciliation"),
  };
  const schemas = {
    raw: readAvroSchema("ProbeMetric"),
    enriched: readAvroSchema("EnrichedProbeMetric"),
    alert: readAvroSchema("ProbeAlert"),
    node: readAvroSchema("Node"),
  };
  const waitFor = <T>(name: string, where: string, attempt: () => Promise<T>) =>
    untilAvailable(attempt, {
      name,
      where,
      check: health.check(name),
      log,
      stopping: life.stopping,
    });

  const pool = life.own(
    createPool({
      databaseUrl: config.databaseUrl,
      applicationName: "stream-processor",
      maxConnections: MAX_CONNECTIONS,
      log,
    }),
    (owned) => owned.end(),
  );
  await waitFor("postgres", addressOf(config.databaseUrl), () => query(pool, "SELECT 1"));
  const redis = life.own(connectRedis({ ...places.redis, log }), (owned) => owned.close());

  const registry = createSchemaRegistry(places.registry);
  const ids = await waitFor("registry", addressOf(schemaRegistryUrl), async () => ({
    raw: await registry.idOf(subjectOf(topics.raw), schemas.raw),
    enriched: await registry.idOf(subjectOf(topics.enriched), schemas.enriched),
    alert: await registry.idOf(subjectOf(topics.alerts), schemas.alert),
    node: await registry.idOf(subjectOf(topics.nodes), schemas.node),
  }));

  const kafka = createKafka({ ...places.kafka, clientId: groupId, log });
  const kafkaAddress = kafkaBrokers.join(",");
  const producer = life.own(
    await waitFor("kafka", kafkaAddress, () => connectProducer({ kafka })),
    (owned) => owned.close(),
  );
  const reader = life.own(
    await waitFor("kafka", kafkaAddress, () => connectTopicReader({ kafka })),
    (owned) => owned.close(),
  );
  const [rawCount, alertCount] = await waitFor("kafka", kafkaAddress, () =>
    partitionCounts({ kafka, topics: [topics.raw, topics.alerts] }),
  );

  // Its own at every start, so that who comes later can tell what the process before has left open.
  const processId = randomUUID();
  let consumer: RunningConsumer | undefined;
  let liveProcesses: ReadonlySet<string> = new Set();
  const transactions = life.own(
    createGroupTransactions({
      kafka,
      groupId,
      topic: topics.raw,
      processId,
      member: (partition) => consumer?.member(partition),
      liveProcesses: () => liveProcesses,
      log,
    }),
    (owned) => owned.close(),
  );

  const metrics = createPipelineMetrics({ registry: metricsRegistry, stage: "processor" });
  const processorMetrics = createProcessorMetrics({
    registry: metricsRegistry,
    pipeline: metrics,
    windowNodes: () => windows.nodes(),
  });
  watchCluster({ kafka, topics: Object.values(topics), registry: metricsRegistry, life, log });
  watchRedis({ redis, registry: metricsRegistry, life, log });
  const timePolicy = createTimePolicy(config);
  const decoder = createRawEventDecoder({
    registry,
    schema: schemas.raw,
    currentId: ids.raw,
    timePolicy,
  });
  const alertDecoder = createRecordDecoder<ProbeAlert>({ registry, readerSchema: schemas.alert });
  const readAlertsOf = (partition: number | undefined) =>
    readOpenAlerts({
      reader,
      decoder: alertDecoder,
      topic: topics.alerts,
      partition,
      maxAlerts: config.windowNodesPerPartition,
    });
  // Not the whole topic for each of the partitions that are assigned together.
  const readAlertsOfAll = createSharedReading(() => readAlertsOf(undefined));
  const windows = createPartitionWindows({
    maxNodesPerPartition: config.windowNodesPerPartition,
    noteOf: (partition) => readNote(transactions.metadataOf(partition)),
    earliestOf: async (partition) => (await reader.range(topics.raw, partition)).from,
    // A node's alerts are in the partition of its events' number where there are as many of them.
    openAlertsOf: (number) => (rawCount === alertCount ? readAlertsOf(number) : readAlertsOfAll()),
    decoder,
    countEvicted: processorMetrics.countEvicted,
  });
  const ledger = createOpenEntries({
    metadataOf: transactions.metadataOf,
    nowMs: () => performance.now(),
  });
  const breaker = createBreaker({
    limits: {
      badSharePct: config.breakerSharePct,
      overRecords: config.breakerOverRecords,
      badRun: config.breakerRun,
      retestAfterMs: config.breakerRetestMs,
    },
    metrics,
    log,
  });
  addBreakerRoutes(frame.admin, breaker);
  const lookupNodes = startNodes({
    life,
    pool,
    redis,
    kafka,
    producer,
    registry,
    topic: topics.nodes,
    schema: schemas.node,
    schemaId: ids.node,
    config,
    metrics: processorMetrics,
    log,
  });

  const sayMissing = createMissingOffsets({ reader, topics, log });
  const batches = createBatchProcessor({
    decoder,
    timePolicy,
    breaker,
    lookupNodes,
    windows,
    ledger,
    enrich: createEnrich({
      rawSchema: schemas.raw,
      enrichedSchema: schemas.enriched,
      enrichedId: ids.enriched,
    }),
    traceBatch: createTraceBatch({ tracing, groupId, topic: topics.enriched }),
    alertRecord: createAlertRecord({ schema: schemas.alert, schemaId: ids.alert }),
    commit: transactions.commit,
    topics,
    groupId,
    count: processorMetrics.countBatch,
    countFailedDeadLetters: metrics.deadLetterWriteFailed,
  });
  consumer = life.own(
    await waitFor("kafka", kafkaAddress, () =>
      runConsumer({
        kafka,
        groupId,
        topic: topics.raw,
        maxBytesPerPartition: config.maxFetchBytes,
        sessionTimeoutMs: config.sessionTimeoutMs,
        groupInstanceId: config.groupInstanceId,
        minBytes: config.maxFetchBytes,
        maxWaitMs: config.maxWaitMs,
        memberData: processId,
        positionsOf: async (partitions, identity) => {
          const positions = await transactions.positionsOf(partitions, identity);
          await sayMissing(partitions.filter((one) => positions.get(one) === "beginning"));
          return positions;
        },
        replayFrom: windows.readFrom,
        replay: windows.learn,
        onAssigned: (partitions, membersData) => {
          liveProcesses = new Set(membersData);
          transactions.keepOnly(partitions);
          windows.keepOnly(partitions);
          ledger.keepOnly(partitions);
          batches.keepOnly(partitions);
          breaker.keepOnly(partitions);
        },
        processBatch: batches.process,
        metrics,
        health,
        log,
      }),
    ),
    (owned) => owned.close(),
  );
}
