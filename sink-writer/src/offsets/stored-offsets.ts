import { isAnotherLog } from "@fiberstream/kafka/log-identity";
import type { LogStarts } from "@fiberstream/kafka/log-starts";
import {
  epochOffset,
  PartitionFaultError,
  type Position,
} from "@fiberstream/kafka/partition-fault";
import type { LogIdentity, RecordBatch } from "@fiberstream/kafka/records";
import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";

/**
 * Returns the stored next offset of each partition of a topic that has one.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readOffsets(pool: PgPool, topic: string): Promise<Map<number, bigint>> {
  const rows = await query<StoredRow>(pool, SELECT_OFFSETS, [topic]);
  return new Map(rows.map(({ partition, next_offset }) => [partition, BigInt(next_offset)]));
}

/**
 * Returns a function that reads the positions from which partitions resume. Only the database counts: a partition
 * without a row starts at its log start offset, whatever the group has committed in Kafka. Its row is inserted before
 * anything of it is fetched, in a transaction that waits for the disk. If the row is lost later, the next write fails
 * instead of creating it.
 *
 * The function takes the partitions, and the log that their offsets must belong to (empty ids are not compared). Its
 * result lacks a partition whose log start offset is not known yet, and has a PartitionFaultError for one whose stored
 * offset belongs to another log. A row without ids (older versions did not store them) is taken to belong to this log.
 * The function throws TransientError and FatalError.
 *
 * @param options.logStarts reads the log start offsets; called when a row is missing
 */
export function createStoredPositions(options: {
  pool: PgPool;
  topic: string;
  logStarts: () => Promise<Pick<LogStarts, "log" | "starts">>;
  log: Pick<Log, "info" | "warn">;
}): (partitions: readonly number[], log: LogIdentity) => Promise<ReadonlyMap<number, Position>> {
  const { pool, topic, logStarts } = options;

  const read = (partitions: readonly number[]) =>
    query<StoredRow>(pool, SELECT_POSITIONS, [topic, partitions]);

  /** Returns undefined if Kafka is unavailable: partitions with a row resume all the same. */
  const logStartsIfKnown = async () => {
    try {
      return await logStarts();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      options.log.warn({ topic, reason: error.message }, "cannot read log start offsets yet");
      return undefined;
    }
  };

  /** Inserts the missing rows. Another sink may insert the same rows at the same moment. */
  const insertMissing = async (partitions: readonly number[], log: LogIdentity) => {
    const found = await logStartsIfKnown();
    // The topic was recreated since the caller read `log`: the consumer notices it and asks again.
    if (found === undefined || isAnotherLog(found.log, log)) return;
    const { starts } = found;
    const known = partitions.flatMap((partition) => {
      const start = starts.get(partition);
      return start === undefined ? [] : [{ partition, start }];
    });
    await inTransaction(pool, async (client) => {
      await query(client, WAIT_FOR_DISK);
      await query(client, INSERT_MISSING, [
        topic,
        known.map(({ partition }) => partition),
        known.map(({ start }) => start),
        ...idsOf(log),
      ]);
    });
    const shortened = known.filter(({ start }) => start > 0n);
    const from = (all: typeof known) =>
      Object.fromEntries(all.map(({ partition, start }) => [partition, start.toString()]));
    if (shortened.length > 0) {
      options.log.warn(
        { topic, from: from(shortened) },
        "no stored offset, starting at the log start offset; earlier records were deleted",
      );
    }
    options.log.info(
      { topic, from: from(known) },
      "no stored offset, starting at the log start offset",
    );
  };

  return async (partitions, log) => {
    let rows = await read(partitions);
    const stored = new Set(rows.map(({ partition }) => partition));
    const missing = partitions.filter((partition) => !stored.has(partition));
    const isAnyUnnamed = rows.some((row) => isUnnamed(row, log));
    if (missing.length > 0) await insertMissing(missing, log);
    if (isAnyUnnamed) await query(pool, NAME_LOGS, [topic, partitions, ...idsOf(log)]);
    if (missing.length > 0 || isAnyUnnamed) rows = await read(partitions);
    return new Map(rows.map((row) => [row.partition, positionIn(row, topic, log)]));
  };
}

/**
 * Moves the stored offsets of the batches' partitions past the batches, if each one belongs to the batch's log and is
 * still the batch's first offset. It never inserts a row: if one is missing, the database has lost it together with the
 * last writes of its partition.
 * It is the first statement of a write's transaction. The rows stay locked until the commit, so that of two sinks with the
 * same records the second waits here, finds the offset moved and rolls back. It waits for at most a second, because the
 * partitions of this write and of the queued writes wait with it.
 * @throws {TransientError} when a row is locked for longer, or its offset has moved: an attempt that seemed to fail was
 *   committed, another member owns the partition now, or the database has lost its last commits
 */
