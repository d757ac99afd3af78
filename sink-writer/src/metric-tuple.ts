import type { CopySlab } from "./copy-slab.ts";
import { METRIC_COLUMNS, type MetricEvent } from "./metric-row.ts";

/** Writes an event as a row whose fields stand in the order of METRIC_COLUMNS. */
export function writeMetricTuple(slab: CopySlab, event: MetricEvent): void {
  const { source_region, target_host, metadata } = event;
  slab.row(METRIC_COLUMNS.length, textLengthOf(event));
  slab.timestamptz(event.timestamp);
  slab.timestamptz(event.received_at);
  slab.float8(event.latency_ms);
  slab.float8(event.uptime_pct);
  slab.float8(event.packet_loss);
  slab.uuid(event.event_id);
  slab.text(event.node_id);
  slab.text(event.tenant);
  slab.text(event.country);
  slab.text(event.region);
  if (source_region === null) slab.null();
  else slab.text(source_region);
  if (target_host === null) slab.null();
  else slab.text(target_host);
  slab.text(event.probe_type);
  slab.text(event.enrichment_status);
  if (metadata === null) slab.null();
  else slab.jsonb(metadata);
}

const textLengthOf = (event: MetricEvent): number =>
  event.node_id.length +
  event.tenant.length +
  event.country.length +
  event.region.length +
  (event.source_region?.length ?? 0) +
  (event.target_host?.length ?? 0) +
  event.probe_type.length +
  event.enrichment_status.length +
  (event.metadata?.length ?? 0);
