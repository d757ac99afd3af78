import { TransientError } from "@fiberstream/runtime/errors";
import { LRUCache } from "lru-cache";
import { type ApiKey, type KeyName, nameText } from "./api-key.ts";
import type { KeysInRedis } from "./keys-in-redis.ts";
import { promptly } from "../promptly.ts";

/** @returns null when there is no such key @throws {TransientError} when nobody who knows can be asked */
export type LookUpKey = (name: KeyName) => ApiKey | null | Promise<ApiKey | null>;

/** In memory. Names that are no keys count too, so that guessing them does not reach PostgreSQL twice. */
const MAX_KEYS = 20_000;
/** How long to go on with a stale key before PostgreSQL is asked again, while it is away. */
const REST_MS = 5_000;
/** A sender waits for the answer. */
const MAX_READ_MS = 1_000;
const late = () => new TransientError("postgres", `no answer within ${MAX_READ_MS} ms`);

/**
 * Looks keys up in memory, then Redis, then PostgreSQL. What memory and Redis say is at most `maxAgeMs`
 * old, together, while PostgreSQL can be asked; while it cannot, the last that is known goes on.
 * Equal questions at the same time are one.
 */
export function createKeyLookup(options: {
  inRedis: KeysInRedis;
  /** @throws when PostgreSQL cannot be asked */
  readKey: (name: KeyName) => Promise<ApiKey | undefined>;
  maxAgeMs: number;
  onStale: (error: unknown) => void;
}): LookUpKey {
  const { inRedis, readKey, maxAgeMs, onStale } = options;

  /** @returns the key and for how long it may be believed */
  const read = async (name: KeyName, known: ApiKey | null | undefined) => {
    const remembered = await inRedis.get(name).catch(() => undefined);
    if (remembered !== undefined && remembered.ageMs < maxAgeMs) {
      return { key: remembered.key, forMs: maxAgeMs - remembered.ageMs };
    }
    try {
      const askedAt = performance.now();
      const found = await promptly(readKey(name), { maxWaitMs: MAX_READ_MS, late });
      const key = found ?? null;
      void inRedis.put(name, key).catch(() => undefined);
      return { key, forMs: Math.max(1, maxAgeMs - (performance.now() - askedAt)) };
    } catch (error) {
      onStale(error);
      const last = known ?? remembered?.key;
      if (last === undefined) throw error;
      return { key: last, forMs: REST_MS };
    }
  };

  const memory = new LRUCache<string, { key: ApiKey | null }, KeyName>({
    max: MAX_KEYS,
    ttl: maxAgeMs,
    // The last that is known stays, for a PostgreSQL that is away.
    noDeleteOnStaleGet: true,
    fetchMethod: async (_text, known, { options: entry, context }) => {
      const { key, forMs } = await read(context, known?.key);
      entry.ttl = forMs;
      return { key };
    },
  });

  return (name) => {
    const text = nameText(name);
    const known = memory.get(text);
    if (known !== undefined) return known.key;
    return memory.fetch(text, { context: name }).then((found) => found?.key ?? null);
  };
}
