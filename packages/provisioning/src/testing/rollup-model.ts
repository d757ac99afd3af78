import { differences } from "./rollup-differences.ts";
import type { Kept, Run, SampleEvent, Step } from "./rollup-steps.ts";
import { eraseSealed, retain, seal, settle, type Sql, WIDTHS } from "./rollup-work.ts";

const COLUMNS =
  "time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region, target_host, probe_type, enrichment_status, anomaly_score, sent, received";

/**
 * Creates what the model needs beside the tables of the migrations: every event that is to be counted, those that were deleted,
 * and a clock, which is behind the database's and moves on by steps.
 */
export async function createModel(sql: Sql): Promise<void> {
  await sql("CREATE TABLE truth (LIKE metrics)");
  await sql("CREATE UNIQUE INDEX ON truth (node_id, time, event_id)");
  await sql("CREATE TABLE deleted (LIKE metrics)");
  await sql("CREATE TABLE erased (before timestamptz NOT NULL)");
  await sql("CREATE TABLE model_clock (behind interval NOT NULL)");
  for (const table of ["metrics", "rollup_1m", "rollup_5m", "rollup_region_1m"]) {
    await sql("SELECT set_chunk_time_interval($1::text::regclass, interval '6 hours')", [table]);
  }
  for (const table of ["rollup_1h", "rollup_region_1h"]) {
    await sql("SELECT set_chunk_time_interval($1::text::regclass, interval '1 day')", [table]);
  }
}

/** Empties everything, and sets the clock back by so many hours. */
export async function resetModel(sql: Sql, kept: Kept, behindHours = 0): Promise<void> {
  for (const table of [
    "metrics",
    "truth",
    "deleted",
    "erased",
    "model_clock",
    "rollup_series",
    "rollup_marks",
    "rollup_unmarked",
    "rollup_counted",
    "rollup_removed",
    "rollup_set_aside",
    "rollup_kept_minutes",
    "rollup_thinned_nodes",
    ...Object.keys(WIDTHS).flatMap((width) => [`rollup_${width}`, `rollup_region_${width}`]),
  ]) {
    await sql(`TRUNCATE ${table}`);
  }
  await sql(
    `UPDATE rollup_state SET sealed_before = '-infinity', thinned_before = '-infinity', sealing_from = '-infinity',
            sealing_to = '-infinity', backfilled_from = backfill_to, sparse_events = $1`,
    [kept.sparseEvents],
  );
  await sql("INSERT INTO model_clock VALUES ($1::integer * interval '1 hour')", [behindHours]);
  await keepByClock(sql, kept);
}

/** What is older than it is kept at the model's time is so at the database's. */
async function keepByClock(sql: Sql, kept: Kept): Promise<void> {
  const { rawHours, minutesHours, hourlyHours } = kept;
  for (const [relations, hours] of [
    [["metrics"], rawHours],
    [["metrics_1m", "metrics_region_1m", "metrics_5m", "metrics_region_5m"], minutesHours],
    [["metrics_1h", "metrics_region_1h"], hourlyHours],
  ] as const) {
    await sql(
      `UPDATE data_lifecycle SET drop_after = $2::integer * interval '1 hour' + (SELECT behind FROM model_clock)
       WHERE relation = ANY ($1::text[])`,
      [relations, hours],
    );
  }
  await sql(
    "UPDATE rollup_state SET thin_after = interval '2 hours' + (SELECT behind FROM model_clock)",
  );
}

async function advance(sql: Sql, kept: Kept, hours: number): Promise<void> {
  const [moved] = await sql(
    `WITH past AS (SELECT least(behind, $1::integer * interval '1 hour') AS passed FROM model_clock),
          clock AS (UPDATE model_clock SET behind = behind - passed FROM past)
     SELECT passed::text FROM past`,
    [hours],
  );
  await sql("UPDATE rollup_counted SET counted_at = counted_at - $1::text::interval", [
    moved?.["passed"],
  ]);
  await keepByClock(sql, kept);
}

