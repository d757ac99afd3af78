import { LRUCache } from "lru-cache";
import type { RateLimit, Sender } from "../auth/sender.ts";
import { Refusal } from "../refusal.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";
import type { Spend } from "./shared-buckets.ts";

export type Buckets = {
  /** Lets a sender in while its bucket is not empty. @throws {Refusal} RATE_LIMITED */
  admit: (sender: Sender) => void;
  /**
   * Takes a request's events out; may leave a debt, which the next requests wait for.
   * @throws {Refusal} RATE_LIMITED when others have emptied it since the request was let in
   */
  charge: (sender: Sender, events: number) => void;
  /** What the sender is told about its bucket with each answer; undefined without a limit. */
  headersFor: (sender: Sender) => Record<string, string> | undefined;
};

type Bucket = {
  limit: RateLimit;
  /** Below 0: a debt. */
  events: number;
  filledAtMs: number;
  /** Charged here and not yet told to the others. */
  unsharedEvents: number;
};

/** Which senders' buckets are remembered; one that is forgotten begins full. */
const MAX_BUCKETS = 50_000;

/**
 * A token bucket for each key, kept here and shared with the other gateways in the background: a
 * request never waits for Redis. What all gateways let in between two exchanges is taken out after, as a
 * debt, so that the rate holds over time. While Redis is away, the bucket here goes on alone.
 *
 * A library with counters in windows has neither debts nor exchanges; asking Redis at every request
 * costs about 30 us, half of what a whole request takes.
 */
export function createBuckets({ now = () => performance.now() }: { now?: () => number } = {}) {
  const buckets = new LRUCache<string, Bucket>({ max: MAX_BUCKETS });
  const unshared = new Set<string>();

  const bucketOf = (id: string, limit: RateLimit): Bucket => {
    const known = buckets.get(id);
    const bucket = known ?? {
      limit,
      events: limit.burst,
      filledAtMs: now(),
      unsharedEvents: 0,
    };
    if (known === undefined) buckets.set(id, bucket);
    bucket.limit = limit;
    return fill(bucket, now());
  };

  return {
    admit: ({ id, limit }: Sender) => {
      if (limit !== undefined) notEmpty(bucketOf(id, limit));
    },
    charge: ({ id, limit }: Sender, events: number) => {
      if (limit === undefined || events === 0) return;
      const bucket = notEmpty(bucketOf(id, limit));
      bucket.events -= events;
      bucket.unsharedEvents += events;
      unshared.add(id);
    },
    headersFor: ({ id, limit }: Sender) =>
      limit === undefined ? undefined : rateLimitHeaders(limit, bucketOf(id, limit).events),

    /** Charges that the others do not know of yet; counts as told. */
    takeUnshared: (maxBuckets: number): Spend[] => {
      const spends: Spend[] = [];
      for (const id of unshared) {
        if (spends.length === maxBuckets) break;
        unshared.delete(id);
        const bucket = buckets.peek(id);
        if (bucket === undefined) continue;
        spends.push({ id, limit: bucket.limit, events: bucket.unsharedEvents });
        bucket.unsharedEvents = 0;
      }
      return spends;
    },
    /** Takes over what is left in the shared bucket. */
    takeOver: (id: string, events: number) => {
      const bucket = buckets.peek(id);
      if (bucket === undefined) return;
      bucket.events = events - bucket.unsharedEvents;
      bucket.filledAtMs = now();
    },
  };
}

function notEmpty(bucket: Bucket): Bucket {
  const { limit, events } = bucket;
  if (events >= 1) return bucket;
  const seconds = Math.ceil((1 - events) / limit.ratePerSecond);
  throw new Refusal(
    "RATE_LIMITED",
    `this key may send ${limit.ratePerSecond} events a second (${limit.burst} at once) and has sent more: wait ${seconds} s`,
    { headers: { ...rateLimitHeaders(limit, events), "Retry-After": String(seconds) } },
  );
}

function fill(bucket: Bucket, nowMs: number): Bucket {
  const { ratePerSecond, burst } = bucket.limit;
  const gained = ((nowMs - bucket.filledAtMs) / 1_000) * ratePerSecond;
  bucket.events = Math.min(burst, bucket.events + gained);
  bucket.filledAtMs = nowMs;
  return bucket;
}
