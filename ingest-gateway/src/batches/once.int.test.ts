import { randomUUID } from "node:crypto";
import { createPromptRedis } from "@fiberstream/redis/prompt-redis";
import { connectRedis } from "@fiberstream/redis/redis";
import { TransientError } from "@fiberstream/runtime/errors";
import { createLife, type Life } from "@fiberstream/runtime/life";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "@fiberstream/testkit/addresses";
import { testNamespace } from "@fiberstream/testkit/namespace";
import { until } from "@fiberstream/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Answer, jsonAnswer, problemAnswer } from "../answer.ts";
import { Refusal } from "../refusal.ts";
import { createBatchStore } from "./batch-store.ts";
import type { KeptEvents } from "./kept-events.ts";
import { createOnce, type Once } from "./once.ts";

const log = createLog({ service: "test", level: "silent", format: "json" });
let life: Life;
let once: Once;
let replays = 0;
beforeAll(async () => {
  life = createLife();
  const redis = life.own(connectRedis({ url: addresses.redisUrl, log }), (owned) => owned.close());
  await until(redis.isUp, { what: "Redis is there" });
  const store = createBatchStore({ ask: createPromptRedis(redis), namespace: testNamespace() });
  once = createOnce({ store, countReplay: () => replays++, log });
});
afterAll(() => life.stop());

const request = (batchId: string | undefined, body = "[]", tenant = "acme") => ({
  batchId,
  sender: { id: "k", tenant },
  body: Buffer.from(body),
  answerOf: (refusal: Refusal) => problemAnswer(refusal, "req-1"),
});
const accepted = (text: string) => async () => ({
  answer: jsonAnswer(202, { text }),
  isFinal: true,
});
const never = async (): Promise<never> => {
  throw new Error("it was handled twice");
};

describe("a batch with an id", () => {
  it("gets its first answer again, byte for byte, without being handled", async () => {
    const batchId = randomUUID();
    const long = "x".repeat(100_000);
    const first = await once(request(batchId), accepted(long));
    const before = replays;
    const again = await once(request(batchId), never);
    expect(again).toEqual({ ...first, headers: { "Idempotent-Replayed": "true" } });
    expect(replays).toBe(before + 1);
  });

  it("gets a refusal that would come again, again", async () => {
    const batchId = randomUUID();
    const refuse = () => Promise.reject(new Refusal("OUT_OF_RANGE", "latency_ms must be less"));
    const first = await once(request(batchId), refuse);
    expect(first.status).toBe(422);
    expect((await once(request(batchId), never)).body).toBe(first.body);
  });

  it.each(["KAFKA_UNAVAILABLE", "RATE_LIMITED", "INTERNAL_ERROR"] as const)(
    "begins anew after %s",
    async (code) => {
      const batchId = randomUUID();
      const refuse = () => Promise.reject(new Refusal(code, "not now"));
      await expect(once(request(batchId), refuse)).rejects.toMatchObject({ code });
      expect((await once(request(batchId), accepted("now"))).status).toBe(202);
    },
  );

  it("is refused with another body, also while the first is being handled", async () => {
    const batchId = randomUUID();
    await once(request(batchId), async () => {
      await expect(once(request(batchId, "[1]"), never)).rejects.toMatchObject({
        code: "BATCH_ID_REUSED",
      });
      return { answer: jsonAnswer(202, {}), isFinal: true };
    });
    await expect(once(request(batchId, "[1]"), never)).rejects.toMatchObject({
      code: "BATCH_ID_REUSED",
    });
    expect((await once(request(batchId, "[1]", "zeta"), accepted("zeta's"))).status).toBe(202);
  });

  it("is handled by one of two that come at the same time", async () => {
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
    const one = once(request(batchId), handle);
    await until(() => handled === 1, { what: "the first is being handled" });
    await expect(once(request(batchId), handle)).rejects.toMatchObject({
      code: "BATCH_IN_PROGRESS",
    });
    resolve({ answer: jsonAnswer(202, {}), isFinal: true });
    await one;
    expect(handled).toBe(1);
  });

  it("remembers what is kept until the rest is, too", async () => {
    const batchId = randomUUID();
    const keep = (indexes: readonly number[], isFinal: boolean) => async (kept: KeptEvents) => {
      for (const index of indexes) kept.add(index);
      return { answer: jsonAnswer(202, { accepted: kept.count() }), isFinal };
    };
    await once(request(batchId), keep([0, 9_999], false));
    const refuse = () => Promise.reject(new Refusal("KAFKA_UNAVAILABLE", "not now"));
    await expect(once(request(batchId), refuse)).rejects.toThrow("not now");
    const last = await once(request(batchId), async (kept) => {
      expect([0, 1, 9_999, 10_000].map(kept.has)).toEqual([true, false, true, false]);
      return keep([1], true)(kept);
    });
    expect(last.body).toBe('{"accepted":3}');
    expect((await once(request(batchId), never)).body).toBe(last.body);
  });

  it("is handled without protection, and says so, while Redis is away", async () => {
    const away = () => Promise.reject(new TransientError("redis", "away"));
    const store = { claim: away, settle: away, release: away };
    const unprotected = createOnce({ store, countReplay: () => undefined, log });
    const answer = await unprotected(request(randomUUID()), accepted("anyway"));
    expect(answer).toMatchObject({ status: 202, headers: { "Idempotent-Protection": "off" } });
  });
});

describe("a batch without an id", () => {
  it("is handled each time", async () => {
    const answers = [
      once(request(undefined), accepted("a")),
      once(request(undefined), accepted("b")),
    ];
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual([
      '{"text":"a"}',
      '{"text":"b"}',
    ]);
  });
});
