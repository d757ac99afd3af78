import { TransientError } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import { type Connections, createConnections } from "../broker/connections.ts";
import type { MemberIdentity } from "../group/group-member.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { Position } from "../errors/partition-fault.ts";
import type { LogIdentity } from "../records.ts";
import { createCoordinators } from "./coordinator/coordinators.ts";
import { type Route, routeOf, type TopicRecords } from "./send/destinations.ts";
import { createFences } from "./coordinator/fences.ts";
import {
  createTransactionQueue,
  type TransactionQueue,
  type QueuedCommit,
} from "./transaction-queue.ts";
import { createTransactionQueues } from "./transaction-queues.ts";
import { createLeaders } from "./send/leaders.ts";
import { writeOffsetMetadata } from "./coordinator/offset-metadata.ts";
import { createPositions, type KnownPosition } from "./positions.ts";
import { NotAcceptedError } from "./send/produce.ts";
import { RecordRefusedError } from "../errors/record-refused.ts";
import { openSession, type Session } from "./coordinator/session.ts";
import { runTransaction } from "./transaction.ts";
import { createTransactionalIds } from "./coordinator/transactional-ids.ts";

export type { TopicRecords } from "./send/destinations.ts";

/** What one input partition writes, and its position after that. */
export type PartitionCommit = {
  readonly partition: number;
  readonly log: LogIdentity;
  /** Offset of the batch's first record: the commit is rejected unless the partition's position is the same. */
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** Of the last record before `nextOffset`: the next owner notices by it that the log was truncated. */
  readonly leaderEpoch?: number | undefined;
  /** Stored with the offset and returned with the position, up to 3 KB. */
  readonly metadata: string;
  readonly batches: readonly TopicRecords[];
  /** Called when the records could not be sent, but not when the commit fails or is rejected. */
  readonly onUnsent?: () => void;
};

export type GroupTransactions = {
  /**
   * Fences the previous owners of partitions, and returns where the partitions resume.
   * @returns the positions that are known by now; the caller asks again for those that are missing
   * @throws {TransientError}
   * @throws {FatalError}
   */
  positionsOf: (
    partitions: readonly number[],
    log: LogIdentity,
  ) => Promise<ReadonlyMap<number, Position>>;
  /** The metadata committed with the position, as last read or committed by this process; "" if none. */
  metadataOf: (partition: number) => string;
  /**
   * Settles when the records and the offset are committed, possibly in one transaction with other partitions.
   * @throws {TransientError} either everything or nothing was committed: ask for the position
   * @throws {RecordRefusedError} a broker will never accept some of the records; nothing was committed
   * @throws {FatalError}
   */
  commit: (commit: PartitionCommit) => Promise<void>;
  /** Call it with every assignment: what is known of other partitions is dropped. */
  keepOnly: (partitions: readonly number[]) => void;
  /** Waits for the transactions in progress. */
  close: () => Promise<void>;
};

type Pending = QueuedCommit & PartitionCommit;

/**
 * The transactions of one member of a consumer group, which also commit its offsets. They are fenced by the group's
 * generation (KIP-447), so this process needs only its own transactional ids. Each set of brokers that lead the
 * destination partitions has its own queues, each with a transactional id: a slow or frozen broker delays only
 * the commits that need it. A partition whose records a leader rejects for now is retried in a transaction of its own.
 *
 * @param options.topic the input topic
 * @param options.processId identifies this process; other members learn it from the group
 * @param options.member this process's identity in the group; undefined when it does not own the partition
 * @param options.liveProcesses process ids of the group's members, as of the last assignment
 */
