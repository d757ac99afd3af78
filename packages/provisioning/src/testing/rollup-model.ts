import fc from "fast-check";

/** Runs a statement on either edition. */
export type Sql = (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

const WIDTHS = { "1m": 1, "5m": 5, "1h": 60, "1d": 1_440 } as const;
type WidthName = keyof typeof WIDTHS;

type SampleEvent = {
  readonly node: number;
  readonly target: number;
  readonly ageS: number;
  readonly latencyMs: number | null;
  readonly lossPct: number;
  readonly received: number | null;
  readonly isAnomaly: boolean;
};

export type Step =
  | { readonly kind: "insert"; readonly events: readonly SampleEvent[] }
  | {
      readonly kind: "repeat" | "delete" | "change";
      readonly oneOf: number;
      readonly place: number;
    }
  | { readonly kind: "restore" | "retain" | "settle" | "settle and retain" | "truncate" }
  | { readonly kind: "erase"; readonly node: string | null; readonly tenant: string | null }
  | {
      readonly kind: "refresh";
      readonly width: number;
      readonly maxPairs: number;
      readonly isEarly: boolean;
    };

const event = fc.record<SampleEvent>({
  node: fc.integer({ min: 0, max: 3 }),
  target: fc.integer({ min: 0, max: 1 }),
  // Most within minutes of each other, some days ago, some ahead.
  ageS: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -90, max: 900 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 2 * 86_400 }) },
  ),
  latencyMs: fc.option(
    fc.oneof(
      fc.double({ min: 0, max: 10_000, noNaN: true }),
      fc.constantFrom(0, 0.1, 1, 9_999.999, 10_000, -1, 10_001, Number.NaN),
      fc.integer({ min: 1, max: 50 }),
    ),
  ),
  lossPct: fc.oneof(fc.constantFrom(0, 0, 100), fc.double({ min: 0, max: 100, noNaN: true })),
  received: fc.option(fc.integer({ min: 0, max: 10 })),
  isAnomaly: fc.boolean(),
});

export const anySteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("insert" as const),
        events: fc.array(event, { minLength: 1, maxLength: 12 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom("repeat" as const, "delete" as const, "change" as const),
        oneOf: fc.integer({ min: 1, max: 4 }),
        place: fc.integer({ min: 0, max: 3 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          "restore" as const,
          "retain" as const,
          "settle" as const,
          // What is left out then is missing to what comes later.
          "settle and retain" as const,
          "settle and retain" as const,
          "truncate" as const,
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Step>(
        { kind: "erase", node: "node-1", tenant: null },
        { kind: "erase", node: null, tenant: "tenant-0" },
      ),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("refresh" as const),
        width: fc.constantFrom(1, 1, 5, 60, 1_440),
        maxPairs: fc.integer({ min: 1, max: 8 }),
        isEarly: fc.boolean(),
      }),
    },
  ),
  { minLength: 3, maxLength: 25 },
);

const COLUMNS =
  "time, received_at, latency_ms, uptime_pct, packet_loss, event_id, node_id, tenant, country, region, target_host, probe_type, enrichment_status, anomaly_score, sent, received";

/** Creates what the model needs beside the tables of the migrations: every event that is to be counted, and those that were deleted. */
export async function createModel(sql: Sql): Promise<void> {
  await sql("CREATE TABLE truth (LIKE metrics)");
  await sql("CREATE UNIQUE INDEX ON truth (node_id, time, event_id)");
  await sql("CREATE TABLE deleted (LIKE metrics)");
  await sql("CREATE TABLE erased (before timestamptz NOT NULL)");
  await sql("SELECT set_chunk_time_interval('metrics', interval '6 hours')");
  await sql("UPDATE data_lifecycle SET drop_after = '1 day' WHERE relation = 'metrics'");
}

/** Empties everything. */
export async function resetModel(sql: Sql, sparseEvents: number): Promise<void> {
  for (const table of [
    "metrics",
    "truth",
    "deleted",
    "erased",
    "rollup_series",
    "rollup_marks",
    "rollup_unmarked",
    "rollup_counted",
    "rollup_kept_minutes",
    "rollup_thinned_nodes",
    ...Object.keys(WIDTHS).flatMap((width) => [`rollup_${width}`, `rollup_region_${width}`]),
  ]) {
    await sql(`TRUNCATE ${table}`);
  }
  await sql(
    "UPDATE rollup_state SET sealed_before = '-infinity', thinned_before = '-infinity', backfilled_from = backfill_to",
  );
  await sql("UPDATE rollup_state SET sparse_events = $1", [sparseEvents]);
}

