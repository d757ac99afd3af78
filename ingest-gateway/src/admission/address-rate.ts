import { refilled } from "@fiberstream/http/token-bucket";
import { LRUCache } from "lru-cache";
import { networkOf } from "../connections/sender-network.ts";

/** Counts one more for an address (of IPv6 its /64) and returns whether its rate allows that. */
export type AddressRate = (address: string | undefined) => boolean;

/** Maximum of addresses in memory; one that was evicted starts anew. */
const MAX_ADDRESSES = 10_000;
/** Many probes behind one address may reconnect together. */
const BURST_SECONDS = 10;

type Bucket = { left: number; filledAtMs: number };

/** Bounds how often each address may cause work before its sender is known. */
export function createAddressRate(options: {
  perSecond: number;
  nowMs?: () => number;
}): AddressRate {
  const { perSecond, nowMs = () => performance.now() } = options;
  const burst = perSecond * BURST_SECONDS;
  const limit = { ratePerSecond: perSecond, burst };
  const buckets = new LRUCache<string, Bucket>({ max: MAX_ADDRESSES });
  return (address = "") => {
    const network = networkOf(address);
    const now = nowMs();
    const bucket = buckets.get(network) ?? { left: burst, filledAtMs: now };
    buckets.set(network, bucket);
    bucket.left = refilled(limit, { left: bucket.left, sinceMs: bucket.filledAtMs }, now);
    bucket.filledAtMs = now;
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  };
}
