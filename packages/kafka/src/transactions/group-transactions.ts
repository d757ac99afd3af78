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
import { NotTakenError } from "./send/produce.ts";
import { RecordRefusedError } from "../errors/record-refused.ts";
import { openSession, type Session } from "./coordinator/session.ts";
import { runTransaction } from "./transaction.ts";
import { createTransactionalIds } from "./coordinator/transactional-ids.ts";

export type { TopicRecords } from "./send/destinations.ts";

/** What one input partition writes, and its position after that. */
export type PartitionCommit = {
  readonly partition: number;
  readonly log: LogIdentity;
  /** Where the batch began: refused unless the partition's position is there. */
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** Of the last record before `nextOffset`: the next owner sees by it when the log was cut back. */
  readonly leaderEpoch?: number | undefined;
  /** Stored with the offset and returned with the position, up to 3 KB. */
  readonly metadata: string;
  readonly batches: readonly TopicRecords[];
  /** Told when the records could not be sent, as opposed to a commit that fails or is refused. */
  readonly onUnsent?: () => void;
};

export type GroupTransactions = {
  /**
   * Where partitions go on, after whoever had them before has been fenced.
   * @returns the positions that are known by now; one that is left out is to be asked for again
   * @throws {TransientError}
   * @throws {FatalError}
   */
  positionsOf: (
    partitions: readonly number[],
    log: LogIdentity,
  ) => Promise<ReadonlyMap<number, Position>>;
  /** What was committed with the position, as it was read or committed here last; "" if nothing. */
  metadataOf: (partition: number) => string;
  /**
   * Settles when the part is committed, perhaps in one transaction with those of other partitions.
   * @throws {TransientError} all of it is seen downstream or nothing: ask for the position
   * @throws {RecordRefusedError} a broker will never take some of the records: nothing of the part is seen
   * @throws {FatalError}
   */
  commit: (part: PartitionCommit) => Promise<void>;
  /** To be told of every assignment: what is not in it is forgotten. */
  keepOnly: (partitions: readonly number[]) => void;
  /** Ends the transactions that are under way. */
  close: () => Promise<void>;
};

type Pending = QueuedCommit & PartitionCommit;

