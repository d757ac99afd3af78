import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { TopicReader } from "@fiberstream/kafka/topic-reader";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { createOpenAlertTable } from "./open-alert-table.ts";

/**
 * The alerts of a partition's nodes that are open: opened in the topic and not resolved there. Alerts
 * outlast any window, so they are read from where they were written, which took part in the same
 * transactions as the offset. Opened longer ago than the topic keeps counts as not open.
 *
 * @throws {TransientError} when Kafka or the registry is away
 */
export async function readOpenAlerts(options: {
  reader: TopicReader;
  decoder: RecordDecoder<ProbeAlert>;
  topic: string;
  /** The one that these nodes' alerts are in; undefined: any. */
  partition: number | undefined;
  /** Past which those that were opened first are left out. */
  maxAlerts: number;
}): Promise<ProbeAlert[]> {
  const { reader, decoder, topic, partition } = options;
  const open = createOpenAlertTable(options);
  // Of the one alone: the others may be without a leader.
  const stretches =
    partition === undefined ? await reader.ranges(topic) : [await reader.range(topic, partition)];
  for (const stretch of stretches) {
    for await (const records of reader.read(topic, stretch)) {
      const values = records.map(({ value }) => value);
      await decoder.prepare(values);
      for (const value of values) {
        const outcome = decoder.decode(value);
        if (outcome.kind === "ok") open.note(outcome.value);
      }
    }
  }
  return open.all();
}
