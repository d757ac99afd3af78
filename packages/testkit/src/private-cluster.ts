import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-ports.ts";
import { startTestBackingService } from "./start-test-backing-service.ts";
import type { TestBackingService } from "./test-backing-service.ts";

/** Three: with two of them the controllers still agree when one is gone. */
const BROKERS = 3;

/**
 * A Kafka of several brokers for one test, whose ids are 1, 2 and 3.
 *
 * @returns the brokers, up, by id; `remove` ends them and deletes their data
 */
export async function startPrivateCluster(): Promise<{
  addresses: readonly string[];
  broker: (nodeId: number) => TestBackingService;
  remove: () => Promise<void>;
}> {
  const ports = await freePorts(2 * BROKERS);
  const folder = await mkdtemp(join(tmpdir(), "fiberstream-cluster-"));
  const controllerPorts = ports.slice(BROKERS);
  const start = async (port: number, at: number): Promise<TestBackingService> => {
    const own = join(folder, String(at + 1));
    await mkdir(own);
    return startTestBackingService("kafka", {
      ports: { port, innerPort: controllerPorts[at] ?? 0 },
      folder: own,
      onProgress: () => undefined,
      cluster: { nodeId: at + 1, controllerPorts },
    });
  };
  const brokers = await Promise.all(ports.slice(0, BROKERS).map(start));
  return {
    addresses: brokers.map(({ address }) => address),
    broker: (nodeId) => {
      const found = brokers[nodeId - 1];
      if (found === undefined) throw new RangeError(`there is no broker ${nodeId}`);
      return found;
    },
    remove: async () => {
      await Promise.all(brokers.map((one) => one.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
