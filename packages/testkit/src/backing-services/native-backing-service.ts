import { join } from "node:path";
import { startKafka } from "@fiberstream/local-stack/native/kafka";
import type {
  BackingService,
  BackingServiceOptions,
} from "@fiberstream/local-stack/native/backing-service";
import { startPostgres } from "@fiberstream/local-stack/native/postgres";
import { startRedis } from "@fiberstream/local-stack/native/redis";
import { startRegistry } from "@fiberstream/local-stack/native/registry";
import { ensureTree } from "@fiberstream/local-stack/native/tree";
import { kafkaVersion } from "../config.ts";
import {
  addressOf,
  type BackingServiceKind,
  type TestBackingServiceOptions,
  type TestBackingService,
} from "./test-backing-service.ts";

type Starter = (
  options: BackingServiceOptions,
  setup: TestBackingServiceOptions,
) => Promise<BackingService>;

const STARTERS: Record<BackingServiceKind, Starter> = {
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

/** Starts a backing service on the native runtime. It ends with this process. */
export async function startNativeBackingService(
  kind: BackingServiceKind,
  setup: TestBackingServiceOptions,
): Promise<TestBackingService> {
  const { port } = setup.ports;
  const options: BackingServiceOptions = {
    root: await ensureTree(setup.onProgress),
    port,
    dataDir: join(setup.folder, "data"),
    logFile: join(setup.folder, `${kind}.log`),
  };
  let backingService = await STARTERS[kind](options, setup);
  return {
    address: addressOf[kind](port),
    stop: () => backingService.stop(),
    kill: () => backingService.kill(),
    freeze: async () => void process.kill(backingService.pid, "SIGSTOP"),
    thaw: async () => void process.kill(backingService.pid, "SIGCONT"),
    start: async () => {
      await backingService.ended;
      backingService = await STARTERS[kind](options, setup);
    },
  };
}
