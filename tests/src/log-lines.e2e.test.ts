import { createHmac, hash, randomBytes, randomUUID } from "node:crypto";
import { createKeyTable } from "@fiberstream/access/key-table";
import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf, topicIn } from "@fiberstream/kafka/topic-names";
import { createPool } from "@fiberstream/postgres/pool";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import {
  recordOf,
  sampleEvent,
  sampleSchema,
  sampleType,
} from "@fiberstream/sink-writer/testing/sample-rows";
import { addresses } from "@fiberstream/testkit/addresses";
import { readTopic } from "@fiberstream/testkit/read-topic";
import type { ServiceName } from "@fiberstream/runtime/services";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Platform, startPlatform } from "./platform/platform.ts";
import { eventOf } from "./platform/send.ts";

/** Secrets that must not be in any log line. Each has a random text that can be found in any message. */
const newCanary = () => `canary${randomBytes(6).toString("hex")}`;
const SECRET = {
  redisPassword: newCanary(),
  databasePassword: newCanary(),
  kafkaPassword: newCanary(),
  registryPassword: newCanary(),
  nonce: newCanary(),
};
const VALUE = newCanary();
const LATENCY_MS = 8_317.40625;

const log = createLog({ service: "tests", level: "silent", format: "json" });
let life: Life;
let platform: Platform;
/** Keys, signatures and passwords that the test used. */
const secrets: string[] = Object.values(SECRET);

beforeAll(async () => {
  life = createLife();
  platform = life.own(
    await startPlatform({
      // The most detailed level.
      LOG_LEVEL: "trace",
      ACCESS_LOG_LEVEL: "info",
      AUTH_MODE: "keys",
      // A wrong password, so that Redis is unavailable, and the service logs why.
      REDIS_URL: Object.assign(new URL(addresses.redisUrl), {
        username: "someone",
        password: SECRET.redisPassword,
      }).href,
    }),
    (owned) => owned.stop(),
  );
}, 90_000);
afterAll(() => life.stop());

describe("the services' log lines", () => {
  it("contain no key, signature, password or payload value, and are valid ECS", async () => {
    await sendEvents();
    await sendBadRecords();
    const { records: deadLetters } = life.own(
      await readTopic(
        addresses.kafkaBrokers,
        topicIn(platform.namespace, "probe.metrics.dead-letter"),
      ),
      (owned) => owned.close(),
    );
    await until(() => deadLetters.length >= 5, { what: "five dead letters", timeoutMs: 60_000 });
    await until(async () => (await platform.query("SELECT FROM metrics")).length >= 3, {
      what: "the valid events are in the table",
      timeoutMs: 60_000,
    });
    const lines = [...linesOf(allLogs()), ...linesOf(await logsOfRefused())];
    expect(lines.length).toBeGreaterThan(30);

    // Each kind of failure was logged.
    const messages = lines.map(({ message }) => message).join("\n");
    expect(messages).toContain("redis unavailable");
    expect(messages).toContain("start failed");
    expect(messages).toContain("request answered");

    const text = JSON.stringify(lines);
    for (const word of [...secrets, VALUE, String(LATENCY_MS)]) {
      const at = text.indexOf(word);
      expect(at === -1 ? "not found" : text.slice(Math.max(0, at - 300), at + 100)).toBe(
        "not found",
      );
    }
  });
});

