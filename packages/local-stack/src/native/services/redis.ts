import { connect, type Socket } from "node:net";
import {
  type BackingService,
  type BackingServiceOptions,
  startBackingService,
} from "../backing-service.ts";

/** Additional options for a Redis with authentication. */
export type RedisProtection = {
  /** Arguments after the default ones, which they replace. */
  readonly arguments: readonly string[];
  /** Connects, to check whether Redis is ready. */
  readonly connect: () => Socket;
};

/** Starts Redis 8. Every write is in its append-only file, so that a stop loses nothing. */
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
        // When it is full, it rejects writes and evicts nothing. The services then continue without it, and report it.
        "--maxmemory",
        "512mb",
        ...(protection?.arguments ?? []),
      ],
    },
    stopSignal: "SIGTERM",
    isReady: () => answers(protection?.connect ?? (() => connect({ host: "127.0.0.1", port }))),
  });
}

/** Returns whether it answers +PONG, or requires a password. While it loads its data it answers -LOADING. */
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
