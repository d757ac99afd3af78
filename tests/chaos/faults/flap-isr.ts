import { setTimeout as delay } from "node:timers/promises";
import { until } from "@fiberstream/testkit/until";
import {
  Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from "@platformatic/kafka";
import { TRY_FOR_MS } from "./with-admin.ts";

const TOPIC = "probe.metrics.raw";
/** Long enough for some portions of a large batch, too short for all of them. */
const TURN_MS = [150, 250] as const;

/**
 * Lets the raw topic have too few replicas in sync by turns, as followers that come and go do: the least that
 * has to be in sync is more than there are brokers, and then as before. Writes are refused by turns.
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
      // Another fault may have the broker down: a turn is left out then.
      await require(brokers.length + 1).catch(() => undefined);
      await delay(TURN_MS[0]);
      await require(usual(brokers)).catch(() => undefined);
      await delay(TURN_MS[1]);
    }
  } finally {
    await until(() => require(usual(brokers)).then(() => true), {
      what: "the raw topic is as it was",
      timeoutMs: TRY_FOR_MS,
    });
    await admin.close();
  }
}

/** As the topic step sets it. */
const usual = ({ length }: readonly string[]) => (length >= 3 ? 2 : 1);
