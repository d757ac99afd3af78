import { randomUUID } from "node:crypto";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis, type Redis } from "@fiberstream/redis/redis";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Answer, jsonAnswer } from "../answers/answer.ts";
import { Refusal } from "../answers/refusal.ts";
import type { AcknowledgedEvents } from "./acknowledged-events.ts";
import { type BatchStore, createBatchStore } from "./batch-store.ts";
import {
  createIdempotency,
  type HandleIdempotently,
  type IdempotentRequest,
} from "./idempotent.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let life: Life;
let idempotently: HandleIdempotently;
let redis: Redis;
let namespace: string;
let replays = 0;
let unprotected = 0;
let failures = 0;
beforeAll(async () => {
  life = createLife();
  namespace = testNamespace();
  redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) => owned.close());
  await until(redis.isUp, { what: "Redis is there" });
  const ask = createPromptRedis(redis);
  idempotently = idempotentlyWith(createBatchStore({ ask, namespace, ...MEMORY }));
});
afterAll(() => life.stop());

const MEMORY_MS = 3_600_000;
let pastShare = 0;
const MEMORY = {
  memoryMs: MEMORY_MS,
  maxTenantBytes: 10_000_000,
  countPastShare: () => void pastShare++,
};
const idempotentlyWith = (store: BatchStore) =>
  createIdempotency({
    store,
    countReplay: () => replays++,
    countUnprotected: () => unprotected++,
    protection: { failed: () => failures++ },
  });

type Changes = Partial<Omit<IdempotentRequest, "batchId" | "body">>;
const request = (
  batchId: string | undefined,
  body = "[]",
  changes: Changes = {},
): IdempotentRequest => ({
  batchId,
  route: "ingest",
  format: "json",
  sourceRegion: null,
  sender: { tenant: "acme", nodePattern: "acme-*" },
  body: Buffer.from(body),
  ...changes,
});
const accepted = (text: string) => async () => ({
  answer: jsonAnswer(202, { text }),
  isFinal: true,
});
const never = async (): Promise<never> => {
  throw new Error("it was handled twice");
};

