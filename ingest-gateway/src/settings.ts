import { publicPortSettings } from "@fiberstream/http/settings";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { redisSettings } from "@fiberstream/redis/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";
import { accessLogSettings } from "./telemetry/access-log.ts";
import { samplerSettings } from "./telemetry/trace-sampler.ts";

const durationMs = (defaultMs: number) =>
  wholeNumber({ min: 1, max: 366 * 24 * 60 * 60 * 1_000 }).default(defaultMs);

export const gatewaySettings = {
  ...serviceSettings(8010),
  ...kafkaSettings(),
  ...redisSettings(),
  ...postgresSettings(),
  ...publicPortSettings({
    port: 8000,
    users: "probes",
    modes: "keys: each request needs a token; open: anyone may send, only on a loopback address",
    keyKind: "key",
    alsoRequestTimeout: " (above HEADERS_TIMEOUT_MS), and then its response to be received",
  }),
  batchMemoryMs: setting(
    "BATCH_MEMORY_MS",
    wholeNumber({ min: 60_000, max: 30 * 24 * 60 * 60 * 1_000 }).default(24 * 60 * 60 * 1_000),
    "how long the response to an X-Batch-ID is stored; each takes about 200 bytes of Redis",
  ),
  batchMemoryTenantBytes: setting(
    "BATCH_MEMORY_TENANT_BYTES",
    wholeNumber({ min: 1, max: 1024 ** 4 }).default(128 * 1024 ** 2),
    "maximum of memory in Redis for the stored responses of one tenant; past it a response is stored for a minute only",
  ),
  jwtIssuer: setting("JWT_ISSUER", z.string().optional(), "issuer of the accepted JWTs"),
  jwtAudience: setting("JWT_AUDIENCE", z.string().optional(), "required audience of these JWTs"),
  jwtJwksUrl: setting(
    "JWT_JWKS_URL",
    z.url({ protocol: /^https?$/ }).optional(),
    "URL of the issuer's key set; set all three JWT settings, or none",
  ),
  corsOrigins: setting(
    "CORS_ORIGINS",
    z
      .string()
      .default("")
      .transform((list) => list.split(",").map((origin) => origin.trim()))
      .transform((origins) => origins.filter((origin) => origin !== "")),
    "origins whose pages may send (CORS), separated by commas; none by default",
  ),
  tlsCertFile: setting(
    "TLS_CERT_FILE",
    z.string().optional(),
    "certificate chain (PEM) for HTTPS on the public port; reloaded when it changes",
  ),
  tlsKeyFile: setting(
    "TLS_KEY_FILE",
    z.string().optional(),
    "the certificate's key (PEM); set both, or none",
  ),
  queryUrl: setting(
    "QUERY_URL",
    z.url({ protocol: /^https?$/ }).optional(),
    "address of the console, which /api/metrics and /api/nodes are redirected to; not set: they do not exist here",
  ),
  maxConnections: setting(
    "MAX_CONNECTIONS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(10_000),
    "maximum of open connections on the public port, less if the open file limit is lower; when it is reached, idle connections of the address with the most connections are closed",
  ),
  connectionMaxAgeMs: setting(
    "CONNECTION_MAX_AGE_MS",
    durationMs(10 * 60 * 1_000),
    "age past which a connection is closed after its next response, so that new gateways get their share; randomized per connection between half of it and all of it",
  ),
  produceMaxWaitMs: setting(
    "PRODUCE_MAX_WAIT_MS",
    durationMs(3_000),
    "how long to wait for Kafka's acknowledgement before a sender is asked to retry",
  ),
  lingerMs: setting(
    "GATHER_MAX_WAIT_MS",
    wholeNumber({ min: 0, max: 1_000 }).default(3),
    "linger: how long an event waits for others to share its produce call",
  ),
  batchMaxEvents: setting(
    "GATHER_MAX_EVENTS",
    wholeNumber({ min: 1, max: 10_000 }).default(1_000),
    "maximum of events from several requests in one produce call",
  ),
  inFlightMaxBytes: setting(
    "IN_FLIGHT_MAX_BYTES",
    wholeNumber({ min: 1, max: 16 * 1024 ** 3 }).default(64 * 1024 ** 2),
    "memory for request bodies and their decoders, past which the response is 503 OVERLOADED",
  ),
  maxRequestsPerKey: setting(
    "MAX_REQUESTS_PER_KEY",
    wholeNumber({ min: 1, max: 1_000_000 }).default(1_000),
    "maximum of requests in flight per key, past which the response is 429; with AUTH_MODE=open of all senders together",
  ),
  maxRequestsPerAddress: setting(
    "MAX_REQUESTS_PER_ADDRESS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(5_000),
    "maximum of requests in flight per address; raise it where all come from a load balancer's address",
  ),
  pagesPerAddress: setting(
    "MAX_PAGES_PER_ADDRESS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(50),
    "requests a second per address for anything but events and /api/status (documents, unknown paths), past which the response is 429; ten times as many at once",
  ),
  handshakesPerAddress: setting(
    "MAX_HANDSHAKES_PER_ADDRESS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(100),
    "TLS handshakes a second per address, past which a new connection is closed at once; ten times as many at once; raise it where all come from a load balancer's address",
  ),
  bodyMinBytesPerSecond: setting(
    "BODY_MIN_BYTES_PER_SECOND",
    wholeNumber({ min: 0, max: 1024 ** 2 }).default(1_024),
    "minimum average rate of a body after its first 5 s, below which the response is 408; 0: no minimum",
  ),
  eventMaxAgeMs: setting(
    "EVENT_MAX_AGE_MS",
    durationMs(7 * 24 * 60 * 60 * 1_000),
    "age past which an event is TOO_OLD; at most the retention of the raw topic",
  ),
  eventMaxAheadMs: setting(
    "EVENT_MAX_AHEAD_MS",
    durationMs(5 * 60 * 1_000),
    "how far ahead a probe's clock may be before its events are IN_THE_FUTURE",
  ),
  ...samplerSettings(),
  ...accessLogSettings(),
  metricsMaxTenants: setting(
    "METRICS_MAX_TENANTS",
    wholeNumber({ min: 0, max: 10_000 }).default(100),
    "how many tenants get a series of their own in fiberstream_gateway_tenant_events_total; the others share one",
  ),
  dependencyCheckIntervalMs: setting(
    "DEPENDENCY_CHECK_INTERVAL_MS",
    durationMs(2_000),
    "how often Kafka and the schema registry are checked",
  ),
};
