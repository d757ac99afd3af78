import { initProducerIdV4 } from "@platformatic/kafka";
import type { Coordinators } from "./coordinators.ts";

/**
 * How long a transaction may be open before its coordinator ends it. Longer than a follower that freezes keeps a
 * Produce waiting (9 s, until the controller takes it out of the in-sync replicas), and not much longer: what a
 * dead process leaves open where its heir does not know of it holds back readers for that long.
 */
const TRANSACTION_TIMEOUT_MS = 15_000;

/** A transactional id from one `InitProducerId` to the next. */
export type Session = {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** How many records each partition has had, by topic and partition. */
  readonly sequences: Map<string, number>;
};

/**
 * Takes a transactional id over: fences whoever had it, and its open transaction has ended when this returns. It
 * ends under a raised epoch, so that what was sent before and comes late is refused, whichever broker it comes to.
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
