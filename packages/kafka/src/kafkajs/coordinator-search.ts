import { createRequire } from "node:module";

/**
 * Makes kafkajs 2.2.4 report why it has found no group coordinator. Without this patch it discards the brokers' answers,
 * and does not retry after a lost connection: a consumer that starts while a broker stops would fail for good, and one
 * that the group rejects would not know the reason.
 *
 * The method is taken from the package's files because kafkajs does not export it. If a later version moves it, the
 * service fails at start.
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
    /** Asks one broker after the other, and swallows their errors. */
    withBroker: (
      ask: (asked: {
        broker: { findGroupCoordinator: (wanted: Wanted) => Promise<Found> };
      }) => Promise<Found>,
    ) => Promise<Found | null>;
  };
  findGroupCoordinatorMetadata: (this: Cluster, wanted: Wanted) => Promise<Found>;
};
