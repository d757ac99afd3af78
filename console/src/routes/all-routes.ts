import type { PgPool } from "@fiberstream/postgres/pool";
import type { Turns } from "../access/turns.ts";
import type { ApprovalRules } from "../administration/approval-settings.ts";
import type { ChangeAs } from "../administration/change-as.ts";
import { createChangeRoutes } from "../administration/change-routes.ts";
import type { Ask, Change } from "../questions/ask.ts";
import type { Cursors } from "../questions/cursors.ts";
import type { OldestEvent } from "../questions/oldest-event.ts";
import { createReadEdges } from "../rollups/edges.ts";
import { createKeptSince } from "../rollups/kept-since.ts";
import type { TrailSources } from "../trail/event-trail.ts";
import type { TableColumns } from "../questions/table-columns.ts";
import { administrationRoutes } from "./administration/administration-routes.ts";
import { listAuditRoute } from "./audit/list-audit.ts";
import { verifyAuditRoute } from "./audit/verify-audit.ts";
import { listAlertsRoute } from "./alerts/list-alerts.ts";
import { authRoutes, type People } from "./auth/auth-routes.ts";
import { listChangesRoute } from "./changes/list-changes.ts";
import { exportEventsRoute } from "./events/export-events.ts";
import { listEventsRoute } from "./events/list-events.ts";
import { oneEventRoute } from "./events/one-event.ts";
import { rawSeriesRoute } from "./events/raw-series.ts";
import { type Live, streamRoute } from "./live/stream.ts";
import { changeNodesRoutes } from "./nodes/change-nodes.ts";
import { latestNodesRoute } from "./nodes/latest.ts";
import { readNodesRoutes } from "./nodes/read-nodes.ts";
import { conflictsRoute } from "./platform/conflicts.ts";
import { pipelineRoute } from "./platform/pipeline.ts";
import type { Pipeline, ReadPipeline } from "./platform/read-pipeline.ts";
import { topicsRoute } from "./platform/topics.ts";
import { qualityRoute } from "./platform/quality.ts";
import { referenceAggregatesRoutes } from "./reference/reference-aggregates.ts";
import { referenceMetricsRoute } from "./reference/reference-metrics.ts";
import { referenceNodesRoutes } from "./reference/reference-nodes.ts";
import { jobsRoutes } from "./jobs/jobs.ts";
import { type Letters, readLettersRoutes } from "./letters/read-letters.ts";
import { redriveRoute } from "./letters/redrive.ts";
import type { Route } from "./route.ts";
import { histogramRoute } from "./series/histogram.ts";
import { seriesRoute } from "./series/series.ts";
import { summaryRoute } from "./series/summary.ts";
import { topRoute } from "./series/top.ts";

/** What the routes ask. */
export type Sources = {
  /** On connections that can only read. */
  readonly ask: Ask;
  /** On connections that may change nodes. */
  readonly change: Change;
  /** For changes of several statements. */
  readonly changeAs: ChangeAs;
  readonly approvalRules: ApprovalRules;
  readonly oldest: OldestEvent;
  readonly pipeline: Pipeline;
  readonly readPipeline: ReadPipeline;
  readonly letters: Letters;
  readonly trail: TrailSources;
  /** Tells the runner of jobs that there is one. */
  readonly wakeJobs: () => void;
  readonly live: Live;
  /** Connections, turns and the maximum time of exports. */
  readonly exports: { readonly pool: PgPool; readonly turns: Turns; readonly maxMs: number };
  readonly people: People;
  readonly cursors: Cursors;
  readonly columns: { readonly nodes: TableColumns; readonly metrics: TableColumns };
};

/** Returns all routes, in the order in which the documentation shows them. */
export function createRoutes(sources: Sources): readonly Route[] {
  const { ask, change, changeAs, oldest, cursors } = sources;
  const { nodes, metrics } = sources.columns;
  const state = { ask, keptSince: createKeptSince(ask), readEdges: createReadEdges(ask) };
  const changing = createChangeRoutes({ changeAs, rules: sources.approvalRules });
  return [
    // Before /api/v1/nodes/{node_id}, which would match it, too.
    latestNodesRoute({ ask, columns: nodes }),
    ...readNodesRoutes({ ask, cursors, columns: nodes }),
    ...changeNodesRoutes({ ask, change, columns: nodes }),
    listEventsRoute({ ask, oldest, cursors, columns: metrics }),
    oneEventRoute({ ask, columns: metrics, trail: sources.trail }),
    rawSeriesRoute({ ask }),
    streamRoute(sources.live),
    exportEventsRoute({ ...sources.exports, columns: metrics }),
    seriesRoute(state),
    histogramRoute(state),
    summaryRoute(state),
    topRoute(state),
    listAlertsRoute({ ask, cursors }),
    listChangesRoute({ ask, cursors }),
    listAuditRoute({ ask, cursors }),
    verifyAuditRoute({ pool: sources.exports.pool }),
    qualityRoute({ ask, cursors, columns: nodes }),
    conflictsRoute({ ask, cursors }),
    pipelineRoute(sources),
    topicsRoute(sources.pipeline),
    ...readLettersRoutes(sources.letters, cursors),
    redriveRoute(changing, {
      wake: sources.wakeJobs,
      redriveOver: sources.approvalRules.redriveOver,
    }),
    ...jobsRoutes({ ask, change, cursors }),
    referenceMetricsRoute({ ask, oldest, columns: nodes }),
    ...administrationRoutes({ ask, cursors, changeAs, changing }),
    ...referenceAggregatesRoutes(state),
    ...referenceNodesRoutes({ ask, change, columns: nodes }),
    ...authRoutes(sources.people),
  ];
}
