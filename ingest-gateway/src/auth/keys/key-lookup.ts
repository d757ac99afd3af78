import { TransientError } from "@fiberstream/runtime/errors";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { LRUCache } from "lru-cache";
import { type ApiKey, type KeyName, nameText } from "./api-key.ts";
import { createConcurrencyLimit } from "./concurrency-limit.ts";
import type { IsNeverIssued } from "@fiberstream/postgres/key-id-check";
import type { KeysInRedis } from "./keys-in-redis.ts";

/**
 * @returns null if there is no such key
 * @throws {TransientError} when the key is not cached and PostgreSQL is unavailable
 */
export type LookUpKey = (name: KeyName) => ApiKey | null | Promise<ApiKey | null>;

/** Maximum of keys in memory. */
const MAX_KEYS = 20_000;
/** Maximum of names without a key; in a cache of their own, so that they evict no key. */
const MAX_ABSENT = 10_000;
/** How long a name without a key is remembered: a key may be created for a JWT's subject at any time. */
const ABSENT_MS = 5_000;
/** How long a stale key is used before PostgreSQL is asked again, while it is unavailable. */
const STALE_FOR_MS = 5_000;
/** Maximum time of a read, because a sender waits for it. */
const MAX_READ_MS = 1_000;
const late = () => new TransientError("postgres", `no answer within ${MAX_READ_MS} ms`);
/** A query takes below 1 ms, so that many can be answered within {@link MAX_READ_MS}. */
const MAX_UNKNOWN_WAITING = 1_000;

type Known = { readonly key: ApiKey; readonly goodUntilMs: number };

/**
 * Looks keys up in memory, then Redis, then PostgreSQL. Keys from memory and Redis are at most `maxAgeMs` old while
 * PostgreSQL is available; while it is unavailable, the last known state is used. Concurrent look-ups of the same key
 * are one.
 *
 * Names that are neither in memory nor in Redis are read from PostgreSQL one at a time, so that many unknown names do not
 * delay reading known keys again, which may have been revoked.
 */
export function createKeyLookup(options: {
  isNeverIssued: IsNeverIssued;
  inRedis: KeysInRedis;
  /** @throws when PostgreSQL cannot be asked */
  readKey: (name: KeyName) => Promise<ApiKey | undefined>;
  maxAgeMs: number;
  onStale: (error: unknown) => void;
}): LookUpKey {
  const { isNeverIssued, inRedis, readKey, maxAgeMs, onStale } = options;
  const keys = new LRUCache<string, Known>({ max: MAX_KEYS });
  const absent = new LRUCache<string, true>({
    max: MAX_ABSENT,
    ttl: Math.max(1, Math.min(ABSENT_MS, maxAgeMs)),
  });
  const asked = new Map<string, Promise<ApiKey | null>>();
  const unknownKeys = createConcurrencyLimit({
    atOnce: 1,
    maxWaiting: MAX_UNKNOWN_WAITING,
    tooMany: () =>
      new TransientError("postgres", `more than ${MAX_UNKNOWN_WAITING} calls are waiting for it`),
  });

  const readWithTimeout = (name: KeyName, isUnknown: boolean) => {
    const waitsSince = performance.now();
    const read = isUnknown
      ? unknownKeys(() => {
          // Its caller has timed out.
          if (performance.now() - waitsSince > MAX_READ_MS) throw late();
          return readKey(name);
        })
      : readKey(name);
    return withTimeout(read, { maxWaitMs: MAX_READ_MS, late });
  };

  const remember = (text: string, key: ApiKey, goodUntilMs: number) => {
    keys.set(text, { key, goodUntilMs });
    return key;
  };

  const lookUp = async (text: string, name: KeyName, known: ApiKey | undefined) => {
    // The age of a reading counts from its start, however long it takes.
    const askedAt = performance.now();
    const remembered = await inRedis.get(name).catch(() => undefined);
    const found = remembered?.found;
    if (found !== undefined && found.ageMs < maxAgeMs) {
      return remember(text, found.key, askedAt + maxAgeMs - found.ageMs);
    }
    const last = known ?? found?.key;
    try {
      const key = await readWithTimeout(name, last === undefined);
      if (remembered !== undefined && (key !== undefined || found !== undefined)) {
        void inRedis.put(name, key, remembered.askedAtMs).catch(() => undefined);
      }
      if (key !== undefined) return remember(text, key, askedAt + maxAgeMs);
      keys.delete(text);
      absent.set(text, true);
      return null;
    } catch (error) {
      onStale(error);
      if (last === undefined) throw error;
      return remember(text, last, performance.now() + STALE_FOR_MS);
    }
  };

  const isInvented = ({ column, value }: KeyName) => column === "key_id" && isNeverIssued(value);

  return (name) => {
    const text = nameText(name);
    const known = keys.get(text);
    if (known !== undefined && performance.now() < known.goodUntilMs) return known.key;
    if (known === undefined && (isInvented(name) || absent.has(text))) return null;
    const asking = asked.get(text);
    if (asking !== undefined) return asking;
    const answer = lookUp(text, name, known?.key).finally(() => asked.delete(text));
    asked.set(text, answer);
    return answer;
  };
}
