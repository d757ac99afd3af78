import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityOf } from "@fiberstream/local-stack/native/process-identity";
import type { Addresses } from "../addresses.ts";
import { freePorts } from "../free-ports.ts";
import { startTestBackingService } from "./start-test-backing-service.ts";
import type { BackingServiceKind } from "./test-backing-service.ts";

export type SharedBackingServices = {
  readonly addresses: Addresses;
  readonly stop: () => Promise<void>;
};

const FOLDER = "fiberstream-test-";

/** Starts the backing services that a test run shares, with their own ports and data. */
export async function startSharedBackingServices(
  onProgress: (progress: string) => void,
): Promise<SharedBackingServices> {
  removeLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`));
  const ports = await freePorts(8);
  const start = (kind: BackingServiceKind, at: number) =>
    startTestBackingService(kind, {
      ports: { port: ports[at] ?? 0, innerPort: ports[at + 1] ?? 0 },
      folder: join(folder, kind),
      onProgress,
    });
  const [kafka, registry, redis, postgres] = await Promise.all([
    start("kafka", 0),
    start("registry", 2),
    start("redis", 4),
    start("postgres", 6),
  ]);
  return {
    addresses: {
      kafkaBrokers: kafka.address,
      schemaRegistryUrl: registry.address,
      redisUrl: redis.address,
      databaseUrl: postgres.address,
    },
    stop: async () => {
      // Their data is deleted, so there is no need to stop them cleanly.
      await Promise.all(
        [kafka, registry, redis, postgres].map((backingService) => backingService.kill()),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Deletes the data of test runs that were killed; their backing services ended with them. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${FOLDER}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || identityOf(Number(pid))) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
