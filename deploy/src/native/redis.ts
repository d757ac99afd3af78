import { connect } from "node:net";
import { type Part, type PartOptions, startPart } from "./part.ts";

/** Redis 8. Every write is in its append-only file, so that a stop loses nothing. */
export function startRedis(options: PartOptions): Promise<Part> {
  const { port } = options;
  return startPart({
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
      ],
    },
    stopSignal: "SIGTERM",
    isReady: () => answersPing(port),
  });
}

/** +PONG; while it loads its data it answers -LOADING. */
function answersPing(port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect({ host: "127.0.0.1", port });
  socket
    .on("connect", () => socket.write("PING\r\n"))
    .on("data", (answer) => resolve(answer.toString().startsWith("+PONG")))
    .on("error", reject)
    .on("close", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
