import { createRequire } from "node:module";

/**
 * Lets kafkajs 2.2.4 say why it has found no group coordinator. By itself it throws away what the brokers
 * answered and takes a broken connection for an error that no second try can mend: a consumer that asks
 * while a broker goes down would be dead for good, and one that the group refuses would not hear why.
 *
 * The method is reached through the package's files because nothing exports it; the import throws at
 * start should a later version move it.
 */
export function exposeCoordinatorError(): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require("kafkajs/src/cluster") as { prototype: Cluster };
  const { KafkaJSNoBrokerAvailableError } = require("kafkajs/src/errors") as {
    KafkaJSNoBrokerAvailableError: new () => Error;
  };
  prototype.findGroupCoordinatorMetadata = async function find(wanted) {
    let reason: unknown;
    const found = await this.brokerPool.withBroker(async ({ broker }) => {
      try {
        return await broker.findGroupCoordinator(wanted);
      } catch (error) {
        reason = error;
        throw error;
      }
    });
    if (found) return found;
    throw reason ?? new KafkaJSNoBrokerAvailableError();
  };
}

type Found = { readonly coordinator: { readonly nodeId: number } };
type Wanted = { readonly groupId: string; readonly coordinatorType?: number };
type Cluster = {
  brokerPool: {
    /** Asks one broker after the other; swallows what they throw. */
    withBroker: (
      ask: (asked: {
        broker: { findGroupCoordinator: (wanted: Wanted) => Promise<Found> };
      }) => Promise<Found>,
    ) => Promise<Found | null>;
  };
  findGroupCoordinatorMetadata: (this: Cluster, wanted: Wanted) => Promise<Found>;
};
