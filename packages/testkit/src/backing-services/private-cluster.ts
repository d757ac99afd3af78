import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../free-ports.ts";
import { startTestBackingService } from "./start-test-backing-service.ts";
import type { TestBackingService } from "./test-backing-service.ts";

/** Three, so that two controllers are a majority when one is down. */
const BROKERS = 3;

/**
 * Starts a Kafka cluster with brokers 1, 2 and 3 for one test.
 *
 * @returns the running brokers by id; `remove` stops them and deletes their data
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
