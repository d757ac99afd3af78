import { type PgPool, query } from "@fiberstream/postgres/pool";
import { type NodeData, TAGS } from "./node-data.ts";
import type { SeenNode } from "../decode/raw-event.ts";

const COLUMNS = `node_id, node_name, display_name, status, country, region, city, lat, lng, ${TAGS}, revision::float8 AS revision`;

const SELECT_NODES = `SELECT ${COLUMNS} FROM nodes WHERE node_id = ANY($1::text[])`;

/** Sorted, so that processors that register the same nodes at the same time cannot deadlock. */
const REGISTER_NODES = `
  INSERT INTO nodes (node_id, tenant, country, region)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS seen (node_id, tenant, country, region)
  ORDER BY node_id
  ON CONFLICT (node_id) DO NOTHING`;

/**
 * The table `nodes`, from which the caches are filled. Every function throws:
 * @throws {TransientError}
 * @throws {FatalError}
 */
export function createPostgresTier(options: { pool: PgPool }) {
  const { pool } = options;
  const getMany = (nodeIds: readonly string[]) => query<NodeData>(pool, SELECT_NODES, [nodeIds]);
  return {
    getMany,
    /** Registers nodes, unless another processor has, and returns them as they are in the table. */
    register: async (unknown: readonly SeenNode[]): Promise<NodeData[]> => {
      const nodeIds = unknown.map(({ nodeId }) => nodeId);
      const tenants = unknown.map(({ tenant }) => tenant);
      const countries = unknown.map(({ country }) => country);
      const regions = unknown.map(({ region }) => region);
      await query(pool, REGISTER_NODES, [nodeIds, tenants, countries, regions]);
      return getMany(nodeIds);
    },
  };
}
