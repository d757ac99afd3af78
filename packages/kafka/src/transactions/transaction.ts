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

/** What one transaction writes: records, and the offsets of one topic, committed for a group by one of its members. */
export type Transaction = {
  readonly destinations: readonly Destination[];
  readonly groupId: string;
  readonly topic: string;
  readonly member: MemberIdentity;
  readonly offsets: readonly {
    readonly partition: number;
    readonly nextOffset: bigint;
    /** Of the last record before `nextOffset`; undefined if it is unknown. */
    readonly leaderEpoch?: number | undefined;
    readonly metadata: string;
  }[];
  /** Called when the records could not be sent. */
  readonly onUnsent: () => void;
};

export type TransactionSteps = SendSteps & { coordinators: Coordinators };

/**
 * Runs one transaction (KIP-98, its offsets fenced by the group's generation, KIP-447), and returns when it is
 * committed. The request versions are those of clients that add partitions to the transaction themselves; Kafka 3.7 to
 * 4.x support them.
 * On an error it waits until every request has settled, and does not abort: the session is over, and the next
 * session's `InitProducerId` aborts the transaction with a higher epoch. An `EndTxn` with this epoch could overtake a
 * Produce request that is still in flight, whose records would then belong to the next transaction, or to one that
 * never ends.
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

/** The coordinator of the transactional id, over the channel's own connection. */
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
  const topics = [...Map.groupBy(destinations, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitions: [...new Set(ofTopic.map(({ partition }) => partition))],
  }));
  await steps.coordinators.ask(
    coordinatorOf(steps),
    addPartitionsToTxnV3.api,
    ({ resultsByTransaction }) =>
      resultsByTransaction.flatMap(({ topicResults }) =>
        topicResults.flatMap(({ resultsByPartition }) =>
          resultsByPartition
            .map(({ partitionErrorCode }) => partitionErrorCode)
            // When one partition is refused, all others have this code.
            .filter((code) => code !== OPERATION_NOT_ATTEMPTED),
        ),
      ),
    [{ transactionalId, producerId, producerEpoch, verifyOnly: false, topics }],
  );
}

const OPERATION_NOT_ATTEMPTED = 55;

/**
 * @throws {BrokerAnswerError} also when the member's generation is outdated
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
    // A channel of its own, because the transaction's coordinator may be the same broker.
    { kind: "group", key: groupId, channel: `${steps.channel} offsets` },
    txnOffsetCommitV3.api,
    ({ topics }) => topics.flatMap((answer) => answer.partitions.map(({ errorCode }) => errorCode)),
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
 * @throws {Error} the outcome is unknown
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
