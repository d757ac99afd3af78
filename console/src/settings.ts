import { durationMs, publicPortSettings } from "@fiberstream/http/settings";
import { isLoopback } from "@fiberstream/http/open-port";
import { kafkaSettings } from "@fiberstream/kafka/settings";
import { postgresSettings } from "@fiberstream/postgres/settings";
import { serviceSettings } from "@fiberstream/runtime/config";
import { setting, wholeNumber } from "@fiberstream/runtime/settings";
import { z } from "zod";
import { approvalActions } from "./administration/approval-settings.ts";
import { oidcSettings } from "./single-sign-on/oidc-settings.ts";
import { trustedProxySettings } from "./single-sign-on/trusted-proxy.ts";

export const consoleSettings = {
  ...serviceSettings(8040),
  ...kafkaSettings(),
  ...postgresSettings(),
  ...publicPortSettings({
    port: 4000,
    users: "people and their programs",
    modes:
      "keys: each request needs a reader key (fiber readers create); open: anyone may read and edit nodes, only on a loopback address",
    keyKind: "reader key",
    alsoRequestTimeout: ", and then its response to be received",
  }),
  publicUrl: setting(
    "PUBLIC_URL",
    z
      .url({ protocol: /^https?$/ })
      .refine(
        (url) => url.startsWith("https:") || isLoopback(new URL(url).hostname),
        "must begin with https://, except on a loopback address",
      )
      .refine((url) => new URL(url).pathname === "/", "must have no path")
      .transform((url) => new URL(url).origin)
      .optional(),
    "address at which browsers reach the console, such as https://console.example.net; unset: the one that they name, with TLS unless HOST is a loopback address",
  ),
  ...oidcSettings,
  ...trustedProxySettings,
  maxConnections: setting(
    "QUERY_MAX_CONNECTIONS",
    wholeNumber({ min: 1, max: 200 }).default(8),
    "how many questions the database answers at a time, each on a connection of its own",
  ),
  maxWaiting: setting(
    "QUERY_MAX_WAITING",
    wholeNumber({ min: 0, max: 10_000 }).default(200),
    "how many questions may wait for a connection, past which the response is 503 OVERLOADED",
  ),
  maxPerKey: setting(
    "QUERY_MAX_PER_KEY",
    wholeNumber({ min: 1, max: 10_000 }).default(16),
    "maximum of questions in flight per key, past which the response is 429; with AUTH_MODE=open of all together",
  ),
  answersMaxBytes: setting(
    "ANSWERS_MAX_BYTES",
    wholeNumber({ min: 1_048_576, max: 1_000_000_000_000 }).default(100_663_296),
    "maximum of bytes of answers that are being made or were not received yet, past which the response is 503 OVERLOADED; a key may have half of them, past which it is 429. The process takes several times as much while it makes them",
  ),
  answerMaxBytes: setting(
    "ANSWER_MAX_BYTES",
    wholeNumber({ min: 65_536, max: 1_000_000_000_000 }).default(33_554_432),
    "maximum of bytes that the database sends for one answer, past which the response is 422 ANSWER_TOO_LARGE; exports have no such limit",
  ),
  statementTimeoutMs: setting(
    "QUERY_TIMEOUT_MS",
    durationMs(5_000),
    "how long the database may work on a question, past which the response is 503 TOO_SLOW",
  ),
  maxStreams: setting(
    "STREAM_MAX_READERS",
    wholeNumber({ min: 0, max: 10_000 }).default(500),
    "how many live streams are open at a time, past which the response is 503 OVERLOADED; a key may have a tenth of them",
  ),
  maxExports: setting(
    "EXPORT_MAX_CONNECTIONS",
    wholeNumber({ min: 1, max: 50 }).default(2),
    "how many exports run at a time, one less of the same key; further ones wait as questions do",
  ),
  exportTimeoutMs: setting(
    "EXPORT_TIMEOUT_MS",
    durationMs(10 * 60 * 1_000),
    "how long an export may take, past which it is cut without its last line",
  ),
  maxKafkaReads: setting(
    "KAFKA_MAX_READS",
    wholeNumber({ min: 1, max: 100 }).default(4),
    "how many questions are answered from Kafka at a time; each may take about 16 MB of memory, further ones wait",
  ),
  jobLeaseMs: setting(
    "JOB_LEASE_MS",
    durationMs(15_000),
    "after so long another console takes over the job of one that has died",
  ),
  approvals: setting(
    "APPROVALS",
    approvalActions.default(new Set()),
    "changes that a second person has to approve: off, on, or a list of keys (revoking them), admins (users and grants of admins), retention (shortening it) and redrive",
  ),
  approvalsRedriveOver: setting(
    "APPROVALS_REDRIVE_OVER",
    wholeNumber({ min: 0, max: 1_000_000_000 }).default(1_000),
    "a redrive of at most so many dead letters needs no approval",
  ),
  traceUrl: setting(
    "TRACE_URL",
    z
      .url({ protocol: /^https?$/ })
      .refine((url) => url.includes("{trace_id}"), "must contain {trace_id}")
      .optional(),
    "address of a trace in your trace viewer, with {trace_id} where the id goes; answers about events link to it",
  ),
  ratePerSecond: setting(
    "QUERY_RATE_PER_SECOND",
    wholeNumber({ min: 1, max: 1_000_000 }).default(100),
    "cost that a key without a limit of its own may spend each second; a simple question costs 1",
  ),
  burst: setting(
    "QUERY_BURST",
    wholeNumber({ min: 10, max: 10_000_000 }).default(1_000),
    "cost that such a key may spend at once",
  ),
  openConnections: setting(
    "MAX_CONNECTIONS",
    wholeNumber({ min: 1, max: 1_000_000 }).default(2_000),
    "maximum of open connections on the public port; a further one takes the place of the oldest on which nobody has shown a key, or is closed",
  ),
};
