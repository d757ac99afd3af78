import { describe, expect, it } from "@jest/globals";
import { pino } from "pino";
import { FatalError, TransientError } from "../errors.ts";
import { createHealth } from "./health.ts";
import { addressOf, retryDelayMs, untilAvailable } from "./retry.ts";

const waiting = (stopping = new AbortController().signal) => {
  const health = createHealth();
  const check = health.check("kafka");
  const log = pino({ level: "silent" });
  return { health, options: { name: "kafka", where: "127.0.0.1:9092", check, log, stopping } };
};

describe("untilAvailable", () => {
  it("waits for a dependency that starts late, and is not ready meanwhile", async () => {
    const { health, options } = waiting();
    const seen: boolean[] = [];
    const result = await untilAvailable(async () => {
      seen.push(health.isReady());
      if (seen.length < 3) throw new TransientError("kafka", "connection refused");
      return "connected";
    }, options);
    expect(result).toBe("connected");
    expect(seen).toEqual([false, false, false]);
    expect(health.isReady()).toBe(true);
  });

  it("does not retry what cannot succeed", async () => {
    const { options } = waiting();
    let tries = 0;
    const attempt = async () => {
      tries++;
      throw new FatalError("no such subject", "run the deploy step");
    };
    await expect(untilAvailable(attempt, options)).rejects.toThrow("run the deploy step");
    expect(tries).toBe(1);
  });

  it("ends its wait when the service stops", async () => {
    const stop = new AbortController();
    const { options } = waiting(stop.signal);
    const waits = untilAvailable(async () => {
      stop.abort();
      throw new TransientError("kafka", "connection refused");
    }, options);
    await expect(waits).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("retryDelayMs", () => {
  it("doubles from 100 ms to 5 s, with at most half of it as jitter", () => {
    for (const [attempt, ceilingMs] of [
      [1, 100],
      [3, 400],
      [7, 5_000],
      [1_000, 5_000],
    ] as const) {
      const delayMs = retryDelayMs(attempt);
      expect(delayMs).toBeGreaterThanOrEqual(ceilingMs / 2);
      expect(delayMs).toBeLessThanOrEqual(ceilingMs);
    }
  });
});

describe("addressOf", () => {
  it("shows an address without credentials", () => {
    expect(addressOf("postgresql://postgres:secret@db:5432/fiberstack")).toBe(
      "postgresql://db:5432",
    );
  });
});
