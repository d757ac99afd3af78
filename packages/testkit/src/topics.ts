import { deployTopics } from "@fiberstream/provisioning/topics";
import { createLog } from "@fiberstream/runtime/log";
import { addresses } from "./addresses.ts";

/** Creates the catalogue's topics and subjects in a test's namespace, as a deployment does. */
export async function createTestTopics(namespace: string): Promise<void> {
  await deployTopics({
    brokers: [addresses.kafkaBrokers],
    schemaRegistryUrl: addresses.schemaRegistryUrl,
    namespace,
    log: createLog({ service: "testkit", level: "silent", format: "json" }),
    print: () => undefined,
  });
}