export async function moveOffsets(
  client: PgClient,
  batches: readonly RecordBatch[],
): Promise<void> {
  await query(client, WAIT_BRIEFLY);
  const moved = await query<{ partition: number }>(client, MOVE_OFFSETS, [
    batches[0]?.topic,
    batches.map(({ partition }) => partition),
    batches.map(({ firstOffset }) => firstOffset),
    batches.map(({ nextOffset }) => nextOffset),
    batches.map(({ log }) => idsOf(log)[0]),
    batches.map(({ log }) => idsOf(log)[1]),
    batches.map(({ leaderEpoch }) => leaderEpoch ?? null),
  ]);
  await query(client, WAIT_AS_BEFORE);
  if (moved.length === batches.length) return;
  const done = new Set(moved.map(({ partition }) => partition));
  const unmoved = batches.find(({ partition }) => !done.has(partition));
  throw new TransientError(
    "postgres",
    `the stored offset of partition ${unmoved?.partition} is no longer ${unmoved?.firstOffset}: another write has moved it, or the database has lost commits`,
  );
}

type StoredRow = {
  partition: number;
  next_offset: string;
  cluster_id: string | null;
  topic_id: string | null;
  leader_epoch: number | null;
};

function positionIn(row: StoredRow, topic: string, log: LogIdentity): Position {
  const stored = { clusterId: row.cluster_id ?? "", topicId: row.topic_id ?? "" };
  if (!isAnotherLog(stored, log)) {
    return epochOffset(BigInt(row.next_offset), row.leader_epoch ?? undefined);
  }
  return new PartitionFaultError(
    `the stored offset ${row.next_offset} of partition ${row.partition} of ${topic} belongs to another log: ` +
      `to topic ${stored.topicId} in cluster ${stored.clusterId}, ` +
      `but Kafka has topic ${log.topicId} in cluster ${log.clusterId}`,
    "If the topic was recreated or the cluster changed on purpose, run npm run fiber -- sink accept-log: " +
      "the sink then starts at the beginning of the new log (docs/runbooks/topic-recreated.md)",
  );
}

/** The log's ids as they are stored: null if unknown. */
const idsOf = ({ clusterId, topicId }: LogIdentity) => [clusterId || null, topicId || null];

const isUnnamed = (row: StoredRow, { clusterId, topicId }: LogIdentity) =>
  (row.cluster_id === null && clusterId !== "") || (row.topic_id === null && topicId !== "");

const SELECT_OFFSETS = `
  SELECT partition, next_offset, cluster_id, topic_id,
         CASE WHEN leader_epoch_at = next_offset THEN leader_epoch END AS leader_epoch
  FROM sink_offsets WHERE topic = $1`;

const SELECT_POSITIONS = `${SELECT_OFFSETS} AND partition = ANY ($2::integer[])`;

// The sink's usual commits do not wait for the disk. This one does: it is rare.
const WAIT_FOR_DISK = "SET LOCAL synchronous_commit = on";

const INSERT_MISSING = `
  INSERT INTO sink_offsets (topic, partition, next_offset, cluster_id, topic_id)
  SELECT $1, partition, start, $4, $5
  FROM unnest($2::integer[], $3::bigint[]) AS missing (partition, start)
  ORDER BY partition
  ON CONFLICT (topic, partition) DO NOTHING`;

const NAME_LOGS = `
  UPDATE sink_offsets
  SET cluster_id = coalesce(cluster_id, $3), topic_id = coalesce(topic_id, $4)
  WHERE topic = $1 AND partition = ANY ($2::integer[])
    AND coalesce(cluster_id = $3, true) AND coalesce(topic_id = $4, true)`;

// For the stored offsets only: other statements may wait longer, for a migration for example.
const WAIT_BRIEFLY = "SET LOCAL lock_timeout = '1s'";
const WAIT_AS_BEFORE = "SET LOCAL lock_timeout TO DEFAULT";

// Rows are locked in the order of the partitions, so that two sinks do not deadlock. After waiting for a row, PostgreSQL
// checks the conditions again with its new values.
const MOVE_OFFSETS = `
  WITH due AS (
    SELECT stored.partition, batch.first_offset, batch.next_offset, batch.cluster_id, batch.topic_id,
           batch.leader_epoch
    FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::integer[])
      AS batch (partition, first_offset, next_offset, cluster_id, topic_id, leader_epoch)
    JOIN sink_offsets AS stored
      ON stored.topic = $1 AND stored.partition = batch.partition
     AND stored.next_offset = batch.first_offset
     AND coalesce(stored.cluster_id = batch.cluster_id, true)
     AND coalesce(stored.topic_id = batch.topic_id, true)
    ORDER BY stored.partition
    FOR UPDATE OF stored
  )
  UPDATE sink_offsets AS stored
  SET next_offset = due.next_offset,
      cluster_id = coalesce(stored.cluster_id, due.cluster_id),
      topic_id = coalesce(stored.topic_id, due.topic_id),
      leader_epoch = due.leader_epoch,
      leader_epoch_at = due.next_offset,
      updated_at = now()
  FROM due
  WHERE stored.topic = $1 AND stored.partition = due.partition
    AND stored.next_offset = due.first_offset
  RETURNING stored.partition`;
