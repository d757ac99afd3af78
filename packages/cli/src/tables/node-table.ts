import type { Actor } from "@fiberstream/postgres/acting";
import { attemptAs } from "@fiberstream/postgres/attempts";
import { operator } from "@fiberstream/postgres/operator";
import { type PgPool, query } from "@fiberstream/postgres/pool";
import { withPool } from "./with-pool.ts";

/** A row of `nodes`. */
export type NodeRow = {
  readonly node_id: string;
  /** Null before its first event. */
  readonly tenant: string | null;
  readonly node_name: string;
  readonly display_name: string | null;
  readonly status: string;
  readonly country: string | null;
  readonly region: string | null;
  readonly city: string | null;
  readonly lat: number | null;
  readonly lng: number | null;
  readonly tags: Record<string, string>;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly last_seen_at: Date | null;
};

const COLUMNS =
  "node_id, tenant, node_name, display_name, status, country, region, city, lat, lng, tags, created_at, updated_at, last_seen_at";

export type NodeFilter = {
  readonly status?: string;
  readonly tenant?: string;
  readonly country?: string;
  readonly limit: number;
};

export type NodeTable = {
  list: (filter: NodeFilter) => Promise<NodeRow[]>;
  /** @throws {Error} when the node does not exist */
  find: (nodeId: string) => Promise<NodeRow>;
  /**
   * Changes some columns. The processor then publishes the node to probe.nodes.
   * @throws {Error} when the node does not exist
   */
  change: (nodeId: string, values: Partial<NodeRow>) => Promise<NodeRow>;
};

/** Runs `work` with the table in the database at DATABASE_URL. */
export async function withNodeTable<T>(work: (table: NodeTable) => Promise<T>): Promise<T> {
  return withPool((pool) => work(createNodeTable(pool)));
}

/** @param actor who changes nodes, for the audit log */
export function createNodeTable(pool: PgPool, actor: Actor = operator()): NodeTable {
  const only = (nodeId: string, rows: NodeRow[]): NodeRow => {
    const [row] = rows;
    if (row === undefined) throw new Error(`there is no node ${nodeId}`);
    return row;
  };
  return {
    list: ({ status, tenant, country, limit }) =>
      query<NodeRow>(
        pool,
        `SELECT ${COLUMNS} FROM nodes
         WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR country = $2)
           AND ($3::text IS NULL OR tenant = $3)
         ORDER BY node_id LIMIT $4`,
        [status ?? null, country ?? null, tenant ?? null, limit],
      ),
    find: async (nodeId) =>
      only(
        nodeId,
        await query<NodeRow>(pool, `SELECT ${COLUMNS} FROM nodes WHERE node_id = $1`, [nodeId]),
      ),
    change: async (nodeId, values) => {
      const names = Object.keys(values);
      const sets = names.map((name, index) => `${name} = $${index + 2}`).join(", ");
      const text = `UPDATE nodes SET ${sets} WHERE node_id = $1 RETURNING ${COLUMNS}`;
      const attempt = { action: "node.changed", objectKind: "node", object: nodeId, after: values };
      return attemptAs(pool, actor, attempt, async (client) =>
        only(nodeId, await query<NodeRow>(client, text, [nodeId, ...Object.values(values)])),
      );
    },
  };
}
