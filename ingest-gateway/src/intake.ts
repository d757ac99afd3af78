import type { Log } from "@fiberstream/runtime/log";
import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import { createAdmission } from "./admission.ts";
import type { EventProducer } from "./event-producer.ts";
import { createExpressApp } from "./express-app.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import type { InFlightBudget } from "./in-flight-budget.ts";
import { createIngest } from "./ingest.ts";
import { LIMITS } from "./limits.ts";
import { createServeEvents } from "./serve-events.ts";
import type { gatewaySettings } from "./settings.ts";
import { createSourceRegion } from "./source-region.ts";
import { type StatusSources, statusAnswer } from "./status-answer.ts";
import { createTraceHeaders } from "./trace.ts";
import { createEventValidator, fieldFinder } from "./validate-event.ts";

/**
 * Starts the public port, whether or not there is a producer yet.
 *
 * @param options.producer undefined until Kafka and the registry were there for the first time
 */
export async function startIntake(options: {
  config: ConfigOf<typeof gatewaySettings>;
  schema: RecordSchema;
  producer: () => EventProducer | undefined;
  dependencies: Pick<StatusSources, "isKafkaUp" | "isRegistryUp" | "isRedisUp">;
  budget: InFlightBudget;
  metrics: GatewayMetrics;
  stopping: AbortSignal;
  log: Log;
}): Promise<HttpServer> {
  const { config, schema, producer, dependencies, budget, metrics, stopping, log } = options;
  const { isKafkaUp } = dependencies;
  const ingest = createIngest({
    admit: createAdmission({ stopping, producer, isKafkaUp, budget }),
    sourceRegionOf: createSourceRegion(fieldFinder(schema)("source_region")),
    traceHeadersOf: createTraceHeaders({ sampleRatio: config.traceSampleRatio }),
    validate: createEventValidator({
      schema,
      maxAgeMs: config.eventMaxAgeMs,
      maxAheadMs: config.eventMaxAheadMs,
      metadataMaxBytes: LIMITS.eventBytes,
    }),
    count: metrics.countEvents,
  });
  const status = () =>
    statusAnswer({
      ...dependencies,
      canAccept: () => producer() !== undefined && isKafkaUp() && !stopping.aborted,
      isStopping: () => stopping.aborted,
    });
  return startHttpServer({
    ...config,
    drainMaxWaitMs: config.shutdownTimeoutMs / 2,
    serveEvents: createServeEvents({ ingest, metrics, stopping, log }),
    serveRest: createExpressApp({ status, metrics, stopping }),
  });
}
