import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { Log } from "@fiberstream/runtime/log";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { Tracing } from "@fiberstream/runtime/tracing";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import { accessLineWriter, createAccessLog } from "./access-log.ts";
import { createAdmission } from "./admission.ts";
import type { Authenticate } from "./auth/authenticate.ts";
import { createSignatureCheck } from "./auth/signature.ts";
import { createBatchProtection } from "./batches/batch-protection.ts";
import { createBatchStore } from "./batches/batch-store.ts";
import { createOnce } from "./batches/once.ts";
import { createCors } from "./cors.ts";
import type { EventProducer } from "./event-producer.ts";
import { createExpressApp } from "./express-app.ts";
import { createBoundNodes } from "./fairness/bound-nodes.ts";
import type { Buckets } from "./fairness/buckets.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import type { InFlightBudget } from "./in-flight-budget.ts";
import { createIngest } from "./ingest.ts";
import { LIMITS } from "./limits.ts";
import { connectionsWithin, openFilesLimit } from "./open-files.ts";
import { createOpenApiDocument } from "./openapi/openapi-document.ts";
import { cappedByAddress, createRequestCap } from "./request-cap.ts";
import { createReadHead } from "./request-head.ts";
import { createServeEvents } from "./serve-events.ts";
import type { gatewaySettings } from "./settings.ts";
import { createSourceRegion } from "./source-region.ts";
import type { StallWatch } from "./stall-watch.ts";
import { type StatusSources, statusAnswer } from "./status-answer.ts";
import { createTurns } from "./take-turns.ts";
import { tlsFilesOf } from "./tls.ts";
import { createTraceRequest } from "./trace.ts";
import { createSampler } from "./trace-sampler.ts";
import { createEventValidator, fieldFinder } from "./validate-event.ts";

/** How long a batch is worked on before others go on: much less than an answer takes, much more than giving way costs. */
const TURN_MS = 3;

/**
 * Starts the public port, whether or not there is a producer yet.
 *
 * @param options.producer undefined until Kafka and the registry were there for the first time
 */
export async function startIntake(options: {
  config: ConfigOf<typeof gatewaySettings>;
  schema: RecordSchema;
  authenticate: Authenticate;
  buckets: Buckets;
  ask: AskRedis;
  producer: () => EventProducer | undefined;
  dependencies: Pick<StatusSources, "isKafkaUp" | "isRegistryUp" | "isRedisUp">;
  budget: InFlightBudget;
  metrics: GatewayMetrics;
  stalls: Pick<StallWatch, "isStillThere">;
  tracing: Tracing | undefined;
  /** The raw records', as spans name it. */
  topic: string;
  stopping: AbortSignal;
  log: Log;
}): Promise<HttpServer> {
  const { config, schema, ask, producer, dependencies, metrics, stopping, log } = options;
  const { tracesSampler: name, tracesSampleRatio: ratio } = config;
  const { tracesGivenMaxPerSecond: maxGivenPerSecond } = config;
  const { isKafkaUp } = dependencies;
  const { namespace, batchMemoryMs: memoryMs, batchMemoryTenantBytes: maxTenantBytes } = config;
  const { countPastShare } = metrics;
  const protection = createBatchProtection({ isRedisUp: dependencies.isRedisUp, log });
  const ingest = createIngest({
    ...options,
    minBytesPerSecond: config.bodyMinBytesPerSecond,
    admit: createAdmission({ stopping, producer, isKafkaUp }),
    readHead: createReadHead({
      sourceRegionOf: createSourceRegion(fieldFinder(schema)("source_region")),
    }),
    checkSignature: createSignatureCheck({ ask, namespace }),
    once: createOnce({
      store: createBatchStore({ ask, namespace, memoryMs, maxTenantBytes, countPastShare }),
      countReplay: metrics.countReplay,
      countUnprotected: metrics.countUnprotected,
      protection,
    }),
    validate: createEventValidator({
      schema,
      maxAgeMs: config.eventMaxAgeMs,
      maxAheadMs: config.eventMaxAheadMs,
      metadataMaxBytes: LIMITS.eventBytes,
    }),
    boundNodes: createBoundNodes({ ask, namespace, log }),
    takeTurns: createTurns({ turnMs: TURN_MS }),
    count: metrics.countEvents,
  });
  const { maxRequestsPerAddress: maxRequests } = config;
  const addresses = createRequestCap({ maxRequests, whose: "address" });
  const status = () =>
    statusAnswer({
      ...dependencies,
      canAccept: () => producer() !== undefined && isKafkaUp() && !stopping.aborted,
      isStopping: () => stopping.aborted,
      isProtectionOn: protection.isOn,
    });
  return startHttpServer({
    ...config,
    maxConnections: connectionsWithin(openFilesLimit(), { ...config, log }),
    onDropped: metrics.countDroppedConnection,
    tls: tlsFilesOf(config),
    tellCertificateEnd: metrics.certificateEnds,
    drainMaxWaitMs: config.shutdownTimeoutMs / 2,
    applyCors: createCors(config.corsOrigins),
    serveEvents: createServeEvents({
      ingest: cappedByAddress(addresses, ingest),
      metrics,
      traceRequest: createTraceRequest({
        ...options,
        isSampled: createSampler({ name, ratio, maxGivenPerSecond }),
      }),
      beginEntry: createAccessLog(accessLineWriter(log, config.accessLogLevel)),
      stopping,
      log,
    }),
    serveRest: createExpressApp({
      status,
      openApi: createOpenApiDocument({ schema, authMode: config.authMode }),
      metrics,
      stopping,
      log,
    }),
    log,
  });
}
