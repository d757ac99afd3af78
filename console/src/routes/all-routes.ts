import type { Ask } from "../questions/ask.ts";
import type { Cursors } from "../questions/cursors.ts";
import type { OldestEvent } from "../questions/oldest-event.ts";
import type { TableColumns } from "../questions/table-columns.ts";
import { changeNodesRoutes } from "./nodes/change-nodes.ts";
import { readNodesRoutes } from "./nodes/read-nodes.ts";
import { referenceMetricsRoute } from "./reference/reference-metrics.ts";
import { referenceNodesRoutes } from "./reference/reference-nodes.ts";
import type { Route } from "./route.ts";

/** What the routes ask. */
export type Sources = {
  /** On connections that can only read. */
  readonly ask: Ask;
  /** On connections that may change nodes. */
  readonly change: Ask;
  readonly oldest: OldestEvent;
  readonly cursors: Cursors;
  readonly columns: { readonly nodes: TableColumns; readonly metrics: TableColumns };
};

/** Returns all routes, in the order in which the documentation shows them. */
export const createRoutes = ({
  ask,
  change,
  oldest,
  cursors,
  columns,
}: Sources): readonly Route[] => [
  ...readNodesRoutes({ ask, cursors, columns: columns.nodes }),
  ...changeNodesRoutes({ ask, change, columns: columns.nodes }),
  referenceMetricsRoute({ ask, oldest }),
  ...referenceNodesRoutes({ ask, change, columns: columns.nodes }),
];
