import { describe, expect, it } from "@jest/globals";
import { createPromptRedis } from "./prompt-redis.ts";
import type { RedisClient } from "./redis.ts";

const client = {} as RedisClient;
const never = () => new Promise<string>(() => undefined);

describe("asking Redis promptly", () => {
  it("returns its answer, or its error as a transient one", async () => {
    const ask = createPromptRedis({ client, isUp: () => true });
    expect(await ask(async () => "PONG")).toBe("PONG");
    await expect(ask(() => Promise.reject(new Error("OOM")))).rejects.toMatchObject({
      name: "TransientError",
      message: "OOM",
    });
  });

  it("sends nothing while it is unavailable", async () => {
    const ask = createPromptRedis({ client, isUp: () => false });
    let asked = 0;
    await expect(ask(async () => asked++)).rejects.toThrow("redis is unavailable");
    expect(asked).toBe(0);
  });

  it("waits for a frozen Redis once, then treats it as unavailable for a while", async () => {
    const ask = createPromptRedis({ client, isUp: () => true }, { maxWaitMs: 5, restMs: 60_000 });
    await expect(ask(never)).rejects.toThrow("did not answer within 5 ms");
    await expect(ask(async () => "PONG")).rejects.toThrow("redis is unavailable");
  });

  it("asks a frozen Redis again after that", async () => {
    const ask = createPromptRedis({ client, isUp: () => true }, { maxWaitMs: 5, restMs: 0 });
    await expect(ask(never)).rejects.toThrow("did not answer");
    expect(await ask(async () => "PONG")).toBe("PONG");
  });
});
