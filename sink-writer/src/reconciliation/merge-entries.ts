import { type PgClient, query } from "@fiberstream/postgres/pool";
import type { LedgerEntry } from "@fiberstream/reconciliation/ledger-entry";
import { type MinuteBooks, mergedBooks } from "@fiberstream/reconciliation/minute-books";
import { wallNowMs } from "@fiberstream/runtime/wall-clock";
import { addLines, linesIn, linesJson } from "./books-table.ts";
import type { KafkaView } from "./kafka-view.ts";

/**
 * Adds the new records of probe.reconciliation to the processor's books, and stores the offset up to which they are
 * read. The entries of a partition are a chain: if one does not begin at the end of the one before, offsets were skipped
 * or read twice.
 *
 * @param client in a transaction that holds the reconciler's lock
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function mergeEntries(
  client: PgClient,
  kafka: Pick<KafkaView, "entriesFrom" | "rawEnds" | "rawRecords">,
): Promise<void> {
  const [position] = await query<{ next_offset: string; log: string }>(client, SELECT_READ_TO);
  const { entries, next, areLost } = await kafka.entriesFrom({
    log: position?.log ?? "",
    offset: BigInt(position?.next_offset ?? 0),
  });
  // At the first run, deleted entries do not matter.
  if (areLost && position !== undefined) await query(client, FORGET_POSITIONS);
  await query(client, READ_TO, [next.log, next.offset]);
  if (entries.length === 0) return;
  const chains = await readChains(client);
  // Read now: all that was read before the processor restarted is below these ends.
  const rawEnds = entries.some(({ begins }) => begins) ? await kafka.rawEnds() : NO_ENDS;
  const lines = new Map<number, MinuteBooks>();
  for (const entry of entries) {
    await extendChain(client, chains, entry, rawEnds);
    await countRecords(client, kafka, entry);
    lines.set(entry.partition, mergedBooks(lines.get(entry.partition) ?? new Map(), entry.minutes));
  }
  for (const [partition, { log, next: nextOffset, completeAfter, begunAnewTo }] of chains) {
    await query(client, MOVE_CHAIN, [partition, log, nextOffset, completeAfter, begunAnewTo]);
  }
  const all = [...lines].flatMap(([partition, minutes]) =>
    [...minutes].map(([minute, book]) => ({ partition, minute, book, rewritten: 0 })),
  );
  await query(client, ADD, [linesJson(all)]);
}

const NO_ENDS: ReadonlyMap<number, bigint> = new Map();

/** The position of a partition's entries. */
type Chain = {
  log: string;
  next: bigint;
  /** In s since 1970. */
  completeAfter: number | null;
  /** See `StagePosition` in processor-books.ts. */
  begunAnewTo: bigint | null;
};

async function readChains(client: PgClient): Promise<Map<number, Chain>> {
  const rows = await query<{
    partition: number;
    log: string;
    next_offset: string;
    complete_after: number | null;
    begun_anew_to: string | null;
  }>(client, SELECT_CHAINS);
  return new Map(
    rows.map(({ partition, log, next_offset, complete_after, begun_anew_to }) => [
      partition,
      {
        log,
        next: BigInt(next_offset),
        completeAfter: complete_after,
        begunAnewTo: begun_anew_to === null ? null : BigInt(begun_anew_to),
      },
    ]),
  );
}

async function extendChain(
  client: PgClient,
  chains: Map<number, Chain>,
  entry: LedgerEntry,
  rawEnds: ReadonlyMap<number, bigint>,
): Promise<void> {
  const { partition, log, from, to, begins, minutes } = entry;
  const chain = chains.get(partition);
  const isOtherLog = chain !== undefined && log !== "" && chain.log !== "" && log !== chain.log;
  if (chain === undefined || isOtherLog) {
    if (isOtherLog) await query(client, FORGET_BREAKS, [partition]);
    const begun = { log, next: to, completeAfter: chain?.completeAfter ?? null, begunAnewTo: null };
    if (from > 0n) raise(begun, lastMinuteOf(minutes));
    // Unfinished events of the previous log are never read again: they may be missing in any minute up to now.
    if (isOtherLog && begins) raise(begun, minuteNow());
    chains.set(partition, begun);
    return;
  }
  if (log !== "") chain.log = log;
  if (begins) {
    await restartChain(client, chain, entry, rawEnds.get(partition) ?? to);
    return;
  }
  // Events of this range may have been read before and be in no entry.
  if (chain.begunAnewTo !== null && from < chain.begunAnewTo) {
    raise(chain, Math.max(0, ...minutes.keys()));
  }
  if (from > chain.next) {
    if (chain.next < 0n) raise(chain, lastMinuteOf(minutes));
    else await addBreak(client, entry, { kind: "skipped", from: chain.next, to: from });
  }
  if (from < chain.next && from < to) {
    const until = to < chain.next ? to : chain.next;
    const [filled] = await query(client, FILL_SKIPPED, [partition, from, to]);
    if (filled === undefined) {
      await addBreak(client, entry, { kind: "read again", from, to: until });
    }
  }
  if (to > chain.next) chain.next = to;
}

