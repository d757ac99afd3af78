import type { KafkaClient } from "./kafka.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import { COORDINATOR } from "./kafkajs-cluster.ts";
import { sendInTransaction, type TopicRecords } from "./transaction-send.ts";
import { BUSY_OR_MOVING, openSession, type Session, whileBusy } from "./transaction-session.ts";

/** What can be done inside a transaction, side by side. Nothing of it is seen by others before the commit. */
export type TransactionScope = {
  send: (batches: readonly TopicRecords[]) => Promise<void>;
  /** Moves a consumer group's positions with the transaction; `metadata` (up to 4 KB) comes back with each. */
  commitOffsets: (positions: {
    readonly groupId: string;
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly nextOffset: bigint;
      readonly metadata?: string;
    }[];
  }) => Promise<void>;
};

export type TransactionalProducer = {
  /**
   * Takes over the transactional id: whoever had it is fenced off, and its open transaction has ended
   * when this returns. Also how to go on after a transaction whose outcome is not known.
   * @throws {TransientError} @throws {FatalError}
   */
  fence: () => Promise<void>;
  /**
   * Runs `work` in a transaction: committed when it returns, aborted when it throws.
   * After an error the outcome may be either; call `fence`, then look at the group's offset.
   * @throws {TransientError} @throws {FatalError}
   */
  transaction: (work: (scope: TransactionScope) => Promise<void>) => Promise<void>;
  close: () => Promise<void>;
};

/**
 * The transactional producer's side of KIP-98, on kafkajs's connections. kafkajs's own one asks for the
 * coordinators again at each step, 9 round trips a transaction against 5 here of which two go side by side,
 * and encodes and groups records one by one; and it stays unusable after a failed commit (its issue 1416).
 * Here every error ends the session: the next one begins with `InitProducerId`, which fences.
 */
export function createTransactionalProducer(options: {
  kafka: KafkaClient;
  transactionalId: string;
}): TransactionalProducer {
  const { kafka, transactionalId } = options;
  let session: Promise<Session> | undefined;

  const discard = async () => {
    const discarded = session;
    session = undefined;
    await discarded?.then(({ cluster }) => cluster.disconnect()).catch(() => undefined);
  };

  return {
    fence: async () => {
      await discard();
      try {
        session = openSession(kafka, transactionalId);
        await session;
      } catch (error) {
        await discard();
        throw kafkaFailure(error);
      }
    },

    transaction: async (work) => {
      try {
        session ??= openSession(kafka, transactionalId);
        await runTransaction(await session, work);
      } catch (error) {
        await discard();
        throw kafkaFailure(error);
      }
    },

    close: discard,
  };
}

async function runTransaction(
  session: Session,
  work: (scope: TransactionScope) => Promise<void>,
): Promise<void> {
  const { coordinator, identity } = session;
  let isBegun = false;
  const begin = () => (isBegun = true);
  try {
    await work({
      send: (batches) => sendInTransaction(session, batches, begin),
      commitOffsets: (positions) => commitOffsets(session, positions, begin),
    });
  } catch (error) {
    // What failed may have left the transaction open; should this fail too, the next fence ends it.
    if (isBegun)
      await coordinator.endTxn({ ...identity, transactionResult: false }).catch(() => undefined);
    throw error;
  }
  if (isBegun) {
    await whileBusy(() => coordinator.endTxn({ ...identity, transactionResult: true }));
  }
}

async function commitOffsets(
  { cluster, coordinator, groupCoordinators, identity }: Session,
  { groupId, topic, partitions }: Parameters<TransactionScope["commitOffsets"]>[0],
  begin: () => void,
): Promise<void> {
  begin();
  await whileBusy(() => coordinator.addOffsetsToTxn({ ...identity, groupId }));
  const offsets = partitions.map(({ partition, nextOffset, metadata = "" }) => ({
    partition,
    offset: nextOffset.toString(),
    metadata,
  }));
  const moved = { ...identity, groupId, topics: [{ topic, partitions: offsets }] };
  await whileBusy(async () => {
    const coordinatorType = COORDINATOR.group;
    const owner =
      groupCoordinators.get(groupId) ??
      (await cluster.findGroupCoordinator({ groupId, coordinatorType }));
    groupCoordinators.delete(groupId);
    await owner.txnOffsetCommit(moved);
    groupCoordinators.set(groupId, owner);
  }, BUSY_OR_MOVING);
}
