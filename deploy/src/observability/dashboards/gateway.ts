import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";
import { quantiles } from "./quantiles.ts";

const REQUESTS = "fiberstream_gateway_http_request_duration_seconds";

export const gateway: Dashboard = {
  uid: "gateway",
  title: "ingest-gateway",
  description: "What probes see: requests, answers, refusals, and what Kafka takes.",
  rows: [
    {
      title: "Answers",
      panels: [
        lines({
          title: "Requests by status",
          description: "429 and 503 are refusals: see their codes beside it",
          unit: "reqps",
          queries: [
            { expr: `sum by (status) (rate(${REQUESTS}_count[5m]))`, legend: "{{status}}" },
          ],
        }),
        lines({
          title: "Refused requests by code",
          description: "KAFKA_UNAVAILABLE: Kafka; OVERLOADED: the gateway is full",
          unit: "reqps",
          queries: [
            {
              expr: "sum by (code) (rate(fiberstream_gateway_refusals_total[5m]))",
              legend: "{{code}}",
            },
          ],
        }),
        lines({
          title: "Time to answer",
          description: "With produce time beside it: Kafka is slow; alone: short of CPU",
          unit: "s",
          queries: quantiles(REQUESTS, '{route=~"push|ingest"}'),
        }),
      ],
    },
    {
      title: "Events",
      panels: [
        lines({
          title: "Events by outcome",
          description: "Rejected is the senders' own fault, by code; retry is Kafka's",
          unit: "cps",
          queries: [
            {
              expr: "sum by (outcome, code) (rate(fiberstream_gateway_events_total[5m]))",
              legend: "{{outcome}} {{code}}",
            },
          ],
        }),
        lines({
          title: "Events by tenant",
          description: "The first METRICS_MAX_TENANTS tenants that sent, the rest together",
          unit: "cps",
          queries: [
            {
              expr: "sum by (tenant, outcome) (rate(fiberstream_gateway_tenant_events_total[5m]))",
              legend: "{{tenant}} {{outcome}}",
            },
          ],
        }),
        lines({
          title: "Told to slow down, not let in, answered from memory",
          description: "429 by key, refused tokens, batches that came again with their X-Batch-ID",
          unit: "reqps",
          queries: [
            {
              expr: "sum(rate(fiberstream_gateway_rate_limited_total[5m]))",
              legend: "rate limited",
            },
            {
              expr: "sum by (code) (rate(fiberstream_gateway_auth_failures_total[5m]))",
              legend: "{{code}}",
            },
            {
              expr: "sum(rate(fiberstream_gateway_idempotent_replays_total[5m]))",
              legend: "answered from memory",
            },
            {
              expr: "sum(rate(fiberstream_gateway_unprotected_batches_total[5m]))",
              legend: "without protection from repeats",
            },
            {
              expr: "sum(rate(fiberstream_gateway_batches_past_share_total[5m]))",
              legend: "protected for a minute only, the tenant's share of Redis is used up",
            },
          ],
        }),
        lines({
          title: "Connections not taken, and senders that did not wait",
          description: "Closed at MAX_CONNECTIONS; gone before their events were taken in",
          unit: "cps",
          queries: [
            {
              expr: "sum(rate(fiberstream_gateway_connections_dropped_total[5m]))",
              legend: "connections not taken",
            },
            {
              expr: "sum(rate(fiberstream_gateway_senders_gone_total[5m]))",
              legend: "senders gone",
            },
          ],
        }),
        lines({
          title: "Fields that the gateway does not know",
          description: "Probes newer than the gateway, or a misspelt field",
          unit: "cps",
          queries: [
            { expr: "sum(rate(fiberstream_gateway_unknown_fields_total[5m]))", legend: "fields" },
          ],
        }),
      ],
    },
    {
      title: "Kafka",
      panels: [
        lines({
          title: "Produce to acknowledgement",
          description: "Of all in-sync replicas. p99 above 1 s is a ticket",
          unit: "s",
          limit: { badAt: 1 },
          queries: quantiles("fiberstream_gateway_produce_duration_seconds"),
        }),
        lines({
          title: "Brokers that do not answer",
          description: "Only what goes to their partitions is refused",
          queries: [{ expr: "fiberstream_gateway_silent_leaders", legend: "{{instance}}" }],
        }),
        lines({
          title: "Events not yet acknowledged",
          description: "Growing without end: Kafka is slow or away",
          queries: [{ expr: "fiberstream_gateway_inflight_events", legend: "{{instance}}" }],
        }),
        lines({
          title: "Bodies held in memory",
          description: "At IN_FLIGHT_MAX_BYTES the gateway answers 503 OVERLOADED",
          unit: "bytes",
          queries: [{ expr: "fiberstream_gateway_buffer_bytes", legend: "{{instance}}" }],
        }),
      ],
    },
    processRow("ingest-gateway"),
  ],
};
