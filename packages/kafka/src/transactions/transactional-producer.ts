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

/** What can be done inside a transaction. Consumers of committed records see nothing of it before the commit. */
export type TransactionScope = {
  send: (batches: readonly TopicRecords[]) => Promise<void>;
  /** Commits offsets of a group without members; `metadata` (up to 4 KB) is stored with each. */
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
   * Takes over the transactional id: the previous producer is fenced, and its open transaction has ended
   * when this returns. Also the way to continue after a transaction whose outcome is unknown.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  fence: () => Promise<void>;
  /**
   * Runs `work` in a transaction: committed when it returns, aborted when it throws.
   * After an error the outcome is unknown: call `fence`, then read the group's offset.
   * @throws {TransientError}
   * @throws {FatalError}
   */
  transaction: (work: (scope: TransactionScope) => Promise<void>) => Promise<void>;
  close: () => Promise<void>;
};

/** For commits without a group member: only the transactional id fences. */
const NO_MEMBER: MemberIdentity = { memberId: "", generationId: -1, groupInstanceId: null };

/**
 * A transactional producer whose transactional id is chosen by the caller, for tools that copy records: a second run of
 * the same copy takes the id over. (The processor uses `group-transactions.ts`.)
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
    let isStarted = false;
    await work({
      send: async (batches) => {
        const { destinations } = await routeOf(batches, leaders);
        if (destinations.length === 0) return;
        isStarted = true;
        await addPartitions(steps, destinations);
        await sendRecords(steps, destinations);
      },
      commitOffsets: ({ groupId, topic, partitions }) => {
        isStarted = true;
        const offsets = partitions.map((position) => ({ metadata: "", ...position }));
        return commitOffsets(steps, { groupId, topic, member: NO_MEMBER, offsets });
      },
    });
    if (isStarted) await commit(steps);
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
        // A new session aborts the open transaction. If another producer has fenced this one, the id stays with it.
        if (!isFenced(error)) session = await open().catch(() => undefined);
        throw kafkaFailure(error);
      }
    },

    close: () => connections.close(),
  };
}
