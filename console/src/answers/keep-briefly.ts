import { LRUCache } from "lru-cache";
import { forEverybody } from "../questions/asking.ts";

/** Returns what was made for a key within the last moment; otherwise makes it. Who comes meanwhile gets the same. */
export type Briefly<T> = (key: string, make: () => Promise<T>) => Promise<T>;

/** More readers with data of their own take turns in memory. */
const MAX_KEPT = 1_000;

/**
 * Keeps results for a moment, so that many who ask the same cost as much as one. A failure is not kept.
 *
 * @param options.now a monotonic clock, in ms
 */
export function createKeepBriefly<T extends object>(options: {
  maxAgeMs: number;
  now?: () => number;
}): Briefly<T> {
  const { maxAgeMs, now = () => performance.now() } = options;
  const kept = new LRUCache<string, { readonly madeAtMs: number; readonly result: Promise<T> }>({
    max: MAX_KEPT,
  });
  return (key, make) => {
    const known = kept.get(key);
    // From when the question was asked: the result says what was true then, or later.
    if (known !== undefined && now() - known.madeAtMs < maxAgeMs) return known.result;
    const making = { madeAtMs: now(), result: forEverybody(make) };
    kept.set(key, making);
    making.result.catch(() => {
      if (kept.get(key) === making) kept.delete(key);
    });
    return making.result;
  };
}
