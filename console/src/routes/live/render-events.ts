import type { LiveParts, Part } from "../../live/live.ts";
import type { NodeState } from "../../live/node-states.ts";
import type { TenantScope } from "../../access/scope.ts";

export type Event = { readonly name: string; readonly data: unknown };
type States = LiveParts["states"];

/** Returns the events with all states of a part that the reader sees. */
export function renderAll(part: Part, states: States, scope: TenantScope): Event[] {
  switch (part) {
    case "nodes":
      return [{ name: "snapshot", data: columnsOf(states.nodes.all(scope)) }];
    case "alerts":
      return [{ name: part, data: { is_whole: true, alerts: states.alerts.all(scope) } }];
    case "jobs":
      return [{ name: part, data: { is_whole: true, jobs: states.jobs.all(scope) } }];
    case "pipeline":
      return states.pipeline.all(scope).map((data) => ({ name: part, data }));
  }
}

/** Returns the events with what has changed of a part, perhaps none; undefined if that is not known. */
export function renderChanges(
  part: Part,
  states: States,
  position: string,
  scope: TenantScope,
): Event[] | undefined {
  switch (part) {
    case "nodes": {
      const changed = states.nodes.changedSince(position, scope);
      return changed && some(changed, { name: part, data: columnsOf(changed) });
    }
    case "alerts": {
      const alerts = states.alerts.changedSince(position, scope);
      return alerts && some(alerts, { name: part, data: { is_whole: false, alerts } });
    }
    case "jobs": {
      const jobs = states.jobs.changedSince(position, scope);
      return jobs && some(jobs, { name: part, data: { is_whole: false, jobs } });
    }
    case "pipeline": {
      const changed = states.pipeline.changedSince(position, scope);
      return changed?.map((data) => ({ name: part, data }));
    }
  }
}

const some = (changed: readonly unknown[], event: Event): Event[] =>
  changed.length === 0 ? [] : [event];

const COLUMNS = [
  "node_id",
  "status",
  "country",
  "region",
  "lat",
  "lng",
  "time",
  "latency_ms",
  "uptime_pct",
  "packet_loss",
  "anomaly_score",
] as const satisfies readonly (keyof NodeState)[];

const columnsOf = (states: readonly NodeState[]) =>
  Object.fromEntries(COLUMNS.map((name) => [name, states.map((state) => state[name])]));
