import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@fiberstream/runtime/errors";
import type { Log } from "@fiberstream/runtime/log";
import type { Connections, PartitionLeader, TopicMetadata } from "./connections.ts";
import type { LogIdentity } from "../records.ts";

/** What is known of the topic: its partitions, who leads them, and which log it is. */
export type TopicState = {
  readonly log: () => LogIdentity;
  readonly partitions: () => readonly number[];
  readonly leaderOf: (partition: number) => PartitionLeader | undefined;
  /** Asks for it soon: something did not fit. */
  readonly refreshSoon: () => void;
};

const REFRESH_EVERY_MS = 5_000;
/** While leaders move everybody finds out at the same moment. */
const LEAST_PAUSE_MS = 100;

/**
 * Keeps what is known of a topic fresh. Each look is at another broker, and one of them may lag: the later leader
 * of a partition counts, and that the topic was made anew or has fewer partitions is believed when a second one
 * says so.
 *
 * @param options.first what is known at the beginning
 * @param options.onChange told after each look
 * @param options.onFailing told why the topic cannot be looked at, and undefined when it can
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
  let now = options.first;
  let wanted = new AbortController();

  const lookTwiceIfNeeded = async (): Promise<TopicMetadata> => {
    const found = await connections.topicMetadata(topic);
    if (isContinued(now, found)) return laterLeaders(now, found);
    const second = await connections.topicMetadata(topic);
    if (isContinued(now, second)) return laterLeaders(now, second);
    return isContinued(found, second) ? second : now;
  };

  const look = async () => {
    try {
      const before = now;
      now = await lookTwiceIfNeeded();
      options.onFailing(undefined);
      options.onChange(before);
    } catch (error) {
      if (!stopping.aborted) options.onFailing(`topic ${topic}: ${messageOf(error)}`);
    }
  };

  const keepLooking = async () => {
    while (!stopping.aborted) {
      const signal = AbortSignal.any([wanted.signal, stopping]);
      await delay(REFRESH_EVERY_MS, undefined, { signal }).catch(() => undefined);
      wanted = new AbortController();
      if (stopping.aborted) return;
      await look();
      await delay(LEAST_PAUSE_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  };
  void keepLooking();

  return {
    log: () => now.log,
    partitions: () => [...now.leaders.keys()].sort((one, other) => one - other),
    leaderOf: (partition) => now.leaders.get(partition),
    refreshSoon: () => wanted.abort(),
  };
}

const isSameLog = (one: LogIdentity, other: LogIdentity): boolean =>
  one.topicId === other.topicId && one.clusterId === other.clusterId;

const isContinued = (before: TopicMetadata, found: TopicMetadata): boolean =>
  isSameLog(before.log, found.log) &&
  [...before.leaders.keys()].every((partition) => found.leaders.has(partition));

/** What was found, but for leaders that were elected before those that are known. */
const laterLeaders = (before: TopicMetadata, found: TopicMetadata): TopicMetadata => ({
  log: found.log,
  leaders: new Map(
    Array.from(found.leaders, ([partition, leader]) => {
      const known = before.leaders.get(partition);
      return [partition, known !== undefined && known.epoch > leader.epoch ? known : leader];
    }),
  ),
});
