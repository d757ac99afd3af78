import { randomUUID } from "node:crypto";
import { inTransaction, query } from "@fiberstream/postgres/pool";
import { addIdText, emptyDigest } from "@fiberstream/reconciliation/digest";
import type { Finding } from "@fiberstream/reconciliation/judge-minute";
import { type LedgerEntry, splitEntry } from "@fiberstream/reconciliation/ledger-entry";
import { createBookFinder, type MinuteBook } from "@fiberstream/reconciliation/minute-books";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { openSampleDatabase, type SampleDatabase } from "../testing/sample-database.ts";
import { addLines, type BookLine, linesIn, linesJson } from "./books-table.ts";
import type { KafkaView, ProcessorPosition } from "./kafka-view.ts";
import { createReconcile, type Reconcile } from "./reconcile.ts";

const MINUTE = 29_000_000;
const MINUTE_MS = 60_000;
const LIMITS = { judgeAfterMs: 120_000, giveUpAfterMs: 3_600_000, keepMs: 3_650 * 86_400_000 };

let database: SampleDatabase;
/** What Kafka holds, of partition 3. */
let kafka: {
  entries: LedgerEntry[];
  /** The id of probe.reconciliation. */
  entriesLog: string;
  open: LedgerEntry | undefined;
  offset: bigint;
  rawEnd: bigint;
  enrichedEnd: bigint;
  rawRecords: number;
  areLost: boolean;
  isOffsetGone: boolean;
};
let nowMs: number;
let reconcile: Reconcile;

beforeAll(async () => {
  database = await openSampleDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.owner.query(
    "TRUNCATE metrics, reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes",
  );
  kafka = {
    entries: [],
    entriesLog: "r",
    open: undefined,
    offset: 0n,
    rawEnd: 0n,
    enrichedEnd: 0n,
    rawRecords: 0,
    areLost: false,
    isOffsetGone: false,
  };
  nowMs = (MINUTE + 5) * MINUTE_MS;
  reconcile = anotherReconciler();
});

const view: KafkaView = {
  rawEnds: async () => new Map([[3, kafka.rawEnd]]),
  enrichedEnds: async () => new Map([[3, kafka.enrichedEnd]]),
  processorAt: async (): Promise<ProcessorPosition | undefined> =>
    kafka.isOffsetGone ? undefined : { offset: kafka.offset, open: kafka.open },
  entriesFrom: async ({ log, offset }) => {
    const isOtherLog = log !== "" && log !== kafka.entriesLog;
    return {
      entries: kafka.entries.slice(isOtherLog ? 0 : Number(offset)),
      next: { log: kafka.entriesLog, offset: BigInt(kafka.entries.length) },
      areLost: kafka.areLost || isOtherLog,
    };
  },
  rawRecords: async () => kafka.rawRecords,
  hasEnriched: async () => true,
  close: async () => undefined,
};
const anotherReconciler = () =>
  createReconcile({ pool: database.pool, kafka: view, limits: LIMITS, nowMs: () => nowMs });

const newIds = (count: number) => Array.from({ length: count }, () => randomUUID() as string);
const booksOf = (ids: readonly string[], minute = MINUTE) => {
  const books = new Map<number, MinuteBook>();
  const book = createBookFinder(books)(minute);
  for (const id of ids) {
    addIdText(book.read, Buffer.from(id), 0);
    addIdText(book.written, Buffer.from(id), 0);
  }
  return books;
};
const entry = (
  from: number,
  to: number,
  ids: readonly string[],
  rest: Partial<LedgerEntry> = {},
): LedgerEntry => ({
  partition: 3,
  log: "t",
  from: BigInt(from),
  to: BigInt(to),
  begins: false,
  records: to - from,
  minutes: booksOf(ids),
  ...rest,
});
/** The processor has committed so much; only what is in `finished` is in the topic. */
function processed(finished: readonly LedgerEntry[], open?: LedgerEntry): void {
  kafka.entries.push(...finished);
  kafka.open = open;
  const last = open ?? finished.at(-1);
  kafka.offset = last?.to ?? 0n;
  kafka.rawEnd = kafka.offset;
  if (open === undefined && last !== undefined) {
    kafka.open = { ...last, from: last.to, records: 0, minutes: new Map() };
  }
}
/** The sink has read and written so much, up to an offset of enriched. */
async function sunk(
  ids: readonly string[],
  next: number,
  { completeAfter, minute = MINUTE }: { completeAfter?: number | undefined; minute?: number } = {},
): Promise<void> {
  const lines: BookLine[] = [...booksOf(ids, minute).values()].map((book) => ({
    partition: 3,
    minute,
    book,
    rewritten: 0,
  }));
  await inTransaction(database.pool, async (client) => {
    await query(client, addLines("sink", linesIn("$1")), [linesJson(lines)]);
    await query(
      client,
      `INSERT INTO reconciliation_positions (stage, partition, log, next_offset, complete_after)
       VALUES ('sink', 3, 't', $1, to_timestamp($2))
       ON CONFLICT (stage, partition) DO UPDATE SET next_offset = excluded.next_offset`,
      [next, completeAfter === undefined ? null : completeAfter * 60],
    );
    await query(client, INSERT_ROWS, [ids, minute * 60 + 1]);
  });
  kafka.enrichedEnd = BigInt(next);
}

