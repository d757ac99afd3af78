import { type Dashboard, lines } from "./panel.ts";
import { processRow } from "./process-row.ts";
import { quantiles } from "./quantiles.ts";

const REQUESTS = "fiberstream_gateway_http_request_duration_seconds";

export const gateway: Dashboard = {
  uid: "gateway",
  title: "ingest-gateway",
  description:
    "What probes see: requests and answers, rejected requests; and how fast Kafka acknowledges.",
  rows: [
    {
      title: "Answers",
      panels: [
        lines({
          title: "Requests by status",
          description: "429 and 503: the panel beside this one shows the codes",
          unit: "reqps",
          queries: [
            { expr: `sum by (status) (rate(${REQUESTS}_count[5m]))`, legend: "{{status}}" },
          ],
        }),
        lines({
          title: "Rejected requests by code",
          description:
            "KAFKA_UNAVAILABLE: Kafka does not answer. OVERLOADED: the gateway's memory for requests is full",
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
          description:
            "If the time from produce to acknowledgement grows too, Kafka is slow. If not, the gateway lacks CPU",
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
          description: "rejected: the sender's fault, by code. retry: Kafka did not acknowledge",
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
          description: "The first METRICS_MAX_TENANTS tenants that sent; all others together",
          unit: "cps",
          queries: [
            {
              expr: "sum by (tenant, outcome) (rate(fiberstream_gateway_tenant_events_total[5m]))",
              legend: "{{tenant}} {{outcome}}",
            },
          ],
        }),
        lines({
          title: "Rate limits, rejected tokens, repeated batches",
          description:
            "429 answers by rate limit; tokens that were rejected; batches that a sender repeated with the same X-Batch-ID",
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
              legend: "stored answer returned",
            },
            {
              expr: "sum(rate(fiberstream_gateway_unprotected_batches_total[5m]))",
              legend: "X-Batch-ID not protected",
            },
            {
              expr: "sum(rate(fiberstream_gateway_batches_past_share_total[5m]))",
              legend: "protected for a minute only, the tenant's share of Redis is used up",
            },
          ],
        }),
        lines({
          title: "Rejected connections, and senders that disconnected",
          description:
            "Rejected: MAX_CONNECTIONS was reached. Disconnected: before the gateway had accepted their events",
          unit: "cps",
          queries: [
            {
              expr: "sum(rate(fiberstream_gateway_connections_dropped_total[5m]))",
              legend: "rejected connections",
            },
            {
              expr: "sum(rate(fiberstream_gateway_senders_gone_total[5m]))",
              legend: "disconnected senders",
            },
          ],
        }),
        lines({
          title: "Unknown fields in events",
          description: "The probe is newer than the gateway, or the name of a field is misspelt",
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
          title: "Time from produce to acknowledgement",
          description: "By all in-sync replicas. p99 above 1 s raises a ticket",
          unit: "s",
          limit: { badAt: 1 },
          queries: quantiles("fiberstream_gateway_produce_duration_seconds"),
        }),
        lines({
          title: "Brokers that do not answer",
          description: "The gateway rejects only events for the partitions that they lead",
          queries: [{ expr: "fiberstream_gateway_silent_leaders", legend: "{{instance}}" }],
        }),
        lines({
          title: "Events that Kafka has not yet acknowledged",
          description: "Grows steadily: Kafka is slow or unavailable",
          queries: [{ expr: "fiberstream_gateway_inflight_events", legend: "{{instance}}" }],
        }),
        lines({
          title: "Request bodies in memory",
          description: "At IN_FLIGHT_MAX_BYTES the gateway answers 503 OVERLOADED",
          unit: "bytes",
          queries: [{ expr: "fiberstream_gateway_buffer_bytes", legend: "{{instance}}" }],
        }),
      ],
    },
    processRow("ingest-gateway"),
  ],
};
