import { type RateLimit, rateLimitHeaders, refilled } from "@fiberstream/http/token-bucket";
import { LRUCache } from "lru-cache";
import { LIMITS } from "../answers/limits.ts";
import { Refusal } from "../answers/refusal.ts";
import type { Sender } from "../auth/sender.ts";
import type { Spend } from "./shared-rate-limits.ts";

export type RateLimiter = {
  /**
   * Admits a request while its sender's buckets are not empty, and takes its cost by the declared size out of them. A
   * bucket may become negative: later requests are refused until it is positive again.
   * @throws {Refusal} RATE_LIMITED
   */
  charge: (sender: Sender, declaredBytes: number) => Charge;
  /** Returns the headers about the sender's buckets for its answer; undefined without a limit. */
  headersFor: (sender: Sender) => Record<string, string> | undefined;
};

/**
 * The cost of one request, in events: the number of its events, but at least one for the request, one for each 4 KB of
 * its body (the maximum of an event, so that valid batches only pay for their events), and one for each compressed
 * stream in it, which costs as much as a small request.
 *
 * It is charged before the work is done: otherwise many requests that arrive together would all be processed.
 */
export type Charge = {
  /**
   * Charges for the bytes that have arrived by now.
   * @throws {Refusal} RATE_LIMITED when other requests have emptied a bucket since this one was admitted
   */
  forArrival: (bytes: number, streams?: number) => void;
  /** Charges for the body after its last byte has arrived. */
  forBody: (bytes: number, streams?: number) => void;
  /**
   * Charges for its events, valid or not, before they are validated.
   * @throws {Refusal} RATE_LIMITED when other requests have emptied a bucket since this one was admitted
   */
  forEvents: (events: number) => void;
  /** Returns the cost of events that were not delivered through no fault of the sender. */
  refund: (events: number) => void;
  /** Returns the whole cost of a request that was refused through no fault of the sender. */
  cancel: () => void;
};

type Bucket = {
  limit: RateLimit;
  /** May be negative. */
  events: number;
  filledAtMs: number;
  /** Charged (negative: refunded) here since the last exchange with the other gateways. */
  unsharedEvents: number;
};

/** The owner of a bucket, and the bucket's name in headers. */
type Owner = { readonly id: string; readonly limit: RateLimit; readonly name: "events" | "tenant" };

/** Maximum of buckets in memory; one that was evicted starts full. */
const MAX_BUCKETS = 50_000;

/**
 * A token bucket for each key, and for each tenant with a limit, in memory and shared with the other gateways in the
 * background: a request never waits for Redis. What all gateways admit between two exchanges is deducted afterwards. The
 * bucket may then be negative, so that the rate holds over time. While Redis is unavailable, each gateway uses its own
 * bucket.
 *
 * Libraries with counters in windows have neither negative buckets nor exchanges. A call of Redis for each request costs
 * about 30 us, half of what a whole request takes.
 */
export function createRateLimiter({ now = () => performance.now() }: { now?: () => number } = {}) {
  const buckets = new LRUCache<string, Bucket>({ max: MAX_BUCKETS });
  const unshared = new Set<string>();

  const bucketOf = ({ id, limit }: Owner): Bucket => {
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

  const take = (owners: readonly Owner[], events: number) => {
    if (events === 0) return;
    for (const owner of owners) {
      const bucket = bucketOf(owner);
      bucket.events = Math.min(owner.limit.burst, bucket.events - events);
      bucket.unsharedEvents += events;
      unshared.add(owner.id);
    }
  };

  /** @param own what the request itself has taken out of each bucket */
  const requireTokens = (owners: readonly Owner[], own: number) => {
    for (const owner of owners) {
      const { events } = bucketOf(owner);
      if (events + own < 1) throw rateLimited(owner, events);
    }
  };

  return {
    charge: (sender: Sender, declaredBytes: number): Charge => {
      const owners = ownersOf(sender);
      if (owners.length === 0) return FREE;
      requireTokens(owners, 0);
      let charged = 0;
      const chargeAll = (events: number) => {
        take(owners, events - charged);
        charged = events;
      };
      const chargeMore = (events: number) => {
        requireTokens(owners, charged);
        chargeAll(Math.max(charged, events));
      };
      chargeAll(costOf(declaredBytes));
      return {
        forArrival: (bytes, streams) => chargeMore(costOf(bytes, streams)),
        forBody: (bytes, streams) => chargeAll(costOf(bytes, streams)),
        forEvents: chargeMore,
        refund: (events) => chargeAll(Math.max(0, charged - events)),
        cancel: () => chargeAll(0),
      };
    },
    headersFor: (sender: Sender) => {
      const owners = ownersOf(sender);
      if (owners.length === 0) return undefined;
      return rateLimitHeaders(
        owners.map((owner) => ({
          name: owner.name,
          limit: owner.limit,
          left: bucketOf(owner).events,
        })),
      );
    },

    /** Returns charges that the other gateways do not know of yet, and marks them as shared. */
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
    /**
     * Takes back charges that could not be shared, but at most what the bucket lacks: it has gained the rest back since,
     * and so would have the shared one.
     */
    keepUnshared: (spends: readonly Spend[]) => {
      for (const { id, events } of spends) {
        const bucket = buckets.peek(id);
        if (bucket === undefined) continue;
        fill(bucket, now());
        const lacking = Math.max(0, bucket.limit.burst - bucket.events);
        bucket.unsharedEvents = Math.min(lacking, bucket.unsharedEvents + events);
        if (bucket.unsharedEvents === 0) unshared.delete(id);
        else unshared.add(id);
      }
    },
    /** Sets a bucket to what is left in the shared one. */
    setEvents: (id: string, events: number) => {
      const bucket = buckets.peek(id);
      if (bucket === undefined) return;
      bucket.events = events - bucket.unsharedEvents;
      bucket.filledAtMs = now();
    },
  };
}

/** A key's id has no ":", so no key has the id of a tenant's bucket. */
function ownersOf({ id, tenant, limit, tenantLimit }: Sender): readonly Owner[] {
  const owners: Owner[] = [];
  if (limit !== undefined) owners.push({ id, limit, name: "events" });
  if (tenantLimit !== undefined) {
    owners.push({ id: `tenant:${tenant}`, limit: tenantLimit, name: "tenant" });
  }
  return owners;
}

const costOf = (bytes: number, streams = 1): number =>
  Math.max(1, Math.ceil(bytes / LIMITS.eventBytes), streams);

const nothing = () => undefined;
/** For senders without a limit. */
const FREE: Charge = {
  forArrival: nothing,
  forBody: nothing,
  forEvents: nothing,
  refund: nothing,
  cancel: nothing,
};

function rateLimited({ name, limit }: Owner, events: number): Refusal {
  const seconds = Math.ceil((1 - events) / limit.ratePerSecond);
  const may = `may send ${limit.ratePerSecond} events a second (${limit.burst} at once)`;
  const who =
    name === "events" ? `this key ${may} and has` : `a tenant's keys together ${may} and have`;
  return new Refusal("RATE_LIMITED", `${who} sent more: wait ${seconds} s`, {
    headers: {
      ...rateLimitHeaders([{ name, limit, left: events }]),
      "Retry-After": String(seconds),
    },
  });
}

function fill(bucket: Bucket, nowMs: number): Bucket {
  const { limit, events: left, filledAtMs: sinceMs } = bucket;
  bucket.events = refilled(limit, { left, sinceMs }, nowMs);
  bucket.filledAtMs = nowMs;
  return bucket;
}