export function createGroupTransactions(options: {
  kafka: KafkaClient;
  groupId: string;
  topic: string;
  processId: string;
  member: (partition: number) => MemberIdentity | undefined;
  liveProcesses: () => ReadonlySet<string>;
  log: Log;
  /** For tests. */
  connections?: Connections;
}): GroupTransactions {
  const { groupId, topic, member } = options;
  const connections = options.connections ?? createConnections(options.kafka);
  const coordinators = createCoordinators(connections);
  const leaders = createLeaders(connections);
  const ids = createTransactionalIds({ ...options, coordinators });
  const batchBytes = new Map<string, number>();
  const { compression = "none" } = options.kafka.access;
  const knownPositions = new Map<number, KnownPosition>();
  /** Partitions whose last records were not accepted: each commits in its own transaction. */
  const isolated = new Set<number>();
  /** For partitions whose last transaction has an unknown outcome: its queue. */
  const unknownOutcomes = new Map<number, TransactionQueue<Pending>>();
  const fences = createFences({ ...options, coordinators });
  const positions = createPositions({
    ...options,
    coordinators,
    fences,
    knownPositions,
    settled: async (partition) => {
      const queue = unknownOutcomes.get(partition);
      await queue?.settled();
      if (unknownOutcomes.get(partition) === queue) unknownOutcomes.delete(partition);
    },
  });

  const run = async (session: Session, commits: readonly Pending[], as: MemberIdentity) => {
    const committer = ids.committer();
    const destinations = commits.flatMap((commit) => commit.destinations);
    await runTransaction(
      {
        connections,
        coordinators,
        leaders,
        session,
        channel: session.transactionalId,
        batchBytes,
        compression,
        ...(commits.length > 1 && { retryForMs: SHARED_RETRY_FOR_MS }),
      },
      {
        destinations,
        groupId,
        topic,
        member: as,
        offsets: commits.map(({ partition, nextOffset, leaderEpoch, metadata: text, log }) => ({
          partition,
          nextOffset,
          leaderEpoch,
          metadata: writeOffsetMetadata({ text, log: identifiedLog(log), committer }),
        })),
        onUnsent: () => commits.forEach(({ onUnsent }) => onUnsent?.()),
      },
    ).catch((error: unknown) => {
      // The broker that failed as a coordinator may have been a leader as well.
      for (const { topic: to } of destinations) leaders.forget(to);
      throw error;
    });
  };

  const queues = createTransactionQueues<TransactionQueue<Pending>>((brokers, lane) => {
    let transactionalId: string | undefined;
    const open = async () => {
      transactionalId ??= ids.idOf(await ids.choose(brokers));
      return openSession(coordinators, transactionalId, transactionalId);
    };
    return createTransactionQueue<Pending>({
      open,
      run,
      ...(lane === ISOLATED && { maxCommits: 1 }),
    });
  });

  /** Checks that this process still owns the partition and its position. */
  const claim = ({ partition, firstOffset }: PartitionCommit): MemberIdentity => {
    const identity = member(partition);
    if (identity === undefined) throw lost(`another member owns partition ${partition} now`);
    const { position, memberId } = knownPositions.get(partition) ?? {};
    // A member that was removed from the group rejoins under another id: others may have owned the partition meanwhile.
    if (position === undefined || memberId !== identity.memberId)
      throw lost(`the position of partition ${partition} is not known`);
    if (position !== "beginning" && position !== firstOffset) {
      throw lost(
        `partition ${partition} is at offset ${position}, but the batch starts at ${firstOffset}`,
      );
    }
    return identity;
  };

  const commitPartition = async (commit: PartitionCommit) => {
    const { partition, nextOffset, log, metadata: text } = commit;
    const route = await routeOf(commit.batches, leaders).catch((error: unknown) => {
      commit.onUnsent?.();
      throw error;
    });
    const queue = queues.of(
      isolated.has(partition) ? ISOLATED : laneOf(partition, route),
      route.brokers,
    );
    let positionBefore: KnownPosition | undefined;
    const committed = queue.commit({
      ...commit,
      destinations: route.destinations,
      claim: () => {
        const identity = claim(commit);
        positionBefore = knownPositions.get(partition);
        return identity;
      },
      onOutcomeUnknown: () => {
        const known = knownPositions.get(partition);
        if (known !== undefined) knownPositions.set(partition, { ...known, position: undefined });
        unknownOutcomes.set(partition, queue);
      },
    });
    await committed.catch((error: unknown) => {
      const isNotAccepted = error instanceof NotAcceptedError && error.isAmong(route.destinations);
      if (isNotAccepted) isolated.add(partition);
      throw error;
    });
    isolated.delete(partition);
    // A new assignment may have set another position meanwhile.
    if (positionBefore === undefined || knownPositions.get(partition) !== positionBefore) return;
    const committedHere = { offset: nextOffset, log };
    knownPositions.set(partition, { ...positionBefore, position: nextOffset, text, committedHere });
  };

  return {
    positionsOf: (partitions, log) => positions.of(partitions, log).catch(rethrow),
    metadataOf: (partition) => knownPositions.get(partition)?.text ?? "",
    commit: (commit) => commitPartition(commit).catch(rethrow),
    keepOnly: (partitions) => {
      const assigned = new Set(partitions);
      for (const partition of knownPositions.keys())
        if (!assigned.has(partition)) knownPositions.delete(partition);
      for (const partition of unknownOutcomes.keys())
        if (!assigned.has(partition)) unknownOutcomes.delete(partition);
      for (const partition of isolated) if (!assigned.has(partition)) isolated.delete(partition);
    },
    close: async () => {
      fences.close();
      await Promise.all(queues.all().map((queue) => queue.close()));
      await connections.close();
    },
  };
}

const ISOLATED = "isolated";
/** How long a shared transaction retries a batch that is not accepted, before its partition is isolated. */
const SHARED_RETRY_FOR_MS = 500;

/** Commits of this size occur while a partition works off a backlog. */
const LARGE_BYTES = 100_000;

/**
 * Small commits all share one lane, because a transaction costs the broker about as much for one partition as for
 * twelve. Large ones have two lanes: while one lane's transaction is in progress, the processor prepares the other's.
 */
function laneOf(partition: number, { destinations }: Route): string {
  const bytes = destinations.reduce((sum, destination) => sum + destination.bytes, 0);
  return bytes < LARGE_BYTES ? "small" : `large ${partition % 2}`;
}

const lost = (reason: string) => new TransientError("kafka", reason);

/** A log without a topic id cannot be identified later, so its identity is not stored. */
const identifiedLog = (log: LogIdentity) => (log.topicId === "" ? undefined : log);

function rethrow(error: unknown): never {
  throw error instanceof RecordRefusedError ? error : kafkaFailure(error);
}
