import { type PgClient, query } from "@fiberstream/postgres/pool";
import { postgresFailure } from "@fiberstream/postgres/postgres-errors";
import { LRUCache } from "lru-cache";
import type { Rows } from "./rows/row-buffer.ts";

export type NodeRegistration = {
  /**
   * Registers every row's node in the rows' own transaction, and marks it as reporting.
   * @param inserted rows, and the numbers of the rejected and the erased ones, which need no node
   * @returns a function that adds the nodes to the cache, to be called after the commit
   * @throws {TransientError}
   * @throws {FatalError}
   */
  register: (client: PgClient, inserted: readonly InsertedRows[]) => Promise<() => void>;
  /**
   * Empties the cache of known nodes. To be called when a write has failed: a server that crashed may have
   * lost the last commits, and nodes with them.
   */
  forget: () => void;
};

type InsertedRows = {
  readonly rows: Rows;
  readonly result: {
    readonly refused: { readonly has: (row: number) => boolean };
    readonly erased: { readonly has: (row: number) => boolean };
  };
};

const TOUCH_INTERVAL_MS = 10_000;

/**
 * @param options.maxRemembered size of the cache of known nodes, about 200 bytes each
 * @param options.nowMs a monotonic clock, in ms; by default the one of the process
 */
export function createNodeRegistration(options: {
  maxRemembered: number;
  nowMs?: () => number;
}): NodeRegistration {
  const { nowMs: clock = () => performance.now() } = options;
  /** When this process last updated each node, in ms. A node in the cache exists in the table. */
  const touchedMs = new LRUCache<string, number>({ max: options.maxRemembered });
  let deletions: string | undefined;

  /** Empties the cache if nodes were deleted since: cached nodes may be gone. */
  const forgetDeleted = async (client: PgClient) => {
    const { rows } = await client
      .query<{ count: string }>(COUNT_DELETIONS)
      .catch((error: unknown) => {
        throw postgresFailure(error);
      });
    const count = rows[0]?.count;
    if (count !== deletions) touchedMs.clear();
    deletions = count;
    return count;
  };

  return {
    forget: () => touchedMs.clear(),
    register: async (client, inserted) => {
      const seenDeletions = await forgetDeleted(client);
      const nowMs = clock();
      const unknown: LatestEvent[] = [];
      const due: LatestEvent[] = [];
      for (const latest of latestByNode(inserted)) {
        const lastMs = touchedMs.get(latest.nodeId);
        if (lastMs === undefined) unknown.push(latest);
        else if (nowMs - lastMs >= TOUCH_INTERVAL_MS) due.push(latest);
      }
      if (unknown.length > 0) await query(client, REGISTER_NODES, columnsOf(unknown));
      if (due.length > 0) await query(client, TOUCH_NODES, columnsOf(due));
      return () => {
        // Another write has seen a deletion since: some of these nodes may be gone again.
        if (deletions !== seenDeletions) return;
        for (const { nodeId } of unknown) touchedMs.set(nodeId, nowMs);
        for (const { nodeId } of due) touchedMs.set(nodeId, nowMs);
      };
    },
  };
}

type LatestEvent = {
  readonly nodeId: string;
  receivedAtMicros: number;
  readonly tenant: string | null;
  readonly country: string | null;
  readonly region: string | null;
};

function latestByNode(inserted: readonly InsertedRows[]): Iterable<LatestEvent> {
  const latest = new Map<string, LatestEvent>();
  for (const { rows, result } of inserted) {
    const count = rows.count();
    for (let row = 0; row < count; row++) {
      if (result.refused.has(row) || result.erased.has(row)) continue;
      const nodeId = rows.nodeIdOf(row);
      const receivedAtMicros = rows.receivedAtOf(row);
      const known = latest.get(nodeId);
      if (known === undefined) {
        const country = rows.countryOf(row);
        const region = rows.regionOf(row);
        const tenant = rows.tenantOf(row);
        latest.set(nodeId, { nodeId, receivedAtMicros, tenant, country, region });
      } else if (receivedAtMicros > known.receivedAtMicros) {
        known.receivedAtMicros = receivedAtMicros;
      }
    }
  }
  return latest.values();
}

const columnsOf = (nodes: readonly LatestEvent[]) => [
  nodes.map(({ nodeId }) => nodeId),
  nodes.map(({ receivedAtMicros }) => receivedAtMicros),
  nodes.map(({ tenant }) => tenant),
  nodes.map(({ country }) => country),
  nodes.map(({ region }) => region),
];

// A prepared statement, because each write runs it.
const COUNT_DELETIONS = { name: "node-deletions", text: "SELECT count FROM node_deletions" };

// A node that the sink has marked as silent becomes active again, but not one that an operator has deactivated.
const REPORTS_AGAIN = `(stored.status = 'registered'
  OR stored.status = 'inactive' AND stored.silent_since IS NOT NULL)`;

const LATEST = `
  SELECT node_id, 'epoch'::timestamptz + micros * interval '1 microsecond' AS seen_at, tenant, country, region
  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[])
    AS latest (node_id, micros, tenant, country, region)`;

// For nodes that this process has not seen yet. Usually the processor has registered them, and only the status
// changes. Keys are sorted, so that two writers do not deadlock. It waits for locked rows, which TOUCH_NODES skips:
// a node that sends only once must not stay "registered".
const REGISTER_NODES = `
  INSERT INTO nodes AS stored (node_id, status, last_seen_at, tenant, country, region)
  SELECT node_id, 'reporting', seen_at, tenant, country, region FROM (${LATEST}) AS latest
  ORDER BY node_id
  ON CONFLICT (node_id) DO UPDATE
    SET status = CASE WHEN ${REPORTS_AGAIN} THEN 'reporting' ELSE stored.status END,
        silent_since = NULL,
        tenant = excluded.tenant,
        last_seen_at = greatest(stored.last_seen_at, excluded.last_seen_at)
    WHERE ${REPORTS_AGAIN}
       OR stored.tenant IS DISTINCT FROM excluded.tenant
       OR stored.last_seen_at IS NULL
       OR stored.last_seen_at < excluded.last_seen_at - interval '10 s'`;

// Skips locked rows: the next update of the node follows in 10 s.
const TOUCH_NODES = `
  WITH due AS (
    SELECT stored.node_id, latest.seen_at, latest.tenant
    FROM (${LATEST}) AS latest
    JOIN nodes AS stored USING (node_id)
    WHERE ${REPORTS_AGAIN}
       OR stored.tenant IS DISTINCT FROM latest.tenant
       OR stored.last_seen_at IS NULL
       OR stored.last_seen_at < latest.seen_at - interval '9 s'
    ORDER BY stored.node_id
    FOR UPDATE OF stored SKIP LOCKED
  )
  UPDATE nodes AS stored
  SET status = CASE WHEN ${REPORTS_AGAIN} THEN 'reporting' ELSE stored.status END,
      silent_since = NULL,
      tenant = due.tenant,
      last_seen_at = greatest(stored.last_seen_at, due.seen_at)
  FROM due
  WHERE stored.node_id = due.node_id`;
