import { setTimeout as delay } from "node:timers/promises";
import type { KafkaClient } from "./kafka.ts";
import { typeOf } from "./kafka-errors.ts";
import {
  type Broker,
  type Cluster,
  COORDINATOR,
  createCluster,
  type ProducerIdentity,
} from "./kafkajs-cluster.ts";

/** An open transaction holds back all readers of committed records behind it, so it is not left long. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** A transactional id from one `InitProducerId` to the next. */
export type Session = {
  readonly cluster: Cluster;
  /** The coordinator of the transactional id, and the consumer groups' by their ids. */
  readonly coordinator: Broker;
  readonly groupCoordinators: Map<string, Broker>;
  readonly identity: ProducerIdentity;
  /** How many records each partition has had, by topic and partition. */
  readonly sequences: Map<string, number>;
};

/** Takes the transactional id over: fences whoever had it, and ends its open transaction. */
export async function openSession(kafka: KafkaClient, transactionalId: string): Promise<Session> {
  const cluster = createCluster(kafka);
  try {
    await cluster.connect();
    const taken = await takeOver(cluster, transactionalId);
    return { ...taken, cluster, groupCoordinators: new Map(), sequences: new Map() };
  } catch (error) {
    await cluster.disconnect().catch(() => undefined);
    throw error;
  }
}

/** The same on a connection that is there, for one who may not write under the id at all. */
export async function takeOver(
  cluster: Cluster,
  transactionalId: string,
): Promise<Pick<Session, "coordinator" | "identity">> {
  return whileBusy(async () => {
    // Asked for anew each time: on a cluster that has just started, it moves.
    const coordinator = await cluster.findGroupCoordinator({
      groupId: transactionalId,
      coordinatorType: COORDINATOR.transaction,
    });
    const { producerId, producerEpoch } = await coordinator.initProducerId({
      transactionalId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
    });
    return { coordinator, identity: { transactionalId, producerId, producerEpoch } };
  }, BUSY_OR_MOVING);
}

/**
 * Tries again while the coordinator is busy: it refuses what comes before the last transaction's markers
 * are written, some milliseconds after its commit was answered; and a fence, before the transaction that it
 * ends has ended; and everything while it reads its log after it has moved.
 */
export async function whileBusy<T>(
  call: () => Promise<T>,
  busy: ReadonlySet<string> = BUSY,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (!busy.has(typeOf(error) ?? "") || tries === MOST_TRIES) throw error;
      await delay(Math.min(200, 2 ** (tries - 1)));
    }
  }
}

const BUSY = new Set(["CONCURRENT_TRANSACTIONS", "GROUP_LOAD_IN_PROGRESS"]);
export const BUSY_OR_MOVING = new Set([
  ...BUSY,
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
]);
/** About 10 s. */
const MOST_TRIES = 56;
