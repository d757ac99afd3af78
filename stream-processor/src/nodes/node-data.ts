import type { Node } from "@fiberstream/schemas/generated/records";

/** A node's data for enrichment, named as the columns of the table `nodes`. */
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

/** Selects the tags. Old rows may have tags above the table's present limit (16 kB), which would not fit into a record. */
export const TAGS = `CASE WHEN octet_length(tags::text) <= 16384 THEN tags ELSE '{}' END AS tags`;
