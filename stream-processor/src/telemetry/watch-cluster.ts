import { type ClusterState, createClusterWatch } from "@fiberstream/kafka/cluster-state";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import type { Life } from "@fiberstream/runtime/life";
import type { Log } from "@fiberstream/runtime/log";
import { createRepeatedTask } from "@fiberstream/runtime/repeated-task";
import { Gauge, type Registry } from "prom-client";

/** The usual scrape interval. */
const INTERVAL_MS = 15_000;

/**
 * Creates the gauges of the brokers and topics.
 * @returns a function that sets them; undefined: the check failed, and nothing is known
 */
export function createClusterGauges(registry: Registry): (state: ClusterState | undefined) => void {
  const registers = [registry];
  const brokers = new Gauge({
    name: "fiberstream_kafka_brokers",
    help: "Brokers in the cluster; NaN while they cannot be reached. Fewer than you run: one is down",
    registers,
  });
  const underReplicated = new Gauge({
    name: "fiberstream_kafka_under_replicated_partitions",
    help: "Partitions with fewer in-sync replicas than configured: if one more broker fails, gateways may get no acknowledgements",
    labelNames: ["topic"],
    registers,
  });
  const leaderless = new Gauge({
    name: "fiberstream_kafka_leaderless_partitions",
    help: "Partitions without a leader, which can be neither written nor read: senders are asked to send their events again",
    labelNames: ["topic"],
    registers,
  });
  const topicBytes = new Gauge({
    name: "fiberstream_kafka_topic_bytes",
    help: "Disk space that a topic uses over all replicas; absent if the processor lacks the permission",
    labelNames: ["topic"],
    registers,
  });
  const retention = new Gauge({
    name: "fiberstream_kafka_topic_retention_seconds",
    help: "How long Kafka retains a topic's records, +Inf without limit; absent if the processor lacks the permission (DESCRIBE_CONFIGS). A consumer further behind than this loses events",
    labelNames: ["topic"],
    registers,
  });
  const diskSize = new Gauge({
    name: "fiberstream_kafka_disk_size_bytes",
    help: "Size of a broker's disk; of the fullest one where it has several",
    labelNames: ["broker"],
    registers,
  });
  const diskFree = new Gauge({
    name: "fiberstream_kafka_disk_free_bytes",
    help: "Free space on that disk. At 0 the broker stops, and gateways can no longer accept events",
    labelNames: ["broker"],
    registers,
  });
  const all = [brokers, underReplicated, leaderless, topicBytes, retention, diskSize, diskFree];

  const clear = () => {
    for (const gauge of all) gauge.reset();
    // A gauge without labels would be 0 after the reset.
    brokers.set(Number.NaN);
  };
  clear();

  return (state) => {
    clear();
    if (state === undefined) return;
    brokers.set(state.brokers);
    for (const { topic, bytes, retentionMs, ...partitions } of state.topics) {
      underReplicated.set({ topic }, partitions.underReplicated);
      leaderless.set({ topic }, partitions.leaderless);
      if (bytes !== undefined) topicBytes.set({ topic }, bytes);
      if (retentionMs !== undefined) retention.set({ topic }, retentionMs / 1_000);
    }
    for (const { broker, totalBytes, usableBytes } of state.disks) {
      diskSize.set({ broker }, totalBytes);
      diskFree.set({ broker }, usableBytes);
    }
  };
}

/** Updates the gauges of the brokers until the end of `life`. */
export function watchCluster(options: {
  kafka: KafkaClient;
  topics: readonly string[];
  registry: Registry;
  life: Life;
  log: Log;
}): void {
  const { life, log } = options;
  const watch = life.own(createClusterWatch(options), (owned) => owned.close());
  const show = createClusterGauges(options.registry);
  const checks = createRepeatedTask({
    name: "check brokers",
    work: async () => {
      try {
        show(await watch.read());
      } catch (error) {
        show(undefined);
        throw error;
      }
    },
    intervalMs: INTERVAL_MS,
    startsAtOnce: true,
    log,
  });
  checks.begin();
  life.own(checks, (owned) => owned.end());
}
