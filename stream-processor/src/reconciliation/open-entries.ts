import type { RecordBatch } from "@fiberstream/kafka/records";
import {
  entryInMetadata,
  joinedEntries,
  type LedgerEntry,
  splitEntry,
} from "@fiberstream/reconciliation/ledger-entry";
import type { MinuteBooks } from "@fiberstream/reconciliation/minute-books";

/** The entries of a partition's ledger after a batch. */
export type NextEntries = {
  /** Written to probe.reconciliation with the batch. */
  readonly finished: readonly LedgerEntry[];
  /** Committed with the batch's offset; the next batch extends it. */
  readonly open: LedgerEntry;
  readonly openedAtMs: number;
};

export type OpenEntries = {
  /** Returns the entries after a batch whose events are in `minutes`. Changes nothing yet. */
  after: (batch: RecordBatch, minutes: MinuteBooks) => NextEntries;
  /** Records that the entries are committed, with the offset's metadata. */
  committed: (partition: number, metadata: string, entries: NextEntries) => void;
  keepOnly: (partitions: readonly number[]) => void;
};

/** An entry is finished after so long: 12 partitions write 12 small records a minute. */
const OPEN_FOR_MS = 60_000;
/** A minute takes about 200 bytes, and the metadata of an offset at most 3 KB. */
const OPEN_MINUTES = 10;
/** A finished entry is a record of at most 860 KB: Kafka accepts 1,048,588 bytes (`max.message.bytes`) by default. */
const FINISHED_MINUTES = 4_000;

/**
 * The processor's ledger. Each partition has an open entry, which is committed with the partition's offset and extended
 * by each batch, so it is as exact as the offset, also when a process dies or the partition is reassigned. After
 * `OPEN_FOR_MS` it is finished: written to a topic, in the transaction that begins the next one. If an entry does not
 * begin where the one before has ended, offsets were skipped or read again.
 *
 * @param options.metadataOf returns the committed offset's metadata, whoever has committed it; "" if there is none
 */
export function createOpenEntries(options: {
  metadataOf: (partition: number) => string;
  nowMs: () => number;
}): OpenEntries {
  const { metadataOf, nowMs } = options;
  const held = new Map<
    number,
    { metadata: string; open: LedgerEntry | undefined; openedAtMs: number }
  >();

  const openOf = (partition: number) => {
    const metadata = metadataOf(partition);
    const known = held.get(partition);
    if (known?.metadata === metadata) return known;
    const read = { metadata, open: entryInMetadata(metadata), openedAtMs: nowMs() };
    held.set(partition, read);
    return read;
  };

  return {
    after: (batch, minutes) => {
      const { open, openedAtMs } = openOf(batch.partition);
      const isKnown = open !== undefined;
      const own = entryOf(batch, minutes, { begins: !isKnown });
      const isContinued =
        isKnown && open.to === batch.firstOffset && open.log === batch.log.topicId;
      const next = isContinued ? joinedEntries(open, own) : own;
      const before = isKnown && !isContinued && open.from < open.to ? [open] : [];
      const sinceMs = isContinued ? openedAtMs : nowMs();
      // An entry without a predecessor is finished at once: if the committed offset was lost, so was its open entry.
      const isDue =
        next.begins || nowMs() - sinceMs >= OPEN_FOR_MS || next.minutes.size > OPEN_MINUTES;
      return {
        finished: isDue ? [...before, ...splitEntry(next, FINISHED_MINUTES)] : before,
        open: isDue ? emptyAfter(next) : next,
        openedAtMs: isDue ? nowMs() : sinceMs,
      };
    },
    committed: (partition, metadata, { open, openedAtMs }) => {
      held.set(partition, { metadata, open, openedAtMs });
    },
    keepOnly: (partitions) => {
      const ours = new Set(partitions);
      for (const partition of held.keys()) if (!ours.has(partition)) held.delete(partition);
    },
  };
}

const entryOf = (
  { partition, log, firstOffset, nextOffset, records }: RecordBatch,
  minutes: MinuteBooks,
  { begins }: { begins: boolean },
): LedgerEntry => ({
  partition,
  log: log.topicId,
  from: firstOffset,
  to: nextOffset,
  begins,
  records: records.length,
  minutes,
});

/** Returns an empty entry, which records where the next one has to begin. */
const emptyAfter = ({ partition, log, to }: LedgerEntry): LedgerEntry => ({
  partition,
  log,
  from: to,
  to,
  begins: false,
  records: 0,
  minutes: new Map(),
});
