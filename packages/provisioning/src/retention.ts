import type { ConfigOf } from "@fiberstream/runtime/settings";
import type { retentionSettings } from "./retention-settings.ts";

export type Retention = ConfigOf<ReturnType<typeof retentionSettings>>;

/** Runs a statement; throws the server's errors unchanged. */
export type RunSql = (sql: string, values?: unknown[]) => Promise<{ rows: unknown[] }>;

/**
 * Stores the retention in the database, and sets the interval of new chunks and, if the edition has it,
 * TimescaleDB's compression policy. Call it after every migration: it replaces the earlier settings.
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
    ...rollUpsOf(retention),
    { relation: "metric_conflicts", keepDays: retention.keepConflictsDays },
    { relation: "node_alerts", keepDays: retention.keepHistoryDays },
    { relation: "changes", keepDays: retention.keepHistoryDays },
  ];
  await run("SELECT set_chunk_time_interval('metrics', $1::integer * interval '1 minute')", [
    retention.chunkMinutes,
  ]);
  for (const { relation, keepDays } of kept) {
    const compressDays = relation === "metrics" ? retention.compressAfterDays : null;
    await run(SAVE_RETENTION, [relation, compressDays, keepDays]);
  }
  await run(REFUSE_CONTRADICTION);
  const lines = [
    `metrics are kept for ${retention.keepRawDays} days; the sink drops older chunks`,
    `roll-ups are kept for ${retention.keepMinutesDays} (minutes), ${retention.keepHoursDays} (hours) and ${retention.keepDaysDays} days (days)`,
    ...(await keptLonger(run)),
  ];
  if (edition === "Apache")
    return [...lines, "metrics are not compressed, which this edition cannot"];
  await run(COMPRESS_METRICS);
  await run(`SELECT remove_compression_policy('metrics', if_exists => true)`);
  await run(`SELECT add_compression_policy('metrics', $1::integer * interval '1 day')`, [
    retention.compressAfterDays,
  ]);
  return [...lines, `metrics are compressed after ${retention.compressAfterDays} days`];
}

/** Returns a line for each relation that the console keeps longer than these settings. */
async function keptLonger(run: RunSql): Promise<string[]> {
  const { rows } = await run(`
    SELECT format('%s is kept for %s days, which was set in the console', relation, extract(day FROM drop_after)) AS line
    FROM data_lifecycle WHERE drop_after > deployed_drop_after ORDER BY relation`);
  return rows.map((row) => (row as { line: string }).line);
}

/** Returns the roll-ups by the names of their views. */
function rollUpsOf({ keepMinutesDays, keepHoursDays, keepDaysDays }: Retention) {
  return ["metrics_", "metrics_region_"].flatMap((prefix) => [
    { relation: `${prefix}1m`, keepDays: keepMinutesDays },
    { relation: `${prefix}5m`, keepDays: keepMinutesDays },
    { relation: `${prefix}1h`, keepDays: keepHoursDays },
    { relation: `${prefix}1d`, keepDays: keepDaysDays },
  ]);
}

/**
 * Returns why settings contradict each other; undefined if they do not. A roll-up is computed from the next finer one, and the
 * finest from rows: each has to be kept as long as what it is computed from, or the longer history would lose what is late.
 */
export function contradictionIn(retention: Retention): string | undefined {
  const kept = [
    ["RETENTION_RAW_DAYS", retention.keepRawDays],
    ["RETENTION_MINUTES_DAYS", retention.keepMinutesDays],
    ["RETENTION_HOURLY_DAYS", retention.keepHoursDays],
    ["RETENTION_DAILY_DAYS", retention.keepDaysDays],
  ] as const;
  for (const [index, [coarser, coarserDays]] of kept.entries()) {
    const [finer, finerDays] = kept[index - 1] ?? [coarser, coarserDays];
    if (coarserDays < finerDays) {
      return `${coarser} (${coarserDays}) is less than ${finer} (${finerDays}): a roll-up cannot be dropped before what it is computed from`;
    }
  }
  return undefined;
}

const SAVE_RETENTION = `
  INSERT INTO data_lifecycle (relation, compress_after, drop_after, deployed_drop_after)
  VALUES ($1, $2::integer * interval '1 day', $3::integer * interval '1 day', $3::integer * interval '1 day')
  ON CONFLICT (relation) DO UPDATE SET
    compress_after = excluded.compress_after,
    -- What the console keeps longer stays so.
    drop_after = CASE WHEN data_lifecycle.drop_after > data_lifecycle.deployed_drop_after
                      THEN greatest(data_lifecycle.drop_after, excluded.drop_after) ELSE excluded.drop_after END,
    deployed_drop_after = excluded.deployed_drop_after`;

const REFUSE_CONTRADICTION = `
  DO $$
  BEGIN
    IF retention_contradiction() IS NOT NULL THEN
      RAISE EXCEPTION '%', retention_contradiction()
        USING ERRCODE = 'check_violation', HINT = 'The console keeps some data longer than the settings: change that there first';
    END IF;
  END
  $$`;

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
