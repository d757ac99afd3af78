import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "./backing-service.ts";

/**
 * Prometheus 2.53. Its configuration is `prometheus.yml` in its data folder.
 *
 * Keeps 15 days, or what fits into 1 GB: a local start is no archive.
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
