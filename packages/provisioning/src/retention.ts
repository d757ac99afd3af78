import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { retentionSettings } from "./retention-settings.ts";

export type Retention = ConfigOf<ReturnType<typeof retentionSettings>>;

/** Runs a statement; throws the server's errors unchanged. */
export type RunSql = (sql: string, values?: unknown[]) => Promise<unknown>;

/**
 * Stores the retention in the database, and sets the interval of new chunks and, if the edition has them,
 * TimescaleDB's policies. Call it after every migration: it replaces the earlier settings.
 *
 * @returns a line for each rule that is now in force
 */
export async function applyRetention(options: {
  run: RunSql;
  edition: "Apache" | "Community";
  retention: Retention;
}): Promise<string[]> {
  const { run, edition, retention } = options;
  const kept = [
    { relation: "metrics", keepDays: retention.keepRawDays },
    ...aggregatesOf(retention),
    { relation: "metric_conflicts", keepDays: retention.keepConflictsDays },
  ];
  await run("SELECT set_chunk_time_interval('metrics', $1::integer * interval '1 minute')", [
    retention.chunkMinutes,
  ]);
  for (const { relation, keepDays } of kept) {
    const compressDays = relation === "metrics" ? retention.compressAfterDays : null;
    await run(SAVE_RETENTION, [relation, compressDays, keepDays]);
  }
  if (edition === "Apache") {
    return [
      `metrics are kept for ${retention.keepRawDays} days; the sink drops older chunks`,
      "aggregates are plain views (this edition has no continuous aggregates and no compression)",
    ];
  }
  await setPolicies(run, retention);
  return [
    `metrics are compressed after ${retention.compressAfterDays} days and kept for ${retention.keepRawDays}`,
    `aggregates are kept for ${retention.keepMinutesDays} (minutes), ${retention.keepHoursDays} (hours) and ${retention.keepDaysDays} days (days)`,
  ];
}

/** Returns each aggregate with its bucket, and how often it is refreshed. */
function aggregatesOf({ keepMinutesDays, keepHoursDays, keepDaysDays }: Retention) {
  return ["metrics_", "metrics_region_"].flatMap((prefix) => [
    { relation: `${prefix}1m`, keepDays: keepMinutesDays, bucket: "1 minute", every: "1 minute" },
    { relation: `${prefix}5m`, keepDays: keepMinutesDays, bucket: "5 minutes", every: "5 minutes" },
    { relation: `${prefix}1h`, keepDays: keepHoursDays, bucket: "1 hour", every: "30 minutes" },
    { relation: `${prefix}1d`, keepDays: keepDaysDays, bucket: "1 day", every: "6 hours" },
  ]);
}

async function setPolicies(run: RunSql, retention: Retention): Promise<void> {
  await run(COMPRESS_METRICS);
  await run(`SELECT remove_compression_policy('metrics', if_exists => true)`);
  await run(`SELECT add_compression_policy('metrics', $1::integer * interval '1 day')`, [
    retention.compressAfterDays,
  ]);
  await setRetentionPolicy(run, "metrics", retention.keepRawDays);
  for (const { relation, keepDays, bucket, every } of aggregatesOf(retention)) {
    await run(`SELECT remove_continuous_aggregate_policy($1::regclass, if_exists => true)`, [
      relation,
    ]);
    // Refreshes as far back as rows are kept, because of late events. Further back it would empty the aggregate.
    await run(
      `SELECT add_continuous_aggregate_policy($1::regclass,
         start_offset => greatest($2::integer * interval '1 day' - interval '1 day', 3 * $3::interval),
         end_offset => $3::interval, schedule_interval => $4::interval)`,
      [relation, retention.keepRawDays, bucket, every],
    );
    await setRetentionPolicy(run, relation, keepDays);
  }
}

async function setRetentionPolicy(run: RunSql, relation: string, keepDays: number): Promise<void> {
  await run(`SELECT remove_retention_policy($1::regclass, if_exists => true)`, [relation]);
  await run(`SELECT add_retention_policy($1::regclass, $2::integer * interval '1 day')`, [
    relation,
    keepDays,
  ]);
}

const SAVE_RETENTION = `
  INSERT INTO data_lifecycle (relation, compress_after, drop_after)
  VALUES ($1, $2::integer * interval '1 day', $3::integer * interval '1 day')
  ON CONFLICT (relation) DO UPDATE
    SET compress_after = excluded.compress_after, drop_after = excluded.drop_after`;

// Segments rows by node, ordered by the whole identity, so that inserting a late row decompresses only the rows that
// could be equal to it.
const COMPRESS_METRICS = `
  DO $$
  BEGIN
    IF NOT (SELECT compression_enabled FROM timescaledb_information.hypertables
            WHERE hypertable_schema = current_schema AND hypertable_name = 'metrics')
    THEN
      ALTER TABLE metrics SET (
        timescaledb.compress,
        timescaledb.compress_segmentby = 'node_id',
        timescaledb.compress_orderby = 'time, event_id'
      );
    END IF;
  END
  $$`;
