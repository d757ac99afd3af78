import { randomUUID } from "node:crypto";
import { type Breaker, createBreaker } from "@fiberstream/kafka/breaker";
import { type RunningConsumer, runConsumer } from "@fiberstream/kafka/consumer/consumer";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import { createGroupTransactions } from "@fiberstream/kafka/transactions/group-transactions";
import { recordServiceVersion } from "@fiberstream/postgres/service-version";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { createMissingOffsetWarning } from "./commit/missing-offset.ts";
import { connect } from "./connect.ts";
import { createRawEventDecoder } from "./decode/decode-raw.ts";
import { createTimePolicy } from "./decode/event-time.ts";
import { createEnrich } from "./enrich/enrich.ts";
import { createBatchProcessor } from "./process-batch.ts";
import { createProcessorMetrics } from "./processor-metrics.ts";
import { createOpenEntries } from "./reconciliation/open-entries.ts";
import type { processorSettings } from "./settings.ts";
import { startNodes } from "./start-nodes.ts";
import { createBreakerJournal } from "./telemetry/breaker-journal.ts";
import { createTraceBatch } from "./telemetry/trace-batch.ts";
import { watchCluster } from "./telemetry/watch-cluster.ts";
import { watchRedis } from "./telemetry/watch-redis.ts";
import { createAlertRecord } from "./windows/alert-record.ts";
import { createReadOpenAlerts } from "./windows/open-alerts.ts";
import { createPartitionWindows } from "./windows/partition-windows.ts";
import { readCheckpoint } from "./windows/window-checkpoint.ts";

/** Waits for the backing services, then consumes until the end of `life`. */
export async function start(frame: ServiceFrame<typeof processorSettings>): Promise<void> {
  const { config, log, life, health, registry: metricsRegistry, tracing } = frame;
  const groupId = `${config.namespace}stream-processor`;
  const connections = await connect(frame, groupId);
  const { topics, schemas, ids, redis, registry, kafka, reader } = connections;
  const { pool } = connections;
  recordServiceVersion({ pool, service: "stream-processor", version: frame.version, life, log });

  // A new id at each start, so that a later process can identify transactions that this one has left open.
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
  const windows = createPartitionWindows({
    maxNodesPerPartition: config.windowNodesPerPartition,
    checkpointOf: (partition) => readCheckpoint(transactions.metadataOf(partition)),
    earliestOf: async (partition) => (await reader.range(topics.raw, partition)).from,
    openAlertsOf: createReadOpenAlerts({
      reader,
      decoder: createRecordDecoder<ProbeAlert>({ registry, readerSchema: schemas.alert }),
      topics,
      maxAlerts: config.windowNodesPerPartition,
    }),
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
    onChange: createBreakerJournal({
      pool,
      service: "stream-processor",
      registry: metricsRegistry,
      life,
      log,
    }),
    log,
  });
  addBreakerRoutes(frame.admin, breaker);

  const warnAboutMissing = createMissingOffsetWarning({ reader, topics, log });
  const batches = createBatchProcessor({
    decoder,
    timePolicy,
    breaker,
    lookupNodes: startNodes({
      ...connections,
      life,
      topic: topics.nodes,
      schema: schemas.node,
      schemaId: ids.node,
      config,
      metrics: processorMetrics,
      log,
    }),
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
  const consume = () =>
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
        await warnAboutMissing(
          partitions.filter((partition) => positions.get(partition) === "beginning"),
        );
        return positions;
      },
      replayFrom: windows.replayFrom,
      replay: windows.replay,
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
    });
  consumer = life.own(await connections.waitForKafka(consume), (owned) => owned.close());
}

/** Adds the routes of the admin port that `fiber breaker` uses to list and reset open breakers. */
function addBreakerRoutes(
  admin: ServiceFrame<typeof processorSettings>["admin"],
  breaker: Breaker,
): void {
  admin.route("GET /breaker", () => ({ open: breaker.open() }));
  admin.route("POST /breaker/reset", (query) => {
    const partition = query.get("partition");
    return { reset: breaker.reset(partition === null ? undefined : Number(partition)) };
  });
}
