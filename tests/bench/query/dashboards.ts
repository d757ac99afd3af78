import { setTimeout as delay } from "node:timers/promises";
import { type Quantiles, quantilesOf } from "../harness/quantiles.ts";
import { type DataPlan, nodeIdOf, regionOf } from "./data/plan.ts";

/** What the dashboards saw. */
export type DashboardFigures = {
  readonly answer: Quantiles;
  /** Answers that were not 200, by status. */
  readonly refused: Readonly<Record<string, number>>;
};

/** A dashboard asks all its panels again so often, as Grafana does at most. */
const REFRESH_MS = 5_000;

/**
 * Lets dashboards poll: a map of all nodes, two series, the figures of an hour and the worst nodes. Each looks at another node
 * and region, and they begin one after the other within a refresh.
 *
 * @returns a function that ends them, and returns what they saw
 */
export function startDashboards(
  count: number,
  { consoleUrl, plan }: { consoleUrl: string; plan: DataPlan },
): () => Promise<DashboardFigures> {
  const stop = new AbortController();
  const answersMs: number[] = [];
  const refused: Record<string, number> = {};
  const ask = async (path: string) => {
    const begunMs = performance.now();
    const response = await fetch(consoleUrl + path);
    await response.arrayBuffer();
    if (response.status === 200) answersMs.push(performance.now() - begunMs);
    else refused[response.status] = (refused[response.status] ?? 0) + 1;
  };
  const poll = async (dashboard: number) => {
    let dueMs = performance.now() + (REFRESH_MS * dashboard) / count;
    const node = (dashboard * 7_919) % plan.nodes;
    const panels = [
      "/api/v1/nodes/latest",
      `/api/v1/series?from=-1d&node=${nodeIdOf(node)}&max_points=800`,
      `/api/v1/series?from=-6h&region=${regionOf(node)}&stats=latency_p95_ms,availability_pct&max_points=800`,
      `/api/v1/summary?from=-1h&region=${regionOf(node)}`,
      `/api/v1/top?from=-1h&n=10`,
    ];
    while (!stop.signal.aborted) {
      await delay(Math.max(0, dueMs - performance.now()), undefined, { signal: stop.signal });
      await Promise.all(panels.map(ask));
      // A dashboard that waits for answers does not ask twice.
      dueMs = Math.max(dueMs + REFRESH_MS, performance.now());
    }
  };
  const polling = Array.from({ length: count }, (_, dashboard) =>
    poll(dashboard).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    }),
  );
  return async () => {
    stop.abort();
    await Promise.all(polling);
    return { answer: quantilesOf(answersMs), refused };
  };
}
