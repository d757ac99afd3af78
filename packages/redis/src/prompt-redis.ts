import { TransientError } from "@fiberstream/runtime/errors";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { type Redis, type RedisClient, redisFailure } from "./redis.ts";

/**
 * Asks Redis for something.
 * @throws {TransientError} at once while it is unavailable, else after a short wait
 */
export type AskRedis = <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>;

/**
 * For those with somebody waiting for their answer. A Redis that has a connection but does not answer
 * (frozen, or a network that swallows packets) costs one short wait in a while, not one for each request:
 * after a wait in vain it counts as unavailable for `restMs`.
 */
export function createPromptRedis(
  redis: Pick<Redis, "client" | "isUp">,
  { maxWaitMs = 250, restMs = 1_000 }: { maxWaitMs?: number; restMs?: number } = {},
): AskRedis {
  let unavailableUntil = 0;
  return async (command) => {
    if (!redis.isUp() || performance.now() < unavailableUntil) {
      throw new TransientError("redis", "redis is unavailable");
    }
    const late = () => {
      unavailableUntil = performance.now() + restMs;
      return new TransientError("redis", `redis did not answer within ${maxWaitMs} ms`);
    };
    try {
      return await withTimeout(command(redis.client), { maxWaitMs, late });
    } catch (error) {
      throw redisFailure(error);
    }
  };
}
