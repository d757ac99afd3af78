import { FAILURE_CLASSES } from "@fiberstream/runtime/outcome";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import { VERDICTS } from "@fiberstream/sink-writer/reconciliation/reconciled-metrics";
import { QUALITY_DAYS, QUALITY_KINDS } from "@fiberstream/sink-writer/maintenance/quality-metrics";
import { CODES } from "@fiberstream/ingest-gateway/answers/codes";
import {
  CONNECTION_STATES,
  WATCHED_TABLES,
} from "@fiberstream/sink-writer/maintenance/database-gauges";

/** What may stand in a label: a metric's cost is the number of its labels' combinations. */
export type LabelBound = {
  readonly meaning: string;
  /** All values that there are, or what each of them looks like. */
  readonly values: readonly string[] | RegExp;
};

/**
 * Every label of every metric. Nothing that senders choose is among them: no node, no path, no key. Tenants are
 * named by operators, and no more of them than METRICS_MAX_TENANTS.
 */
export const LABEL_BOUNDS: Readonly<Record<string, LabelBound>> = {
  route: {
    meaning: "which of the gateway's routes, never the path itself",
    values: ["push", "ingest", "status", "other"],
  },
  status: { meaning: "status code of an answer", values: /^[1-5]\d\d$/ },
  outcome: {
    meaning: "what became of it",
    values: /^[a-z]+$/,
  },
  code: {
    meaning:
      "code of an answer or of an event's fault, as in docs/http.md; none for what was accepted",
    values: ["none", ...Object.keys(CODES)],
  },
  tenant: {
    meaning:
      "a tenant of the keys, default where AUTH_MODE is open; (others): those past METRICS_MAX_TENANTS",
    values: /^([A-Za-z0-9._-]{1,63}|\(others\))$/,
  },
  mode: { meaning: "AUTH_MODE", values: ["open", "keys"] },
  stage: { meaning: "which of the two consumers", values: ["processor", "sink"] },
  failure_class: { meaning: "why a record cannot go on", values: FAILURE_CLASSES },
  cause: { meaning: "what was away", values: ["kafka", "registry", "postgres", "redis"] },
  topic: {
    meaning: "a topic of the catalogue, with the installation's NAMESPACE before it",
    values: /probe\.(metrics\.(raw|enriched|dead-letter)|nodes|alerts|reconciliation)$/,
  },
  partition: { meaning: "number of a partition, 12 by default", values: /^\d{1,3}$/ },
  tier: { meaning: "where a node was looked up", values: ["memory", "redis", "postgres"] },
  path: { meaning: "how rows were written", values: ["copy", "staging"] },
  day: { meaning: "which day in UTC", values: QUALITY_DAYS },
  kind: { meaning: "what was counted of a day's events", values: QUALITY_KINDS },
  table: { meaning: "a table of the database that grows", values: WATCHED_TABLES },
  state: { meaning: "what a connection to the database does", values: CONNECTION_STATES },
  verdict: { meaning: "what closing a minute's books has shown", values: VERDICTS },
  broker: { meaning: "number of a broker", values: /^\d+$/ },
  check: { meaning: "name of a check of /readyz", values: /^[a-z-]+$/ },
  service: {
    meaning: "which service",
    values: SERVICE_NAMES,
  },
  version: { meaning: "its version, or Node's", values: /^v?\d+(\.\d+)*/ },
};

/** @returns whether a label may have a value */
export function isWithinBounds(label: string, value: string): boolean {
  const values = LABEL_BOUNDS[label]?.values;
  if (values === undefined) return false;
  return values instanceof RegExp ? values.test(value) : values.includes(value);
}
