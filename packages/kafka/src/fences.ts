import { setImmediate as nextTurn } from "node:timers/promises";
import type { KafkaClient } from "./kafka.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import { createCluster } from "./kafkajs-cluster.ts";
import { takeOver } from "./transaction-session.ts";

export type Fences = {
  /**
   * Fences off whoever has one of the transactional ids, and ends their open transactions, for one who does
   * not write under these ids. @throws {TransientError} @throws {FatalError}
   */
  fence: (ids: readonly string[]) => Promise<void>;
};

/** Fences that are asked for at the same moment are set up together, on one connection. */
export function createFences(kafka: KafkaClient): Fences {
  let next: { readonly ids: Set<string>; readonly done: Promise<void> } | undefined;

  const fenceAll = async (ids: ReadonlySet<string>) => {
    await nextTurn();
    next = undefined;
    const cluster = createCluster(kafka);
    try {
      await cluster.connect();
      // None may go on by itself when this is over: it would connect again, and fence who comes later.
      const taken = await Promise.allSettled(Array.from(ids, (id) => takeOver(cluster, id)));
      for (const one of taken) if (one.status === "rejected") throw one.reason;
    } catch (error) {
      throw kafkaFailure(error);
    } finally {
      await cluster.disconnect().catch(() => undefined);
    }
  };

  return {
    fence: (ids) => {
      if (next === undefined) {
        const together = new Set<string>();
        next = { ids: together, done: fenceAll(together) };
      }
      for (const id of ids) next.ids.add(id);
      return next.done;
    },
  };
}
