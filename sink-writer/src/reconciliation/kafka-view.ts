import { connectGroupOffsets, type GroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { connectTopicReader, type TopicReader } from "@fiberstream/kafka/topic-reader";
import { readOffsetMetadata } from "@fiberstream/kafka/transactions/offset-metadata";
import { TransientError } from "@fiberstream/runtime/errors";
import {
  entryInMetadata,
  type LedgerEntry,
  readEntry,
} from "@fiberstream/reconciliation/ledger-entry";

/** The processor's committed offset of a raw partition, and the open entry that it has committed with it. */
export type ProcessorPosition = { readonly offset: bigint; readonly open: LedgerEntry | undefined };

/** Up to where probe.reconciliation is read; `log` is the topic's id, empty if unknown. */
export type EntriesPosition = { readonly log: string; readonly offset: bigint };

export type NewEntries = {
  readonly entries: readonly LedgerEntry[];
  readonly next: EntriesPosition;
  /** Entries from the position on are missing: retention has deleted them, Kafka has lost them, or the topic was recreated. */
  readonly areLost: boolean;
};

/** What the reconciler reads from Kafka. All functions throw TransientError and FatalError. */
export type KafkaView = {
  /** The end of each partition that has had records. */
  readonly rawEnds: () => Promise<ReadonlyMap<number, bigint>>;
  readonly enrichedEnds: () => Promise<ReadonlyMap<number, bigint>>;
  readonly processorAt: (partition: number) => Promise<ProcessorPosition | undefined>;
  /** Returns the entries of probe.reconciliation from a position on. */
  readonly entriesFrom: (position: EntriesPosition) => Promise<NewEntries>;
  /** How many records a range of raw has; undefined if some of it is deleted. */
  readonly rawRecords: (partition: number, from: bigint, to: bigint) => Promise<number | undefined>;
  /** Whether a range of enriched has committed records, and not only transaction markers. */
  readonly hasEnriched: (partition: number, from: bigint, to: bigint) => Promise<boolean>;
  readonly close: () => Promise<void>;
};

/** Connects at the first call. */
export function createKafkaView(options: { kafka: KafkaClient; namespace: string }): KafkaView {
  const { kafka, namespace } = options;
  const raw = topicIn(namespace, "probe.metrics.raw");
  const enriched = topicIn(namespace, "probe.metrics.enriched");
  const reconciliation = topicIn(namespace, "probe.reconciliation");
  let reader: Promise<TopicReader> | undefined;
  let groupOffsets: Promise<GroupOffsets> | undefined;

  const connectedReader = async (): Promise<TopicReader> => {
    reader ??= connectTopicReader({ kafka });
    return reader.catch((error: unknown) => {
      reader = undefined;
      throw error;
    });
  };
  const connectedOffsets = async (): Promise<GroupOffsets> => {
    const groupId = `${namespace}stream-processor`;
    groupOffsets ??= connectGroupOffsets({ kafka, groupId, topic: raw });
    return groupOffsets.catch((error: unknown) => {
      groupOffsets = undefined;
      throw error;
    });
  };
  const endsOf = async (topic: string) => {
    const ranges = await (await connectedReader()).ranges(topic);
    return new Map(ranges.map(({ partition, until }) => [partition, until]));
  };

  return {
    rawEnds: () => endsOf(raw),
    enrichedEnds: () => endsOf(enriched),
    processorAt: async (partition) => {
      const committed = await (await connectedOffsets()).committed(partition);
      return (
        committed && {
          offset: committed.offset,
          open: entryInMetadata(readOffsetMetadata(committed.metadata).text),
        }
      );
    },
    entriesFrom: async (position) => {
      const connected = await connectedReader();
      const { topicId: log } = await connected.describe(reconciliation);
      const { partition, from: low, until } = await connected.range(reconciliation, 0);
      const isOtherLog = position.log !== "" && position.log !== log;
      const isInLog = !isOtherLog && position.offset >= low && position.offset <= until;
      // Of the same log, what is read already must not be read again.
      const from = isInLog || (!isOtherLog && position.offset > until) ? position.offset : low;
      const entries: LedgerEntry[] = [];
      for await (const records of connected.read(reconciliation, { partition, from, until })) {
        for (const { value } of records) {
          const entry = value && readEntry(value.toString());
          if (entry) entries.push(entry);
        }
      }
      if ((await connected.describe(reconciliation)).topicId !== log) {
        throw new TransientError("kafka", `${reconciliation} was recreated while it was read`);
      }
      return { entries, next: { log, offset: until }, areLost: !isInLog };
    },
    rawRecords: async (partition, from, to) => {
      const connected = await connectedReader();
      const range = (await connected.ranges(raw)).find((found) => found.partition === partition);
      if (range === undefined || range.from > from) return undefined;
      let count = 0;
      for await (const records of connected.read(raw, { partition, from, until: to })) {
        count += records.length;
      }
      return count;
    },
    hasEnriched: async (partition, from, to) => {
      const records = (await connectedReader()).read(enriched, { partition, from, until: to });
      const { done } = await records.next();
      return done !== true;
    },
    close: async () => {
      await (await reader?.catch(() => undefined))?.close();
      await (await groupOffsets?.catch(() => undefined))?.close();
    },
  };
}
