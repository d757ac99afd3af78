import { TransientError } from "@fiberstream/runtime/errors";
import { describe, expect, it } from "@jest/globals";
import type { ApiKey, KeyName } from "./api-key.ts";
import { createKeyLookup } from "./key-lookup.ts";
import type { RememberedKey } from "./keys-in-redis.ts";

const NAME: KeyName = { column: "key_id", value: "abcdefgh2345" };
const away = () => Promise.reject(new TransientError("postgres", "away"));
const keyOf = (tenant: string) => ({ tenant }) as ApiKey;

/** A database whose answer the test sets, and a Redis that is a variable. */
function createSubject(setup: { maxAgeMs?: number; remembered?: RememberedKey } = {}) {
  const state = {
    reads: 0,
    stale: 0,
    remembered: setup.remembered,
    read: async (): Promise<ApiKey | undefined> => keyOf("acme"),
  };
  const lookUp = createKeyLookup({
    inRedis: {
      get: async () => state.remembered,
      put: async (_name, key) => {
        state.remembered = { key, ageMs: 0 };
      },
    },
    readKey: () => {
      state.reads++;
      return state.read();
    },
    maxAgeMs: setup.maxAgeMs ?? 60_000,
    onStale: () => state.stale++,
  });
  return { state, lookUp };
}

describe("key lookup", () => {
  it("reads the database once for many that ask at the same time, and then not again", async () => {
    const { state, lookUp } = createSubject();
    const found = await Promise.all([lookUp(NAME), lookUp(NAME), lookUp(NAME)]);
    expect(found.map((key) => key?.tenant)).toEqual(["acme", "acme", "acme"]);
    expect(lookUp(NAME)).toMatchObject({ tenant: "acme" });
    expect(state.reads).toBe(1);
    expect(state.remembered).toEqual({ key: keyOf("acme"), ageMs: 0 });
  });

  it("remembers that there is no such key", async () => {
    const { state, lookUp } = createSubject();
    state.read = async () => undefined;
    expect(await lookUp(NAME)).toBeNull();
    expect(await lookUp(NAME)).toBeNull();
    expect(state.reads).toBe(1);
  });

  it("believes another gateway's reading while it is fresh", async () => {
    const { state, lookUp } = createSubject({ remembered: { key: keyOf("zeta"), ageMs: 59_000 } });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "zeta" });
    expect(state.reads).toBe(0);
    const old = createSubject({ remembered: { key: keyOf("zeta"), ageMs: 60_000 } });
    expect(await old.lookUp(NAME)).toMatchObject({ tenant: "acme" });
  });

  it("sees a change when the reading is too old", async () => {
    const { state, lookUp } = createSubject({ maxAgeMs: 1 });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    state.read = async () => keyOf("zeta");
    state.remembered = undefined;
    let key = await lookUp(NAME);
    while (key?.tenant !== "zeta") {
      await new Promise(setImmediate);
      state.remembered = undefined;
      key = await lookUp(NAME);
    }
    expect(state.reads).toBeGreaterThanOrEqual(2);
  });

  it("goes on with the last that is known while the database is away", async () => {
    const { state, lookUp } = createSubject({
      remembered: { key: keyOf("acme"), ageMs: 3_600_000 },
    });
    state.read = away;
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
    expect(state).toMatchObject({ reads: 1, stale: 1 });
  });

  it("fails where nobody knows", async () => {
    const { state, lookUp } = createSubject();
    state.read = away;
    await expect(lookUp(NAME)).rejects.toBeInstanceOf(TransientError);
    state.read = async () => keyOf("acme");
    expect(await lookUp(NAME)).toMatchObject({ tenant: "acme" });
  });
});
