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
