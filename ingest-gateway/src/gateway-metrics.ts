import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Sender } from "./auth/sender.ts";
import { type Code, CODES, FAULT_CODES } from "./codes.ts";
import type { EventCounts } from "./event-counts.ts";
import type { CheckedEvents } from "./validate-events.ts";

export type Route = "push" | "ingest" | "status" | "other";

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;

/**
 * @param options.inFlightEvents and the other numbers are asked for when the metrics are read, never on the way of an event
 * @param options.maxTenants how many tenants have series of their own: the first that send
 */
export function createGatewayMetrics(options: {
  registry: Registry;
  inFlightEvents: () => number;
  silentLeaders: () => number;
  bufferBytes: () => number;
  maxTenants: number;
}) {
  const registers = [options.registry];

  // Half a gather's wait is the floor; past 1 s it is Kafka that is slow.
  const requestDuration = new Histogram({
    name: "fiberstream_gateway_http_request_duration_seconds",
    help: "From a request's headers to its answer. If it grows with produce_duration Kafka is slow; if it grows alone the gateway is short of CPU",
    labelNames: ["route", "status"],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const events = new Counter({
    name: "fiberstream_gateway_events_total",
    help: "Events by outcome: accepted (Kafka has them), rejected (their own fault, by code), retry (Kafka did not acknowledge them and the sender was told so). Much rejected at once is a broken probe release; retry is Kafka",
    labelNames: ["outcome", "code"],
    registers,
  });
  const tenantEvents = new Counter({
    name: "fiberstream_gateway_tenant_events_total",
    help: "Events by tenant and outcome, as in events_total. Who sends more than usual, and whose probes send what is rejected; which key it is, the access log says (ACCESS_LOG_LEVEL). Tenants past METRICS_MAX_TENANTS are counted together, as (others)",
    labelNames: ["tenant", "outcome"],
    registers,
  });
  const tenantLabel = boundedLabel(options.maxTenants);
  const refusals = new Counter({
    name: "fiberstream_gateway_refusals_total",
    help: "Requests refused as a whole, by code. KAFKA_UNAVAILABLE: look at Kafka; OVERLOADED: the in-flight budget is full, add gateways or find the sender that floods",
    labelNames: ["code"],
    registers,
  });
  const replays = new Counter({
    name: "fiberstream_gateway_idempotent_replays_total",
    help: "Batches that were answered from memory because their X-Batch-ID had been settled. Many: senders do not get their answers, look at their timeouts",
    registers,
  });
  const unprotected = new Counter({
    name: "fiberstream_gateway_unprotected_batches_total",
    help: "Batches with an X-Batch-ID that were accepted although it could not be looked up or their answer not be stored: sent again, they are written again. Redis is away or full: look at its memory, and lower BATCH_MEMORY_MS",
    registers,
  });
  const pastShare = new Counter({
    name: "fiberstream_gateway_batches_past_share_total",
    help: "Batches whose answer is remembered for a minute only, because their tenant's answers take BATCH_MEMORY_TENANT_BYTES of Redis: sent again later than that, they are written again. Raise it with Redis' memory, or lower BATCH_MEMORY_MS",
    registers,
  });
  const rateLimited = new Counter({
    name: "fiberstream_gateway_rate_limited_total",
    help: "Requests told 429: their key's bucket was empty, the gateway was full and they sent most, or their key or address had MAX_REQUESTS_PER_KEY or MAX_REQUESTS_PER_ADDRESS under way. The gateway's debug log says whose",
    registers,
  });
  const droppedConnections = new Counter({
    name: "fiberstream_gateway_connections_dropped_total",
    help: "Connections closed as they came, because MAX_CONNECTIONS or what the limit of open files leaves were open and none was idle. Their senders get no answer: add gateways, or raise the setting and the limit",
    registers,
  });
  const authFailures = new Counter({
    name: "fiberstream_gateway_auth_failures_total",
    help: "Requests refused for who sent them, by code. EXPIRED_TOKEN: a key was not rotated in time; AUTH_UNAVAILABLE: PostgreSQL or the JWTs' issuer is away; much INVALID_TOKEN or UNKNOWN_JWT_KEY: somebody guesses",
    labelNames: ["code"],
    registers,
  });
  const unknownFields = new Counter({
    name: "fiberstream_gateway_unknown_fields_total",
    help: "Fields of accepted events that this gateway does not know and has left out: probes newer than the gateway, or a misspelt field",
    registers,
  });
  const sendersGone = new Counter({
    name: "fiberstream_gateway_senders_gone_total",
    help: "Requests whose sender closed the connection before its events were taken in: nothing of them was kept. Many at once: a gateway stood still or is too slow for its senders' timeouts",
    registers,
  });
  const produceDuration = new Histogram({
    name: "fiberstream_gateway_produce_duration_seconds",
    help: "From a produce call to the acknowledgement of all in-sync replicas, failed calls included. Slow or failing: look at the brokers' disks and in-sync replicas",
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const certificateEnd = new Gauge({
    name: "fiberstream_gateway_certificate_not_after_timestamp_seconds",
    help: "When the certificate of TLS_CERT_FILE that is in use ends (unix time); NaN without TLS. Renew it in time, the files are read again by themselves",
    registers,
  });
  certificateEnd.set(Number.NaN);
  // All from the start: what appears with its first count is no increase, and after a restart there would be
  // nothing for an alert to compare.
  events.inc({ outcome: "accepted", code: "none" }, 0);
  events.inc({ outcome: "retry", code: "KAFKA_UNAVAILABLE" }, 0);
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
      help: "Events that were validated and that Kafka has not yet acknowledged. Growing without end: Kafka is slow or away",
      registers: [],
      collect() {
        this.set(options.inFlightEvents());
      },
    }),
  );
  options.registry.registerMetric(
    new Gauge({
      name: "fiberstream_gateway_silent_leaders",
      help: "Brokers that lead partitions of raw events and do not answer within PRODUCE_MAX_WAIT_MS: senders are told to send the events of these partitions again, those of others are taken. The gateway's log names them: look at that broker, restart it if it hangs",
      registers: [],
      collect() {
        this.set(options.silentLeaders());
      },
    }),
  );
  options.registry.registerMetric(
    new Gauge({
      name: "fiberstream_gateway_buffer_bytes",
      help: "Bodies and the decoders that unpack them in memory, from their first byte to their answer. At IN_FLIGHT_MAX_BYTES the gateway answers 503 OVERLOADED",
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
      if (retry > 0) events.inc({ outcome: "retry", code: "KAFKA_UNAVAILABLE" }, retry);
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

/** The value itself for the first `max` different ones, and one for all others. */
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