/** Does one step to the tables and to the truth. Rows that retention has dropped stay in the truth. */
async function doStep(sql: Sql, kept: Kept, step: Step): Promise<void> {
  switch (step.kind) {
    case "insert":
      return insert(sql, step.events);
    case "repeat":
      // As after a rewind: events that were stored, whether or not their rows are still there.
      await sql(
        `INSERT INTO metrics (${COLUMNS}) SELECT ${COLUMNS} FROM truth WHERE ${someOf(step)} ON CONFLICT DO NOTHING`,
      );
      return;
    case "delete":
      await sql(
        `WITH gone AS (DELETE FROM metrics WHERE ${someOf(step)} AND ${UNSEALED} RETURNING *) INSERT INTO deleted SELECT * FROM gone`,
      );
      await sql(`DELETE FROM truth WHERE ${someOf(step)} AND ${UNSEALED}`);
      return;
    case "change":
      for (const table of ["metrics", "truth"]) {
        await sql(`UPDATE ${table} ${CHANGE} WHERE ${someOf(step)} AND ${UNSEALED}`);
      }
      return;
    case "delete sealed":
      await chooseSealed(sql, step);
      await sql(`DELETE FROM truth WHERE ${CHOSEN} AND is_whole)`);
      await sql(
        `WITH gone AS (DELETE FROM metrics WHERE ${CHOSEN}) RETURNING *) INSERT INTO deleted SELECT * FROM gone`,
      );
      return;
    case "change sealed":
      await chooseSealed(sql, step);
      for (const table of ["metrics", "truth"]) {
        await sql(`UPDATE ${table} ${CHANGE} WHERE ${CHOSEN} AND is_whole)`);
      }
      return;
    case "restore":
      for (const table of ["metrics", "truth"]) {
        await sql(
          `INSERT INTO ${table} (${COLUMNS}) SELECT ${COLUMNS} FROM deleted ON CONFLICT DO NOTHING`,
        );
      }
      await sql("TRUNCATE deleted");
      return;
    case "retain":
      return retain(sql);
    case "drop":
      await sql("SELECT drop_old_chunks()");
      return;
    case "settle":
      return settle(sql);
    case "settle and retain":
      await settle(sql);
      return retain(sql);
    case "settle and seal":
      await settle(sql);
      return seal(sql);
    case "truncate":
      // Late events of sealed hours are counted first: nobody could say afterwards which they were.
      await settle(sql);
      await sql("TRUNCATE metrics");
      await sql(`DELETE FROM truth WHERE ${UNSEALED}`);
      return;
    case "advance":
      return advance(sql, kept, step.hours);
    case "seal":
      for (let done = 0; done < step.steps; done++) {
        await sql("SELECT rollup_seal_step($1::integer)", [step.minutes]);
      }
      return;
    case "erase":
      return erase(sql, step);
    case "refresh":
      await sql(
        `SELECT * FROM rollup_refresh($1::integer, CASE WHEN $2::boolean THEN 'infinity' ELSE now() END, $3::integer)`,
        [step.width, step.isEarly, step.maxPairs],
      );
  }
}

/**
 * Does the steps, and compares the roll-ups with the truth: once everything marked is computed, and again after the old rows
 * were dropped and all events have come again.
 */
export async function differencesAfter(sql: Sql, { kept, steps }: Run) {
  await resetModel(sql, kept, 72);
  for (const step of steps) await doStep(sql, kept, step);
  await settle(sql);
  const before = await differences(sql);
  await retain(sql);
  const [{ gone }] = (await sql(
    "SELECT (SELECT count(*) FROM truth) - (SELECT count(*) FROM metrics) AS gone",
  )) as [{ gone: unknown }];
  await doStep(sql, kept, { kind: "repeat", oneOf: 1, place: 0 });
  await settle(sql);
  return { before, after: await differences(sql), dropped: Number(gone) };
}

