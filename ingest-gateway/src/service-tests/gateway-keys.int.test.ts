import { createHmac, hash, randomBytes, randomUUID } from "node:crypto";
import { createKeyTable, type KeyTable, type NewKey } from "@fiberstream/access/key-table";
import { createTenantLimits } from "@fiberstream/access/tenant-limits";
import { topicIn } from "@fiberstream/kafka/topic-names";
import { createPool } from "@fiberstream/postgres/pool";
import { connectRedis, type Redis } from "@fiberstream/redis/redis";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { readTopic } from "@fiberstream/testkit/read-topic";
import { type RunningService, startService } from "@fiberstream/testkit/service";
import { createTestTopics } from "@fiberstream/testkit/topics";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { exampleEvent } from "../testing/example-event.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const KEY_MAX_AGE_MS = 300;

let life: Life;
let namespace: string;
let database: TestDatabase;
let keys: KeyTable;
let redis: Redis;
let pool: ReturnType<typeof createPool>;
let gateway: RunningService;
let other: RunningService;

beforeAll(async () => {
  life = createLife();
  namespace = testNamespace();
  database = life.own(await createTestDatabase(), (owned) => owned.drop());
  await createTestTopics(namespace);
  [gateway, other] = await Promise.all([startGateway(), startGateway()]);
  const options = { databaseUrl: database.url, applicationName: "test", maxConnections: 1, log };
  pool = createPool(options);
  life.own(pool, (owned) => owned.end());
  keys = createKeyTable(pool);
  redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) => owned.close());
  await until(redis.isUp, { what: "Redis is there" });
}, 60_000);
afterAll(() => life.stop());

const startGateway = async (more: Record<string, string> = {}) => {
  const environment = {
    NAMESPACE: namespace,
    DATABASE_URL: database.url,
    AUTH_MODE: "keys",
    KEY_MAX_AGE_MS: String(KEY_MAX_AGE_MS),
    ...more,
  };
  return life.own(await startService("ingest-gateway", environment), (owned) => owned.stop());
};

const newKey = async (changes: Partial<NewKey> = {}) => {
  const tenant = `t-${randomUUID().slice(0, 8)}`;
  const { row, token = "" } = await keys.create({
    tenant,
    node_pattern: `${tenant}-*`,
    rate_per_second: 1_000,
    burst: 10_000,
    requires_signature: false,
    expires_at: null,
    jwt_subject: null,
    note: null,
    ...changes,
  });
  return { tenant, keyId: row.key_id, token, node: `${tenant}-1` };
};

