import { type Actor, inTransactionAs } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { type EraseFilter, filterValues, isWhole } from "./erase-filter.ts";

/** A row of `erasures`. */
export type Erasure = {
  readonly id: string;
  readonly filter: EraseFilter;
  /** Nodes whose own data is erased too. */
  readonly nodeIds: readonly string[];
  /** Rows before this time are erased, in ms since 1970; undefined at the beginning. */
  readonly erasedToMs: number | undefined;
  readonly finishedAt: Date | null;
  readonly counts: Readonly<Record<ErasedKind, number>>;
};

export const ERASED_KINDS = [
  "rows",
  "roll_ups",
  "conflicts",
  "quality_days",
  "alerts",
  "nodes",
  "node_changes",
] as const;
export type ErasedKind = (typeof ERASED_KINDS)[number];

/**
 * The sink leaves erased events out for so long. A record is at most 30 days old when Kafka may delete it, a week older
 * when its segment is deleted, and was up to a week in the raw topic before.
 */
const HONOURED_DAYS = 45;
/** Each one is compared with each row that the sink reads again. */
const MAX_HONOURED = 1_000;

/**
 * Returns an erasure that is not finished and has the same filter.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function findUnfinished(
  pool: PgPool,
  filter: EraseFilter,
): Promise<Erasure | undefined> {
  return erasureOf(await query<Row>(pool, FIND_UNFINISHED, filterValues(filter)));
}

/**
 * Returns the numbers of erasures that are not finished and differ from a filter only in their times, at most 10: a time that was
 * given as an age is another one in each run.
 * @throws {TransientError}
 * @throws {FatalError}
 */
export async function findUnfinishedOfOtherTimes(
  pool: PgPool,
  { node, tenant }: Pick<EraseFilter, "node" | "tenant">,
): Promise<string[]> {
  const rows = await query<{ id: string }>(pool, FIND_OF_OTHER_TIMES, [
    node ?? null,
    tenant ?? null,
  ]);
  return rows.map(({ id }) => id);
}

/** @throws {Error} when there is no erasure with this number */
export async function readErasure(on: PgPool | PgClient, id: string): Promise<Erasure> {
  const erasure = erasureOf(await query<Row>(on, READ, [id]));
  if (erasure === undefined) throw new Error(`there is no erasure ${id}`);
  return erasure;
}

/**
 * Records an erasure, before anything is erased: from now on the sink leaves its events out.
 * @param actor who requested it, for the audit log
 * @throws {TransientError}
 * @throws {FatalError}
 * @throws {Error} when too many erasures are honoured by the sink already
 */
export async function recordErasure(
  pool: PgPool,
  filter: EraseFilter,
  request: { requestedBy: string; reason: string | undefined },
  actor: Actor = operator(),
): Promise<Erasure> {
  const [honoured] = await query<{ count: number }>(pool, COUNT_HONOURED);
  if ((honoured?.count ?? 0) >= MAX_HONOURED) throw new Error(TOO_MANY);
  const nodeIds = await nodesOf(pool, filter);
  const { requestedBy, reason = null } = request;
  const { node, tenant } = filter;
  const attempt = {
    action: "erasure.created",
    objectKind: "erasure",
    object: node ?? tenant ?? "*",
    ...(tenant !== undefined && { tenant }),
  };
  const [row] = await attemptAs(pool, actor, attempt, (client) =>
    query<{ id: string }>(client, RECORD, [
      ...filterValues(filter),
      HONOURED_DAYS,
      requestedBy,
      reason,
      nodeIds,
    ]),
  );
  return readErasure(pool, row?.id ?? "");
}

const TOO_MANY = `${MAX_HONOURED} erasures of the last ${HONOURED_DAYS} days are recorded, and the sink compares each with what it reads again. Erase several nodes at once by --tenant or by a span of time, or wait`;

/** Returns the nodes whose own data a filter is about: none if it is about a span of time. */
export async function nodesOf(pool: PgPool, filter: EraseFilter): Promise<string[]> {
  if (!isWhole(filter)) return [];
  const rows = await query<{ node_id: string }>(pool, SELECT_NODES, [
    filter.node ?? null,
    filter.tenant ?? null,
  ]);
  const found = rows.map(({ node_id }) => node_id);
  // A node without a row in nodes may still have a record in probe.nodes.
  return filter.node !== undefined && filter.tenant === undefined ? [filter.node] : found;
}

