import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createKeyTable, type KeyTable } from "@fiberstream/access/key-table";
import { newKeyId, readKeyIdSecret } from "@fiberstream/postgres/key-ids";
import { createPool, type PgPool } from "@fiberstream/postgres/pool";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis, type Redis } from "@fiberstream/redis/redis";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { readSettings } from "@fiberstream/runtime/settings";
import { addresses } from "@fiberstream/testkit/addresses";
import { createTestDatabase, type TestDatabase } from "@fiberstream/testkit/database";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { Refusal } from "../answers/refusal.ts";
import { gatewaySettings } from "../settings.ts";
import type { Authenticate } from "./authenticate.ts";
import { readKeyInPostgres } from "./keys/keys-in-postgres.ts";
import { startAuthentication } from "./start-authentication.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
const KEY_MAX_AGE_MS = 500;
const SECRET = "s".repeat(43);
const namespace = testNamespace();
let life: Life;
let database: TestDatabase;
let pool: PgPool;
let redis: Redis;
let keys: KeyTable;
let authenticate: Authenticate;

beforeAll(async () => {
  life = createLife();
  database = life.own(await createTestDatabase(), (owned) => owned.drop());
  const { url: databaseUrl } = database;
  pool = life.own(
    createPool({ databaseUrl, applicationName: "test", maxConnections: 1, log }),
    (owned) => owned.end(),
  );
  redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) => owned.close());
  await until(redis.isUp, { what: "Redis is there" });
  keys = createKeyTable(pool);
  authenticate = startAuthentication({
    version: "0.0.0",
    config: readSettings(gatewaySettings, {
      NAMESPACE: namespace,
      DATABASE_URL: databaseUrl,
      KEY_MAX_AGE_MS: String(KEY_MAX_AGE_MS),
    }),
    ask: createPromptRedis(redis),
    life,
    registry: new Registry(),
    log,
  });
});
afterAll(() => life.stop());

const codeFor = async (token: string): Promise<string> => {
  const request = { headers: { authorization: `Bearer ${token}` } } as IncomingMessage;
  try {
    await authenticate(request);
    return "let in";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
};
const newKey = async () => {
  const tenant = `t-${randomUUID().slice(0, 8)}`;
  const { row, token = "" } = await keys.create({
    tenant,
    node_pattern: `${tenant}-*`,
    rate_per_second: 1,
    burst: 1,
    requires_signature: false,
    expires_at: null,
    jwt_subject: null,
    note: null,
  });
  return { keyId: row.key_id, token };
};
const keysInRedis = async () => (await redis.client.keys(`${namespace}api-key:*`)).toSorted();

/** Tokens without end, many at a time, until the test has seen enough. */
function floodWith(newToken: () => string) {
  const over = new AbortController();
  const codes = new Map<string, number>();
  const send = async () => {
    while (!over.signal.aborted) {
      const code = await codeFor(newToken());
      codes.set(code, (codes.get(code) ?? 0) + 1);
      // Else those that are refused without a question would leave nobody else a turn.
      await new Promise(setImmediate);
    }
  };
  const all = Array.from({ length: 200 }, send);
  return {
    codes,
    end: () => {
      over.abort();
      return Promise.all(all);
    },
  };
}

describe("keys during a flood of other keys", () => {
  it("are refused if they are invented, without an entry in Redis", async () => {
    const { token } = await newKey();
    expect(await codeFor(token)).toBe("let in");
    await until(async () => (await keysInRedis()).length === 1, { what: "the key is in Redis" });
    await until(async () => (await codeFor(`fs_zzzzzzzz2345_${SECRET}`)) === "INVALID_TOKEN", {
      what: "it is known what ids are tagged with",
    });
    const before = await keysInRedis();
    const flood = floodWith(() => `fs_${randomBytes(12).toString("hex")}_${SECRET}`);
    await until(() => (flood.codes.get("INVALID_TOKEN") ?? 0) > 5_000, { what: "enough" });
    await flood.end();
    expect([...flood.codes.keys()]).toEqual(["INVALID_TOKEN"]);
    expect(await keysInRedis()).toEqual(before);
  });

  it("are rejected soon after they were revoked, also during a flood of well-formed ids without a key", async () => {
    const { token, keyId } = await newKey();
    expect(await codeFor(token)).toBe("let in");
    const secret = await readKeyIdSecret(pool);
    const flood = floodWith(() => `fs_${newKeyId(secret)}_${SECRET}`);
    await until(() => (flood.codes.get("INVALID_TOKEN") ?? 0) > 200, { what: "the flood" });
    await keys.revoke(keyId);
    const revokedAt = performance.now();
    await until(async () => (await codeFor(token)) === "INVALID_TOKEN", { what: "it is refused" });
    expect(performance.now() - revokedAt).toBeLessThan(KEY_MAX_AGE_MS + 2_000);
    await flood.end();
  });

  it("belong to the subject's current key if an earlier one was revoked", async () => {
    const readAs = async (tenant: string) => {
      const subject = "relay-7";
      const { row } = await keys.create({
        tenant,
        node_pattern: "relay-*",
        rate_per_second: 1,
        burst: 1,
        requires_signature: false,
        expires_at: null,
        jwt_subject: subject,
        note: null,
      });
      const read = await readKeyInPostgres(pool, { column: "jwt_subject", value: subject });
      expect(read).toMatchObject({ tenant, isRevoked: false });
      return row.key_id;
    };
    await keys.revoke(await readAs("acme"));
    const read = await readKeyInPostgres(pool, { column: "jwt_subject", value: "relay-7" });
    expect(read).toMatchObject({ isRevoked: true });
    await readAs("zeta");
  });
});
