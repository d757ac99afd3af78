import { messageOf } from "@fiberstream/runtime/errors";
import type { Health } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import { createConnections, type TopicMetadata } from "../broker/connections.ts";
import { joinGroup, type MemberIdentity } from "../group/group-member.ts";
import type { KafkaClient } from "../kafka.ts";
import { kafkaFailure } from "../errors/kafka-errors.ts";
import type { Position } from "../errors/partition-fault.ts";
import type { PipelineMetrics } from "../telemetry/pipeline-metrics.ts";
import type { IncomingRecord, LogIdentity, RecordBatch } from "../records.ts";
import { createEpochEnds } from "./epoch-ends.ts";
import { startFetchLoops } from "../fetch/fetch-loops.ts";
import { batchedByTurn } from "./batched-by-turn.ts";
import { beginningOf, listOffsets } from "../broker/list-offsets.ts";
import { type PartitionLoop, runPartition } from "./partition-loop.ts";
import { watchTopic } from "../broker/topic-state.ts";
import { createFailingReasons } from "./failing-reasons.ts";

export type ConsumerOptions = {
  readonly kafka: KafkaClient;
  readonly groupId: string;
  readonly topic: string;
  /** After this time without heartbeats a member's partitions are assigned to others. Default 10 s. */
  readonly sessionTimeoutMs?: number | undefined;
  /** Makes a static member (KIP-345): after a restart within the session it gets the same partitions back. */
  readonly groupInstanceId?: string | undefined;
  /** Sent to all members of the group; default "". */
  readonly memberData?: string;
  /** Maximum of one fetch for one partition; default 1 MB. One more batch of each partition is read ahead. */
  readonly maxBytesPerPartition?: number;
  /** While records arrive, a fetch waits for so many bytes, `maxWaitMs` long (`fetch-loops.ts`); default 1, 250 ms. */
  readonly minBytes?: number;
  readonly maxWaitMs?: number;
  /**
   * Returns the positions where partitions continue. Called at every assignment before anything is fetched, and after every
   * failed attempt at a batch, because a commit that seemed to fail may have succeeded. A partition that is missing in the
   * result is not known yet: it is asked for again.
   * @throws {TransientError} called again with backoff
   * @throws {FatalError}
   */
  readonly positionsOf: (
    partitions: readonly number[],
    log: LogIdentity,
  ) => Promise<ReadonlyMap<number, Position>>;
  /**
   * Returns where to begin reading a partition that continues at `position`: there, or before it to replay records that were
   * processed earlier. Records before the position go to `replay` only. Called after `positionsOf`, and
   * never for an assignment that has ended (`partition-loop.test.ts`).
   * @throws {TransientError} called again with backoff
   * @throws {FatalError}
   */
  readonly replayFrom?: (partition: number, position: bigint) => Promise<bigint>;
  readonly replay?: (partition: number, records: readonly IncomingRecord[]) => Promise<void>;
  /** Called at every assignment with the partitions of this member and the `memberData` of all members. */
  readonly onAssigned?: (partitions: readonly number[], membersData: readonly string[]) => void;
  /**
   * Processes a batch and commits it. Batches of one partition come one at a time, in order, each beginning where the one before
   * ended; those of several partitions concurrently. `signal` is aborted when the partition is revoked: start nothing new then.
   * @throws {TransientError} the batch is retried with backoff; the other partitions continue
   * @throws {BatchUnreadyError} the position is asked for again, with `replayFrom`
   * @throws {PartitionPausedError} the partition waits until the error's `resumed` settles
   * @throws {PartitionFaultError} the partition stops until its position has been moved
   * @throws {FatalError} the consumer stops and the service is not ready; so does anything else that is thrown
   */
  readonly processBatch: (batch: RecordBatch, signal: AbortSignal) => Promise<void>;
  /** What an operator can do when Kafka does not have the offset where a partition continues. */
  readonly outOfRangeAdvice?: string;
  /** Called with the reason when the consumer has halted, besides its check and its log line. */
  readonly onHalt?: (reason: string) => void;
  readonly metrics: PipelineMetrics;
  readonly health: Health;
  readonly log: Log;
};

