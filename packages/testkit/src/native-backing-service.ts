import { join } from "node:path";
import { startKafka } from "@fiberstream/local-stack/native/kafka";
import type { Part, PartOptions } from "@fiberstream/local-stack/native/backing-service";
import { startPostgres } from "@fiberstream/local-stack/native/postgres";
import { startRedis } from "@fiberstream/local-stack/native/redis";
import { startRegistry } from "@fiberstream/local-stack/native/registry";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { kafkaVersion } from "./config.ts";
import { addressOf, type PartKind, type PartPlace, type TestPart } from "./test-backing-service.ts";

type Starter = (options: PartOptions, place: PartPlace) => Promise<Part>;

const STARTERS: Record<PartKind, Starter> = {
  kafka: (options, { ports, listeners = [], cluster }) =>
    startKafka({
      ...options,
      ...kafkaVersion(),
      controllerPort: ports.innerPort,
      listeners,
      cluster,
    }),
  registry: (options, { ports }) =>
    startRegistry({ ...options, managementPort: ports.innerPort, storage: { kind: "file" } }),
  redis: (options) => startRedis(options),
  postgres: (options) => startPostgres({ ...options, databases: [], durability: "fast" }),
};

/** Starts a part on this machine. It dies with this process. */
export async function startNativePart(kind: PartKind, place: PartPlace): Promise<TestPart> {
  const { port } = place.ports;
  const options: PartOptions = {
    root: await ensureTree(place.onProgress),
    port,
    dataDir: join(place.folder, "data"),
    logFile: join(place.folder, `${kind}.log`),
  };
  let part = await STARTERS[kind](options, place);
  return {
    address: addressOf[kind](port),
    stop: () => part.stop(),
    kill: () => part.kill(),
    freeze: async () => void process.kill(part.pid, "SIGSTOP"),
    thaw: async () => void process.kill(part.pid, "SIGCONT"),
    start: async () => {
      await part.ended;
      part = await STARTERS[kind](options, place);
    },
  };
}