/**
 * Restarts a chain. The processor's committed offset was deleted or changed by a tool: it continues at another offset,
 * and the entry of what it had read and not finished was lost with the committed offset.
 * @param end the end of the raw partition
 */
async function restartChain(
  client: PgClient,
  chain: Chain,
  { partition, from, to, minutes }: LedgerEntry,
  end: bigint,
): Promise<void> {
  chain.next = to;
  chain.begunAnewTo = end > to ? end : to;
  raise(chain, lastMinuteOf(minutes));
  // The processor reads these offsets now.
  await query(client, FORGET_SKIPPED, [partition, from]);
}

/** Marks the minutes up to this one as not fully known. */
function raise(chain: Pick<Chain, "completeAfter">, minute: number): void {
  chain.completeAfter = Math.max(chain.completeAfter ?? 0, minute * 60);
}

/** Adds a break if raw has records that the entry lacks. Raw has offsets without records only after transactional writes, such as a replay. */
async function countRecords(
  client: PgClient,
  kafka: Pick<KafkaView, "rawRecords">,
  entry: LedgerEntry,
): Promise<void> {
  const { partition, from, to, records } = entry;
  if (BigInt(records) === to - from) return;
  const count = await kafka.rawRecords(partition, from, to);
  if (count === undefined || count === records) return;
  const events = Math.abs(count - records);
  await addBreak(client, entry, { kind: "without a record", from, to, events });
}

async function addBreak(
  client: PgClient,
  { partition, minutes }: LedgerEntry,
  range: { kind: string; from: bigint; to: bigint; events?: number },
): Promise<void> {
  const { kind, from, to, events = Number(to - from) } = range;
  const minute = minutes.size > 0 ? Math.min(...minutes.keys()) : minuteNow();
  await query(client, ADD_BREAK, [partition, kind, from, to, events, minute * 60]);
  // So that the minute is judged even if nothing else of it arrives.
  await query(client, OPEN_MINUTE, [partition, minute * 60]);
}

const lastMinuteOf = (minutes: MinuteBooks) =>
  minutes.size > 0 ? Math.max(...minutes.keys()) : minuteNow();
const minuteNow = () => Math.floor(wallNowMs() / 60_000);

const SELECT_READ_TO = `
  SELECT next_offset, log FROM reconciliation_positions WHERE stage = 'entries' AND partition = 0`;

const READ_TO = `
  INSERT INTO reconciliation_positions AS known (stage, partition, log, next_offset)
  VALUES ('entries', 0, $1, $2)
  ON CONFLICT (stage, partition) DO UPDATE SET log = excluded.log, next_offset = excluded.next_offset
    WHERE (known.log, known.next_offset) IS DISTINCT FROM (excluded.log, excluded.next_offset)`;

const SELECT_CHAINS = `
  SELECT partition, log, next_offset, extract(epoch FROM complete_after)::float8 AS complete_after,
         begun_anew_to
  FROM reconciliation_positions WHERE stage = 'processor'`;

const MOVE_CHAIN = `
  INSERT INTO reconciliation_positions
    (stage, partition, log, next_offset, complete_after, begun_anew_to)
  VALUES ('processor', $1, $2, $3, to_timestamp($4), $5)
  ON CONFLICT (stage, partition) DO UPDATE
    SET log = excluded.log, next_offset = excluded.next_offset,
        complete_after = excluded.complete_after, begun_anew_to = excluded.begun_anew_to`;

/** -1: some of the chain is unknown, so that the next entry may begin anywhere. */
const FORGET_POSITIONS =
  "UPDATE reconciliation_positions SET next_offset = -1 WHERE stage = 'processor'";

const FORGET_BREAKS = `
  DELETE FROM reconciliation_breaks WHERE stage = 'processor' AND partition = $1`;

const FORGET_SKIPPED = `
  DELETE FROM reconciliation_breaks
  WHERE stage = 'processor' AND kind = 'skipped' AND partition = $1 AND from_offset >= $2`;

const FILL_SKIPPED = `
  DELETE FROM reconciliation_breaks
  WHERE stage = 'processor' AND kind = 'skipped' AND partition = $1
    AND from_offset = $2 AND to_offset = $3
  RETURNING partition`;

const ADD_BREAK = `
  INSERT INTO reconciliation_breaks (stage, partition, kind, from_offset, to_offset, events, minute)
  VALUES ('processor', $1, $2, $3, $4, $5, to_timestamp($6))
  ON CONFLICT DO NOTHING`;

const OPEN_MINUTE = `
  UPDATE reconciliation_books SET is_judged = false
  WHERE stage = 'processor' AND partition = $1 AND minute = to_timestamp($2)`;

const ADD = addLines("processor", linesIn("$1"));
