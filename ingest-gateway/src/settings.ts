import { kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { redisSettings } from "@fiberstream/redis/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { portNumber, setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";
import { accessLogSettings } from "./access-log.ts";
import { samplerSettings } from "./trace-sampler.ts";

const durationMs = (defaultMs: number) =>
  wholeNumber({ min: 1, max: 366 * 24 * 60 * 60 * 1_000 }).default(defaultMs);

export const gatewaySettings = {
  ...serviceSettings(8010),
  ...kafkaSettings(),
  ...redisSettings(),
  ...postgresSettings(),
  authMode: setting(
    "AUTH_MODE",
    z.enum(["keys", "open"]).default("keys"),
    "keys: each request needs a token; open: everyone may send, only on a loopback address",
  ),
  isOpenOnAnyHost: setting(
    "AUTH_OPEN_ON_ANY_HOST",
    z.stringbool().default(false),
    "true: AUTH_MODE=open on another address too, for a container whose port is published on loopback only",
  ),
  keyMaxAgeMs: setting(
    "KEY_MAX_AGE_MS",
    wholeNumber({ min: 0, max: 30_000 }).default(25_000),
    "for how long a key is believed without asking the database: how long a revoked one may go on",
  ),
  batchMemoryMs: setting(
    "BATCH_MEMORY_MS",
    wholeNumber({ min: 60_000, max: 30 * 24 * 60 * 60 * 1_000 }).default(24 * 60 * 60 * 1_000),
    "for how long a batch's answer is remembered by its X-Batch-ID; each takes about 200 bytes of Redis",
  ),
  batchMemoryTenantBytes: setting(
    "BATCH_MEMORY_TENANT_BYTES",
    wholeNumber({ min: 1, max: 1024 ** 4 }).default(128 * 1024 ** 2),
    "what the remembered answers of one tenant may take in Redis; past it a batch is remembered for a minute only",
  ),
  jwtIssuer: setting("JWT_ISSUER", z.string().optional(), "issuer of the JWTs that are taken"),
  jwtAudience: setting(
    "JWT_AUDIENCE",
    z.string().optional(),
    "audience that these JWTs must be for",
  ),
  jwtJwksUrl: setting(
    "JWT_JWKS_URL",
    z.url({ protocol: /^https?$/ }).optional(),
    "where their issuer publishes its keys; the three are set together, or none",
  ),
  corsOrigins: setting(
    "CORS_ORIGINS",
    z
      .string()
      .default("")
      .transform((list) => list.split(",").map((origin) => origin.trim()))
      .transform((origins) => origins.filter((origin) => origin !== "")),
    "origins whose pages may send, separated by commas; none by default",
  ),
  tlsCertFile: setting(
    "TLS_CERT_FILE",
    z.string().optional(),
    "certificate chain (PEM) for HTTPS on the public port; taken anew when it changes",
  ),
  tlsKeyFile: setting(
    "TLS_KEY_FILE",
    z.string().optional(),
    "its key (PEM); both are set, or none",
  ),
  maxConnections: setting(
    "MAX_CONNECTIONS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(10_000),
    "connections at once on the public port, or what the limit of open files leaves; for more, idle ones of the address that has most make room",
  ),
  connectionMaxAgeMs: setting(
    "CONNECTION_MAX_AGE_MS",
    durationMs(10 * 60 * 1_000),
    "age past which a connection's next answer closes it, so that gateways that are added get their share; each connection's own is between half of it and all of it",
  ),
  produceMaxWaitMs: setting(
    "PRODUCE_MAX_WAIT_MS",
    durationMs(3_000),
    "how long a sender waits for Kafka's acknowledgement before it is told to send again",
  ),
  host: setting("HOST", z.string().default("127.0.0.1"), "address of the public port"),
  port: setting("PORT", portNumber().default(8000), "public port, for probes"),
  gatherMaxWaitMs: setting(
    "GATHER_MAX_WAIT_MS",
    wholeNumber({ min: 0, max: 1_000 }).default(3),
    "how long an event waits for others to share its produce call",
  ),
  gatherMaxEvents: setting(
    "GATHER_MAX_EVENTS",
    wholeNumber({ min: 1, max: 10_000 }).default(1_000),
    "how many events of several requests one produce call takes at most",
  ),
  inFlightMaxBytes: setting(
    "IN_FLIGHT_MAX_BYTES",
    wholeNumber({ min: 1, max: 16 * 1024 ** 3 }).default(64 * 1024 ** 2),
    "request bodies and their decoders held at once, past which the answer is 503 OVERLOADED",
  ),
  maxRequestsPerKey: setting(
    "MAX_REQUESTS_PER_KEY",
    wholeNumber({ min: 1, max: 1_000_000 }).default(1_000),
    "requests of one key under way at once, past which it is told 429; with AUTH_MODE=open of all senders",
  ),
  maxRequestsPerAddress: setting(
    "MAX_REQUESTS_PER_ADDRESS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(5_000),
    "the same of one address; more where all come from the address of a load balancer",
  ),
  bodyMinBytesPerSecond: setting(
    "BODY_MIN_BYTES_PER_SECOND",
    wholeNumber({ min: 0, max: 1024 ** 2 }).default(1_024),
    "how fast a body has to arrive on the average after its first 5 s, else the answer is 408; 0: as slowly as it likes",
  ),
  eventMaxAgeMs: setting(
    "EVENT_MAX_AGE_MS",
    durationMs(7 * 24 * 60 * 60 * 1_000),
    "age past which an event is TOO_OLD; no more than raw events are kept for",
  ),
  eventMaxAheadMs: setting(
    "EVENT_MAX_AHEAD_MS",
    durationMs(5 * 60 * 1_000),
    "how far ahead a probe's clock may be before its events are IN_THE_FUTURE",
  ),
  headersTimeoutMs: setting(
    "HEADERS_TIMEOUT_MS",
    durationMs(10_000),
    "how long a request's headers may take to arrive",
  ),
  requestTimeoutMs: setting(
    "REQUEST_TIMEOUT_MS",
    durationMs(30_000),
    "how long a whole request may take to arrive, above HEADERS_TIMEOUT_MS, and then its answer to be taken",
  ),
  keepAliveTimeoutMs: setting(
    "KEEP_ALIVE_TIMEOUT_MS",
    durationMs(75_000),
    "how long an idle connection is kept; above the idle time of the load balancer before it",
  ),
  ...samplerSettings(),
  ...accessLogSettings(),
  metricsMaxTenants: setting(
    "METRICS_MAX_TENANTS",
    wholeNumber({ min: 0, max: 10_000 }).default(100),
    "how many tenants have a series of their own in fiberstream_gateway_tenant_events_total; the others share one",
  ),
  dependencyCheckIntervalMs: setting(
    "DEPENDENCY_CHECK_INTERVAL_MS",
    durationMs(2_000),
    "how often Kafka and the schema registry are looked at",
  ),
};
