import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { addIdText } from "./digest.ts";
import { joinedEntries, type LedgerEntry, readEntry, writeEntry } from "./ledger-entry.ts";
import { createBookFinder, type MinuteBook } from "./minute-books.ts";

const events = fc.array(
  fc.record({
    id: fc.uuid(),
    minute: fc.integer({ min: 29_000_000, max: 29_000_005 }),
    isRepeat: fc.boolean(),
  }),
  { maxLength: 60 },
);
type Event = { id: string; minute: number; isRepeat: boolean };

const entryOf = (from: number, some: readonly Event[]): LedgerEntry => {
  const minutes = new Map<number, MinuteBook>();
  const bookOf = createBookFinder(minutes);
  for (const { id, minute, isRepeat } of some) {
    const book = bookOf(minute);
    addIdText(book.read, Buffer.from(id), 0);
    addIdText(isRepeat ? book.leftOut : book.written, Buffer.from(id), 0);
  }
  const to = BigInt(from + some.length);
  const records = some.length;
  return { partition: 3, log: "x", from: BigInt(from), to, begins: false, records, minutes };
};

describe("ledger entry", () => {
  it("is restored from its text", () => {
    fc.assert(
      fc.property(events, (some) => {
        expect(readEntry(writeEntry(entryOf(7, some)))).toEqual(entryOf(7, some));
      }),
    );
  });

  it("joins the next entry to one of the whole range, and leaves both unchanged", () => {
    fc.assert(
      fc.property(events, fc.nat(60), (some, at) => {
        const cut = Math.min(at, some.length);
        const [one, next] = [entryOf(7, some.slice(0, cut)), entryOf(7 + cut, some.slice(cut))];
        const before = writeEntry(one);
        const joined = joinedEntries(one, next);
        // Maps are compared whatever their order.
        expect(joined.minutes).toEqual(entryOf(7, some).minutes);
        expect({ ...joined, minutes: 0 }).toEqual({ ...entryOf(7, some), minutes: 0 });
        expect(writeEntry(one)).toBe(before);
      }),
    );
  });

  it("is not read from another program's text", () => {
    for (const text of ["", "moved by hand", "{}", "[1]", '{"minutes":[[1]]}']) {
      expect(readEntry(text)).toBeUndefined();
    }
  });
});
