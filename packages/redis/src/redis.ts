import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@redis/client";
import { messageOf, TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { retryDelayMs } from "@fiberstream/runtime/retry";
import { type TlsFiles, tlsOptions } from "@fiberstream/runtime/tls-files";

/** A client without modules or scripts. */
export type RedisClient = ReturnType<typeof newClient>;

export type Redis = {
  readonly client: RedisClient;
  readonly isUp: () => boolean;
  close: () => Promise<void>;
};

/**
 * A client that connects and reconnects in the background: nothing waits for Redis, and while it is unavailable every
 * command fails immediately instead of being queued.
 */
export function connectRedis(options: { url: string; tls?: TlsFiles; log: Log }): Redis {
  const { log } = options;
  let wasUp: boolean | undefined;
  const client = newClient(options);
  const logState = (isUp: boolean, reason?: string) => {
    if (wasUp === isUp) return;
    wasUp = isUp;
    if (isUp) log.info("redis available");
    else log.warn({ reason }, "redis unavailable, continuing without it");
  };
  client.on("ready", () => logState(true));
  client.on("error", (error: unknown) => logState(false, messageOf(error)));
  client.connect().catch((error: unknown) => logState(false, messageOf(error)));
  return {
    client,
    isUp: () => client.isReady,
    close: async () => {
      if (client.isReady)
        await Promise.race([client.close(), delay(CLOSE_WITHIN_MS, undefined, { ref: false })]);
      client.destroy();
    },
  };
}

/** A frozen Redis never answers the last commands. */
const CLOSE_WITHIN_MS = 1_000;

/** Classifies a command's error: Redis is only a cache here, so its errors are never fatal. */
export const redisFailure = (error: unknown): TransientError =>
  error instanceof TransientError
    ? error
    : new TransientError("redis", messageOf(error), { cause: error });

const newClient = ({ url, tls }: { url: string; tls?: TlsFiles }) =>
  createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    socket: {
      connectTimeout: 2_000,
      reconnectStrategy: (tries: number) => Math.round(retryDelayMs(tries + 1)),
      ...(tls !== undefined && { tls: true as const, ...tlsOptions(tls) }),
    },
  });
