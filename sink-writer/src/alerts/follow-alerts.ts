import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { followTopic, type TopicFollower } from "@fiberstream/kafka/topic-follower";
import { topicIn } from "@fiberstream/kafka/topic-names";
import type { PgPool } from "@fiberstream/postgres/pool";
import type { Log } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import type { Registry } from "prom-client";
import { createAlertMetrics } from "./alert-metrics.ts";
import { createAlertOffsets } from "./alert-offsets.ts";
import { storableAlert } from "./storable-alert.ts";
import { createWriteAlerts } from "./write-alerts.ts";

/** In one transaction. A fetch has at most 1 MB of each partition, which is about 8,000 alerts. */
const MAX_ALERTS = 1_000;

/**
 * Writes the records of probe.alerts to `node_alerts`, until it is closed. Every sink does that, without a group: the
 * records are few, each is identified, and a sink that stops or is frozen delays no other.
 */
export function followAlerts(options: {
  kafka: KafkaClient;
  schemas: SchemaRegistry;
  namespace: string;
  pool: PgPool;
  registry: Registry;
  log: Log;
}): TopicFollower {
  const { kafka, schemas, pool, log } = options;
  const topic = topicIn(options.namespace, "probe.alerts");
  const metrics = createAlertMetrics(options.registry);
  const decoder = createRecordDecoder<ProbeAlert>({
    registry: schemas,
    readerSchema: readAvroSchema("ProbeAlert"),
  });
  const offsets = createAlertOffsets({ pool, topic });
  const writeAlerts = createWriteAlerts({ pool, skipped: metrics.skipped, log });

  return followTopic({
    kafka,
    topic,
    resumeAt: offsets.read,
    onRecords: async (records, partition) => {
      try {
        await decoder.prepare(records.map(({ value }) => value));
        for (let at = 0; at < records.length; at += MAX_ALERTS) {
          const part = records.slice(at, at + MAX_ALERTS);
          const alerts = part.flatMap(({ value, timestamp }) => {
            const decoded = decoder.decode(value);
            const alert =
              decoded.kind === "ok" ? storableAlert(decoded.value, timestamp) : undefined;
            return alert ?? [];
          });
          metrics.skipped(part.length - alerts.length);
          metrics.written(await writeAlerts(alerts));
          const last = part.at(-1);
          if (last !== undefined) await offsets.move(partition, BigInt(last.offset) + 1n);
        }
      } catch (error) {
        metrics.failed();
        throw error;
      }
    },
    log,
  });
}
