import { once } from "node:events";
import { connect } from "node:net";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLog } from "@fiberstream/runtime/log";
import { readSettings } from "@fiberstream/runtime/settings";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import { Registry } from "prom-client";
import { createInFlightBudget } from "../admission/in-flight-budget.ts";
import { createRateLimiter } from "../admission/rate-limits.ts";
import { type Authenticate, createAuthenticateNobody } from "../auth/authenticate.ts";
import { createGatewayMetrics } from "../gateway-metrics.ts";
import { startIntake } from "../intake.ts";
import type { EventProducer } from "../produce/event-producer.ts";
import { gatewaySettings } from "../settings.ts";

export type Produce = EventProducer["produce"];
export type Produced = { event: ProbeMetric; headers: unknown };
export type TestIntake = Awaited<ReturnType<typeof startTestIntake>>;

/**
 * Starts the public port on a free port, for tests. A list of the produced events replaces Kafka.
 *
 * @param setup.produce replaces the list; null for a gateway that has never connected to Kafka
 */
export async function startTestIntake(
  setup: {
    isKafkaUp?: boolean;
    produce?: Produce | null;
    authenticate?: Authenticate;
    environment?: Record<string, string>;
  } = {},
) {
  const { isKafkaUp = true, environment = {} } = setup;
  const produced: Produced[] = [];
  const acceptAll: Produce = async (events, headers) => {
    produced.push(...events.map((event) => ({ event, headers })));
    return events.map(() => "accepted");
  };
  const produce = setup.produce === undefined ? acceptAll : setup.produce;
  const config = readSettings(gatewaySettings, { PORT: "0", ...environment });
  const budget = createInFlightBudget({
    maxBytes: config.inFlightMaxBytes,
    maxRequests: config.maxRequestsPerKey,
  });
  const registry = new Registry();
  const stop = new AbortController();
  const server = await startIntake({
    config,
    schema: readAvroSchema("ProbeMetric"),
    authenticate: setup.authenticate ?? createAuthenticateNobody(config),
    rateLimiter: createRateLimiter(),
    ask: () => Promise.reject(new TransientError("redis", "there is none")),
    producer: () =>
      produce === null
        ? undefined
        : {
            produce,
            inFlightEvents: () => 0,
            silentLeaders: () => 0,
            close: () => Promise.resolve(),
          },
    dependencies: {
      isKafkaUp: () => isKafkaUp,
      isRegistryUp: () => true,
      isRedisUp: () => false,
    },
    budget,
    metrics: createGatewayMetrics({
      registry,
      inFlightEvents: () => 0,
      silentLeaders: () => 0,
      bufferBytes: budget.usedBytes,
      maxTenants: config.metricsMaxTenants,
    }),
    stalls: { isStillThere: ({ writable }) => writable },
    tracing: undefined,
    topic: "probe.metrics.raw",
    stopping: stop.signal,
    log: createLog({ service: "test", level: "silent", format: "json" }),
  });
  const { port } = server;
  let closed: Promise<void> | undefined;
  const url = `http://127.0.0.1:${port}`;

  return {
    url,
    produced,
    usedBytes: budget.usedBytes,
    metrics: () => registry.metrics(),
    beginStop: () => stop.abort(),
    close: () => (closed ??= server.close()),
    connect: () => connect(port, "127.0.0.1"),
    get: (path: string) => fetch(url + path),
    post: (
      path: string,
      body: unknown,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<Response> =>
      fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: body instanceof Uint8Array || typeof body === "string" ? body : JSON.stringify(body),
      }),
    /** Sends bytes and returns the response, until the server closes the connection. */
    raw: async (bytes: string | Uint8Array): Promise<string> => {
      const socket = connect(port, "127.0.0.1");
      let received = "";
      socket.setEncoding("utf8").on("data", (text: string) => (received += text));
      socket.write(bytes);
      await once(socket, "close");
      return received;
    },
  };
}
