import { LRUCache } from "lru-cache";
import { LIMITS } from "../answers/limits.ts";
import { Refusal } from "../answers/refusal.ts";
import type { RateLimit, Sender } from "../auth/sender.ts";
import type { Spend } from "./shared-rate-limits.ts";

export type RateLimiter = {
  /**
   * Lets a request in while its sender's buckets are not empty, and takes out what it costs by the size that it
   * declares; more may be taken out than there is, as a debt, which the next requests wait for.
   * @throws {Refusal} RATE_LIMITED
   */
  charge: (sender: Sender, declaredBytes: number) => Charge;
  /** What the sender is told about its buckets with each answer; undefined without a limit. */
  headersFor: (sender: Sender) => Record<string, string> | undefined;
};

/**
 * What one request has taken out, in events: as many as it has, but at least one, one for each 4 KB of its body
 * (which no event may be longer than, so that good batches pay for their events alone), and one for each
 * compressed stream in it, which costs as much as a small request.
 *
 * It pays before the work is done, not after: many that were let in together would else all be worked on.
 */
export type Charge = {
  /**
   * So much of its body has come by now.
   * @throws {Refusal} RATE_LIMITED when others have emptied a bucket since the request was let in
   */
  forArrival: (bytes: number, streams?: number) => void;
  /** Its body has come, or what there will be of it. */
  forBody: (bytes: number, streams?: number) => void;
  /**
   * Its events are about to be looked at, good ones and bad ones.
   * @throws {Refusal} RATE_LIMITED when others have emptied a bucket since the request was let in
   */
  forEvents: (events: number) => void;
  /** So many of them were not delivered, and that is no fault of the sender's. */
  refund: (events: number) => void;
  /** The whole request was not taken, and that is no fault of the sender's. */
  cancel: () => void;
};

type Bucket = {
  limit: RateLimit;
  /** Below 0: a debt. */
  events: number;
  filledAtMs: number;
  /** Charged here, or below 0 given back, and not yet told to the others. */
  unsharedEvents: number;
};

/** Whose bucket it is, and what it is called in headers. */
type Owner = { readonly id: string; readonly limit: RateLimit; readonly name: Policy["name"] };

/** Which senders' buckets are remembered; one that is forgotten begins full. */
const MAX_BUCKETS = 50_000;

/**
 * A token bucket for each key, and for each tenant that has a limit of its own, kept here and shared with the other
 * gateways in the background: a request never waits for Redis. What all gateways let in between two exchanges is taken
 * out after, as a debt, so that the rate holds over time. While Redis is unavailable, the bucket here goes on alone.
 *
 * A library with counters in windows has neither debts nor exchanges; asking Redis at every request
 * costs about 30 us, half of what a whole request takes.
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

  /** @param own what the request itself has taken out of each */
  const notEmpty = (owners: readonly Owner[], own: number) => {
    for (const owner of owners) {
      const { events } = bucketOf(owner);
      if (events + own < 1) throw emptied(owner, events);
    }
  };

  return {
    charge: (sender: Sender, declaredBytes: number): Charge => {
      const owners = ownersOf(sender);
      if (owners.length === 0) return FREE;
      notEmpty(owners, 0);
      let charged = 0;
      const chargeAll = (events: number) => {
        take(owners, events - charged);
        charged = events;
      };
      const chargeMore = (events: number) => {
        notEmpty(owners, charged);
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
          events: bucketOf(owner).events,
        })),
      );
    },

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

/** A key's id has no ":", so that no key is taken for a tenant. */
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

function emptied({ name, limit }: Owner, events: number): Refusal {
  const seconds = Math.ceil((1 - events) / limit.ratePerSecond);
  const may = `may send ${limit.ratePerSecond} events a second (${limit.burst} at once)`;
  const who =
    name === "events" ? `this key ${may} and has` : `a tenant's keys together ${may} and have`;
  return new Refusal("RATE_LIMITED", `${who} sent more: wait ${seconds} s`, {
    headers: {
      ...rateLimitHeaders([{ name, limit, events }]),
      "Retry-After": String(seconds),
    },
  });
}

function fill(bucket: Bucket, nowMs: number): Bucket {
  const { ratePerSecond, burst } = bucket.limit;
  const gained = ((nowMs - bucket.filledAtMs) / 1_000) * ratePerSecond;
  bucket.events = Math.min(burst, bucket.events + gained);
  bucket.filledAtMs = nowMs;
  return bucket;
}

/** A bucket as its sender is told of it. */
type Policy = {
  readonly name: "events" | "tenant";
  readonly limit: RateLimit;
  /** What is left; below 0 is a debt, which counts as nothing left. */
  readonly events: number;
};

/**
 * RateLimit and RateLimit-Policy (IETF draft ietf-httpapi-ratelimit-headers-10), an item for each bucket: what is
 * left and when it will be full; its size and how long filling it takes. Whole numbers, as the draft wants them.
 */
function rateLimitHeaders(policies: readonly Policy[]): Record<string, string> {
  return {
    "RateLimit-Policy": policies.map(policyItem).join(", "),
    RateLimit: policies.map(limitItem).join(", "),
  };
}

const policyItem = ({ name, limit: { ratePerSecond, burst } }: Policy) =>
  `"${name}";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / ratePerSecond))}`;

function limitItem({ name, limit: { ratePerSecond, burst }, events }: Policy): string {
  const left = Math.max(0, Math.floor(events));
  const fullInSeconds = Math.ceil((burst - events) / ratePerSecond);
  return `"${name}";r=${left};t=${Math.max(0, fullInSeconds)}`;
}
