import type { IncomingRecord, OutgoingRecord } from "@fiberstream/kafka/records";
import { WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { addIdText, removeIdText } from "@fiberstream/reconciliation/digest";
import { type LedgerEntry, writeEntry } from "@fiberstream/reconciliation/ledger-entry";
import {
  createBookFinder,
  type MinuteBook,
  type MinuteBooks,
  minuteOfTimestamp,
  minuteOfUs,
} from "@fiberstream/reconciliation/minute-books";
import type { RawEvent } from "../decode/raw-event.ts";

/** Counts and digests of a batch's events, by the minute in which they were received. */
export type BatchBooks = {
  readonly minutes: MinuteBooks;
  /** Counts an event that could be decoded. */
  readonly read: (event: RawEvent) => void;
  /** Counts an enriched record, by the event_id in the record itself. */
  readonly written: (event: RawEvent, enriched: OutgoingRecord) => void;
  readonly leftOut: (event: RawEvent) => void;
  readonly dead: (record: IncomingRecord) => void;
  /** Counts an enriched record that Kafka has rejected: its event becomes a dead letter. */
  readonly refused: (event: RawEvent) => void;
};

export function createBatchBooks(): BatchBooks {
  const minutes = new Map<number, MinuteBook>();
  const bookOf = createBookFinder(minutes);
  const bookOfEvent = ({ receivedAtMicros }: RawEvent) => bookOf(minuteOfUs(receivedAtMicros));
  return {
    minutes,
    read: (event) => addIdText(bookOfEvent(event).read, event.bytes, ID_AT),
    written: (event, { value }) => {
      if (value !== null) addIdText(bookOfEvent(event).written, value, WIRE_PREFIX_BYTES + ID_AT);
    },
    leftOut: (event) => addIdText(bookOfEvent(event).leftOut, event.bytes, ID_AT),
    refused: (event) => {
      const book = bookOfEvent(event);
      removeIdText(book.written, event.bytes, ID_AT);
      addIdText(book.leftOut, event.bytes, ID_AT);
      book.refused++;
    },
    dead: ({ timestamp }) => void bookOf(minuteOfTimestamp(timestamp)).dead++,
  };
}

/** event_id is the first field of both schemas: a byte for its length, then 36 characters. */
const ID_AT = 1;

/** Returns an entry as a record of probe.reconciliation, which has one partition so that its records have one order. */
export const entryRecord = (entry: LedgerEntry): OutgoingRecord => ({
  key: String(entry.partition),
  value: Buffer.from(writeEntry(entry)),
});