/** The sink has read so much once more, and left it out. */
async function repeated(ids: readonly string[], next: number): Promise<void> {
  const books = booksOf(ids);
  const lines = [...books].map(([minute, { written, ...book }]) => ({
    partition: 3,
    minute,
    book: { ...book, written: emptyDigest(), leftOut: written },
    rewritten: 0,
  }));
  await inTransaction(database.pool, async (client) => {
    await query(client, addLines("sink", linesIn("$1")), [linesJson(lines)]);
    await query(
      client,
      "UPDATE reconciliation_positions SET next_offset = $1 WHERE stage = 'sink'",
      [next],
    );
  });
  kafka.enrichedEnd = BigInt(next);
}
const reopened = () => database.owner.query("UPDATE reconciliation_books SET is_judged = false");

const INSERT_ROWS = `
  INSERT INTO metrics (time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id,
                       tenant, country, region, probe_type, enrichment_status)
  SELECT to_timestamp($2), to_timestamp($2), 1, 1, 1, id, 'n', 'default', 'GH', 'r', 'ping', 'complete'
  FROM unnest($1::uuid[]) AS id`;
const INSERT_AGAIN = INSERT_ROWS.replaceAll("$2", String(MINUTE * 60 + 2)).replace(
  "$1::uuid[]",
  "ARRAY[$1::uuid]",
);

/** Rounds, some seconds apart. */
async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    await reconcile();
    nowMs += 10_000;
  }
}
const judged = async () => {
  const { rows } = await database.owner.query<{
    verdict: string;
    unaccounted: number;
    findings: Finding[];
  }>("SELECT verdict, unaccounted::int, findings FROM reconciled_minutes ORDER BY minute");
  return rows.map(({ verdict, unaccounted, findings }) => ({
    verdict,
    unaccounted,
    found: findings.map(({ hop, offset }) => [hop, offset]),
  }));
};
const OK = { verdict: "ok", unaccounted: 0, found: [] };

