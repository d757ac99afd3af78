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

/** What becomes of a batch's events, by the minute in which they were received. */
export type BatchBooks = {
  readonly minutes: MinuteBooks;
  /** Every event that could be decoded, whatever becomes of it. */
  readonly read: (event: RawEvent) => void;
  /** By the record that was made of it: its own event_id counts. */
  readonly written: (event: RawEvent, enriched: OutgoingRecord) => void;
  readonly leftOut: (event: RawEvent) => void;
  readonly dead: (record: IncomingRecord) => void;
  /** What was to be written becomes a dead letter. */
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

/** An entry as a record of probe.reconciliation, all of whose records stand in one order. */
export const entryRecord = (entry: LedgerEntry): OutgoingRecord => ({
  key: String(entry.partition),
  value: Buffer.from(writeEntry(entry)),
});
