import type { Node } from "@fiberstream/schemas/generated/records";

/** What is known of a node, as enrichment needs it; the names are those of the table `nodes`. */
export type NodeData = Pick<
  Node,
  | "node_id"
  | "node_name"
  | "display_name"
  | "status"
  | "country"
  | "region"
  | "city"
  | "lat"
  | "lng"
  | "tags"
  | "revision"
>;

/** The column, of a row of any age: what is larger than the table takes now (16 kB) would fit into no record. */
export const TAGS = `CASE WHEN octet_length(tags::text) <= 16384 THEN tags ELSE '{}' END AS tags`;
