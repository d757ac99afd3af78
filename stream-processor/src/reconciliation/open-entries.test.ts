import type { RecordBatch } from "@fiberstream/kafka/records";
import { addIdText } from "@fiberstream/reconciliation/digest";
import type { LedgerEntry } from "@fiberstream/reconciliation/ledger-entry";
import { createBookFinder, type MinuteBook } from "@fiberstream/reconciliation/minute-books";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { writeCheckpoint } from "../windows/window-checkpoint.ts";
import { entryRecord } from "./batch-books.ts";
import { createOpenEntries, type NextEntries, type OpenEntries } from "./open-entries.ts";

const checkpointOf = (ledger: LedgerEntry) =>
  writeCheckpoint({ from: 0n, clockMs: 0, ledger, partitions: 100_000 });
let metadata: string;
let nowMs: number;
const entries = () => createOpenEntries({ metadataOf: () => metadata, nowMs: () => nowMs });

/** Of a partition that was begun, and had nothing yet. */
const BEGUN: LedgerEntry = {
  partition: 3,
  log: "t",
  from: 0n,
  to: 0n,
  begins: false,
  records: 0,
  minutes: new Map(),
};
beforeEach(() => {
  metadata = checkpointOf(BEGUN);
  nowMs = 1_000_000;
});

const batch = (from: number, to: number): RecordBatch => ({
  topic: "raw",
  partition: 3,
  log: { clusterId: "c", topicId: "t" },
  records: Array.from({ length: to - from }, (_, place) => ({
    offset: String(from + place),
    key: null,
    value: null,
    timestamp: "0",
  })),
  firstOffset: BigInt(from),
  nextOffset: BigInt(to),
  highWatermark: BigInt(to),
});
const range = (from: number, length: number) => Array.from({ length }, (_, at) => from + at);
const minutesOf = (...minutes: number[]) => {
  const books = new Map<number, MinuteBook>();
  const bookOf = createBookFinder(books);
  for (const minute of minutes) {
    addIdText(bookOf(minute).read, Buffer.from("5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11"), 0);
  }
  return books;
};
const rangeOf = (entry: LedgerEntry | undefined) =>
  entry && [Number(entry.from), Number(entry.to), entry.begins];
const rangesOf = ({ finished, open }: NextEntries) => [...finished.map(rangeOf), rangeOf(open)];
/** As another process finds it that asks for the position. */
const moveTo = ({ open }: NextEntries) => {
  metadata = checkpointOf(open);
};
const commit = (ledger: OpenEntries, next: NextEntries) => {
  moveTo(next);
  ledger.committed(3, metadata, next);
};

describe("open entries", () => {
  it("adds batch after batch to an open entry, and finishes it after a minute", () => {
    const ledger = entries();
    commit(ledger, ledger.after(batch(0, 10), minutesOf(1)));
    nowMs += 59_999;
    const second = ledger.after(batch(10, 20), minutesOf(2));
    expect(rangesOf(second)).toEqual([[0, 20, false]]);
    commit(ledger, second);
    nowMs += 1;
    const third = ledger.after(batch(20, 30), minutesOf(2));
    expect(rangesOf(third)).toEqual([
      [0, 30, false],
      [30, 30, false],
    ]);
    commit(ledger, third);
    expect(rangesOf(ledger.after(batch(30, 40), minutesOf(2)))).toEqual([[30, 40, false]]);
  });

  it("finishes an entry before it has more minutes than fit into the metadata of a commit", () => {
    const ledger = entries();
    const minutes = Array.from({ length: 30 }, (_, minute) => minute);
    const next = ledger.after(batch(0, 30), minutesOf(...minutes));
    expect(rangesOf(next)).toEqual([
      [0, 30, false],
      [30, 30, false],
    ]);
    const full = ledger.after(batch(0, 10), minutesOf(...minutes.slice(0, 10)));
    expect(full.finished).toEqual([]);
    expect(checkpointOf(full.open).length).toBeLessThan(3_072);
  });

  it("splits an entry into records that Kafka accepts, however many minutes a batch has", () => {
    // The longest texts: of the last minutes, with every field set.
    const books = minutesOf(...range(149_990_001, 10_000));
    for (const book of books.values()) {
      for (const digest of [book.written, book.leftOut]) {
        addIdText(digest, Buffer.from("5f0c1c1e-7a43-5d6e-9c55-0d6c2f0f4a11"), 0);
      }
      Object.assign(book, { conflicts: 500_000, refused: 500_000, dead: 500_000 });
    }
    const { finished, open } = entries().after(batch(0, 30), books);
    const sizes = finished.map((entry) => entryRecord(entry).value?.length ?? NaN);
    expect(Math.max(...sizes)).toBeLessThan(900_000);
    expect([...finished.map(rangeOf), rangeOf(open)]).toEqual([
      [0, 30, false],
      [30, 30, false],
      [30, 30, false],
      [30, 30, false],
    ]);
    expect(finished.map(({ records }) => records)).toEqual([30, 0, 0]);
    expect(new Map(finished.flatMap(({ minutes }) => [...minutes]))).toEqual(books);
    expect(Math.max(...(finished[0]?.minutes.keys() ?? []))).toBe(150_000_000);
  });

  it("drops a batch that was not committed", () => {
    const ledger = entries();
    commit(ledger, ledger.after(batch(0, 10), minutesOf(1)));
    ledger.after(batch(10, 20), minutesOf(1));
    expect(ledger.after(batch(10, 15), minutesOf(1)).open?.minutes.get(1)?.read[0]).toBe(2);
  });

  it("continues the open entry that another owner has committed", () => {
    const ledger = entries();
    const mine = ledger.after(batch(0, 10), minutesOf(1));
    commit(ledger, mine);
    const other = entries();
    const theirs = other.after(batch(10, 20), minutesOf(1));
    expect(rangesOf(theirs)).toEqual([[0, 20, false]]);
    moveTo(theirs);
    expect(rangesOf(ledger.after(batch(20, 30), minutesOf(1)))).toEqual([[0, 30, false]]);
  });

  it("finishes an entry unchanged and begins another one where offsets are skipped or read again", () => {
    for (const position of [11, 5]) {
      const ledger = entries();
      moveTo(entries().after(batch(0, 10), minutesOf(1)));
      expect(rangesOf(ledger.after(batch(position, 20), minutesOf(1)))).toEqual([
        [0, 10, false],
        [position, 20, false],
      ]);
    }
  });

  it("begins a new entry if the checkpoint has none, and writes at once that the books begin there", () => {
    const begun = (from: number) => [
      [from, 20, true],
      [20, 20, false],
    ];
    metadata = "";
    expect(rangesOf(entries().after(batch(7, 20), minutesOf(1)))).toEqual(begun(7));
    expect(rangesOf(entries().after(batch(0, 20), minutesOf(1)))).toEqual(begun(0));
    metadata = "windows from=1 clock=2";
    expect(rangesOf(entries().after(batch(7, 20), minutesOf(1)))).toEqual(begun(7));
  });

  it("does not continue the entry of a recreated topic", () => {
    moveTo(entries().after(batch(0, 10), minutesOf(1)));
    const anew = { ...batch(10, 20), log: { clusterId: "c", topicId: "another" } };
    expect(rangesOf(entries().after(anew, minutesOf(1)))).toEqual([
      [0, 10, false],
      [10, 20, false],
    ]);
  });
});