export type RunningConsumer = {
  /**
   * Commits offsets of this member's partitions in one request.
   * @throws {TransientError}
   */
  readonly commitOffsets: (nextOffsets: ReadonlyMap<number, bigint>) => Promise<void>;
  /** Asks for the position of a partition again, if this member owns it: its position was moved. */
  readonly reseek: (partition: number) => void;
  /** The identity to commit a partition with; undefined when this member does not own it. */
  readonly member: (partition: number) => MemberIdentity | undefined;
  /** Stops fetching, waits for the batches in flight, leaves the group, disconnects. */
  readonly close: () => Promise<void>;
};

/** A loop that is stopping, and promises for its end. */
type StoppingLoop = {
  readonly loop: PartitionLoop;
  readonly stopped: Promise<void>;
  readonly settled: Promise<unknown>;
};

/** Without a fetch, a heartbeat or the end of a call for so long, the consumer counts as dead. */
const STALLED_AFTER_MS = 60_000;
const SILENT_AFTER_MS = 3_000;
const NOTHING_KNOWN: ReadonlyMap<number, bigint> = new Map();

/**
 * Joins a group and passes on committed records batch by batch. Each partition has a loop and a position of its own: what
 * delays one partition, or one broker, delays no other.
 *
 * @throws {TransientError} when Kafka is unavailable or lacks the topic
 */
