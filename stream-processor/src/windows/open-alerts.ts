import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import type { RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { OffsetRange, TopicReader } from "@fiberstream/kafka/topic-reader";
import type { ProbeAlert } from "@fiberstream/schemas/generated/records";
import { createOpenAlertTable, type OpenAlertTable } from "./open-alert-table.ts";
import { createSharedReading } from "./shared-reading.ts";

/** The alerts that were opened and not resolved. */
export type OpenAlertsOfPartition = {
  readonly open: readonly ProbeAlert[];
  /** Those of `open` that are still in the partition that their node had before partitions were added. */
  readonly moved: readonly ProbeAlert[];
  /** How many partitions raw has, by which the nodes of this partition were determined. */
  readonly partitions: number;
};

/**
 * Returns the open alerts of a partition's nodes.
 * @param knownPartitions how many partitions raw had when this partition was processed last; undefined if unknown
 * @throws {TransientError} when Kafka or the registry is unavailable
 */
export type ReadOpenAlerts = (
  partition: number,
  knownPartitions: number | undefined,
) => Promise<OpenAlertsOfPartition>;

/**
 * Alerts outlast any window, so they are read from their topic, which is written in the same transactions as the offset.
 * An alert that was opened before the topic's retention counts as not open. A node's alerts are in the partition with its
 * events' number. Only after partitions were added to raw, they may be in any other one: then the whole topic is read,
 * once for all partitions that are assigned together.
 *
 * @param options.maxAlerts past it, the alerts of a partition that were opened first are left out
 */
export function createReadOpenAlerts(options: {
  reader: Pick<TopicReader, "describe" | "range" | "ranges" | "read">;
  decoder: RecordDecoder<ProbeAlert>;
  topics: { raw: string; alerts: string };
  maxAlerts: number;
}): ReadOpenAlerts {
  const { reader, decoder, topics } = options;

  const readRange = async (range: OffsetRange, track: (alert: ProbeAlert) => void) => {
    for await (const records of reader.read(topics.alerts, range)) {
      const values = records.map(({ value }) => value);
      await decoder.prepare(values);
      for (const value of values) {
        const outcome = decoder.decode(value);
        if (outcome.kind === "ok") track(outcome.value);
      }
    }
  };

  const countPartitions = createSharedReading(async () => ({
    raw: (await reader.describe(topics.raw)).partitions.length,
    alerts: (await reader.describe(topics.alerts)).partitions.length,
  }));

  /** Reads the open alerts that are not in the partition of their node, by the partition of their node. */
  const readMoved = createSharedReading(async () => {
    const { raw } = await countPartitions();
    const moved = new Map<number, OpenAlertTable>();
    const tableOf = (partition: number) => {
      const table = moved.get(partition) ?? createOpenAlertTable(options);
      moved.set(partition, table);
      return table;
    };
    for (const range of await reader.ranges(topics.alerts)) {
      await readRange(range, (alert) => {
        const partition = partitionOfKey(Buffer.from(alert.node_id), raw);
        if (partition !== range.partition) tableOf(partition).track(alert);
      });
    }
    return { moved, raw };
  });

  return async (partition, knownPartitions) => {
    const counts = await countPartitions();
    const open = createOpenAlertTable(options);
    const isSame = knownPartitions === counts.raw;
    const { moved, raw } = isSame ? { moved: undefined, raw: counts.raw } : await readMoved();
    const earlier = new Set(moved?.get(partition)?.all());
    for (const alert of earlier) open.track(alert);
    // What is in the node's own partition is newer. Only this partition is read, because the others may have no leader.
    if (partition < counts.alerts) {
      await readRange(await reader.range(topics.alerts, partition), open.track);
    }
    const all = open.all();
    return { open: all, moved: all.filter((alert) => earlier.has(alert)), partitions: raw };
  };
}
