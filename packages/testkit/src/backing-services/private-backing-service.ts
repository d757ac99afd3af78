import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { startTestBackingService } from "./start-test-backing-service.ts";
import type { BackingServiceKind, TestBackingService } from "./test-backing-service.ts";

/**
 * Starts a Kafka, registry, Redis or PostgreSQL for one test, which may stop, kill and restart it. (All tests use the
 * shared ones.)
 *
 * @returns the running backing service; `remove` stops it and deletes its data
 */
export async function startPrivateBackingService(
  kind: BackingServiceKind,
): Promise<TestBackingService & { remove: () => Promise<void> }> {
  const [port = 0, innerPort = 0] = await freePorts(2);
  const folder = await mkdtemp(join(tmpdir(), `fiberstream-${kind}-`));
  const backingService = await startTestBackingService(kind, {
    ports: { port, innerPort },
    folder,
    onProgress: () => undefined,
  });
  return {
    ...backingService,
    remove: async () => {
      await backingService.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
