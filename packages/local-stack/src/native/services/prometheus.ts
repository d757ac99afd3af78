import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "../backing-service.ts";

/**
 * Starts Prometheus 2.53 with the configuration `prometheus.yml` in its data folder. Its retention is 15 days, and at
 * most 1 GB.
 */
export function startPrometheus(options: BackingServiceOptions): Promise<BackingService> {
  const { port } = options;
  return startBackingService({
    name: "Prometheus",
    portSetting: "PROMETHEUS_PORT",
    options,
    sandboxed: {
      user: "prometheus",
      command: [
        "prometheus",
        "--config.file=/data/prometheus.yml",
        "--storage.tsdb.path=/data/tsdb",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=1GB",
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=warn",
      ],
    },
    stopSignal: "SIGTERM",
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok,
  });
}
