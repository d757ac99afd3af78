import { randomUUID } from "node:crypto";
import { kafkaAccess, registryAccess } from "@fiberstream/kafka/access";
import { createBoundedReader } from "@fiberstream/kafka/bounded-reader";
import { createKafka } from "@fiberstream/kafka/kafka";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { topicIn } from "@fiberstream/kafka/topic-names";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { ServiceFrame } from "@fiberstream/runtime/run-service";
import type { ConsoleMetrics } from "./console-metrics.ts";
import { createJobTable } from "./jobs/job-table.ts";
import { createRedriveJob } from "./jobs/redrive-job.ts";
import { type JobRunner, startJobRunner } from "./jobs/run-jobs.ts";
import { createFindOwners } from "./letters/letter-owners.ts";
import { createLetterSource } from "./letters/letter-source.ts";
import type { Sources } from "./routes/all-routes.ts";
import type { consoleSettings } from "./settings.ts";

/** The registry is asked for one schema at a time, while somebody waits. */
const REGISTRY_TIMEOUT_MS = 3_000;

/** Creates what reads Kafka. It connects when it is used: the console starts and answers other questions without Kafka. */
export function createKafkaSources(
  { config, log, life }: Pick<ServiceFrame<typeof consoleSettings>, "config" | "log" | "life">,
  metrics: ConsoleMetrics,
) {
  const { namespace } = config;
  const kafka = createKafka({ ...kafkaAccess(config), clientId: "console", log });
  const reader = life.own(createBoundedReader({ kafka }), (owned) => owned.close());
  const registry = createSchemaRegistry({
    ...registryAccess(config),
    timeoutMs: REGISTRY_TIMEOUT_MS,
  });
  const findOwners = createFindOwners(registry);
  const letters: Sources["letters"] = {
    source: createLetterSource({
      reader,
      topic: topicIn(namespace, "probe.metrics.dead-letter"),
    }),
    findOwners,
    registry,
    namespace,
    countCutSearch: () => metrics.countCutSearch("dead-letters"),
  };
  const trail: Sources["trail"] = {
    reader,
    registry,
    namespace,
    traceUrl: config.traceUrl,
    countCutSearch: () => metrics.countCutSearch("event"),
  };
  return { kafka, reader, findOwners, letters, trail, namespace };
}

/** Starts what runs jobs in the background. */
export function startJobs(
  { config, log, life }: Pick<ServiceFrame<typeof consoleSettings>, "config" | "log" | "life">,
  options: {
    pool: PgPool;
    sources: ReturnType<typeof createKafkaSources>;
    metrics: ConsoleMetrics;
  },
): JobRunner {
  const { pool, sources, metrics } = options;
  const { jobLeaseMs: leaseMs } = config;
  return life.own(
    startJobRunner({
      table: createJobTable({ pool, holder: randomUUID(), leaseMs }),
      kinds: { redrive: createRedriveJob({ ...sources, countRedriven: metrics.countRedriven }) },
      leaseMs,
      metrics,
      log,
    }),
    (owned) => owned.end(),
  );
}
