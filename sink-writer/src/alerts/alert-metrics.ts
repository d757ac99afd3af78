import { Counter, type Registry } from "prom-client";

/** Creates the metrics of the alerts of nodes that the sink writes. */
export function createAlertMetrics(registry: Registry) {
  const registers = [registry];
  const records = new Counter({
    name: "fiberstream_sink_alert_records_total",
    help: "Records of probe.alerts read into node_alerts, by outcome: written (rows that were added or changed), skipped (not an alert, or refused by PostgreSQL). Skipped above 0: another producer writes to probe.alerts",
    labelNames: ["outcome"],
    registers,
  });
  const failures = new Counter({
    name: "fiberstream_sink_alert_failures_total",
    help: "Attempts to write alerts of nodes that failed and are retried. Growing: GET /api/v1/alerts of the console lacks the newest alerts; check PostgreSQL and the schema registry",
    registers,
  });
  for (const outcome of ["written", "skipped"]) records.inc({ outcome }, 0);
  return {
    written: (count: number) => records.inc({ outcome: "written" }, count),
    skipped: (count: number) => records.inc({ outcome: "skipped" }, count),
    failed: () => failures.inc(),
  };
}
