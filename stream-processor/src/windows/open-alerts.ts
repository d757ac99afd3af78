import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { createOpenAlertTable } from "./open-alert-table.ts";

/**
 * Reads the open alerts of a partition's nodes: those that were opened in the topic and not resolved there. Alerts
 * outlast any window, so they are read from their topic, which is written in the same transactions as the offset. An
 * alert that was opened before the topic's retention counts as not open.
 *
 * @throws {TransientError} when Kafka or the registry is unavailable
 */
export async function readOpenAlerts(options: {
  reader: TopicReader;
  decoder: RecordDecoder<ProbeAlert>;
  topic: string;
  /** The partition of these nodes' alerts; undefined: any. */
  partition: number | undefined;
  /** Past it, the alerts that were opened first are left out. */
  maxAlerts: number;
}): Promise<ProbeAlert[]> {
  const { reader, decoder, topic, partition } = options;
  const open = createOpenAlertTable(options);
  // Only the one partition, because the others may have no leader.
  const ranges =
    partition === undefined ? await reader.ranges(topic) : [await reader.range(topic, partition)];
  for (const range of ranges) {
    for await (const records of reader.read(topic, range)) {
      const values = records.map(({ value }) => value);
      await decoder.prepare(values);
      for (const value of values) {
        const outcome = decoder.decode(value);
        if (outcome.kind === "ok") open.track(outcome.value);
      }
    }
  }
  return open.all();
}