/** Does one step to the tables and to the truth. Rows that retention has dropped stay in the truth. */
async function doStep(sql: Sql, step: Step): Promise<void> {
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
        await sql(
          `UPDATE ${table} SET latency_ms = 7.5, packet_loss = 1 WHERE ${someOf(step)} AND ${UNSEALED}`,
        );
      }
      return;
    case "restore":
      for (const table of ["metrics", "truth"]) {
        await sql(
          `INSERT INTO ${table} (${COLUMNS}) SELECT ${COLUMNS} FROM deleted WHERE ${UNSEALED} ON CONFLICT DO NOTHING`,
        );
      }
      await sql("TRUNCATE deleted");
      return;
    case "retain":
      return retain(sql);
    case "settle":
      return settle(sql);
    case "settle and retain":
      await settle(sql);
      return retain(sql);
    case "truncate":
      // Late events of sealed hours are counted first: nobody could say afterwards which they were.
      await settle(sql);
      await sql("TRUNCATE metrics");
      await sql(`DELETE FROM truth WHERE ${UNSEALED}`);
      return;
    case "erase":
      return erase(sql, [step.node, step.tenant]);
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
export async function differencesAfter(sql: Sql, steps: readonly Step[]) {
  await resetModel(sql, steps.length % 2 === 0 ? 0 : 120);
  for (const step of steps) await doStep(sql, step);
  await settle(sql);
  const before = await differences(sql);
  await retain(sql);
  const [{ gone }] = (await sql(
    "SELECT (SELECT count(*) FROM truth) - (SELECT count(*) FROM metrics) AS gone",
  )) as [{ gone: unknown }];
  await doStep(sql, { kind: "repeat", oneOf: 1, place: 0 });
  await settle(sql);
  return { before, after: await differences(sql), dropped: Number(gone) };
}

/** Seals and drops what is older than a day, as far as nothing waits to be counted. */
export async function retain(sql: Sql): Promise<void> {
  for (let more: unknown = true; more === true;) {
    [{ more }] = (await sql("SELECT rollup_seal_hour() AS more")) as [{ more: unknown }];
  }
  await sql("SELECT drop_old_chunks()");
}

/** Erases a node or a tenant, rows and roll-ups, as an operator's command does. */
async function erase(sql: Sql, [node, tenant]: [string | null, string | null]): Promise<void> {
  for (const table of ["metrics", "truth", "deleted"]) {
    await sql(
      `DELETE FROM ${table} WHERE ($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR tenant = $2)`,
      [node, tenant],
    );
  }
  await sql(
    "INSERT INTO erased SELECT sealed_before FROM rollup_state WHERE sparse_events > 0 AND isfinite(sealed_before)",
  );
  for (let erased: unknown; erased !== 0;) {
    [{ erased }] = (await sql(
      "SELECT rollup_erase('-infinity', 'infinity', $1::text, $2::text) AS erased",
      [node, tenant],
    )) as [{ erased: unknown }];
  }
}

/** Computes everything that is marked. */
export async function settle(sql: Sql): Promise<void> {
  for (let more: unknown = true; more === true;) {
    [{ more }] = (await sql("SELECT rollup_backfill_step(100000) AS more")) as [{ more: unknown }];
  }
  for (const width of Object.values(WIDTHS)) {
    for (let pairs: unknown; pairs !== 0;) {
      [{ pairs }] = (await sql("SELECT pairs FROM rollup_refresh($1::integer, 'infinity', 1000)", [
        width,
      ])) as [{ pairs: unknown }];
    }
  }
}

/** Before this, minutes of sparse series are gone with their rows. */
const SPARSE_BEFORE =
  "(SELECT CASE WHEN sparse_events > 0 THEN sealed_before ELSE '-infinity' END FROM rollup_state)";
const UNSEALED = "time >= (SELECT sealed_before FROM rollup_state)";
const someOf = ({ oneOf, place }: { oneOf: number; place: number }) =>
  `get_byte(uuid_send(event_id), 0) % ${oneOf} = ${place % oneOf}`;

