import { initProducerIdV4 } from "@platformatic/kafka";
import type { Coordinators } from "./coordinators.ts";

/**
 * How long a transaction may be open before its coordinator aborts it. Longer than a frozen follower can delay a
 * Produce request (9 s, until the controller removes it from the in-sync replicas), but not much longer: a dead
 * process's open transaction that the next owner does not know of blocks readers for that long.
 */
const TRANSACTION_TIMEOUT_MS = 15_000;

/** The state of a transactional id from one `InitProducerId` to the next. */
export type Session = {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The next sequence number, by topic and partition. */
  readonly sequences: Map<string, number>;
};

/**
 * Takes a transactional id over: fences the previous producer, whose open transaction has ended when this returns.
 * The epoch is raised, so every broker rejects requests of the previous producer that arrive late.
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function openSession(
  coordinators: Coordinators,
  transactionalId: string,
  channel: string,
): Promise<Session> {
  const { producerId, producerEpoch } = await coordinators.ask(
    { kind: "transaction", key: transactionalId, channel },
    initProducerIdV4.api,
    ({ errorCode }) => [errorCode],
    transactionalId,
    TRANSACTION_TIMEOUT_MS,
  );
  return { transactionalId, producerId, producerEpoch, sequences: new Map() };
}
