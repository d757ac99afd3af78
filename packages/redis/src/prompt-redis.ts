import { TransientError } from "@fiberstream/runtime/errors";
import { type Redis, type RedisClient, redisFailure } from "./redis.ts";

/** Asks Redis for something. @throws {TransientError} at once while it is away, else after a short wait */
export type AskRedis = <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>;

/**
 * For those with somebody waiting for their answer. A Redis that has a connection but does not answer
 * (frozen, or a network that swallows packets) costs one short wait in a while, not one for each request:
 * after a wait in vain it counts as away for `restMs`.
 */
export function createPromptRedis(
  redis: Pick<Redis, "client" | "isUp">,
  { maxWaitMs = 250, restMs = 1_000 }: { maxWaitMs?: number; restMs?: number } = {},
): AskRedis {
  let awayUntil = 0;
  return async (command) => {
    if (!redis.isUp() || performance.now() < awayUntil) {
      throw new TransientError("redis", "redis is away");
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        awayUntil = performance.now() + restMs;
        reject(new TransientError("redis", `redis did not answer within ${maxWaitMs} ms`));
      }, maxWaitMs);
    });
    try {
      return await Promise.race([command(redis.client), late]);
    } catch (error) {
      throw redisFailure(error);
    } finally {
      clearTimeout(timer);
    }
  };
}
