import { ADVISORY_LOCKS } from "@fiberstream/postgres/advisory-locks";
import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { type Judgement, judgeMinute } from "@fiberstream/reconciliation/judge-minute";
import type { StoredBook } from "./books-table.ts";
import { createHopProgress, type HopProgress } from "./hop-progress.ts";
import type { KafkaView } from "./kafka-view.ts";
import { mergeEntries } from "./merge-entries.ts";
import { collectFacts } from "./minute-facts.ts";
import {
  type ProcessorTail,
  readPositions,
  type StagePosition,
  tailOf,
} from "./processor-books.ts";

export type ReconcilerLimits = {
  /** A minute is judged so long after its end: all events that gateways have answered with 202 are in Kafka by then. */
  readonly judgeAfterMs: number;
  /** After so long it is judged as not known, even if a stage has not passed it. */
  readonly giveUpAfterMs: number;
  /** How long books and verdicts are retained. */
  readonly keepMs: number;
};

export const RECONCILER_LIMITS: ReconcilerLimits = {
  judgeAfterMs: 120_000,
  giveUpAfterMs: 3_600_000,
  keepMs: 7 * 86_400_000,
};

export type JudgedMinute = { readonly minute: number; readonly judgement: Judgement };

export type Round = {
  readonly judged: readonly JudgedMinute[];
  /** How many minutes have ended and are not judged yet. */
  readonly waiting: number;
};

/**
 * Judges minutes that have ended. One sink does it at a time, by an advisory lock.
 * @returns the judged minutes; undefined if another sink holds the lock
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type Reconcile = () => Promise<Round | undefined>;

/**
 * A minute whose stages agree is closed once the processor has read all that raw had after its end. A difference may be
 * events that are on the way: it is a verdict only if it is the same after both stages have passed all records that
 * existed when it was first seen. Events that arrive later open the minute again.
 */
export function createReconcile(options: {
  pool: PgPool;
  kafka: KafkaView;
  limits: ReconcilerLimits;
  nowMs: () => number;
}): Reconcile {
  const { pool, kafka, limits, nowMs } = options;
  const processor = createHopProgress();
  const sink = createHopProgress();
  /** Minutes that differ or are not known, and since when. */
  const doubts = new Map<number, { judgement: string; sinceMs: number }>();

  const isGivenUp = (minute: number) => nowMs() - (minute + 1) * MINUTE_MS > limits.giveUpAfterMs;

  const observeProcessor = async (client: PgClient) => {
    const atMs = nowMs();
    const rawEnds = await kafka.rawEnds();
    const committed = new Map(
      await Promise.all(
        [...rawEnds.keys()].map(
          async (partition) => [partition, await kafka.processorAt(partition)] as const,
        ),
      ),
    );
    await mergeEntries(client, kafka);
    const positions = await readPositions(client);
    const tails = new Map<number, ProcessorTail>();
    for (const [partition, end] of rawEnds) {
      const tail = tailOf(partition, {
        committed: committed.get(partition),
        stored: positions.get(`processor ${partition}`),
        end,
      });
      tails.set(partition, tail);
      if (tail.unknown !== undefined) continue;
      processor.observe({ partition, position: tail.next, end, atMs });
    }
    return { tails, positions };
  };

  const observeSink = async (
    partitions: Iterable<number>,
    positions: ReadonlyMap<string, StagePosition>,
  ) => {
    const atMs = nowMs();
    const ends = await kafka.enrichedEnds();
    for (const partition of partitions) {
      const end = ends.get(partition) ?? 0n;
      const position = positions.get(`sink ${partition}`)?.next ?? 0n;
      // The rest may be transaction markers only.
      const isBehind = position < end && (await kafka.hasEnriched(partition, position, end));
      sink.observe({ partition, position: isBehind ? position : end, end, atMs });
    }
  };

  const isSettled = (
    minute: number,
    judgement: Judgement,
    partitions: Iterable<number>,
  ): boolean => {
    if (judgement.verdict === "ok") {
      doubts.delete(minute);
      return true;
    }
    const text = JSON.stringify(judgement);
    const doubt = doubts.get(minute);
    if (doubt?.judgement !== text) {
      doubts.set(minute, { judgement: text, sinceMs: nowMs() });
      return false;
    }
    const havePassed = [...partitions].every(
      (partition) =>
        (processor.passedMs(partition) ?? 0) > doubt.sinceMs &&
        (sink.passedMs(partition) ?? 0) > doubt.sinceMs,
    );
    if (!havePassed && !isGivenUp(minute)) return false;
    doubts.delete(minute);
    return true;
  };

  return () =>
    inTransaction(pool, async (client) => {
      const [lock] = await query<{ isOurs: boolean }>(client, TRY_LOCK);
      if (lock?.isOurs !== true) {
        doubts.clear();
        return undefined;
      }
      await query(client, NAME_SESSION);
      await query(client, DELETE_OLD, [limits.keepMs]);
      const { tails, positions } = await observeProcessor(client);
      if (doubts.size > 0) await observeSink(tails.keys(), positions);

      const lastMinute = Math.floor((nowMs() - limits.judgeAfterMs) / MINUTE_MS) - 1;
      const due = await dueMinutes(client, lastMinute, tails);
      const hasPassed = (stage: HopProgress, partition: number, minute: number) =>
        (stage.passedMs(partition) ?? 0) >= (minute + 1) * MINUTE_MS + limits.judgeAfterMs;
      const isDue = (minute: number) =>
        isGivenUp(minute) ||
        [...tails.keys()].every((partition) => hasPassed(processor, partition, minute));
      const minutes = due.filter(isDue);
      if (minutes.length === 0) return { judged: [], waiting: due.length };

      const { facts, books } = await collectFacts(client, minutes, {
        tails,
        positions,
        // Until then, records that a stage has not read yet appear as a difference that is not settled.
        lagOf: (stage, partition, minute) =>
          !isGivenUp(minute) || hasPassed(stage === "sink" ? sink : processor, partition, minute)
            ? undefined
            : `the ${stage} has not read all of partition ${partition} yet`,
      });
      const judged = [...facts]
        .map(([minute, factsOfMinute]) => ({ minute, judgement: judgeMinute(factsOfMinute) }))
        .filter(({ minute, judgement }) => isSettled(minute, judgement, tails.keys()));
      const areJudged = new Set(judged.map(({ minute }) => minute));
      await store(
        client,
        judged,
        books.filter(({ minute }) => areJudged.has(minute)),
      );
      return { judged, waiting: due.length - judged.length };
    });
}

