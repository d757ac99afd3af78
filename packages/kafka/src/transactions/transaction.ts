import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  txnOffsetCommitV3,
} from "@platformatic/kafka";
import type { MemberIdentity } from "../group/group-member.ts";
import type { Coordinators } from "./coordinator/coordinators.ts";
import type { Destination } from "./send/destinations.ts";
import type { SendSteps } from "./send/produce.ts";
import { sendRecords, settleAll } from "./send/send-records.ts";

/** What one transaction writes: records, and offsets of one topic and group in the name of a member. */
export type Transaction = {
  readonly destinations: readonly Destination[];
  readonly groupId: string;
  readonly topic: string;
  readonly member: MemberIdentity;
  readonly offsets: readonly {
    readonly partition: number;
    readonly nextOffset: bigint;
    /** Of the last record before `nextOffset`; undefined when it is not known. */
    readonly leaderEpoch?: number | undefined;
    readonly metadata: string;
  }[];
  /** Told when the records could not be sent. */
  readonly onUnsent: () => void;
};

export type TransactionSteps = SendSteps & { coordinators: Coordinators };

/**
 * Runs one transaction (KIP-98, its offsets fenced by the group's generation, KIP-447), and returns when it is
 * committed. Versions of the requests are those of clients that add partitions themselves, which Kafka 3.7 to 4.x
 * know.
 * It rejects when every request has settled, and does not abort: the session is over, and the next one's
 * `InitProducerId` aborts under a raised epoch. An `EndTxn` of this epoch could be overtaken by a Produce that is
 * still on its way, which would be part of the next transaction, or of none that ever ends.
 * @throws {BrokerAnswerError}
 * @throws {RecordRefusedError}
 * @throws {Error}
 */
export async function runTransaction(
  steps: TransactionSteps,
  transaction: Transaction,
): Promise<void> {
  const { destinations, onUnsent } = transaction;
  const send = async () => {
    try {
      await sendRecords(steps, destinations);
    } catch (error) {
      onUnsent();
      throw error;
    }
  };
  if (destinations.length > 0) await addPartitions(steps, destinations);
  await settleAll([send(), commitOffsets(steps, transaction)]);
  await commit(steps);
}

/** The coordinator of the transactional id, on a connection of the channel's own. */
const coordinatorOf = ({ session, channel }: TransactionSteps) => ({
  kind: "transaction" as const,
  key: session.transactionalId,
  channel,
});

/**
 * @throws {BrokerAnswerError}
 * @throws {Error}
 */
export async function addPartitions(
  steps: TransactionSteps,
  destinations: readonly Destination[],
): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = steps.session;
  const topics = [...Map.groupBy(destinations, ({ topic }) => topic)].map(([name, some]) => ({
    name,
    partitions: [...new Set(some.map(({ partition }) => partition))],
  }));
  await steps.coordinators.ask(
    coordinatorOf(steps),
    addPartitionsToTxnV3.api,
    ({ resultsByTransaction }) =>
      resultsByTransaction.flatMap(({ topicResults }) =>
        topicResults.flatMap(({ resultsByPartition }) =>
          resultsByPartition
            .map(({ partitionErrorCode }) => partitionErrorCode)
            // Said of all others when one is refused.
            .filter((code) => code !== OPERATION_NOT_ATTEMPTED),
        ),
      ),
    [{ transactionalId, producerId, producerEpoch, verifyOnly: false, topics }],
  );
}

const OPERATION_NOT_ATTEMPTED = 55;

/**
 * @throws {BrokerAnswerError} also when the member is of an old generation
 * @throws {Error}
 */
export async function commitOffsets(
  steps: TransactionSteps,
  transaction: Pick<Transaction, "groupId" | "topic" | "member" | "offsets">,
): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = steps.session;
  const { groupId, topic, member, offsets } = transaction;
  await steps.coordinators.ask(
    coordinatorOf(steps),
    addOffsetsToTxnV3.api,
    ({ errorCode }) => [errorCode],
    transactionalId,
    producerId,
    producerEpoch,
    groupId,
  );
  const partitions = offsets.map(({ partition, nextOffset, leaderEpoch, metadata }) => ({
    partitionIndex: partition,
    committedOffset: nextOffset,
    committedLeaderEpoch: leaderEpoch ?? NO_EPOCH,
    committedMetadata: metadata,
  }));
  await steps.coordinators.ask(
    // The coordinator of the transaction may be the same broker.
    { kind: "group", key: groupId, channel: `${steps.channel} offsets` },
    txnOffsetCommitV3.api,
    ({ topics }) => topics.flatMap((one) => one.partitions.map(({ errorCode }) => errorCode)),
    transactionalId,
    groupId,
    producerId,
    producerEpoch,
    member.generationId,
    member.memberId,
    member.groupInstanceId,
    [{ name: topic, partitions }],
  );
}

const NO_EPOCH = -1;

/**
 * @throws {BrokerAnswerError}
 * @throws {Error} it may have been committed or not
 */
export async function commit(steps: TransactionSteps): Promise<void> {
  const { transactionalId, producerId, producerEpoch } = steps.session;
  await steps.coordinators.ask(
    coordinatorOf(steps),
    endTxnV3.api,
    ({ errorCode }) => [errorCode],
    transactionalId,
    producerId,
    producerEpoch,
    true,
  );
}
