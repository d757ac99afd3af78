import { TransientError } from "@fiberstream/runtime/errors";
import { withTimeout } from "@fiberstream/runtime/with-timeout";
import { type Redis, type RedisClient, redisFailure } from "./redis.ts";

/**
 * Runs a command.
 * @throws {TransientError} immediately while Redis is unavailable, otherwise after a short timeout
 */
export type AskRedis = <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>;

/**
 * For requests that a client is waiting for. If Redis is connected but does not answer (frozen, or a network that drops
 * packets), not every request waits for the timeout: after one, Redis counts as unavailable for `restMs`.
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
