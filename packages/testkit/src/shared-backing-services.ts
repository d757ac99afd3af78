import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityOf } from "@fiberstream/local-stack/native/process-identity";
import type { Addresses } from "./addresses.ts";
import { freePorts } from "./free-ports.ts";
import { startTestPart } from "./start-test-backing-service.ts";
import type { PartKind } from "./test-backing-service.ts";

export type SharedParts = { readonly addresses: Addresses; readonly stop: () => Promise<void> };

const FOLDER = "fiberstream-test-";

/** One set of parts for a whole test run, on ports and data of its own. */
export async function startSharedParts(onProgress: (doing: string) => void): Promise<SharedParts> {
  removeLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`));
  const ports = await freePorts(8);
  const start = (kind: PartKind, at: number) =>
    startTestPart(kind, {
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
      // The data goes with them: there is nothing to end cleanly.
      await Promise.all([kafka, registry, redis, postgres].map((part) => part.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A run that was killed could not delete its data; its parts died with it. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${FOLDER}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || identityOf(Number(pid))) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
