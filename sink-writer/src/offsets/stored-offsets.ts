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
 * How far all of a topic's partitions are, those that have a row.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function readOffsets(pool: PgPool, topic: string): Promise<Map<number, bigint>> {
  const rows = await query<StoredRow>(pool, SELECT_OFFSETS, [topic]);
  return new Map(rows.map(({ partition, next_offset }) => [partition, BigInt(next_offset)]));
}

/**
 * Reads the positions from which partitions resume. The database is the truth about what is in it: a partition without a row begins at
 * the first offset that its log has, whatever the group once committed. Its row is made before anything
 * of it is fetched, and waits for the disk: if it is gone later, nothing can be written in its place.
 *
 * @param means.logStarts where the partitions of the log begin now; asked when a row is missing
 * @returns a function of the partitions and the log that their offsets are to be of (empty texts: not known,
 *   nothing is compared). Its answer lacks a partition whose beginning is not known yet, and has a
 *   PartitionFaultError for one whose stored offset is of another log. A row that does not say which log it is
 *   of (from before that was stored) is taken to be of this one.
 *   @throws {TransientError}
 * @throws {FatalError}
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

  /** Those that have a row go on whatever Kafka does not say. */
  const logStartsIfKnown = async () => {
    try {
      return await logStarts();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      options.log.warn({ topic, reason: error.message }, "cannot read log start offsets yet");
      return undefined;
    }
  };

  /** Makes the rows that are missing; another sink may make them at the same moment, with the same content. */
  const begin = async (partitions: readonly number[], log: LogIdentity) => {
    const found = await logStartsIfKnown();
    // Made anew since the caller asked: it will hear of it, and ask again.
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
    const cut = known.filter(({ start }) => start > 0n);
    const from = (all: typeof known) =>
      Object.fromEntries(all.map(({ partition, start }) => [partition, start.toString()]));
    if (cut.length > 0) {
      options.log.warn(
        { topic, from: from(cut) },
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
    if (missing.length > 0) await begin(missing, log);
    if (isAnyUnnamed) await query(pool, NAME_LOGS, [topic, partitions, ...idsOf(log)]);
    if (missing.length > 0 || isAnyUnnamed) rows = await read(partitions);
    return new Map(rows.map((row) => [row.partition, positionIn(row, topic, log)]));
  };
}

/**
 * Moves the stored offsets of the batches' partitions past them, if each is of the batch's log and still
 * stands where the batch begins. It never makes a row: one that is missing was lost by the database, with
 * the last writes of its partition.
 * The first statement of a write's transaction: the rows stay locked until the commit, so that of two
 * that hold the same records the second waits here, finds the offset moved and rolls back. It waits for a
 * second: longer it would hold up the partitions that share the write, and those of the writes behind it.
 * @throws {TransientError} when one is locked for longer, or has moved: a try that seemed to fail was committed, another
 *   member has the partition now, or the database has lost its last commits
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
  const stuck = batches.find(({ partition }) => !done.has(partition));
  throw new TransientError(
    "postgres",
    `the stored offset of partition ${stuck?.partition} is not ${stuck?.firstOffset} of its log any more`,
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
    `partition ${row.partition} of ${topic} goes on at offset ${row.next_offset} of another log: ` +
      `of topic ${stored.topicId} in cluster ${stored.clusterId}, ` +
      `and Kafka has topic ${log.topicId} in cluster ${log.clusterId}`,
    "If the topic was made anew or the cluster changed on purpose, npm run fiber -- sink accept-log " +
      "has the sink begin with the new one (docs/runbooks/topic-made-anew.md)",
  );
}

/** The log's ids as they are stored: null when not known. */
const idsOf = ({ clusterId, topicId }: LogIdentity) => [clusterId || null, topicId || null];

const isUnnamed = (row: StoredRow, { clusterId, topicId }: LogIdentity) =>
  (row.cluster_id === null && clusterId !== "") || (row.topic_id === null && topicId !== "");

const SELECT_OFFSETS = `
  SELECT partition, next_offset, cluster_id, topic_id,
         CASE WHEN leader_epoch_at = next_offset THEN leader_epoch END AS leader_epoch
  FROM sink_offsets WHERE topic = $1`;

const SELECT_POSITIONS = `${SELECT_OFFSETS} AND partition = ANY ($2::integer[])`;

// The sink's own commits do not wait; this one is rare.
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

// For the stored offsets alone: a migration, say, may be waited for longer.
const WAIT_BRIEFLY = "SET LOCAL lock_timeout = '1s'";
const WAIT_AS_BEFORE = "SET LOCAL lock_timeout TO DEFAULT";

// Locked in the partitions' order, so that two that have the same ones wait for each other in the same
// order; a row that was waited for is looked at again as it is then.
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
