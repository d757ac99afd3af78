import { setTimeout as delay } from "node:timers/promises";
import type { AskRedis } from "@fiberstream/redis/prompt-redis";
import type { RateLimit } from "@fiberstream/http/token-bucket";

/** Events that this gateway has charged to a bucket since the last exchange; negative if more were refunded. */
export type Spend = { readonly id: string; readonly limit: RateLimit; readonly events: number };

const EXCHANGE_EVERY_MS = 100;
const MAX_BUCKETS_AT_ONCE = 500;

/**
 * Takes events out of buckets, by Redis' own clock, and returns what is left in each. A bucket expires when it is full
 * again, because a new one starts full.
 */
const SPEND = `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local left = {}
for at, key in ipairs(KEYS) do
  local spent, rate, burst = tonumber(ARGV[at * 3 - 2]), tonumber(ARGV[at * 3 - 1]), tonumber(ARGV[at * 3])
  local known = redis.call('HMGET', key, 'events', 'at')
  local events = tonumber(known[1]) or burst
  local gained = (nowMs - (tonumber(known[2]) or nowMs)) / 1000 * rate
  events = math.min(burst, math.min(burst, events + math.max(0, gained)) - spent)
  redis.call('HSET', key, 'events', tostring(events), 'at', nowMs)
  redis.call('PEXPIRE', key, math.min(86400000, math.ceil((burst - events) / rate * 1000) + 1000))
  left[at] = tostring(events)
end
return left`;

/**
 * Exchanges charges with the other gateways through Redis, at each interval. Of charges made while Redis is
 * unavailable, those are sent later that the gateway's own bucket has not gained back by then.
 *
 * @param options.namespace prefix of the keys in Redis
 * @returns a function that waits for the last exchange; exchanges end once `stopping` is aborted
 */
export function shareRateLimits(options: {
  ask: AskRedis;
  namespace: string;
  takeUnshared: (maxBuckets: number) => Spend[];
  keepUnshared: (spends: readonly Spend[]) => void;
  setEvents: (id: string, events: number) => void;
  stopping: AbortSignal;
}): () => Promise<void> {
  const { ask, namespace, takeUnshared, keepUnshared, setEvents, stopping } = options;

  /** @returns whether the charges were shared */
  const tryExchange = async (spends: readonly Spend[]): Promise<boolean> => {
    try {
      await exchange(spends);
      return true;
    } catch {
      keepUnshared(spends);
      return false;
    }
  };

  const exchange = async (spends: readonly Spend[]) => {
    const left = await ask(
      (client) =>
        client.eval(SPEND, {
          keys: spends.map(({ id }) => `${namespace}bucket:${id}`),
          arguments: spends.flatMap(({ limit, events }) => [
            String(events),
            String(limit.ratePerSecond),
            String(limit.burst),
          ]),
        }) as Promise<string[]>,
    );
    for (const [at, { id }] of spends.entries()) setEvents(id, Number(left[at]));
  };

  const run = async () => {
    while (!stopping.aborted) {
      await delay(EXCHANGE_EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
      for (;;) {
        const spends = takeUnshared(MAX_BUCKETS_AT_ONCE);
        if (spends.length === 0) break;
        if (!(await tryExchange(spends))) break;
      }
    }
  };
  const ended = run();
  return () => ended;
}