/** Sends signed events, events with a wrong key, events with invalid values, and invalid JSON. */
async function sendEvents(): Promise<void> {
  const pool = life.own(
    createPool({
      databaseUrl: platform.databaseUrl,
      applicationName: "test",
      maxConnections: 1,
      log,
    }),
    (owned) => owned.end(),
  );
  const keys = createKeyTable(pool);
  const { token = "" } = await keys.create({
    tenant: "default",
    node_pattern: "*",
    rate_per_second: 1_000,
    burst: 1_000,
    requires_signature: true,
    expires_at: null,
    jwt_subject: null,
    note: null,
  });
  const wrong = token.replace(/.{20}$/, newCanary().padEnd(20, "x"));
  secrets.push(token.slice(-43), wrong.slice(-43));

  const post = async (body: string, by = token) => {
    const timestamp = Math.floor(Date.now() / 1_000);
    const nonce = `${SECRET.nonce}-${randomUUID()}`;
    const signature = createHmac("sha256", token.slice(-43))
      .update(`:${timestamp}:${nonce}:${hash("sha256", body)}`)
      .digest("hex");
    secrets.push(signature);
    const answer = await fetch(`${platform.gatewayUrl}/api/ingest`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${by}`,
        "x-fiber-timestamp": String(timestamp),
        "x-fiber-nonce": nonce,
        "x-fiber-signature": signature,
      },
      body,
    });
    return answer.status;
  };
  const event = (fields: object = {}) =>
    eventOf(VALUE, {
      region: VALUE,
      target_host: VALUE,
      latency_ms: LATENCY_MS,
      metadata: { note: VALUE },
      ...fields,
    });
  const good = [event(), event({ probe_type: "http" })];
  expect(await post(JSON.stringify(good))).toBe(202);
  expect(
    await post(JSON.stringify([event({ country: VALUE }), event({ latency_ms: VALUE })])),
  ).toBe(422);
  expect(await post(`{"metrics": [${VALUE}`)).toBe(400);
  expect(await post(JSON.stringify(good), wrong)).toBe(401);
}

/** Sends records that no gateway would accept, for the processor and for the sink. */
async function sendBadRecords(): Promise<void> {
  const kafka = createKafka({ brokers: [addresses.kafkaBrokers], clientId: "tests", log });
  const producer = life.own(await connectProducer({ kafka }), (owned) => owned.close());
  const enriched = topicIn(platform.namespace, "probe.metrics.enriched");
  const registry = createSchemaRegistry({ url: addresses.schemaRegistryUrl });
  const schemaId = await registry.idOf(subjectOf(enriched), sampleSchema);
  const records = [
    { key: VALUE, value: Buffer.from(`not an event but ${VALUE}`) },
    // A wire-format prefix, and bytes that no schema can decode.
    { key: VALUE, value: Buffer.from(recordOf(Buffer.from(VALUE), schemaId).value ?? "") },
  ];
  await producer.send(topicIn(platform.namespace, "probe.metrics.raw"), records);
  // PostgreSQL rejects this JSON, and its error quotes it.
  const refused = sampleEvent({ node_id: VALUE, metadata: `{"a": ${VALUE}` });
  const last = sampleEvent({ node_id: `${VALUE}-last` });
  await producer.send(enriched, [
    ...records,
    ...[refused, last].map((sample) => ({
      key: VALUE,
      value: Buffer.from(recordOf(sampleType.toBuffer(sample), schemaId).value ?? ""),
    })),
  ]);
}

/** Starts services with wrong credentials for the database, the schema registry and Kafka, and returns their logs. */
async function logsOfRefused(): Promise<string> {
  const databaseUrl = Object.assign(new URL(platform.databaseUrl), {
    username: "nobody_of_this_name",
    password: SECRET.databasePassword,
  }).href;
  const refused = async (
    name: ServiceName,
    settings: Record<string, string>,
    isToldBy: (service: RunningService) => boolean | Promise<boolean>,
  ) => {
    const service = await startService(
      name,
      { NAMESPACE: platform.namespace, LOG_LEVEL: "trace", AUTH_MODE: "keys", ...settings },
      { awaitReady: false },
    );
    await until(() => isToldBy(service), {
      what: `${name} reports the rejected credentials`,
      timeoutMs: 60_000,
    });
    await service.kill();
    return service.logs();
  };
  const isInLog = (words: string) => (service: RunningService) => service.logs().includes(words);
  const logs = await Promise.all([
    refused("sink-writer", { DATABASE_URL: databaseUrl }, isInLog("start failed")),
    refused("stream-processor", { DATABASE_URL: databaseUrl }, isInLog("nobody_of_this_name")),
    // This Kafka has no SASL, and this registry needs no password.
    refused(
      "ingest-gateway",
      {
        AUTH_MODE: "open",
        KAFKA_SECURITY_PROTOCOL: "SASL_PLAINTEXT",
        KAFKA_SASL_MECHANISM: "SCRAM-SHA-256",
        KAFKA_SASL_USERNAME: "someone",
        KAFKA_SASL_PASSWORD: SECRET.kafkaPassword,
        SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: `someone:${SECRET.registryPassword}`,
      },
      async ({ adminUrl }) => {
        const readiness = await (await fetch(`${adminUrl}/readyz`)).text();
        expect(readiness).not.toContain("canary");
        const { checks } = JSON.parse(readiness) as { checks: Record<string, { reason?: string }> };
        // The reason from Kafka, not the initial reason of a check.
        return /SASL/i.test(checks["kafka"]?.reason ?? "");
      },
    ),
  ]);
  return logs.join("");
}

const allLogs = () =>
  (["ingest-gateway", "stream-processor", "sink-writer", "console", "auditor"] as const)
    .map((name) => platform.service(name).logs())
    .join("");

type Line = { readonly message: string };

/** @throws when a line is not JSON of the Elastic Common Schema */
function linesOf(logs: string): Line[] {
  const texts = logs.split("\n").filter((line) => line !== "");
  return texts.map((text) => {
    const line = JSON.parse(text) as Record<string, unknown> & Line;
    expect(line).toMatchObject({
      "@timestamp": expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      "log.level": expect.stringMatching(/^(trace|debug|info|warn|error|fatal)$/),
      "ecs.version": expect.any(String),
      "service.name": expect.stringMatching(
        /^(ingest-gateway|stream-processor|sink-writer|console|auditor)$/,
      ),
      message: expect.any(String),
    });
    // Fields that are objects in ECS: Elasticsearch rejects a line in which one of them is a text or a number.
    const misused = ECS_OBJECTS.filter((name) => name in line && typeof line[name] !== "object");
    expect({ line: text, misused }).toEqual({ line: text, misused: [] });
    return line;
  });
}

const ECS_OBJECTS =
  "agent client cloud container data_stream destination dns ecs error event file group host http log network observer orchestrator organization package process registry related rule server service source span threat tls trace transaction url user user_agent".split(
    " ",
  );