describe("a batch with an id", () => {
  it("gets its first answer again, byte for byte, without being processed", async () => {
    const batchId = randomUUID();
    const long = "x".repeat(100_000);
    const first = await idempotently(request(batchId), accepted(long));
    const before = replays;
    const again = await idempotently(request(batchId), never);
    expect(again).toEqual({ ...first, headers: { "Idempotent-Replayed": "true" } });
    expect(replays).toBe(before + 1);
  });

  it.each([
    "MALFORMED_JSON",
    "NODE_NOT_ALLOWED",
    "IN_THE_FUTURE",
    "KAFKA_UNAVAILABLE",
    "RATE_LIMITED",
    "INTERNAL_ERROR",
  ] as const)("is processed again after %s, whose cause may be fixed", async (code) => {
    const batchId = randomUUID();
    const refuse = () => Promise.reject(new Refusal(code, "not now"));
    await expect(idempotently(request(batchId), refuse)).rejects.toMatchObject({ code });
    expect((await idempotently(request(batchId, "[1]"), accepted("now"))).status).toBe(202);
  });

  it.each<[string, Changes]>([
    ["route", { route: "push" }],
    ["media type", { format: "ndjson" }],
    ["region", { sourceRegion: "eu-west" }],
  ])("is refused with another %s", async (_what, changes) => {
    const batchId = randomUUID();
    await idempotently(request(batchId), accepted("first"));
    await expect(idempotently(request(batchId, "[]", changes), never)).rejects.toMatchObject({
      code: "BATCH_ID_REUSED",
    });
  });

  it("is processed as a new one if its sender has other permissions now", async () => {
    const batchId = randomUUID();
    const as = (nodePattern: string) =>
      request(batchId, "[]", { sender: { tenant: "acme", nodePattern } });
    await idempotently(as("acme-1"), async (acknowledged) => {
      acknowledged.add(0);
      return { answer: jsonAnswer(202, { accepted: 1 }), isFinal: false };
    });
    const other = await idempotently(as("acme-*"), async (acknowledged) => {
      expect(acknowledged.count()).toBe(0);
      return { answer: jsonAnswer(202, { accepted: 2 }), isFinal: true };
    });
    expect(other.body).toBe('{"accepted":2}');
    expect((await idempotently(as("acme-*"), never)).body).toBe(other.body);
    expect((await idempotently(as("acme-1"), accepted("anew"))).body).toBe('{"text":"anew"}');
  });

  it("is stored in less than 200 bytes, for as long as the setting says", async () => {
    const batchId = randomUUID();
    const keys = () => redis.client.keys(`${namespace}batch:*`);
    const before = await keys();
    await idempotently(request(batchId, "[]", { sourceRegion: "eu-west" }), async () => ({
      answer: jsonAnswer(202, {
        status: "accepted",
        message: "Queued 500 metrics",
        data: { batch_id: batchId, source_region: "eu-west", accepted: 500, rejected: 0, retry: 0 },
        results: [],
      }),
      isFinal: true,
    }));
    const key = (await keys()).find((one) => !before.includes(one)) ?? "";
    expect(await redis.client.memoryUsage(key)).toBeLessThan(200);
    const leftMs = await redis.client.pTTL(key);
    expect(leftMs).toBeGreaterThan(MEMORY_MS - 60_000);
    expect(leftMs).toBeLessThanOrEqual(MEMORY_MS);
  });

  it("is refused with another body, also while the first is being processed", async () => {
    const batchId = randomUUID();
    await idempotently(request(batchId), async () => {
      await expect(idempotently(request(batchId, "[1]"), never)).rejects.toMatchObject({
        code: "BATCH_ID_REUSED",
      });
      return { answer: jsonAnswer(202, {}), isFinal: true };
    });
    await expect(idempotently(request(batchId, "[1]"), never)).rejects.toMatchObject({
      code: "BATCH_ID_REUSED",
    });
    expect(
      (
        await idempotently(
          request(batchId, "[1]", { sender: { tenant: "zeta" } }),
          accepted("zeta's"),
        )
      ).status,
    ).toBe(202);
  });

  it("is processed once if it arrives twice at the same time", async () => {
    const batchId = randomUUID();
    let handled = 0;
    const { promise: answer, resolve } = Promise.withResolvers<{
      answer: Answer;
      isFinal: boolean;
    }>();
    const handle = () => {
      handled++;
      return answer;
    };
    const one = idempotently(request(batchId), handle);
    await until(() => handled === 1, { what: "the first is being handled" });
    await expect(idempotently(request(batchId), handle)).rejects.toMatchObject({
      code: "BATCH_IN_PROGRESS",
    });
    resolve({ answer: jsonAnswer(202, {}), isFinal: true });
    await one;
    expect(handled).toBe(1);
  });

  it("keeps the acknowledged events until the rest is acknowledged, too", async () => {
    const batchId = randomUUID();
    const keep =
      (indexes: readonly number[], isFinal: boolean) =>
      async (acknowledged: AcknowledgedEvents) => {
        for (const index of indexes) acknowledged.add(index);
        return { answer: jsonAnswer(202, { accepted: acknowledged.count() }), isFinal };
      };
    await idempotently(request(batchId), keep([0, 9_999], false));
    const refuse = () => Promise.reject(new Refusal("KAFKA_UNAVAILABLE", "not now"));
    await expect(idempotently(request(batchId), refuse)).rejects.toThrow("not now");
    const last = await idempotently(request(batchId), async (acknowledged) => {
      expect([0, 1, 9_999, 10_000].map(acknowledged.has)).toEqual([true, false, true, false]);
      return keep([1], true)(acknowledged);
    });
    expect(last.body).toBe('{"accepted":3}');
    expect((await idempotently(request(batchId), never)).body).toBe(last.body);
  });

  it("is accepted without protection, which the answer and a metric report, while Redis is unavailable", async () => {
    const away = () => Promise.reject(new TransientError("redis", "away"));
    const store = { claim: away, complete: away, release: away };
    const before = { unprotected, failures };
    const answer = await idempotentlyWith(store)(request(randomUUID()), accepted("anyway"));
    expect(answer).toMatchObject({ status: 202, headers: { "Idempotent-Protection": "off" } });
    expect({ unprotected, failures }).toEqual({
      unprotected: before.unprotected + 1,
      failures: before.failures + 1,
    });
  });

  it("is counted as unprotected if its answer cannot be stored, as in a Redis that is full", async () => {
    const full = () => Promise.reject(new TransientError("redis", "OOM command not allowed"));
    const claim = async () => ({ state: "claimed", acknowledged: "" }) as const;
    const before = unprotected;
    const answer = await idempotentlyWith({ claim, complete: full, release: full })(
      request(randomUUID()),
      accepted("anyway"),
    );
    expect(answer.headers).toEqual({ "Idempotent-Protection": "off" });
    expect(unprotected).toBe(before + 1);
  });
});

