import { type Dashboard, lines, stat } from "./panel.ts";
import { quantiles } from "./quantiles.ts";

/** Every processor and every sink reports the same values: each panel takes the highest for each topic, disk or table. */
export const kafkaDatabase: Dashboard = {
  uid: "kafka-database",
  title: "Kafka and database",
  description:
    "What the pipeline depends on: are all replicas in sync, is there free disk space, what blocks the database?",
  rows: [
    {
      title: "At a glance",
      panels: [
        stat({
          title: "Brokers",
          description: "If the number is lower than usual: docs/runbooks/kafka-pressure.md",
          queries: [{ expr: "max(fiberstream_kafka_brokers)" }],
        }),
        stat({
          title: "Under-replicated partitions",
          description: "If one more broker fails, the gateways may get no acknowledgement",
          limit: { warnAt: 1 },
          queries: [
            { expr: "sum(max by (topic) (fiberstream_kafka_under_replicated_partitions))" },
          ],
        }),
        stat({
          title: "Partitions without a leader",
          description: "They can be neither written nor read",
          limit: { badAt: 1 },
          queries: [{ expr: "sum(max by (topic) (fiberstream_kafka_leaderless_partitions))" }],
        }),
        stat({
          title: "Connections to the database",
          description:
            "Share of max_connections. At 100 % the server rejects new connections, also those of the sink",
          unit: "percentunit",
          limit: { warnAt: 0.8, badAt: 0.9 },
          queries: [
            {
              expr: "sum(max by (state) (fiberstream_database_connections)) / max(fiberstream_database_max_connections)",
            },
          ],
        }),
        stat({
          title: "Oldest transaction",
          description: "It blocks vacuum, and may hold locks: docs/runbooks/database-pressure.md",
          unit: "s",
          limit: { warnAt: 300, badAt: 3_600 },
          queries: [{ expr: "max(fiberstream_database_oldest_transaction_seconds)" }],
        }),
        stat({
          title: "WAL not yet replicated",
          description: "Kept for the replica or slot that lags most. Above 1 GB it raises a ticket",
          unit: "bytes",
          limit: { warnAt: 1e9 },
          queries: [{ expr: "max(fiberstream_database_unreplicated_bytes)" }],
        }),
      ],
    },
    {
      title: "Kafka",
      panels: [
        lines({
          title: "Acknowledgement by all in-sync replicas",
          description: "Duration of a gateway's produce call. p99 above 1 s raises a ticket",
          unit: "s",
          limit: { badAt: 1 },
          queries: quantiles("fiberstream_gateway_produce_duration_seconds"),
        }),
        lines({
          title: "Topics on disk",
          description:
            "Size of all replicas. Empty if the processor has no permission to describe the cluster",
          unit: "bytes",
          queries: [
            { expr: "max by (topic) (fiberstream_kafka_topic_bytes)", legend: "{{topic}}" },
          ],
        }),
        lines({
          title: "Free space on the brokers' disks",
          description: "The fullest disk of each broker. Below 15 % it raises a ticket",
          unit: "percentunit",
          queries: [
            {
              expr: "max by (broker) (fiberstream_kafka_disk_free_bytes / fiberstream_kafka_disk_size_bytes)",
              legend: "broker {{broker}}",
            },
          ],
        }),
      ],
    },
    {
      title: "Database: room",
      panels: [
        lines({
          title: "Size of the database",
          description: "On disk, without WAL",
          unit: "bytes",
          queries: [{ expr: "max(fiberstream_database_size_bytes)", legend: "database" }],
        }),
        lines({
          title: "Tables",
          description: "With their indexes and chunks",
          unit: "bytes",
          queries: [
            { expr: "max by (table) (fiberstream_database_table_bytes)", legend: "{{table}}" },
          ],
        }),
        lines({
          title: "Chunks of metrics",
          description:
            "One chunk is a week. More chunks than the retention keeps: the retention job is not running",
          queries: [{ expr: "max(fiberstream_database_chunks)", legend: "chunks" }],
        }),
        lines({
          title: "Dead rows",
          description: "Grows steadily: something blocks vacuum",
          queries: [{ expr: "max(fiberstream_database_dead_rows)", legend: "dead rows" }],
        }),
      ],
    },
    {
      title: "Database: work",
      panels: [
        lines({
          title: "Time in which the sink commits a batch",
          description: "p99 above 5 s raises a ticket",
          unit: "s",
          limit: { badAt: 5 },
          queries: quantiles("fiberstream_pipeline_batch_duration_seconds", '{stage="sink"}'),
        }),
        lines({
          title: "Connections by state",
          description: "idle_in_transaction: a client does not end its transaction",
          queries: [
            { expr: "max by (state) (fiberstream_database_connections)", legend: "{{state}}" },
          ],
        }),
        lines({
          title: "Rows written",
          description: "By all sinks together",
          unit: "cps",
          queries: [{ expr: "sum(rate(fiberstream_sink_rows_total[5m]))", legend: "rows" }],
        }),
      ],
    },
  ],
};
