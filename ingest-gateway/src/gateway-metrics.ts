import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { FAULT_CODES } from "@fiberstream/event-rules/fault";
import { type Code, CODES } from "./answers/codes.ts";
import type { Sender } from "./auth/sender.ts";
import type { Route } from "./http/call.ts";
import type { EventCounts } from "./telemetry/event-counts.ts";
import type { CheckedEvents } from "./validation/validate-events.ts";

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;

/**
 * @param options.inFlightEvents called when the metrics are scraped, as the other functions are
 * @param options.maxTenants how many tenants have series of their own: the first ones that send
 */
export function createGatewayMetrics(options: {
  registry: Registry;
  inFlightEvents: () => number;
  silentLeaders: () => number;
  bufferBytes: () => number;
  maxTenants: number;
}) {
  const registers = [options.registry];

  // The minimum is half of the linger; above 1 s Kafka is slow.
  const requestDuration = new Histogram({
    name: "fiberstream_gateway_http_request_duration_seconds",
    help: "From a request's headers to its response. Growing together with produce_duration: Kafka is slow. Growing alone: the gateway is short of CPU",
    labelNames: ["route", "status"],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const events = new Counter({
    name: "fiberstream_gateway_events_total",
    help: "Events by outcome: accepted (Kafka acknowledged them), rejected (invalid, by code), retry (Kafka did not acknowledge them, and the sender was asked to send them again). Many rejected at once: a broken probe release. Many to retry: check Kafka",
    labelNames: ["outcome", "code"],
    registers,
  });
  const tenantEvents = new Counter({
    name: "fiberstream_gateway_tenant_events_total",
    help: "Events by tenant and outcome, as in events_total. Shows which tenant sends more than usual and whose events are rejected; the access log (ACCESS_LOG_LEVEL) has the key. Tenants past METRICS_MAX_TENANTS are counted together, as (others)",
    labelNames: ["tenant", "outcome"],
    registers,
  });
  const tenantLabel = boundedLabel(options.maxTenants);
  const refusals = new Counter({
    name: "fiberstream_gateway_refusals_total",
    help: "Requests refused as a whole, by code. KAFKA_UNAVAILABLE: check Kafka. OVERLOADED: the in-flight budget is used up, add gateways or find the sender that floods them",
    labelNames: ["code"],
    registers,
  });
  const replays = new Counter({
    name: "fiberstream_gateway_idempotent_replays_total",
    help: "Batches answered with the stored response of their X-Batch-ID. Many: senders do not receive their responses, check their timeouts",
    registers,
  });
  const unprotected = new Counter({
    name: "fiberstream_gateway_unprotected_batches_total",
    help: "Batches with an X-Batch-ID that were accepted although the id could not be looked up, or the response not be stored: if sent again, they are processed again. Redis is unavailable or full: check its memory, and lower BATCH_MEMORY_MS",
    registers,
  });
  const pastShare = new Counter({
    name: "fiberstream_gateway_batches_past_share_total",
    help: "Batches whose response is stored for a minute only, because their tenant's responses use BATCH_MEMORY_TENANT_BYTES of Redis: if they are sent again later than that, they are processed again. Raise it together with Redis' memory, or lower BATCH_MEMORY_MS",
    registers,
  });
  const rateLimited = new Counter({
    name: "fiberstream_gateway_rate_limited_total",
    help: "Requests answered with 429: the key was over its rate limit, used more than its share of an overloaded gateway, its key or address had MAX_REQUESTS_PER_KEY or MAX_REQUESTS_PER_ADDRESS in flight, or its address exceeded MAX_PAGES_PER_ADDRESS. The access log (ACCESS_LOG_LEVEL) has the key",
    registers,
  });
  const droppedConnections = new Counter({
    name: "fiberstream_gateway_connections_dropped_total",
    help: "Connections closed at once, because MAX_CONNECTIONS (or as many as the open file limit allows) were open and none was idle, or because their address began more TLS handshakes than MAX_HANDSHAKES_PER_ADDRESS. Their senders get no response: find out whose they are, add gateways, or raise the setting and the limit",
    registers,
  });
  const authFailures = new Counter({
    name: "fiberstream_gateway_auth_failures_total",
    help: "Requests that failed authentication, by code. EXPIRED_TOKEN: a key was not rotated in time. AUTH_UNAVAILABLE: PostgreSQL or the JWT issuer is unavailable. Many INVALID_TOKEN or UNKNOWN_JWT_KEY: somebody is guessing",
    labelNames: ["code"],
    registers,
  });
  const unknownFields = new Counter({
    name: "fiberstream_gateway_unknown_fields_total",
    help: "Unknown fields dropped from accepted events: probes are newer than the gateway, or a field is misspelt",
    registers,
  });
  const sendersGone = new Counter({
    name: "fiberstream_gateway_senders_gone_total",
    help: "Requests whose sender disconnected before its events were accepted: none of them was stored. Many at once: a gateway was paused, or is too slow for its senders' timeouts",
    registers,
  });
  const produceDuration = new Histogram({
    name: "fiberstream_gateway_produce_duration_seconds",
    help: "From a produce call to the acknowledgement by all in-sync replicas, failed calls included. Slow or failing: check the brokers' disks and in-sync replicas",
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const certificateEnd = new Gauge({
    name: "fiberstream_gateway_certificate_not_after_timestamp_seconds",
    help: "When the certificate in use (TLS_CERT_FILE) expires, Unix time; NaN without TLS. Renew it in time; the files are reloaded when they change",
    registers,
  });
  certificateEnd.set(Number.NaN);
  // All series exist from the start: Prometheus sees no increase when a series appears with its first count, and after a
  // restart an alert would have nothing to compare.
  events.inc({ outcome: "accepted", code: "none" }, 0);
  for (const code of ["KAFKA_UNAVAILABLE", "AUTH_UNAVAILABLE"])
    events.inc({ outcome: "retry", code }, 0);
  for (const outcome of ["accepted", "rejected", "retry"]) {
    tenantEvents.inc({ tenant: OTHER_TENANTS, outcome }, 0);
  }
  for (const code of FAULT_CODES) events.inc({ outcome: "rejected", code }, 0);
  for (const code of Object.keys(CODES)) refusals.inc({ code }, 0);
  for (const code of AUTH_FAILURES) authFailures.inc({ code }, 0);
  for (const route of ["push", "ingest"]) {
    for (const status of ["202", "500", "503"]) requestDuration.zero({ route, status });
  }
  options.registry.registerMetric(
    new Gauge({
      name: "fiberstream_gateway_inflight_events",
      help: "Validated events that Kafka has not yet acknowledged. Growing without bound: Kafka is slow or unavailable",
      registers: [],
      collect() {
        this.set(options.inFlightEvents());
      },
    }),
  );
  options.registry.registerMetric(
    new Gauge({
      name: "fiberstream_gateway_silent_leaders",
      help: "Brokers that lead partitions of the raw topic and do not answer within PRODUCE_MAX_WAIT_MS: senders are asked to send these partitions' events again, other events are accepted. The gateway's log names the broker: check it, and restart it if it hangs",
      registers: [],
      collect() {
        this.set(options.silentLeaders());
      },
    }),
  );
  options.registry.registerMetric(
    new Gauge({
      name: "fiberstream_gateway_buffer_bytes",
      help: "Memory of request bodies and their decoders, from a body's first byte to the response, and of large responses until they are received. At IN_FLIGHT_MAX_BYTES the gateway answers 503 OVERLOADED",
      registers: [],
      collect() {
        this.set(options.bufferBytes());
      },
    }),
  );

  return {
    observeRequest: (route: Route, status: number, seconds: number) =>
      requestDuration.observe({ route, status }, seconds),
    countRefusal: (code: Code) => {
      refusals.inc({ code });
      if (code === "RATE_LIMITED") rateLimited.inc();
      if (AUTH_FAILURES.has(code)) authFailures.inc({ code });
    },
    countDroppedConnection: () => droppedConnections.inc(),
    countReplay: () => replays.inc(),
    countPastShare: () => pastShare.inc(),
    countSenderGone: () => sendersGone.inc(),
    certificateEnds: (endMs: number) => certificateEnd.set(endMs / 1_000),
    countUnprotected: () => unprotected.inc(),
    observeProduceSeconds: (seconds: number) => produceDuration.observe(seconds),
    /** One count for each outcome of a request, never for each event. */
    countEvents: (checked: CheckedEvents, counts: EventCounts, sender: Pick<Sender, "tenant">) => {
      const { accepted, retry } = counts;
      if (accepted > 0) events.inc({ outcome: "accepted", code: "none" }, accepted);
      const undecided = checked.undecided?.length ?? 0;
      const failed = retry - undecided;
      if (failed > 0) events.inc({ outcome: "retry", code: "KAFKA_UNAVAILABLE" }, failed);
      if (undecided > 0) events.inc({ outcome: "retry", code: "AUTH_UNAVAILABLE" }, undecided);
      const tenant = tenantLabel(sender.tenant);
      for (const [outcome, count] of Object.entries(counts)) {
        if (count > 0) tenantEvents.inc({ tenant, outcome }, count);
      }
      if (checked.unknownFields > 0) unknownFields.inc(checked.unknownFields);
      for (const [code, count] of rejectedByCode(checked)) {
        events.inc({ outcome: "rejected", code }, count);
      }
    },
  };
}

const OTHER_TENANTS = "(others)";

/** Returns a value itself for the first `max` different values, and one label for all others. */
function boundedLabel(max: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.size < max) known.add(value);
    return known.has(value) ? value : OTHER_TENANTS;
  };
}

const AUTH_FAILURES: ReadonlySet<Code> = new Set<Code>([
  "MISSING_TOKEN",
  "INVALID_TOKEN",
  "EXPIRED_TOKEN",
  "INVALID_SIGNATURE",
  "STALE_SIGNATURE",
  "REPLAYED_NONCE",
  "UNKNOWN_JWT_KEY",
  "AUTH_UNAVAILABLE",
]);

function rejectedByCode({ rejections }: CheckedEvents): Map<Code, number> {
  const counts = new Map<Code, number>();
  for (const { faults } of rejections) {
    const code = faults[0]?.code ?? "BAD_FORMAT";
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return counts;
}
