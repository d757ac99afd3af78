import type { RecordBatch } from "@fiberstream/kafka/records";
import {
  entryInNote,
  joinedEntries,
  type LedgerEntry,
} from "@fiberstream/reconciliation/ledger-entry";
import type { MinuteBooks } from "@fiberstream/reconciliation/minute-books";

/** What a batch leaves a partition's ledger at. */
export type NextEntries = {
  /** Written to probe.reconciliation with the batch. */
  readonly finished: readonly LedgerEntry[];
  /** Committed with the batch's offset; the next batch goes on with it. */
  readonly open: LedgerEntry;
  readonly openedAtMs: number;
};

export type OpenEntries = {
  /** The entries once a batch is done whose events are in `minutes`. Changes nothing yet. */
  after: (batch: RecordBatch, minutes: MinuteBooks) => NextEntries;
  /** They are committed, with the offset's metadata. */
  committed: (partition: number, metadata: string, entries: NextEntries) => void;
  keepOnly: (partitions: readonly number[]) => void;
};

/** An entry is finished after so long: 12 partitions make 12 small records a minute. */
const OPEN_FOR_MS = 60_000;
/** A minute takes about 200 bytes, and the metadata of an offset may have 3 KB. */
const OPEN_MINUTES = 10;

/**
 * The processor's ledger, which goes where its positions go: each partition has an open entry that is
 * committed with the offset it leads to, and joined by batch after batch. So it is exactly once as the offset
 * is, whoever dies and wherever the partition moves. From time to time it is finished: written to a topic in
 * the transaction that begins the next one. An entry begins where the one before has ended, and where it does
 * not, offsets were skipped or read again.
 *
 * @param options.metadataOf what is committed with the position, "" if nothing; the truth, whoever has committed it
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
    const read = { metadata, open: entryInNote(metadata), openedAtMs: nowMs() };
    held.set(partition, read);
    return read;
  };

  return {
    after: (batch, minutes) => {
      const { open, openedAtMs } = openOf(batch.partition);
      const isKnown = open !== undefined;
      const own = entryOf(batch, minutes, { begins: !isKnown });
      const goesOn = isKnown && open.to === batch.firstOffset && open.log === batch.log.topicId;
      const next = goesOn ? joinedEntries(open, own) : own;
      const before = isKnown && !goesOn && open.from < open.to ? [open] : [];
      const sinceMs = goesOn ? openedAtMs : nowMs();
      // A beginning is told at once: if it was an offset that was lost, so was what stood with it.
      const isDue =
        next.begins || nowMs() - sinceMs >= OPEN_FOR_MS || next.minutes.size > OPEN_MINUTES;
      return {
        finished: isDue ? [...before, next] : before,
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

/** Says where the next entry has to begin. */
const emptyAfter = ({ partition, log, to }: LedgerEntry): LedgerEntry => ({
  partition,
  log,
  from: to,
  to,
  begins: false,
  records: 0,
  minutes: new Map(),
});