/** Erases a node or a tenant, rows and roll-ups, as an operator's command does. */
async function erase(
  sql: Sql,
  { node, tenant }: { node: string | null; tenant: string | null },
): Promise<void> {
  for (const table of ["metrics", "truth", "deleted"]) {
    await sql(
      `DELETE FROM ${table} WHERE ($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR tenant = $2)`,
      [node, tenant],
    );
  }
  await sql(ERASE_MINUTES_OF_REGIONS);
  await eraseSealed(sql, { node, tenant });
}

/**
 * Chooses rows that are there of sealed hours. Roll-ups follow what happens to them if all rows of their node's hour are
 * there, and the hours of its day; minutes of regions are erased then as a whole.
 */
async function chooseSealed(
  sql: Sql,
  step: { readonly oneOf: number; readonly place: number },
): Promise<void> {
  await settle(sql);
  await sql("DROP TABLE IF EXISTS chosen");
  await sql(
    `CREATE TABLE chosen AS
     SELECT node_id, time, event_id, rollup_hour_is_whole(node_id, date_trunc('hour', time)) AS is_whole
     FROM metrics WHERE ${someOf(step)} AND NOT ${UNSEALED}`,
  );
  await sql(`${ERASE_MINUTES_OF_REGIONS} AND EXISTS (SELECT FROM chosen WHERE is_whole)`);
}

const ERASE_MINUTES_OF_REGIONS =
  "INSERT INTO erased SELECT sealed_before FROM rollup_state WHERE sparse_events > 0 AND isfinite(sealed_before)";
const CHOSEN =
  "(node_id, time, event_id) IN (SELECT node_id, time, event_id FROM chosen WHERE true";
const CHANGE = "SET latency_ms = 7.5, packet_loss = 1";
const UNSEALED = "(time >= (SELECT sealed_before FROM rollup_state))";
const someOf = ({ oneOf, place }: { oneOf: number; place: number }) =>
  `get_byte(uuid_send(event_id), 0) % ${oneOf} = ${place % oneOf}`;

async function insert(sql: Sql, events: readonly SampleEvent[]): Promise<void> {
  const isMarking = events.length % 2 === 0;
  const rows = `
    SELECT date_trunc('hour', now()) - (SELECT behind FROM model_clock) - (each ->> 'ageS')::double precision * interval '1 second',
           now(), (each ->> 'latencyMs')::double precision, 99.5, (each ->> 'lossPct')::double precision,
           md5(each::text)::uuid, 'node-' || (each ->> 'node'),
           'tenant-' || ((each ->> 'node')::integer + (each ->> 'target')::integer) % 2, 'GH',
           'region-' || (each ->> 'node')::integer / 3, nullif('target-' || (each ->> 'target'), 'target-0'), 'ping',
           'complete', CASE WHEN (each ->> 'isAnomaly')::boolean THEN 0.5 END,
           CASE WHEN each ->> 'received' IS NOT NULL THEN 10 END, (each ->> 'received')::integer
    FROM jsonb_array_elements($1::jsonb) AS each`;
  const json = JSON.stringify(
    events.map((one) => ({ ...one, latencyMs: one.latencyMs?.toString() ?? null })),
  );
  await sql(byWriter(isMarking));
  for (const table of ["metrics", "truth"]) {
    await sql(`INSERT INTO ${table} (${COLUMNS}) ${rows} ON CONFLICT DO NOTHING`, [json]);
  }
  await sql(byWriter(false));
  if (!isMarking) return;
  await sql(
    `SELECT rollup_mark(array_agg(node_id), array_agg(time)) FROM (${rows}) AS inserted (${COLUMNS})`,
    [json],
  );
}

/** Says that what follows marks by itself, as the sink's writes do. */
const byWriter = (is: boolean) => `SET fiberstream.marks = ${is ? "'by-writer'" : "''"}`;
