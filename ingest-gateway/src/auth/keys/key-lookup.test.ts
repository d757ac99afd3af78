import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import type { ApiKey, KeyName } from "./api-key.ts";
import { createKeyLookup } from "./key-lookup.ts";
import type { RememberedKey } from "./keys-in-redis.ts";

const NAME: KeyName = { column: "key_id", value: "abcdefgh2345" };
const named = (value: string): KeyName => ({ ...NAME, value });
const away = () => Promise.reject(new TransientError("postgres", "away"));
const never = () => new Promise<never>(() => undefined);
const keyOf = (tenant: string) => ({ tenant }) as ApiKey;

/** A database whose answer the test sets, and a Redis that is a variable. */
function createSubject(setup: { maxAgeMs?: number; found?: RememberedKey["found"] } = {}) {
  const state = {
    reads: 0,
    asksOfRedis: 0,
    stale: 0,
    found: setup.found,
    puts: [] as unknown[],
    read: async (_name: KeyName): Promise<ApiKey | undefined> => keyOf("acme"),
  };
  const lookUp = createKeyLookup({
    isNeverIssued: (keyId) => keyId.startsWith("invented"),
    inRedis: {
      get: async () => {
        state.asksOfRedis++;
        return { found: state.found, askedAtMs: 1_000 + state.asksOfRedis };
      },
      put: async (_name, key, askedAtMs) => {
        state.puts.push([key, askedAtMs]);
        state.found = key === undefined ? undefined : { key, ageMs: 0 };
      },
    },
    readKey: (name) => {
      state.reads++;
      return state.read(name);
    },
    maxAgeMs: setup.maxAgeMs ?? 60_000,
    onStale: () => state.stale++,
  });
  return { state, lookUp };
}

describe("key lookup", () => {
  it("reads the database once for concurrent look-ups, and then not again", async () => {
    const { state, lookUp } = createSubject();
    const found = await Promise.all([lookUp(NAME), lookUp(NAME), lookUp(NAME)]);
    expect(found.map((key) => key?.tenant)).toEqual(["acme", "acme", "acme"]);
    expect(lookUp(NAME)).toMatchObject({ tenant: "acme" });
    expect(state.reads).toBe(1);
    // With the time before the reading, whenever its answer came.
    expect(state.puts).toEqual([[keyOf("acme"), 1_001]]);
  });

  it("looks up nothing for an invented id", async () => {
    const { state, lookUp } = createSubject();
    state.read = never;
    expect(lookUp(named("invented-1"))).toBeNull();
    expect(state).toMatchObject({ reads: 0, asksOfRedis: 0 });
  });

  it("caches that there is no such key, in memory only and for seconds", async () => {
    const { state, lookUp } = createSubject({ maxAgeMs: 20 });
    state.read = async () => undefined;
    expect(await lookUp(NAME)).toBeNull();
    expect(lookUp(NAME)).toBeNull();
    expect(state).toMatchObject({ reads: 1, puts: [] });
    state.read = async () => keyOf("acme");
    let key = await lookUp(NAME);
    while (key === null) {
      await new Promise(setImmediate);
      key = await lookUp(NAME);
    }
    expect(key).toMatchObject({ tenant: "acme" });
  });

  it("deletes a key that no longer exists from Redis, and does not use it", async () => {
    const { state, lookUp } = createSubject({ found: { key: keyOf("acme"), ageMs: 60_000 } });
    state.read = async () => undefined;
    expect(await lookUp(NAME)).toBeNull();
    expect(state.puts).toEqual([[undefined, 1_001]]);
    state.read = away;
    expect(lookUp(NAME)).toBeNull();
  });

  it("uses another gateway's reading while it is fresh", async () => {
    const { state, lookUp } = createSubject({ found: { key: keyOf("zeta"), ageMs: 59_000 } });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "zeta" });
    expect(state.reads).toBe(0);
    const old = createSubject({ found: { key: keyOf("zeta"), ageMs: 60_000 } });
    expect(await old.lookUp(NAME)).toMatchObject({ tenant: "acme" });
  });

  it("reads the key again when the reading is too old", async () => {
    const { state, lookUp } = createSubject({ maxAgeMs: 1 });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    state.read = async () => keyOf("zeta");
    state.found = undefined;
    let key = await lookUp(NAME);
    while (key?.tenant !== "zeta") {
      await new Promise(setImmediate);
      state.found = undefined;
      key = await lookUp(NAME);
    }
    expect(state.reads).toBeGreaterThanOrEqual(2);
  });

  it("notices that a known key has changed during a flood of unknown ones", async () => {
    const { state, lookUp } = createSubject({ maxAgeMs: 0 });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    state.found = undefined;
    let strangersAtOnce = 0;
    state.read = async ({ value }) => {
      if (value === NAME.value) return keyOf("revoked");
      strangersAtOnce++;
      return never();
    };
    const unknownKeys = Array.from({ length: 1_500 }, async (_, number) =>
      lookUp(named(`s-${number}`)),
    );
    // Those past the bound are told at once, the others after a second, and the database hears of one.
    const turnedAway = await Promise.race(
      unknownKeys.map((one) => one.catch((error: unknown) => error)),
    );
    expect(turnedAway).toBeInstanceOf(TransientError);
    expect(strangersAtOnce).toBe(1);
    expect(await lookUp(NAME)).toMatchObject({ tenant: "revoked" });
    const all = await Promise.allSettled(unknownKeys);
    expect(all.every(({ status }) => status === "rejected")).toBe(true);
    expect(strangersAtOnce).toBe(1);
  });

  it("uses the last known state while the database is unavailable", async () => {
    const { state, lookUp } = createSubject({
      found: { key: keyOf("acme"), ageMs: 3_600_000 },
    });
    state.read = away;
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    expect(state).toMatchObject({ reads: 1, stale: 1 });
  });

  it("fails if the key is known nowhere", async () => {
    const { state, lookUp } = createSubject();
    state.read = away;
    await expect(lookUp(NAME)).rejects.toBeInstanceOf(TransientError);
    state.read = async () => keyOf("acme");
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
  });
});
