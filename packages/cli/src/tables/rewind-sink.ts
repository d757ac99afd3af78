import { isAnotherLog } from "@fiberstream/kafka/log-identity";
import type { PartitionOffsets } from "@fiberstream/kafka/offsets-at";
import type { LogIdentity } from "@fiberstream/kafka/records";
import { type Actor, appendEntry } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { lockRows, setRows } from "./stored-row.ts";

/**
 * The move of one partition, as offsets of the record to read next. `from` is undefined if none was stored; the sink
 * then starts at the beginning.
 */
export type Move = {
  readonly partition: number;
  readonly from: bigint | undefined;
  readonly to: bigint;
};

export type Target =
  | { readonly kind: "time" }
  /** An offset, for the partitions that have it. */
  | { readonly kind: "offset"; readonly offset: bigint };

/**
 * Sets the sink's stored offsets. A running sink continues there within seconds, and does not store events again that
 * are in the table.
 *
 * @param options.actor who moves them, for the audit log
 * @param options.log identity of the log that the offsets belong to
 * @param options.offsets the offsets of each partition in Kafka
 * @returns the partitions that were moved: to a time only backwards, to an offset in both directions. A partition
 *   without a stored offset is always moved.
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when a stored offset is of another log
 */
export async function rewindSink(
  pool: PgPool,
  options: {
    topic: string;
    log: LogIdentity;
    offsets: readonly PartitionOffsets[];
    target: Target;
    dryRun: boolean;
    actor?: Actor;
  },
): Promise<Move[]> {
  const { topic, log, offsets, target, dryRun, actor = operator() } = options;
  const attempt = { action: "sink.rewound", objectKind: "topic", object: topic };
  const move = async (client: PgClient) => {
    const rows = new Map((await lockRows(client, topic)).map((row) => [row.partition, row]));
    const moves = offsets.flatMap((entry) => {
      const { partition, low } = entry;
      const row = rows.get(partition);
      if (row !== undefined && isAnotherLog(row.log, log)) throw new Error(anotherLog(partition));
      const from = row?.nextOffset;
      const to = goalOf(entry, from ?? low, target);
      return to === from ? [] : [{ partition, from, to }];
    });
    if (!dryRun && moves.length > 0) {
      await setRows(client, topic, moves, log);
      await appendEntry(client, { ...attempt, ...changeOf(moves) });
    }
    return moves.toSorted((one, other) => one.partition - other.partition);
  };
  return dryRun ? inTransaction(pool, move) : attemptAs(pool, actor, attempt, move);
}

/** Offsets by partition. */
const changeOf = (moves: readonly Move[]) => ({
  before: Object.fromEntries(
    moves.map(({ partition, from }) => [partition, from?.toString() ?? null]),
  ),
  after: Object.fromEntries(moves.map(({ partition, to }) => [partition, to.toString()])),
});

const anotherLog = (partition: number) =>
  `the stored offset of partition ${partition} is of another log: the topic was recreated, or this is another ` +
  "cluster. Nothing was moved. To see both logs, run: npm run fiber -- sink accept-log";

function goalOf({ low, high, atTime }: PartitionOffsets, from: bigint, target: Target): bigint {
  const wanted = target.kind === "offset" ? target.offset : (atTime ?? high);
  const bounded = wanted < low ? low : wanted > high ? high : wanted;
  return target.kind === "time" && bounded > from && from >= low ? from : bounded;
}

/**
 * Returns how many records of the moves the sink still has to read.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function recordsLeft(
  pool: PgPool,
  topic: string,
  moves: readonly Move[],
): Promise<number> {
  const rows = await query<{ partition: number; next_offset: string }>(
    pool,
    "SELECT partition, next_offset FROM sink_offsets WHERE topic = $1",
    [topic],
  );
  const positions = new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
  return moves.reduce((sum, { partition, from, to }) => {
    const left = (from ?? to) - (positions.get(partition) ?? to);
    return sum + Math.max(0, Number(left));
  }, 0);
}
