import { createKeyUseFailures } from "@fiberstream/access/key-uses";
import { createPipelineMetrics } from "@fiberstream/kafka/pipeline-metrics";
import { createHealth } from "@fiberstream/runtime/health";
import { createServiceRegistry } from "@fiberstream/runtime/service-metrics";
import { createAuditorMetrics } from "@fiberstream/auditor/auditor-metrics";
import { createConsoleMetrics } from "@fiberstream/console/console-metrics";
import { createSignOnMetrics } from "@fiberstream/console/single-sign-on/sign-on-metrics";
import { createAuthModeGauge } from "@fiberstream/ingest-gateway/auth/auth-mode-gauge";
import { createGatewayMetrics } from "@fiberstream/ingest-gateway/gateway-metrics";
import { createAlertMetrics } from "@fiberstream/sink-writer/alerts/alert-metrics";
import { createReconciledMetrics } from "@fiberstream/sink-writer/reconciliation/reconciled-metrics";
import { createQualityMetrics } from "@fiberstream/sink-writer/maintenance/quality-metrics";
import { createDatabaseGauges } from "@fiberstream/sink-writer/maintenance/database-gauges";
import { createRollUpMetrics } from "@fiberstream/sink-writer/rollups/roll-up-metrics";
import { createSinkMetrics } from "@fiberstream/sink-writer/sink-metrics";
import { createUnrecordedChanges } from "@fiberstream/stream-processor/telemetry/breaker-journal";
import { createClusterGauges } from "@fiberstream/stream-processor/telemetry/watch-cluster";
import { createProcessorMetrics } from "@fiberstream/stream-processor/processor-metrics";
import { createRedisGauges } from "@fiberstream/stream-processor/telemetry/watch-redis";
import { SERVICE_NAMES, type ServiceName } from "@fiberstream/runtime/services";

/** One metric, as a service registers it. */
export type Metric = {
  readonly name: string;
  readonly type: string;
  /** For the operator who is awake at night. */
  readonly help: string;
  readonly labels: readonly string[];
  readonly services: readonly ServiceName[];
  /** Number of series right after the start. */
  readonly firstSeries: number;
};

type Registered = { name: string; type: string; help: string; labelNames: readonly string[] };

const zero = () => 0;

/** Creates the metrics of each service as the service does, without its dependencies. */
export async function readMetricCatalogue(): Promise<readonly Metric[]> {
  const metrics = new Map<string, Metric>();
  for (const service of SERVICE_NAMES) {
    for (const metric of await registeredBy(service)) {
      const services = [...(metrics.get(metric.name)?.services ?? []), service];
      metrics.set(metric.name, { ...metric, services });
    }
  }
  return [...metrics.values()];
}

async function registeredBy(service: ServiceName): Promise<Omit<Metric, "services">[]> {
  const health = createHealth();
  const registry = createServiceRegistry({ service, version: "", health });
  switch (service) {
    case "ingest-gateway":
      createAuthModeGauge(registry);
      createKeyUseFailures(registry);
      createGatewayMetrics({
        registry,
        inFlightEvents: zero,
        silentLeaders: zero,
        bufferBytes: zero,
        maxTenants: 0,
      });
      break;
    case "stream-processor": {
      const pipeline = createPipelineMetrics({ registry, stage: "processor" });
      createProcessorMetrics({ registry, pipeline, windowNodes: zero });
      createClusterGauges(registry);
      createUnrecordedChanges(registry);
      createRedisGauges(registry);
      break;
    }
    case "sink-writer": {
      const pipeline = createPipelineMetrics({ registry, stage: "sink" });
      createSinkMetrics({ registry, pipeline, nowMs: zero, isReplayed: () => false });
      createDatabaseGauges(registry);
      createQualityMetrics(registry);
      createRollUpMetrics(registry);
      createReconciledMetrics(registry);
      createAlertMetrics(registry);
      break;
    }
    case "console":
      createSignOnMetrics(registry);
      createKeyUseFailures(registry);
      createConsoleMetrics({
        registry,
        waiting: zero,
        waitingForKafka: zero,
        answerBytes: zero,
      }).declare(["listNodes"]);
      break;
    case "auditor":
      createAuditorMetrics({ registry, unsignedSeconds: zero });
      break;
  }
  // The library's types lack the label names. A metric without labels has an empty list.
  const registered = registry.getMetricsAsArray() as unknown as Registered[];
  const series = new Map(
    (await registry.getMetricsAsJSON()).map(({ name, values }) => [name, values.length]),
  );
  const metrics = registered.map(({ name, type, help, labelNames: labels }) => {
    return { name, type, help, labels, firstSeries: series.get(name) ?? 0 };
  });
  registry.clear();
  return metrics;
}
