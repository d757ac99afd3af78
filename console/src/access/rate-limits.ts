import { type RateLimit, rateLimitHeaders, refilled } from "@fiberstream/http/token-bucket";
import { LRUCache } from "lru-cache";
import { Refusal } from "../answers/refusal.ts";
import type { Reader } from "./reader.ts";

export type RateLimits = {
  /**
   * Takes a question's cost out of its reader's bucket.
   * @returns the headers that tell the reader what is left
   * @throws {Refusal} RATE_LIMITED when the bucket has less than the cost
   */
  charge: (reader: Pick<Reader, "id" | "limit">, cost: number) => Record<string, string>;
};

/** Maximum of buckets in memory; one that was evicted starts full. */
const MAX_BUCKETS = 10_000;

/** A token bucket for each reader, in this process: with several processes each has its own. */
export function createRateLimits(options: {
  /** For readers without a limit of their own. */
  standard: RateLimit;
  now?: () => number;
}): RateLimits {
  const { standard, now = () => performance.now() } = options;
  const buckets = new LRUCache<string, { left: number; sinceMs: number }>({ max: MAX_BUCKETS });

  return {
    charge: ({ id, limit = standard }, cost) => {
      const atMs = now();
      const known = buckets.get(id);
      const left = known === undefined ? limit.burst : refilled(limit, known, atMs);
      // A question that costs more than the bucket holds is allowed when it is full: the bucket becomes negative.
      const isAllowed = left >= Math.min(cost, limit.burst);
      buckets.set(id, { left: isAllowed ? left - cost : left, sinceMs: atMs });
      if (isAllowed) return headersOf(limit, left - cost);
      const seconds = Math.max(
        1,
        Math.ceil((Math.min(cost, limit.burst) - left) / limit.ratePerSecond),
      );
      throw new Refusal(
        "RATE_LIMITED",
        `this question costs ${cost}, and this key may spend ${limit.ratePerSecond} a second (${limit.burst} at once): wait ${seconds} s`,
        { headers: { ...headersOf(limit, left), "Retry-After": String(seconds) } },
      );
    },
  };
}

const headersOf = (limit: RateLimit, left: number): Record<string, string> =>
  rateLimitHeaders([{ name: "questions", limit, left }]);
