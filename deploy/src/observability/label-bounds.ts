import { FAILURE_CLASSES } from "@fiberstream/runtime/outcome";
import { SERVICE_NAMES } from "@fiberstream/runtime/services";
import { VERDICTS } from "@fiberstream/sink-writer/reconciliation/reconciled-metrics";
import { GUARDS } from "@fiberstream/auditor/trail/broken-trail";
import { QUALITY_DAYS, QUALITY_KINDS } from "@fiberstream/sink-writer/maintenance/quality-metrics";
import { CODES as PROBLEMS } from "@fiberstream/console/answers/codes";
import { MEMORY_LIMITS } from "@fiberstream/console/answers/answer-memory";
import { CLOSED_WHY } from "@fiberstream/console/http/asker-connections";
import { PARTS } from "@fiberstream/console/live/live";
import { JOB_ENDS, SEARCHES } from "@fiberstream/console/console-metrics";
import { JOB_KINDS } from "@fiberstream/console/jobs/job";
import { CODES } from "@fiberstream/ingest-gateway/answers/codes";
import {
  CONNECTION_STATES,
  WATCHED_TABLES,
} from "@fiberstream/sink-writer/maintenance/database-gauges";
import { WIDTH_LABELS } from "@fiberstream/sink-writer/rollups/roll-up-metrics";

/** The allowed values of a label: the cost of a metric is the number of combinations of its labels. */
export type LabelBound = {
  readonly meaning: string;
  /** All values, or a pattern that each value matches. */
  readonly values: readonly string[] | RegExp;
};

/**
 * Every label of every metric. None has a value that a sender chooses: no node, no path, no key. Operators
 * name the tenants, and at most METRICS_MAX_TENANTS of them appear.
 */
export const LABEL_BOUNDS: Readonly<Record<string, LabelBound>> = {
  route: {
    meaning: "route of the gateway, never the path itself",
    values: ["push", "ingest", "status", "other"],
  },
  status: { meaning: "HTTP status code of an answer", values: /^[1-5]\d\d$/ },
  outcome: {
    meaning: "result of a request, an event, a record, a look-up or a checkpoint sent to a witness",
    values: /^[a-z]+$/,
  },
  code: {
    meaning:
      "code of an answer or of an event's error, as in docs/http.md; none if the event was accepted",
    values: ["none", ...Object.keys(CODES)],
  },
  operation: {
    meaning: "route of the console, by its operationId in the OpenAPI document; other for all else",
    values: /^[a-z][A-Za-z]+$/,
  },
  problem: { meaning: "code of a problem document of the console", values: Object.keys(PROBLEMS) },
  memory_limit: {
    meaning: "limit of the memory of the console's answers that was reached",
    values: MEMORY_LIMITS,
  },
  closed_why: { meaning: "why the console closed a connection", values: CLOSED_WHY },
  search: { meaning: "what the console looked for in Kafka", values: SEARCHES },
  part: { meaning: "part of the console's live stream", values: PARTS },
  job_kind: { meaning: "what a job of the console does", values: JOB_KINDS },
  job_state: { meaning: "how a job of the console ended", values: JOB_ENDS },
  tenant: {
    meaning:
      "tenant of the API key; default if AUTH_MODE is open; (others) for tenants beyond METRICS_MAX_TENANTS",
    values: /^([A-Za-z0-9._-]{1,63}|\(others\))$/,
  },
  mode: { meaning: "AUTH_MODE", values: ["open", "keys"] },
  width: { meaning: "width of a roll-up", values: Object.values(WIDTH_LABELS) },
  stage: { meaning: "consumer: the processor or the sink", values: ["processor", "sink"] },
  failure_class: { meaning: "why a record became a dead letter", values: FAILURE_CLASSES },
  cause: {
    meaning: "dependency that was unavailable",
    values: ["kafka", "registry", "postgres", "redis"],
  },
  topic: {
    meaning: "topic of the catalogue, with the NAMESPACE of the installation as prefix",
    values: /probe\.(metrics\.(raw|enriched|dead-letter)|nodes|alerts|reconciliation)$/,
  },
  partition: { meaning: "partition number; 12 partitions by default", values: /^\d{1,3}$/ },
  tier: { meaning: "where a node was looked up", values: ["memory", "redis", "postgres"] },
  path: { meaning: "how rows were written", values: ["copy", "staging"] },
  day: { meaning: "day in UTC", values: QUALITY_DAYS },
  kind: { meaning: "which of a day's events are counted", values: QUALITY_KINDS },
  table: { meaning: "table of the database that grows", values: WATCHED_TABLES },
  state: { meaning: "state of a connection to the database", values: CONNECTION_STATES },
  verdict: { meaning: "result of reconciling a minute", values: VERDICTS },
  guard: { meaning: "what finds that the audit trail was changed", values: GUARDS },
  broker: { meaning: "broker id", values: /^\d+$/ },
  check: { meaning: "check of /readyz", values: /^[a-z-]+$/ },
  service: {
    meaning: "service",
    values: SERVICE_NAMES,
  },
  version: { meaning: "version of the service, or of Node.js", values: /^v?\d+(\.\d+)*/ },
};

/** Returns whether a value is allowed for a label. */
export function isWithinBounds(label: string, value: string): boolean {
  const values = LABEL_BOUNDS[label]?.values;
  if (values === undefined) return false;
  return values instanceof RegExp ? values.test(value) : values.includes(value);
}