export async function runConsumer(options: ConsumerOptions): Promise<RunningConsumer> {
  const { kafka, groupId, topic, metrics, health, log } = options;
  const connections = createConnections(kafka);
  let first: TopicMetadata;
  try {
    first = await connections.topicMetadata(topic);
  } catch (error) {
    await connections.close();
    throw kafkaFailure(error);
  }

  const check = health.check("consumer");
  check.failing("has not joined its group yet");
  const failing = createFailingReasons(check);
  failing.report("group", "has not joined its group yet");
  const closing = new AbortController();
  /** Aborted last: the member stays in its group until the batches in flight are done. */
  const left = new AbortController();
  const loops = new Map<number, PartitionLoop>();
  /** Loops that are stopping. */
  const stoppingLoops = new Map<number, StoppingLoop>();
  let aliveMs = performance.now();

  const stopLoop = (partition: number): Promise<void> => {
    const loop = loops.get(partition);
    if (loop === undefined) return stoppingLoops.get(partition)?.stopped ?? Promise.resolve();
    loops.delete(partition);
    const stopped = loop.stop().then(() => {
      if (!loops.has(partition)) metrics.forgetLag(topic, partition);
    });
    const entry: StoppingLoop = { loop, stopped, settled: stopped.then(loop.settled) };
    stoppingLoops.set(partition, entry);
    void entry.settled.then(() => {
      if (stoppingLoops.get(partition) === entry) stoppingLoops.delete(partition);
    });
    return stopped;
  };
  const stopAll = () => Promise.all([...loops.keys(), ...stoppingLoops.keys()].map(stopLoop));

  const halt = (error: unknown) => {
    if (closing.signal.aborted) return;
    const reason = messageOf(error);
    closing.abort();
    failing.report("halt", reason);
    log.fatal({ topic, reason, err: error }, "consumer halted, operator action required");
    options.onHalt?.(reason);
    // Not awaited: the caller may be a batch in flight, which `end` waits for.
    void end();
  };

  const state = watchTopic({
    connections,
    topic,
    first,
    onChange: (before) => {
      const { topicId, clusterId } = state.log();
      if (before.log.topicId !== topicId || before.log.clusterId !== clusterId) {
        log.warn({ topic, before: before.log.topicId, now: topicId }, "topic was recreated");
        for (const loop of loops.values()) loop.reseek();
      }
      reportLeaderless();
      void measureSilent();
      member.topicHas(state.partitions().length);
      fetching.wake();
    },
    onFailing: (reason) => failing.report("topic", reason),
    stopping: left.signal,
    log,
  });
  const cluster = { connections, state, topic };

  const reportLeaderless = () => {
    const leaderless = [...loops.keys()].filter((partition) => !state.leaderOf(partition)?.address);
    failing.report(
      "leaders",
      leaderless.length > 0
        ? `partitions without a leader in ${topic}: ${leaderless.join(", ")}`
        : undefined,
    );
  };

  /** Updates the lag of partitions from which nothing is fetched, because they wait or are stopped. */
  const measureSilent = async () => {
    const silent = [...loops].filter(([, loop]) => loop.silentMs() > SILENT_AFTER_MS);
    if (silent.length === 0) return;
    const partitions = silent.map(([partition]) => partition);
    const ends = await listOffsets(cluster, partitions, "end").catch(() => NOTHING_KNOWN);
    for (const [partition, end] of ends) loops.get(partition)?.updateEnd(end);
  };

  const fetching = startFetchLoops({
    connections,
    state,
    owned: () => [...loops.keys()],
    ticketOf: (partition) => loops.get(partition)?.ticket(),
    minBytes: options.minBytes ?? 1,
    maxWaitMs: options.maxWaitMs ?? 250,
    maxBytesPerPartition: options.maxBytesPerPartition ?? 1_048_576,
    onFailing: (broker, reason) =>
      failing.report(`broker ${broker}`, reason && `broker ${broker}: ${reason}`),
    stopping: closing.signal,
    log,
  });

  const work = {
    positionOf: batchedByTurn((partitions) => options.positionsOf(partitions, state.log())),
    beginningOf: (partition: number) => beginningOf(cluster, partition),
    epochEndOf: createEpochEnds(cluster),
    replayFrom: options.replayFrom,
    replay: options.replay,
    processBatch: options.processBatch,
  };

  const startLoop = (partition: number) => {
    loops.set(
      partition,
      runPartition({
        topic,
        partition,
        before: stoppingLoops.get(partition)?.settled,
        identity: state.log,
        work,
        outOfRangeAdvice:
          options.outOfRangeAdvice ?? "Set the group's offsets with Kafka's own tools",
        wake: fetching.wake,
        report: (reason) => failing.report(`partition ${partition}`, reason),
        halt,
        metrics,
        log,
      }),
    );
  };

  const member = joinGroup({
    connections,
    groupId,
    topic,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
    groupInstanceId: options.groupInstanceId,
    userData: options.memberData ?? "",
    partitionsOf: async (name) => [...(await connections.topicMetadata(name)).leaders.keys()],
    onAssigned: ({ partitions, membersData }) => {
      if (closing.signal.aborted) return;
      metrics.rebalance();
      options.onAssigned?.(partitions, membersData);
      for (const partition of partitions) if (!loops.has(partition)) startLoop(partition);
      state.refreshSoon();
    },
    revoke: async (partitions) => {
      await Promise.all(partitions.map(stopLoop));
    },
    onLost: () => {
      // Drops the state of all partitions: it may be outdated when they are assigned again.
      options.onAssigned?.([], []);
      void stopAll();
    },
    onFailing: (reason) => failing.report("group", reason),
    onHalt: halt,
    alive: () => (aliveMs = performance.now()),
    stopping: left.signal,
    log,
  });

  health.liveness("consumer", () => {
    const silentMs = Math.max(
      performance.now() - aliveMs,
      fetching.silentMs(),
      ...Array.from(loops.values(), (loop) => loop.busyMs()),
      ...Array.from(stoppingLoops.values(), ({ loop }) => loop.busyMs()),
    );
    return silentMs < STALLED_AFTER_MS
      ? undefined
      : `no fetch, heartbeat or completed call for ${Math.round(silentMs / 1_000)} s`;
  });

  let ended: Promise<void> | undefined;
  const end = () =>
    (ended ??= (async () => {
      closing.abort();
      await stopAll();
      left.abort();
      await member.leave();
      await fetching.ended;
      await connections.close();
    })());

  return {
    commitOffsets: (nextOffsets) => member.commitOffsets(nextOffsets),
    reseek: (partition) => loops.get(partition)?.reseek(),
    member: (partition) => (member.owned().includes(partition) ? member.identity() : undefined),
    close: end,
  };
}
