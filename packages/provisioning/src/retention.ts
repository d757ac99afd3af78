import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { retentionSettings } from "./retention-settings.ts";

export type Retention = ConfigOf<ReturnType<typeof retentionSettings>>;

/** What is asked of a connection; errors come as the server said them. */
export type RunSql = (sql: string, values?: unknown[]) => Promise<unknown>;

/**
 * Writes down how long data is kept, sets how long a new chunk is, and TimescaleDB's own policies where the
 * edition has them. To be called after every migration: it replaces what was set before.
 *
 * @returns what is done with the data from now on, a line each
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
    await run(WRITE_DOWN, [relation, compressDays, keepDays]);
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

/** Each aggregate, its bucket and how often it takes in what has changed. */
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
  await keepFor(run, "metrics", retention.keepRawDays);
  for (const { relation, keepDays, bucket, every } of aggregatesOf(retention)) {
    await run(`SELECT remove_continuous_aggregate_policy($1::regclass, if_exists => true)`, [
      relation,
    ]);
    // Looks back as far as there are rows, for late ones; further back it would empty the aggregate.
    await run(
      `SELECT add_continuous_aggregate_policy($1::regclass,
         start_offset => greatest($2::integer * interval '1 day' - interval '1 day', 3 * $3::interval),
         end_offset => $3::interval, schedule_interval => $4::interval)`,
      [relation, retention.keepRawDays, bucket, every],
    );
    await keepFor(run, relation, keepDays);
  }
}

async function keepFor(run: RunSql, relation: string, keepDays: number): Promise<void> {
  await run(`SELECT remove_retention_policy($1::regclass, if_exists => true)`, [relation]);
  await run(`SELECT add_retention_policy($1::regclass, $2::integer * interval '1 day')`, [
    relation,
    keepDays,
  ]);
}

const WRITE_DOWN = `
  INSERT INTO data_lifecycle (relation, compress_after, drop_after)
  VALUES ($1, $2::integer * interval '1 day', $3::integer * interval '1 day')
  ON CONFLICT (relation) DO UPDATE
    SET compress_after = excluded.compress_after, drop_after = excluded.drop_after`;

// A node's rows lie together, and the whole identity is in the order, so that a late row unpacks
// only what could be itself.
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