const MINUTE_MS = 60_000;
/** At most so many of a backlog: each costs a query of the table. */
const MINUTES_A_ROUND = 60;

async function dueMinutes(
  client: PgClient,
  lastMinute: number,
  tails: ReadonlyMap<number, ProcessorTail>,
): Promise<number[]> {
  const isOver = (minute: number) => minute <= lastMinute;
  const open = new Set<number>();
  for (const tail of tails.values()) {
    for (const minute of tail.open.keys()) open.add(minute);
    if (tail.gap !== undefined) open.add(tail.gap.minute);
  }
  const rows = await query<{ minute: number }>(client, SELECT_DUE, [
    lastMinute * 60,
    [...open].filter(isOver).map((minute) => minute * 60),
    MINUTES_A_ROUND,
  ]);
  return rows.map(({ minute }) => minute);
}

async function store(
  client: PgClient,
  judged: readonly JudgedMinute[],
  books: readonly StoredBook[],
): Promise<void> {
  if (judged.length === 0) return;
  await query(client, STORE_JUDGEMENTS, [
    JSON.stringify(
      judged.map(({ minute, judgement: { verdict, events, unaccounted, findings } }) => ({
        minute: minute * 60,
        verdict,
        events,
        unaccounted,
        findings,
      })),
    ),
  ]);
  await query(client, MARK_JUDGED, [
    JSON.stringify(
      books.map((book) => ({
        minute: book.minute * 60,
        stage: book.stage,
        partition: book.partition,
        read_count: Number(book.read.count),
        dead: book.dead,
        rewritten: book.rewritten,
      })),
    ),
  ]);
}

const TRY_LOCK = `SELECT pg_try_advisory_xact_lock(${ADVISORY_LOCKS.reconcile}) AS "isOurs"`;

// Sinks terminate sessions with the sink's application name that wait within a transaction. This one waits for Kafka.
const NAME_SESSION = "SET LOCAL application_name = 'fiberstream-reconciler'";

const DELETE_OLD = `
  WITH books AS (
    DELETE FROM reconciliation_books WHERE minute < now() - $1 * interval '1 ms'
  ), breaks AS (
    DELETE FROM reconciliation_breaks WHERE found_at < now() - $1 * interval '1 ms'
  )
  DELETE FROM reconciled_minutes WHERE minute < now() - $1 * interval '1 ms'`;

// Minutes that only the processor's open entry has come into the books with its next entry, and are judged again then.
const SELECT_DUE = `
  SELECT (extract(epoch FROM minute) / 60)::integer AS minute
  FROM (
    SELECT DISTINCT minute FROM reconciliation_books
    WHERE NOT is_judged AND minute <= to_timestamp($1)
    UNION
    SELECT to_timestamp(at) FROM unnest($2::double precision[]) AS at
    WHERE to_timestamp(at) NOT IN (SELECT minute FROM reconciled_minutes)
  ) AS due
  ORDER BY 1 LIMIT $3`;

const STORE_JUDGEMENTS = `
  INSERT INTO reconciled_minutes (minute, verdict, events, unaccounted, findings)
  SELECT to_timestamp(minute), verdict, events, unaccounted, findings
  FROM jsonb_to_recordset($1::jsonb) AS judged (
    minute double precision, verdict text, events bigint, unaccounted bigint, findings jsonb
  )
  ON CONFLICT (minute) DO UPDATE
    SET verdict = excluded.verdict, events = excluded.events, unaccounted = excluded.unaccounted,
        findings = excluded.findings, judged_at = now()`;

// Counts only grow: a book with other counts was added to since it was read, and stays open.
const MARK_JUDGED = `
  UPDATE reconciliation_books AS book SET is_judged = true
  FROM jsonb_to_recordset($1::jsonb) AS judged (
    minute double precision, stage text, partition integer,
    read_count bigint, dead bigint, rewritten bigint
  )
  WHERE book.minute = to_timestamp(judged.minute) AND book.stage = judged.stage
    AND book.partition = judged.partition AND book.read_count = judged.read_count
    AND book.dead = judged.dead AND book.rewritten = judged.rewritten`;