/** Adds to the counts of an erasure, in the transaction in which something was erased. */
export async function countErased(
  client: PgClient,
  { id }: Pick<Erasure, "id">,
  erased: { readonly kind: ErasedKind; readonly count: number; readonly erasedToMs?: number },
): Promise<void> {
  const { kind, count, erasedToMs = null } = erased;
  await query(client, ADD[kind], [id, count, erasedToMs === null ? null : erasedToMs / 1_000]);
}

/** Begins with the first row again. */
export async function beginPass(pool: PgPool, { id }: Pick<Erasure, "id">): Promise<void> {
  await query(pool, "UPDATE erasures SET erased_to = NULL WHERE erasure_id = $1", [id]);
}

export async function finishErasure(
  pool: PgPool,
  { id }: Pick<Erasure, "id">,
  actor: Actor = operator(),
): Promise<Erasure> {
  await inTransactionAs(pool, actor, (client) =>
    query(client, "UPDATE erasures SET finished_at = now() WHERE erasure_id = $1", [id]),
  );
  return readErasure(pool, id);
}

type Row = {
  readonly id: string;
  readonly node_id: string | null;
  readonly tenant: string | null;
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly node_ids: readonly string[];
  readonly erasedToMs: number | null;
  readonly finished_at: Date | null;
} & Readonly<Record<`${ErasedKind}_erased`, number>>;

function erasureOf([row]: readonly Row[]): Erasure | undefined {
  if (row === undefined) return undefined;
  const { id, node_id: node, tenant, fromMs, toMs, node_ids, erasedToMs, finished_at } = row;
  return {
    id,
    filter: {
      ...(node !== null && { node }),
      ...(tenant !== null && { tenant }),
      ...(fromMs !== null && { fromMs }),
      ...(toMs !== null && { toMs }),
    },
    nodeIds: node_ids,
    erasedToMs: erasedToMs ?? undefined,
    finishedAt: finished_at,
    counts: {
      rows: row.rows_erased,
      roll_ups: row.roll_ups_erased,
      conflicts: row.conflicts_erased,
      quality_days: row.quality_days_erased,
      alerts: row.alerts_erased,
      nodes: row.nodes_erased,
      node_changes: row.node_changes_erased,
    },
  };
}

const msOf = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;
const SELECT = `
  SELECT erasure_id AS id, node_id, tenant, node_ids, finished_at,
         ${msOf("from_time")} AS "fromMs", ${msOf("to_time")} AS "toMs", ${msOf("erased_to")} AS "erasedToMs",
         ${ERASED_KINDS.map((kind) => `${kind}_erased::float8 AS ${kind}_erased`).join(", ")}
  FROM erasures`;
const READ = `${SELECT} WHERE erasure_id = $1::bigint`;
const FIND_UNFINISHED = `
  ${SELECT}
  WHERE finished_at IS NULL AND node_id IS NOT DISTINCT FROM $1 AND tenant IS NOT DISTINCT FROM $2
    AND from_time IS NOT DISTINCT FROM to_timestamp($3::float8)
    AND to_time IS NOT DISTINCT FROM to_timestamp($4::float8)
  ORDER BY erasure_id DESC LIMIT 1`;

const FIND_OF_OTHER_TIMES = `
  SELECT erasure_id::text AS id FROM erasures
  WHERE finished_at IS NULL AND node_id IS NOT DISTINCT FROM $1 AND tenant IS NOT DISTINCT FROM $2
    AND num_nonnulls(from_time, to_time) > 0
  ORDER BY erasure_id DESC LIMIT 10`;

const COUNT_HONOURED = `SELECT count(*)::integer AS count FROM erasures WHERE honoured_until > now()`;

const RECORD = `
  INSERT INTO erasures (node_id, tenant, from_time, to_time, honoured_until, requested_by, reason, node_ids)
  VALUES ($1, $2, to_timestamp($3::float8), to_timestamp($4::float8), now() + $5::integer * interval '1 day',
          $6 || ' as ' || current_user, $7, $8)
  RETURNING erasure_id AS id`;

const SELECT_NODES = `
  SELECT node_id FROM nodes
  WHERE ($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR tenant = $2)
  ORDER BY node_id`;

const ADD: Readonly<Record<ErasedKind, string>> = {
  rows: addTo("rows"),
  roll_ups: addTo("roll_ups"),
  conflicts: addTo("conflicts"),
  quality_days: addTo("quality_days"),
  alerts: addTo("alerts"),
  nodes: addTo("nodes"),
  node_changes: addTo("node_changes"),
};

function addTo(kind: ErasedKind): string {
  return `
    UPDATE erasures
    SET ${kind}_erased = ${kind}_erased + $2,
        erased_to = coalesce(to_timestamp($3::float8), erased_to)
    WHERE erasure_id = $1::bigint`;
}