describe("the reconciler", () => {
  it("takes the parts of an entry that was split as one", async () => {
    const [ids, late] = [newIds(3), newIds(2)];
    const minutes = new Map([...booksOf(ids), ...booksOf(late, MINUTE - 1)]);
    processed(splitEntry(entry(0, 5, [], { minutes }), 1));
    await sunk(ids, 3);
    await sunk(late, 5, { minute: MINUTE - 1 });
    await rounds(3);
    expect(await judged()).toEqual([OK, OK]);
  });

  it("closes a minute when it has ended and all stages have read it, and not before", async () => {
    const ids = newIds(4);
    processed([entry(0, 3, ids.slice(0, 3))], entry(3, 4, ids.slice(3)));
    await sunk(ids, 9);
    nowMs = (MINUTE + 3) * MINUTE_MS - 1;
    await reconcile();
    expect(await judged()).toEqual([]);
    nowMs += 1;
    kafka.rawEnd = 5n;
    await reconcile();
    expect(await judged()).toEqual([]);
    kafka.rawEnd = 4n;
    nowMs += 1;
    await reconcile();
    expect(await judged()).toEqual([OK]);
  });

  it("waits for events that are on the way, and reopens the minute for late ones", async () => {
    const ids = newIds(5);
    processed([entry(0, 4, ids.slice(0, 4))]);
    await sunk(ids.slice(0, 2), 2);
    kafka.enrichedEnd = 4n;
    await rounds(5);
    expect(await judged()).toEqual([]);
    await sunk(ids.slice(2, 4), 4);
    await rounds(1);
    expect(await judged()).toEqual([OK]);

    processed([entry(4, 5, ids.slice(4))]);
    kafka.enrichedEnd = 6n;
    await rounds(3);
    expect(await judged()).toEqual([OK]);
    await sunk(ids.slice(4), 6);
    await rounds(1);
    expect(await database.valueOf("SELECT events::int FROM reconciled_minutes")).toBe(5);
    expect(await judged()).toEqual([OK]);
  });

  it("reports differences once all stages have passed the minute, also across a change of leader", async () => {
    const ids = newIds(4);
    processed([entry(0, 4, ids)]);
    await sunk(ids.slice(1), 4);
    await rounds(1);
    expect(await judged()).toEqual([]);
    reconcile = anotherReconciler();
    await rounds(3);
    const lost = { verdict: "differs", unaccounted: 1, found: [["enriched", null]] };
    expect(await judged()).toEqual([lost]);
    // A rewind of the sink, say.
    await sunk(ids.slice(0, 1), 4);
    await rounds(1);
    expect(await judged()).toEqual([OK]);
  });

  it("adds an entry once, whichever sink reads it", async () => {
    const ids = newIds(4);
    processed([entry(0, 4, ids)]);
    await Promise.all([reconcile(), anotherReconciler()(), anotherReconciler()()]);
    await rounds(2);
    await sunk(ids, 4);
    await rounds(1);
    expect(await judged()).toEqual([OK]);
  });

  it("reports the offset at which the processor skipped records, until they are read", async () => {
    const ids = newIds(4);
    processed([entry(0, 2, ids.slice(0, 2)), entry(3, 4, ids.slice(3))]);
    await sunk([...ids.slice(0, 2), ...ids.slice(3)], 4);
    await rounds(3);
    const skipped = { verdict: "differs", unaccounted: 1, found: [["raw", "2"]] };
    expect(await judged()).toEqual([skipped]);
    processed([entry(2, 3, ids.slice(2, 3))]);
    kafka.offset = 4n;
    await sunk(ids.slice(2, 3), 5);
    await rounds(2);
    expect(await judged()).toEqual([OK]);
  });

  it("finds skipped or repeated records in an open entry, and the same in the finished one", async () => {
    for (const [from, at] of [
      [3, "2"],
      [1, "1"],
    ] as const) {
      await database.owner.query(
        "TRUNCATE metrics, reconciliation_books, reconciliation_positions, reconciliation_breaks, reconciled_minutes",
      );
      kafka.entries = [];
      reconcile = anotherReconciler();
      const ids = newIds(3);
      const second = entry(from, 4, ids.slice(2));
      processed([entry(0, 2, ids.slice(0, 2))], second);
      await sunk(ids, 4);
      await rounds(3);
      const broken = { verdict: "differs", unaccounted: 1, found: [["raw", at]] };
      expect(await judged()).toEqual([broken]);
      processed([second]);
      await rounds(3);
      expect(await judged()).toEqual([broken]);
    }
  });

  it("counts the records of a range that has offsets without records", async () => {
    const ids = newIds(4);
    kafka.rawRecords = 3;
    processed([entry(0, 4, ids.slice(0, 3), { records: 3 })]);
    await sunk(ids.slice(0, 3), 4);
    await rounds(1);
    expect(await judged()).toEqual([OK]);
    kafka.rawRecords = 2;
    processed([entry(4, 6, ids.slice(3), { records: 1 })]);
    await sunk(ids.slice(3), 6);
    await rounds(3);
    expect(await judged()).toEqual([{ verdict: "differs", unaccounted: 1, found: [["raw", "4"]] }]);
  });

  it.each([
    ["the processor's books begin in the middle", { from: 7, log: "t" }, undefined],
    ["the sink's do", { from: 0, log: "t" }, MINUTE],
  ])("calls a minute not known in which %s", async (_, { from }, completeAfter) => {
    const ids = newIds(4);
    processed([entry(from, from + 2, ids.slice(0, 2))]);
    await sunk(ids, 4, { completeAfter });
    await rounds(3);
    expect(await judged()).toMatchObject([{ verdict: "not known", unaccounted: 0 }]);
  });

  it("calls minutes not known of which an earlier version or deleted entries had the books", async () => {
    const ids = newIds(6);
    processed([entry(0, 2, ids.slice(0, 2))]);
    await sunk(ids.slice(0, 2), 2);
    await rounds(1);
    expect(await judged()).toEqual([OK]);
    processed([entry(4, 5, ids.slice(4, 5), { begins: true })]);
    await sunk(ids.slice(2, 5), 5);
    await rounds(3);
    expect(await judged()).toMatchObject([{ verdict: "not known", unaccounted: 0 }]);

    await database.owner.query("UPDATE reconciliation_positions SET complete_after = NULL");
    kafka.areLost = true;
    processed([entry(9, 10, ids.slice(5))]);
    await rounds(1);
    kafka.areLost = false;
    await sunk(ids.slice(5), 10);
    await rounds(3);
    expect(await judged()).toMatchObject([{ verdict: "not known", unaccounted: 0 }]);
  });

  it("reads probe.reconciliation from its beginning after it was recreated, and does not know the entries between", async () => {
    const ids = newIds(6);
    processed([entry(0, 2, ids.slice(0, 2)), entry(2, 3, ids.slice(2, 3))]);
    await sunk(ids.slice(0, 3), 3);
    await rounds(1);
    expect(await judged()).toEqual([OK]);

    // The entry of [3, 4) was deleted with the old topic. The new one has as many entries as were read of the old one.
    kafka.entries = [];
    kafka.entriesLog = "recreated";
    processed([entry(4, 5, ids.slice(4, 5)), entry(5, 6, ids.slice(5, 6))]);
    await sunk(ids.slice(3), 6);
    await rounds(3);
    expect(await judged()).toMatchObject([{ verdict: "not known", unaccounted: 0 }]);

    const later = newIds(2);
    processed([entry(6, 8, [], { minutes: booksOf(later, MINUTE + 1) })]);
    await sunk(later, 8, { minute: MINUTE + 1 });
    await rounds(3);
    expect(await judged()).toMatchObject([{ verdict: "not known" }, OK]);
  });

  it("starts over with a recreated topic", async () => {
    const ids = newIds(4);
    processed([entry(0, 3, ids.slice(0, 3))]);
    await sunk(ids.slice(0, 3), 3);
    await rounds(1);
    processed([entry(0, 1, ids.slice(3), { log: "another" })]);
    await sunk(ids.slice(3), 4);
    await rounds(1);
    expect(await judged()).toEqual([OK]);
  });

  it("calls minutes not known that were lost with the processor's offset, and judges later ones", async () => {
    const [ids, later] = [newIds(5), newIds(2)];
    const lost = ids.slice(2, 4);
    processed([entry(0, 2, ids.slice(0, 2))], entry(2, 4, lost));
    await sunk(ids.slice(0, 4), 4);
    await rounds(1);
    expect(await judged()).toEqual([OK]);

    kafka.isOffsetGone = true;
    kafka.rawEnd = 5n;
    await reopened();
    await rounds(3);
    expect(await judged()).toEqual([OK]);

    // It begins anew: all of it is in enriched once more, and what was not finished only once in the books.
    kafka.isOffsetGone = false;
    processed([entry(0, 1, ids.slice(0, 1), { begins: true })]);
    kafka.rawEnd = 5n;
    await repeated(ids.slice(0, 1), 5);
    await rounds(3);
    processed([entry(1, 4, ids.slice(1, 4))], entry(4, 5, ids.slice(4)));
    await repeated(ids.slice(1, 4), 8);
    await sunk(ids.slice(4), 9);
    await rounds(5);
    const [only, ...others] = await judged();
    expect(others).toEqual([]);
    expect(only).toMatchObject({ verdict: "not known", unaccounted: 0, found: [["raw", null]] });

    processed([
      entry(4, 5, ids.slice(4)),
      entry(5, 7, later, { minutes: booksOf(later, MINUTE + 1) }),
    ]);
    await sunk(later, 11, { minute: MINUTE + 1 });
    await rounds(1);
    expect((await judged()).slice(1)).toEqual([OK]);
  });

  it("judges nothing while the processor reads records again", async () => {
    const ids = newIds(4);
    processed([entry(0, 2, ids.slice(0, 2))], entry(2, 4, ids.slice(2)));
    await sunk(ids, 4);
    await rounds(1);
    processed([entry(0, 1, ids.slice(0, 1), { begins: true })]);
    kafka.rawEnd = 4n;
    await repeated(ids.slice(0, 1), 5);
    await rounds(1);
    nowMs += LIMITS.giveUpAfterMs;
    await rounds(3);
    expect(await judged()).toMatchObject([{ verdict: "not known", unaccounted: 0 }]);
  });

  it("calls a minute not known that a stage does not pass in time", async () => {
    const ids = newIds(4);
    processed([entry(0, 4, ids)]);
    await sunk(ids.slice(2), 2);
    kafka.enrichedEnd = 4n;
    await rounds(3);
    expect(await judged()).toEqual([]);
    nowMs += LIMITS.giveUpAfterMs;
    await rounds(2);
    expect(await judged()).toMatchObject([{ verdict: "not known", unaccounted: 0 }]);
  });

  it("finds a row that was deleted, duplicated or altered", async () => {
    const ids = newIds(3);
    const differs = { verdict: "differs", unaccounted: 1, found: [["table", null]] };
    processed([entry(0, 3, ids)]);
    await sunk(ids, 3);
    for (const change of [
      "DELETE FROM metrics WHERE event_id = $1",
      INSERT_AGAIN,
      "UPDATE metrics SET event_id = gen_random_uuid() WHERE event_id = $1",
    ]) {
      await database.owner.query("UPDATE reconciliation_books SET is_judged = false");
      await rounds(1);
      expect(await judged()).toEqual([OK]);
      await database.owner.query("UPDATE reconciliation_books SET is_judged = false");
      await database.owner.query(change, [ids[0]]);
      await rounds(3);
      expect(await judged()).toEqual([differs]);
      await database.owner.query("TRUNCATE metrics");
      await database.owner.query(INSERT_ROWS, [ids, MINUTE * 60 + 1]);
    }
  });
});
