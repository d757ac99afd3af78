import { createConnections } from "../broker/connections.ts";
import type { MemberIdentity } from "../group/group-member.ts";
import type { KafkaClient } from "../kafka.ts";
import { isFenced, kafkaFailure } from "../errors/kafka-errors.ts";
import { createCoordinators } from "./coordinator/coordinators.ts";
import { routeOf, type TopicRecords } from "./send/destinations.ts";
import { createLeaders } from "./send/leaders.ts";
import { sendRecords } from "./send/send-records.ts";
import { openSession, type Session } from "./coordinator/session.ts";
import { addPartitions, commit, commitOffsets } from "./transaction.ts";

/** What can be done inside a transaction. Nothing of it is seen by others before the commit. */
export type TransactionScope = {
  send: (batches: readonly TopicRecords[]) => Promise<void>;
  /** Moves the positions of a group without members; `metadata` (up to 4 KB) comes back with each. */
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
   * @throws {TransientError}
   * @throws {FatalError}
   */
  fence: () => Promise<void>;
  /**
   * Runs `work` in a transaction: committed when it returns, aborted when it throws.
   * After an error the outcome may be either; call `fence`, then look at the group's offset.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  transaction: (work: (scope: TransactionScope) => Promise<void>) => Promise<void>;
  close: () => Promise<void>;
};

/** One that is in no group: the transactional id alone fences. */
const NOBODY: MemberIdentity = { memberId: "", generationId: -1, groupInstanceId: null };

/**
 * A transactional producer under an id that its owner chooses, for tools that copy records: who starts the same
 * copy again takes the id over. (The processor's transactions are `group-transactions.ts`.)
 */
export function createTransactionalProducer(options: {
  kafka: KafkaClient;
  transactionalId: string;
}): TransactionalProducer {
  const { transactionalId } = options;
  const connections = createConnections(options.kafka);
  const coordinators = createCoordinators(connections);
  const leaders = createLeaders(connections);
  const batchBytes = new Map<string, number>();
  const { compression = "none" } = options.kafka.access;
  let session: Session | undefined;

  const open = () => openSession(coordinators, transactionalId, transactionalId);

  const run = async (own: Session, work: (scope: TransactionScope) => Promise<void>) => {
    const channel = transactionalId;
    const steps = {
      connections,
      coordinators,
      leaders,
      session: own,
      channel,
      batchBytes,
      compression,
    };
    let isBegun = false;
    await work({
      send: async (batches) => {
        const { destinations } = await routeOf(batches, leaders);
        if (destinations.length === 0) return;
        isBegun = true;
        await addPartitions(steps, destinations);
        await sendRecords(steps, destinations);
      },
      commitOffsets: ({ groupId, topic, partitions }) => {
        isBegun = true;
        const offsets = partitions.map((one) => ({ metadata: "", ...one }));
        return commitOffsets(steps, { groupId, topic, member: NOBODY, offsets });
      },
    });
    if (isBegun) await commit(steps);
  };

  return {
    fence: async () => {
      session = undefined;
      try {
        session = await open();
      } catch (error) {
        throw kafkaFailure(error);
      }
    },

    transaction: async (work) => {
      try {
        session ??= await open();
        await run(session, work);
      } catch (error) {
        session = undefined;
        // Taking the id over again aborts what is open; from who has taken it from us it is not taken back.
        if (!isFenced(error)) session = await open().catch(() => undefined);
        throw kafkaFailure(error);
      }
    },

    close: () => connections.close(),
  };
}
