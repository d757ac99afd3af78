import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { Log } from "@fiberstream/runtime/log";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { Tracing } from "@fiberstream/runtime/tracing";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import { createAddressRate } from "./admission/address-rate.ts";
import { createAdmission } from "./admission/admission.ts";
import { createBoundNodes } from "./admission/bound-nodes.ts";
import type { InFlightBudget } from "./admission/in-flight-budget.ts";
import type { RateLimiter } from "./admission/rate-limits.ts";
import { cappedByAddress, createRequestCap } from "./admission/request-cap.ts";
import { createTurns } from "./admission/take-turns.ts";
import { LIMITS } from "./answers/limits.ts";
import type { Authenticate } from "./auth/authenticate.ts";
import { createSignatureCheck } from "./auth/signature.ts";
import { connectionsWithin, openFilesLimit } from "./connections/open-files.ts";
import type { StallWatch } from "./connections/stall-watch.ts";
import { tlsFilesOf } from "./connections/tls.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import { createCors } from "./http/cors.ts";
import { createExpressApp } from "./http/express-app.ts";
import { type HttpServer, startHttpServer } from "./http/http-server.ts";
import { createServeAnswer } from "./http/serve-answer.ts";
import { createServeEvents } from "./http/serve-events.ts";
import { createServeRest } from "./http/serve-rest.ts";
import { type StatusSources, statusAnswer } from "./http/status-answer.ts";
import { createBatchProtection } from "./idempotency/batch-protection.ts";
import { createBatchStore } from "./idempotency/batch-store.ts";
import { createIdempotency } from "./idempotency/idempotent.ts";
import { createIngest } from "./ingest.ts";
import { createOpenApiDocument } from "./openapi/openapi-document.ts";
import type { EventProducer } from "./produce/event-producer.ts";
import { createReadHead } from "./request/request-head.ts";
import type { gatewaySettings } from "./settings.ts";
import { accessLineWriter, createAccessLog } from "./telemetry/access-log.ts";
import { createTraceRequest } from "./telemetry/trace-request.ts";
import { createSampler } from "./telemetry/trace-sampler.ts";
import { createSourceRegion } from "./validation/source-region.ts";
import { createEventValidator, fieldFinder } from "@fiberstream/event-rules/validate-event";

/** How long a batch is validated before it yields: much less than a response takes, much more than yielding costs. */
const TURN_MS = 3;

/**
 * Starts the public port, whether or not there is a producer yet.
 *
 * @param options.producer undefined until Kafka and the registry have been available once
 */
export async function startIntake(options: {
  config: ConfigOf<typeof gatewaySettings>;
  schema: RecordSchema;
  authenticate: Authenticate;
  rateLimiter: RateLimiter;
  ask: AskRedis;
  producer: () => EventProducer | undefined;
  dependencies: Pick<StatusSources, "isKafkaUp" | "isRegistryUp" | "isRedisUp">;
  budget: InFlightBudget;
  metrics: GatewayMetrics;
  stalls: Pick<StallWatch, "isStillThere">;
  tracing: Tracing | undefined;
  /** The raw topic, for spans. */
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
    idempotently: createIdempotency({
      store: createBatchStore({ ask, namespace, memoryMs, maxTenantBytes, countPastShare }),
      countReplay: metrics.countReplay,
      countUnprotected: metrics.countUnprotected,
      protection,
    }),
    validator: createEventValidator({
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
  const serveAnswer = createServeAnswer({ metrics, stopping });
  return startHttpServer({
    ...config,
    maxConnections: connectionsWithin(openFilesLimit(), { ...config, log }),
    mayShakeHands: createAddressRate({ perSecond: config.handshakesPerAddress }),
    onDropped: metrics.countDroppedConnection,
    tls: tlsFilesOf(config),
    observeCertificateEnd: metrics.certificateEnds,
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
    serveRest: createServeRest({
      status,
      servePage: createExpressApp({
        queryUrl: config.queryUrl,
        openApi: createOpenApiDocument({ schema, authMode: config.authMode }),
        serveAnswer,
        log,
      }),
      mayHavePage: createAddressRate({ perSecond: config.pagesPerAddress }),
      pagesPerSecond: config.pagesPerAddress,
      serveAnswer,
    }),
    log,
  });
}