const post = (
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  to: RunningService = gateway,
) =>
  fetch(to.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

describe("ingest gateway with keys", () => {
  it("accepts events of the key's own nodes, for its tenant, and of no others", async () => {
    const { token, tenant, node } = await newKey();
    const batch = [exampleEvent({ node_id: node }), exampleEvent({ node_id: "foreign" })];
    const response = await post("/api/ingest", batch, bearer(token));
    expect(response.status).toBe(202);
    expect(response.headers.get("ratelimit-policy")).toBe('"events";q=10000;w=10');
    expect(await response.json()).toMatchObject({
      data: { accepted: 1, rejected: 1 },
      results: [{ index: 1, status: "rejected", code: "NODE_NOT_ALLOWED", field: "node_id" }],
    });
    const foreign = await post("/api/push", exampleEvent(), bearer(token));
    expect(foreign.status).toBe(403);
    expect((await post("/api/push", exampleEvent())).status).toBe(401);

    const topic = topicIn(namespace, "probe.metrics.raw");
    const { records } = life.own(await readTopic(addresses.kafkaBrokers, topic), (owned) =>
      owned.close(),
    );
    const record = await until(() => records.find(({ key }) => String(key) === node), {
      what: "the event is in Kafka",
    });
    expect(String(record.value)).toContain(tenant);
    expect(records.some(({ key }) => String(key) === "foreign")).toBe(false);
  });

  it("refuses a revoked key on every gateway when the cached key has expired", async () => {
    const { token, keyId, node } = await newKey();
    const push = (to: RunningService) =>
      post("/api/push", exampleEvent({ node_id: node }), bearer(token), to);
    for (const one of [gateway, other]) expect((await push(one)).status).toBe(202);
    await keys.revoke(keyId);
    const revokedAt = performance.now();
    for (const one of [gateway, other]) {
      await until(async () => (await push(one)).status === 401, { what: "it is refused" });
    }
    expect(performance.now() - revokedAt).toBeLessThan(KEY_MAX_AGE_MS + 5_000);
  });

  it("is not delayed by invented keys, which cost Redis and the database nothing", async () => {
    const { token, keyId, node } = await newKey();
    const push = () => post("/api/push", exampleEvent({ node_id: node }), bearer(token));
    expect((await push()).status).toBe(202);
    // Redis gives them in any order.
    const keysInRedis = async () => new Set(await redis.client.keys(`${namespace}api-key:*`));
    const before = await keysInRedis();

    const over = new AbortController();
    let refused = 0;
    const others = new Set<number>();
    const flood = async () => {
      while (!over.signal.aborted) {
        const invented = `fs_${randomBytes(12).toString("hex")}_${token.slice(-43)}`;
        const { status } = await post("/api/push", exampleEvent(), bearer(invented));
        if (status === 401) refused++;
        else others.add(status);
      }
    };
    const floods = Array.from({ length: 16 }, flood);
    await until(() => refused > 500, { what: "invented keys are refused" });
    await keys.revoke(keyId);
    const revokedAt = performance.now();
    await until(async () => (await push()).status === 401, { what: "the key is refused" });
    expect(performance.now() - revokedAt).toBeLessThan(KEY_MAX_AGE_MS + 2_000);
    over.abort();
    await Promise.all(floods);
    expect(others).toEqual(new Set());
    expect(await keysInRedis()).toEqual(before);
  });

  it("requires signatures if the key does, and accepts each once over all gateways", async () => {
    const { token, node } = await newKey({ requires_signature: true });
    const event = exampleEvent({ node_id: node });
    const unsigned = await post("/api/push", event, bearer(token));
    expect(await codeOf(unsigned)).toBe("INVALID_SIGNATURE");

    const timestamp = Math.floor(Date.now() / 1_000);
    const nonce = randomUUID();
    const text = `:${timestamp}:${nonce}:${hash("sha256", JSON.stringify(event))}`;
    const headers = {
      ...bearer(token),
      "x-fiber-timestamp": String(timestamp),
      "x-fiber-nonce": nonce,
      "x-fiber-signature": createHmac("sha256", token.slice(-43)).update(text).digest("hex"),
    };
    expect((await post("/api/push", event, headers)).status).toBe(202);
    expect(await codeOf(await post("/api/push", event, headers, other))).toBe("REPLAYED_NONCE");
  });

  it("processes a batch once, whichever gateway gets the retry", async () => {
    const { token, node } = await newKey();
    const batchId = randomUUID();
    const batch = [exampleEvent({ node_id: node }), exampleEvent({ node_id: node, country: "x" })];
    const headers = { ...bearer(token), "x-batch-id": batchId };
    const first = await (await post("/api/ingest", batch, headers)).text();
    const again = await post("/api/ingest", batch, headers, other);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.text()).toBe(first);
    expect(first).toContain(batchId);
    const reused = await post("/api/ingest", [...batch, batch[0]], headers, other);
    expect(await codeOf(reused)).toBe("BATCH_ID_REUSED");
    expect(reused.status).toBe(422);
  });

  it("accepts the events of a key that sends little while one that sends too much gets 429", async () => {
    const loud = await newKey({ rate_per_second: 50, burst: 50 });
    const quiet = await newKey({ rate_per_second: 50, burst: 50 });
    const over = new AbortController();
    const statuses = new Map<number, number>();
    const flood = async () => {
      const batch = Array.from({ length: 20 }, () => exampleEvent({ node_id: loud.node }));
      while (!over.signal.aborted) {
        const { status } = await post("/api/ingest", batch, bearer(loud.token));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const floods = Array.from({ length: 8 }, flood);
    await until(() => (statuses.get(429) ?? 0) > 20, { what: "the loud one is told 429" });
    for (let number = 0; number < 20; number++) {
      const response = await post(
        "/api/push",
        exampleEvent({ node_id: quiet.node }),
        bearer(quiet.token),
      );
      expect(response.status).toBe(202);
    }
    over.abort();
    await Promise.all(floods);
    // A refused batch of 20 may leave up to 19 events of its quota.
    const limited = await until(
      async () => {
        const event = exampleEvent({ node_id: loud.node });
        const response = await post("/api/push", event, bearer(loud.token));
        return response.status === 429 ? response : undefined;
      },
      { what: "a single event of the loud one is refused" },
    );
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(limited.headers.get("ratelimit")).toMatch(/^"events";r=0;t=\d+$/);
  });

  it("shows who has sent what: a log line for each request, and a count of events by tenant", async () => {
    const bounded = await startGateway({ ACCESS_LOG_LEVEL: "info", METRICS_MAX_TENANTS: "1" });
    const [first, second] = [await newKey(), await newKey()];
    const send = ({ node, token }: typeof first, requestId: string) => {
      const batch = [exampleEvent({ node_id: node }), exampleEvent({ node_id: "foreign" })];
      const headers = { ...bearer(token), "x-request-id": requestId };
      return post("/api/ingest", batch, headers, bounded);
    };
    for (const [key, id] of [[first, "r-1"] as const, [second, "r-2"] as const]) {
      expect((await send(key, id)).status).toBe(202);
    }
    expect((await post("/api/push", {}, { "x-request-id": "r-3" }, bounded)).status).toBe(401);

    const lines = await until(
      () => {
        const text = bounded
          .logs()
          .split("\n")
          .filter((line) => line.includes("request answered"));
        return text.length === 3 ? text.map((line): unknown => JSON.parse(line)) : undefined;
      },
      { what: "three lines are logged" },
    );
    const counts = { accepted: 1, rejected: 1, retry: 0, route: "ingest", status: 202 };
    expect(lines).toMatchObject([
      { requestId: "r-1", keyId: first.keyId, tenant: first.tenant, ...counts },
      { requestId: "r-2", keyId: second.keyId, tenant: second.tenant, ...counts },
      { requestId: "r-3", route: "push", status: 401 },
    ]);
    const metrics = await (await fetch(`${bounded.adminUrl}/metrics`)).text();
    const series = metrics
      .match(/^fiberstream_gateway_tenant_events_total.* [1-9]\d*$/gm)
      ?.toSorted();
    expect(series).toEqual(
      ["(others)", first.tenant].flatMap((tenant) =>
        ["accepted", "rejected"].map((outcome): unknown =>
          expect.stringContaining(`tenant="${tenant}",outcome="${outcome}"`),
        ),
      ),
    );
  });

  it("limits a tenant's keys together, and charges malformed and repeated requests", async () => {
    const key = { rate_per_second: 0.001, burst: 100 };
    const one = await newKey(key);
    await createTenantLimits(pool).set({ tenant: one.tenant, rate_per_second: 0.001, burst: 50 });
    const sibling = await newKey({
      ...key,
      tenant: one.tenant,
      node_pattern: `${one.tenant}-*`,
    });
    const left = (response: Response) =>
      (response.headers.get("ratelimit") ?? "").match(/(?<=r=)\d+/g)?.map(Number);
    const event = exampleEvent({ node_id: one.node });
    const headers = { ...bearer(one.token), "x-batch-id": randomUUID() };
    expect(left(await post("/api/push", event, headers))).toEqual([99, 49]);
    expect(left(await post("/api/push", event, headers))).toEqual([98, 48]);
    const rubbish = Array.from({ length: 25 }, () => ({ a: "x".repeat(4_000) }));
    expect((await post("/api/ingest", rubbish, bearer(one.token))).status).toBe(422);
    const batch = Array.from({ length: 30 }, () => event);
    const pushed = await post("/api/ingest", batch, bearer(sibling.token));
    expect(left(pushed)).toEqual([70, 0]);
    const refused = await post("/api/push", event, bearer(one.token));
    expect(await codeOf(refused)).toBe("RATE_LIMITED");
    expect(refused.status).toBe(429);
  });

  it("accepts the keys that it has cached when the database is unavailable", async () => {
    const { token, node } = await newKey();
    const push = () => post("/api/push", exampleEvent({ node_id: node }), bearer(token));
    expect((await push()).status).toBe(202);
    const unused = await newKey();
    await database.drop();
    const refused = await until(
      async () => {
        const response = await post("/api/push", exampleEvent(), bearer(unused.token));
        return response.status === 503 ? response : undefined;
      },
      { what: "it is noticed that the database is unavailable" },
    );
    expect(await codeOf(refused)).toBe("AUTH_UNAVAILABLE");
    expect((await push()).status).toBe(202);
    const invented = await post(
      "/api/push",
      exampleEvent(),
      bearer(`fs_zzzzzzzz2345_${token.slice(-43)}`),
    );
    expect(await codeOf(invented)).toBe("INVALID_TOKEN");
  });
});
