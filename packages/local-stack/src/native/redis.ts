import { connect, type Socket } from "node:net";
import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "./backing-service.ts";

/** What a Redis that knows its users has on top. */
export type RedisProtection = {
  /** Over those that it is started with otherwise. */
  readonly arguments: readonly string[];
  /** For the look whether it is ready. */
  readonly connect: () => Socket;
};

/** Redis 8. Every write is in its append-only file, so that a stop loses nothing. */
export function startRedis(
  options: BackingServiceOptions & { protection?: RedisProtection },
): Promise<BackingService> {
  const { port, protection } = options;
  return startBackingService({
    name: "Redis",
    portSetting: "REDIS_PORT",
    options,
    sandboxed: {
      user: "redis",
      command: [
        "redis-server",
        "--bind",
        "127.0.0.1",
        "--port",
        String(port),
        "--dir",
        "/data",
        "--appendonly",
        "yes",
        "--appendfsync",
        "everysec",
        "--save",
        "",
        // Full, it refuses writes and evicts nothing: the services go on without it, and say so.
        "--maxmemory",
        "512mb",
        ...(protection?.arguments ?? []),
      ],
    },
    stopSignal: "SIGTERM",
    isReady: () => answers(protection?.connect ?? (() => connect({ host: "127.0.0.1", port }))),
  });
}

/** +PONG, or that it asks for a password; while it loads its data it answers -LOADING. */
function answers(connectTo: () => Socket): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connectTo();
  socket
    .on("connect", () => socket.write("PING\r\n"))
    .on("data", (answer) => resolve(/^(\+PONG|-NOAUTH)/.test(answer.toString())))
    .on("error", reject)
    .on("close", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