describe("a batch without an id", () => {
  it("is processed each time", async () => {
    const answers = [
      idempotently(request(undefined), accepted("a")),
      idempotently(request(undefined), accepted("b")),
    ];
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual([
      '{"text":"a"}',
      '{"text":"b"}',
    ]);
  });
});

describe("a tenant's batches", () => {
  it("use no more of Redis than their share; past it an answer is stored for a minute", async () => {
    const room = `${namespace}share.`;
    const ask = createPromptRedis(redis);
    const store = createBatchStore({ ask, namespace: room, ...MEMORY, maxTenantBytes: 2_000 });
    const share = idempotentlyWith(store);
    const before = pastShare;
    const of = (tenant: string, batchId = randomUUID()) =>
      request(batchId, "[]", { sender: { tenant, nodePattern: "*" } });
    const last = of("loud");
    for (let batch = 0; batch < 40; batch++) await share(of("loud"), accepted("done"));
    await share(last, accepted("done"));
    await share(of("quiet"), accepted("done"));
    const keys = (await redis.client.keys(`${room}batch:*`)).filter((key) => !key.includes(":of:"));
    const leftMs = await Promise.all(keys.map((key) => redis.client.pTTL(key)));
    const forLong = leftMs.filter((ms) => ms > 60_000).length;
    expect(forLong).toBeGreaterThan(2);
    expect(forLong).toBeLessThan(20);
    expect(pastShare - before).toBe(42 - forLong);
    // It is safe to send again at once, all the same.
    expect((await share(last, never)).headers).toEqual({ "Idempotent-Replayed": "true" });
  });

  it("count for it while some of their events have to be sent again, too", async () => {
    const room = `${namespace}open.`;
    const ask = createPromptRedis(redis);
    const store = createBatchStore({ ask, namespace: room, ...MEMORY, maxTenantBytes: 20_000 });
    const share = idempotentlyWith(store);
    const before = pastShare;
    const acknowledgeLast = async (acknowledged: AcknowledgedEvents) => {
      acknowledged.add(9_999);
      return { answer: jsonAnswer(202, {}), isFinal: false };
    };
    const batches = 20;
    for (let batch = 0; batch < batches; batch++)
      await share(request(randomUUID()), acknowledgeLast);
    const keys = (await redis.client.keys(`${room}batch:*`)).filter((key) => !key.includes(":of:"));
    const leftMs = await Promise.all(keys.map((key) => redis.client.pTTL(key)));
    const forLong = leftMs.filter((ms) => ms > 60_000).length;
    expect(forLong).toBeGreaterThan(2);
    expect(forLong).toBeLessThanOrEqual(batches / 2);
    expect(pastShare - before).toBe(batches - forLong);
  });
});
