import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { Connections, PartitionLeader, TopicMetadata } from "./connections.ts";
import type { LogIdentity } from "../records.ts";

/** The known state of the topic: its partitions, their leaders, and its log. */
export type TopicState = {
  readonly log: () => LogIdentity;
  readonly partitions: () => readonly number[];
  readonly leaderOf: (partition: number) => PartitionLeader | undefined;
  /** Reads the metadata soon, because a broker has contradicted it. */
  readonly refreshSoon: () => void;
};

const REFRESH_EVERY_MS = 5_000;
/** Between two readings: while leaders move, all partitions ask for one at the same moment. */
const MIN_PAUSE_MS = 100;

/**
 * Reads a topic's metadata periodically. Each reading is from another broker, and a broker may lag. So the leader with the
 * higher epoch counts, and that the topic was recreated or has fewer partitions counts only if a second broker
 * confirms it.
 *
 * @param options.first the metadata at the start
 * @param options.onChange called after each reading
 * @param options.onFailing called with the reason why the metadata cannot be read, or undefined if it can
 */
export function watchTopic(options: {
  connections: Pick<Connections, "topicMetadata">;
  topic: string;
  first: TopicMetadata;
  onChange: (before: TopicMetadata) => void;
  onFailing: (reason: string | undefined) => void;
  stopping: AbortSignal;
  log: Log;
}): TopicState {
  const { connections, topic, stopping } = options;
  let current = options.first;
  let wanted = new AbortController();

  const readConfirmed = async (): Promise<TopicMetadata> => {
    const found = await connections.topicMetadata(topic);
    if (isContinued(current, found)) return laterLeaders(current, found);
    const second = await connections.topicMetadata(topic);
    if (isContinued(current, second)) return laterLeaders(current, second);
    return isContinued(found, second) ? second : current;
  };

  const read = async () => {
    try {
      const before = current;
      current = await readConfirmed();
      options.onFailing(undefined);
      options.onChange(before);
    } catch (error) {
      if (!stopping.aborted) options.onFailing(`topic ${topic}: ${messageOf(error)}`);
    }
  };

  const readPeriodically = async () => {
    while (!stopping.aborted) {
      const signal = AbortSignal.any([wanted.signal, stopping]);
      await delay(REFRESH_EVERY_MS, undefined, { signal }).catch(() => undefined);
      wanted = new AbortController();
      if (stopping.aborted) return;
      await read();
      await delay(MIN_PAUSE_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  };
  void readPeriodically();

  return {
    log: () => current.log,
    partitions: () => [...current.leaders.keys()].sort((a, b) => a - b),
    leaderOf: (partition) => current.leaders.get(partition),
    refreshSoon: () => wanted.abort(),
  };
}

const isSameLog = (a: LogIdentity, b: LogIdentity): boolean =>
  a.topicId === b.topicId && a.clusterId === b.clusterId;

const isContinued = (before: TopicMetadata, found: TopicMetadata): boolean =>
  isSameLog(before.log, found.log) &&
  [...before.leaders.keys()].every((partition) => found.leaders.has(partition));

/** Returns the new metadata, but keeps known leaders with a higher epoch. */
const laterLeaders = (before: TopicMetadata, found: TopicMetadata): TopicMetadata => ({
  log: found.log,
  leaders: new Map(
    Array.from(found.leaders, ([partition, leader]) => {
      const known = before.leaders.get(partition);
      return [partition, known !== undefined && known.epoch > leader.epoch ? known : leader];
    }),
  ),
});
