import { setTimeout as delay } from "node:timers/promises";
import { until } from "@fiberstream/testkit/until";
import {
  Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from "@platformatic/kafka";
import { RETRY_FOR_MS } from "./with-admin.ts";

const TOPIC = "probe.metrics.raw";
/** Long enough for some requests of a large batch, and too short for all of them. */
const TURN_MS = [150, 250] as const;

/**
 * Makes the raw topic have too few in-sync replicas from time to time, as failing followers do: min.insync.replicas is
 * set above the number of brokers, and then reset. In between Kafka rejects writes.
 */
export async function flapIsr(brokers: readonly string[], lastsMs: number): Promise<void> {
  const admin = new Admin({
    clientId: "chaos",
    bootstrapBrokers: [...brokers],
    retries: 5,
    timeout: 5_000,
  });
  const require = (inSync: number) =>
    admin.incrementalAlterConfigs({
      resources: [
        {
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName: TOPIC,
          configs: [
            {
              name: "min.insync.replicas",
              configOperation: IncrementalAlterConfigOperationTypes.SET,
              value: String(inSync),
            },
          ],
        },
      ],
    });
  try {
    for (const endMs = performance.now() + lastsMs; performance.now() < endMs;) {
      // The broker may be down because of another fault; then this turn is skipped.
      await require(brokers.length + 1).catch(() => undefined);
      await delay(TURN_MS[0]);
      await require(usual(brokers)).catch(() => undefined);
      await delay(TURN_MS[1]);
    }
  } finally {
    await until(() => require(usual(brokers)).then(() => true), {
      what: "min.insync.replicas is reset",
      timeoutMs: RETRY_FOR_MS,
    });
    await admin.close();
  }
}

/** The value that the deploy step sets. */
const usual = ({ length }: readonly string[]) => (length >= 3 ? 2 : 1);
