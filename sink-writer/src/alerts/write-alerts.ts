import { inTransaction, type PgClient, type PgPool, query } from "@fiberstream/postgres/pool";
import { RowRefusedError } from "@fiberstream/postgres/postgres-errors";
import type { Log } from "@fiberstream/runtime/log";
import type { StorableAlert } from "./storable-alert.ts";

/**
 * Writes changes of alerts, in the order of their topic. What is written already changes nothing.
 * @returns how many rows were added or changed
 * @throws {TransientError}
 * @throws {FatalError}
 */
export type WriteAlerts = (alerts: readonly StorableAlert[]) => Promise<number>;

/** @param options.skipped called with the number of alerts that PostgreSQL refused */
export function createWriteAlerts(options: {
  pool: PgPool;
  skipped: (count: number) => void;
  log: Log;
}): WriteAlerts {
  const { pool, skipped, log } = options;

  const write: WriteAlerts = async (alerts) => {
    if (alerts.length === 0) return 0;
    try {
      return await inTransaction(pool, (client) => writeAll(client, alerts));
    } catch (error) {
      if (!(error instanceof RowRefusedError)) throw error;
      if (alerts.length === 1) {
        skipped(1);
        log.warn({ sqlState: error.sqlState }, "alert refused by PostgreSQL, skipped");
        return 0;
      }
      // Halves, until the one is found.
      const middle = Math.ceil(alerts.length / 2);
      return (await write(alerts.slice(0, middle))) + (await write(alerts.slice(middle)));
    }
  };
  return write;
}

async function writeAll(client: PgClient, alerts: readonly StorableAlert[]): Promise<number> {
  await query(client, WAIT_FOR_DISK);
  const json = [JSON.stringify(alerts)];
  let changed = 0;
  for (const statement of [OPEN, RESOLVE, REPLACE]) {
    changed += (await query(client, statement, json)).length;
  }
  return changed;
}

// The sink's sessions do not wait for the disk (docs/adr/0007), because its rows can be read again from the stored offset.
// The offset of alerts is stored apart from them, and they are few.
const WAIT_FOR_DISK = "SET LOCAL synchronous_commit = on";

const GIVEN = `jsonb_to_recordset($1::jsonb) AS given (
  alert_id uuid, kind text, state text, node_id text, at bigint, event_id uuid,
  value float8, usual float8, resolve_below float8, produced_ms float8
)`;
/** Exact, which to_timestamp of a float is not. */
const TIME = "'epoch'::timestamptz + given.at * interval '1 microsecond'";

// Of the same order in each sink, so that two do not deadlock. An alert of events that were erased since it was opened is
// left out.
const OPEN = `
  INSERT INTO node_alerts (alert_id, kind, node_id, tenant, opened_at, value, usual, resolve_below)
  SELECT given.alert_id, given.kind, given.node_id, coalesce(opening.tenant, nodes.tenant), ${TIME}, given.value,
         given.usual, given.resolve_below
  FROM ${GIVEN} LEFT JOIN nodes ON nodes.node_id = given.node_id
  -- A node may have been moved to another tenant since. The event may not be written yet, or not be there any more.
  LEFT JOIN LATERAL (
    SELECT metrics.tenant FROM metrics
    WHERE metrics.node_id = given.node_id AND metrics.time = ${TIME} AND metrics.event_id = given.alert_id LIMIT 1
  ) AS opening ON true
  WHERE given.state = 'opened' AND NOT EXISTS (
    SELECT FROM erasures
    WHERE honoured_until > now() AND requested_at > to_timestamp(given.produced_ms / 1000)
      AND (erasures.node_id IS NULL OR erasures.node_id = given.node_id)
      AND (erasures.tenant IS NULL OR erasures.tenant = nodes.tenant)
      AND (from_time IS NULL OR from_time <= ${TIME})
      AND (to_time IS NULL OR to_time > ${TIME})
  )
  ORDER BY given.alert_id, given.kind
  ON CONFLICT (alert_id, kind) DO NOTHING
  RETURNING 1`;

const RESOLVE = `
  WITH locked AS (
    SELECT given.*, coalesce(alert.tenant, nodes.tenant) AS tenant
    FROM ${GIVEN}
    JOIN node_alerts AS alert ON alert.alert_id = given.alert_id AND alert.kind = given.kind
    LEFT JOIN nodes ON nodes.node_id = given.node_id
    WHERE given.state = 'resolved' AND alert.state <> 'resolved'
    ORDER BY alert.alert_id, alert.kind
    FOR UPDATE OF alert
  )
  UPDATE node_alerts AS alert
  SET state = 'resolved', ended_at = ${TIME}, end_value = given.value, ended_by = given.event_id,
      tenant = given.tenant, changed_at = clock_timestamp()
  FROM locked AS given
  WHERE alert.alert_id = given.alert_id AND alert.kind = given.kind
  RETURNING 1`;

// Of a node and kind at most one is open. The processor forgets one that its topic does not have any more.
const REPLACE = `
  UPDATE node_alerts AS alert
  SET state = 'replaced', changed_at = clock_timestamp(),
      ended_at = (
        SELECT min(later.opened_at) FROM node_alerts AS later
        WHERE later.node_id = alert.node_id AND later.kind = alert.kind AND later.opened_at > alert.opened_at
      )
  WHERE alert.state = 'open' AND (alert.node_id, alert.kind) IN (
    SELECT given.node_id, given.kind FROM ${GIVEN} WHERE given.state = 'opened'
  ) AND EXISTS (
    SELECT FROM node_alerts AS later
    WHERE later.node_id = alert.node_id AND later.kind = alert.kind AND later.opened_at > alert.opened_at
  )
  RETURNING 1`;