/**
 * The transactions of one member of a consumer group, which move its offsets: fenced by the group's generation
 * (KIP-447), so that this process needs ids of its own only. There are queues, each with a transactional id, for each set
 * of brokers that lead what a part writes to: a broker that is slow or frozen holds back only what needs it. What one
 * leader does not take for now waits apart, in a transaction of its own, until it is taken.
 *
 * @param options.topic the input topic
 * @param options.processId this process's own, which others read of the group's members
 * @param options.member who this process is in the group; undefined when the partition is not its own
 * @param options.liveProcesses the ids of the members' processes, as of the last assignment
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
  /** The partitions whose records were not taken last. */
  const apart = new Set<number>();
  /** In whose transaction, the outcome of which is not known, a partition's offset was last. */
  const doubts = new Map<number, TransactionQueue<Pending>>();
  const fences = createFences({ ...options, coordinators });
  const positions = createPositions({
    ...options,
    coordinators,
    fences,
    knownPositions,
    settled: async (partition) => {
      const queue = doubts.get(partition);
      await queue?.settled();
      if (doubts.get(partition) === queue) doubts.delete(partition);
    },
  });

  const run = async (session: Session, parts: readonly Pending[], as: MemberIdentity) => {
    const committer = ids.committer();
    await runTransaction(
      {
        connections,
        coordinators,
        leaders,
        session,
        channel: session.transactionalId,
        batchBytes,
        compression,
        ...(parts.length > 1 && { notTakenForMs: SHARED_NOT_TAKEN_FOR_MS }),
      },
      {
        destinations: parts.flatMap(({ destinations }) => destinations),
        groupId,
        topic,
        member: as,
        offsets: parts.map(({ partition, nextOffset, leaderEpoch, metadata: text, log }) => ({
          partition,
          nextOffset,
          leaderEpoch,
          metadata: writeOffsetMetadata({ text, log: named(log), committer }),
        })),
        onUnsent: () => parts.forEach(({ onUnsent }) => onUnsent?.()),
      },
    );
  };

  const queues = createTransactionQueues<TransactionQueue<Pending>>((brokers, way) => {
    let transactionalId: string | undefined;
    const open = async () => {
      transactionalId ??= ids.idOf(await ids.choose(brokers));
      return openSession(coordinators, transactionalId, transactionalId);
    };
    return createTransactionQueue<Pending>({ open, run, ...(way === APART && { mostParts: 1 }) });
  });

  const claim = ({ partition, firstOffset }: PartitionCommit): MemberIdentity => {
    const identity = member(partition);
    if (identity === undefined) throw lost(`partition ${partition} is another member's now`);
    const { position, memberId } = knownPositions.get(partition) ?? {};
    // Who has lost its place in the group comes back under another id: others may have had the partition meanwhile.
    if (position === undefined || memberId !== identity.memberId)
      throw lost(`the position of partition ${partition} is not known`);
    if (position !== "beginning" && position !== firstOffset) {
      throw lost(
        `partition ${partition} stands at ${position}, the batch begins at ${firstOffset}`,
      );
    }
    return identity;
  };

  const commit = async (part: PartitionCommit) => {
    const { partition, nextOffset, log, metadata: text } = part;
    const route = await routeOf(part.batches, leaders).catch((error: unknown) => {
      part.onUnsent?.();
      throw error;
    });
    const queue = queues.of(apart.has(partition) ? APART : wayOf(partition, route), route.brokers);
    let placed: KnownPosition | undefined;
    const committed = queue.commit({
      ...part,
      destinations: route.destinations,
      claim: () => {
        const identity = claim(part);
        placed = knownPositions.get(partition);
        return identity;
      },
      onDoubt: () => {
        const place = knownPositions.get(partition);
        if (place !== undefined) knownPositions.set(partition, { ...place, position: undefined });
        doubts.set(partition, queue);
      },
    });
    await committed.catch((error: unknown) => {
      const isNotTaken = error instanceof NotTakenError && error.isAmong(route.destinations);
      if (isNotTaken) apart.add(partition);
      throw error;
    });
    apart.delete(partition);
    // Another assignment may have come meanwhile, with another position.
    if (placed === undefined || knownPositions.get(partition) !== placed) return;
    const committedHere = { offset: nextOffset, log };
    knownPositions.set(partition, { ...placed, position: nextOffset, text, committedHere });
  };

  return {
    positionsOf: (partitions, log) => positions.of(partitions, log).catch(rethrow),
    metadataOf: (partition) => knownPositions.get(partition)?.text ?? "",
    commit: (part) => commit(part).catch(rethrow),
    keepOnly: (partitions) => {
      const kept = new Set(partitions);
      for (const partition of knownPositions.keys())
        if (!kept.has(partition)) knownPositions.delete(partition);
      for (const partition of doubts.keys()) if (!kept.has(partition)) doubts.delete(partition);
      for (const partition of apart) if (!kept.has(partition)) apart.delete(partition);
    },
    close: async () => {
      fences.close();
      await Promise.all(queues.all().map((queue) => queue.close()));
      await connections.close();
    },
  };
}

const APART = "apart";
/** So long the neighbours of a part that is not taken wait for it, before it waits apart. */
const SHARED_NOT_TAKEN_FOR_MS = 500;

/** In a backlog partitions have so much each. */
const LARGE_BYTES = 100_000;

/**
 * Small parts share all, for a transaction costs the broker about as much for one as for twelve. Large ones go two
 * ways: while the transaction of the one is under way the processor prepares what the other will have.
 */
function wayOf(partition: number, { destinations }: Route): string {
  const bytes = destinations.reduce((sum, one) => sum + one.bytes, 0);
  return bytes < LARGE_BYTES ? "small" : `large ${partition % 2}`;
}

const lost = (reason: string) => new TransientError("kafka", reason);

/** What does not say which log it is has none to write down. */
const named = (log: LogIdentity) => (log.topicId === "" ? undefined : log);

function rethrow(error: unknown): never {
  throw error instanceof RecordRefusedError ? error : kafkaFailure(error);
}
