import { TransientError } from "@fiberstream/runtime/errors";
import { LRUCache } from "lru-cache";
import { type ApiKey, type KeyName, nameText } from "./api-key.ts";
import { createConcurrencyLimit } from "./concurrency-limit.ts";
import type { IsNeverIssued } from "./key-id-check.ts";
import type { KeysInRedis } from "./keys-in-redis.ts";
import { withTimeout } from "./with-timeout.ts";

/**
 * @returns null when there is no such key
 * @throws {TransientError} when nobody who knows can be asked
 */
export type LookUpKey = (name: KeyName) => ApiKey | null | Promise<ApiKey | null>;

/** In memory. */
const MAX_KEYS = 20_000;
/** Names that are no keys, beside them: however many there are, they take no place from a key. */
const MAX_ABSENT = 10_000;
/** How long a name that is no key may stay one that is none: a key may be made for a JWT's subject any time. */
const ABSENT_MS = 5_000;
/** How long to go on with a stale key before PostgreSQL is asked again, while it is unavailable. */
const REST_MS = 5_000;
/** A sender waits for the answer. */
const MAX_READ_MS = 1_000;
const late = () => new TransientError("postgres", `no answer within ${MAX_READ_MS} ms`);
/** One question takes below 1 ms; so many can be answered within {@link MAX_READ_MS}. */
const MAX_UNKNOWN_WAITING = 1_000;

type Known = { readonly key: ApiKey; readonly goodUntilMs: number };

/**
 * Looks keys up in memory, then Redis, then PostgreSQL. What memory and Redis say is at most `maxAgeMs`
 * old, together, while PostgreSQL can be asked; while it cannot, the last that is known goes on.
 * Equal questions at the same time are one.
 *
 * Names that neither memory nor Redis knows go to PostgreSQL one at a time: whoever brings many of them does not keep
 * others from learning that a key they know was revoked.
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
    dependency: "postgres",
    atOnce: 1,
    maxWaiting: MAX_UNKNOWN_WAITING,
  });

  const readPromptly = (name: KeyName, isUnknown: boolean) => {
    const waitsSince = performance.now();
    const read = isUnknown
      ? unknownKeys(() => {
          // Nobody waits for it any more.
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

  const look = async (text: string, name: KeyName, known: ApiKey | undefined) => {
    // A reading is as old as its question, however late the answer.
    const askedAt = performance.now();
    const remembered = await inRedis.get(name).catch(() => undefined);
    const found = remembered?.found;
    if (found !== undefined && found.ageMs < maxAgeMs) {
      return remember(text, found.key, askedAt + maxAgeMs - found.ageMs);
    }
    const last = known ?? found?.key;
    try {
      const key = await readPromptly(name, last === undefined);
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
      return remember(text, last, performance.now() + REST_MS);
    }
  };

  return (name) => {
    const text = nameText(name);
    const known = keys.get(text);
    if (known !== undefined && performance.now() < known.goodUntilMs) return known.key;
    if (known === undefined && (isNeverIssued(name) || absent.has(text))) return null;
    const asking = asked.get(text);
    if (asking !== undefined) return asking;
    const answer = look(text, name, known?.key).finally(() => asked.delete(text));
    asked.set(text, answer);
    return answer;
  };
}