async function insert(sql: Sql, events: readonly SampleEvent[]): Promise<void> {
  const isMarking = events.length % 2 === 0;
  const rows = `
    SELECT date_trunc('hour', now()) - (each ->> 'ageS')::double precision * interval '1 second',
           now(), (each ->> 'latencyMs')::double precision, 99.5, (each ->> 'lossPct')::double precision,
           md5(each::text)::uuid, 'node-' || (each ->> 'node'), 'tenant-' || (each ->> 'node')::integer % 2, 'GH',
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

/** Returns how many roll-ups by series and by region differ from what the truth's rows say. */
async function differences(sql: Sql): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const width of Object.keys(WIDTHS) as WidthName[]) {
    for (const [kind, keys, view] of [
      [
        "series",
        "node_id, tenant, country, region, probe_type, target_host",
        `metrics_series_${width}`,
      ],
      ["region", "tenant, country, region", `metrics_region_${width}`],
    ] as const) {
      const [row] = await sql(compare({ keys, view, widthMin: WIDTHS[width] }));
      found[`${kind} ${width}`] = Number(row?.["differences"]);
    }
  }
  return found;
}

function compare({
  keys,
  view,
  widthMin,
}: {
  keys: string;
  view: string;
  widthMin: number;
}): string {
  const isMinute = widthMin === 1;
  const where =
    isMinute && keys.startsWith("node_id")
      ? `WHERE time >= ${SPARSE_BEFORE}`
      : isMinute
        ? "WHERE time >= (SELECT coalesce(max(before), '-infinity') FROM erased)"
        : "";
  // A node that gets another event in a minute that is sealed, and not kept, may count twice in its region's minute.
  const shownNodes = keys.startsWith("node_id")
    ? "1::bigint"
    : isMinute
      ? `CASE WHEN bucket >= ${SPARSE_BEFORE} THEN nodes END`
      : "nodes";
  const nodes = keys.startsWith("node_id") ? "1::bigint" : "count(DISTINCT node_id)";
  return `
    WITH event AS (
      SELECT time_bucket(${widthMin} * interval '1 minute', time) AS bucket, *,
             CASE WHEN latency_ms IS NULL THEN 100 ELSE packet_loss END AS loss,
             CASE WHEN latency_ms >= 0 AND latency_ms <= 10000 THEN latency_ms END AS latency
      FROM truth ${where}
    ), bins AS (
      SELECT bucket, ${keys}, latency_bin(latency) AS bin, count(*) AS count
      FROM event WHERE latency IS NOT NULL GROUP BY bucket, ${keys}, bin
    ), distributions AS (
      SELECT bucket, ${keys}, array_agg(bin::text || ':' || count ORDER BY bin) AS bins FROM bins GROUP BY bucket, ${keys}
    ), sums AS (
      SELECT bucket, ${keys}, count(*) AS events, ${nodes} AS nodes, count(latency) AS measured,
             count(*) FILTER (WHERE anomaly_score >= 0.5) AS anomalies,
             coalesce(sum(sent), 0)::bigint AS sent, coalesce(sum(sent - received), 0)::bigint AS lost,
             coalesce(sum(round(latency * 1e6)::bigint), 0)::bigint AS latency_sum_ns,
             sum(round(uptime_pct * 1e4)::bigint)::bigint AS uptime_sum_ppm,
             sum(round(loss * 1e4)::bigint)::bigint AS loss_sum_ppm,
             min(latency) AS latency_min_ms, max(latency) AS latency_max_ms, max(loss) AS packet_loss_max
      FROM event GROUP BY bucket, ${keys}
    ), expected AS (
      SELECT ${keys}, bucket, events, ${shownNodes} AS nodes, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
             loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, (
               SELECT bins FROM distributions WHERE (distributions.bucket, ${prefixed(keys, "distributions")})::text
                 = (sums.bucket, ${prefixed(keys, "sums")})::text
             ) AS bins
      FROM sums
    ), found AS (
      SELECT ${keys}, bucket, events, ${shownNodes} AS nodes, measured, anomalies, sent, lost, latency_sum_ns, uptime_sum_ppm,
             loss_sum_ppm, latency_min_ms, latency_max_ms, packet_loss_max, (
               SELECT array_agg((entry >> 48)::text || ':' || (entry & 281474976710655) ORDER BY entry >> 48)
               FROM unnest(latency_bins) AS entry
             ) AS bins
      FROM ${view} ${where.replace("time", "bucket")}
    )
    SELECT (SELECT count(*) FROM (SELECT * FROM expected EXCEPT SELECT * FROM found) AS missing)
         + (SELECT count(*) FROM (SELECT * FROM found EXCEPT SELECT * FROM expected) AS wrong) AS differences`;
}

const prefixed = (keys: string, table: string) =>
  keys
    .split(", ")
    .map((key) => `${table}.${key}`)
    .join(", ");

export const NO_DIFFERENCES = Object.fromEntries(
  Object.keys(WIDTHS).flatMap((width) => [
    [`series ${width}`, 0],
    [`region ${width}`, 0],
  ]),
);
