import type { DeliveringProducer } from "@fiberstream/kafka/producer";
import type { RecordHeaders } from "@fiberstream/kafka/records";
import type { Check } from "@fiberstream/runtime/health";
import type { Log } from "@fiberstream/runtime/log";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import type { EncodeEvent } from "./encode-event.ts";
import { createLeaderQueue, type LeaderQueue, type BatchSlice } from "./leader-queue.ts";
import { createSlabs, type Delivery } from "./produce-batch.ts";

export type EventProducer = {
  /**
   * Resolves when Kafka has answered for every event, with one delivery for each, in order. Never rejects.
   * Kafka gets a node's events in their order, and never an event after one that it has not accepted.
   * @param headers added to each of the records
   */
  produce: (events: readonly ProbeMetric[], headers?: RecordHeaders) => Promise<Delivery[]>;
  /** Events given to `produce` that Kafka has not answered for yet. */
  inFlightEvents: () => number;
  /** Current leaders that did not answer in time and have not answered since. */
  silentLeaders: () => number;
  /** Sends the open batches, waits for Kafka's answers, disconnects. */
  close: () => Promise<void>;
};

/**
 * Produces events through one queue for each broker that leads partitions of the topic, so that a broker that hangs
 * affects only its own partitions' events: senders are asked to retry these, the rest of their request is accepted.
 * A request's events of one partition go in one call. Kafka counts as unavailable when all leaders are silent.
 */
export function createEventProducer(options: {
  topic: string;
  producer: Pick<DeliveringProducer, "deliver" | "leadersOf" | "close">;
  encode: EncodeEvent;
  lingerMs: number;
  batchMaxEvents: number;
  produceMaxWaitMs: number;
  kafka: Check;
  observeProduceSeconds: (seconds: number) => void;
  log: Log;
}): EventProducer {
  const { topic, producer, kafka } = options;
  const slabs = createSlabs();
  const queues = new Map<string, LeaderQueue>();
  let inFlightEvents = 0;

  const queueOf = (leader: string): LeaderQueue => {
    let queue = queues.get(leader);
    if (queue === undefined) {
      queue = createLeaderQueue({
        ...options,
        leader,
        slabs,
        deliver: (records) => producer.deliver(topic, records),
        onAccepted: () => kafka.ok(),
        onSilence: (reason) => {
          if (silentLeaders() === leaderNames().length) kafka.failing(reason);
        },
      });
      queues.set(leader, queue);
    }
    return queue;
  };

  const leaderNames = () =>
    (producer.leadersOf(topic)?.names ?? []).filter((name) => name !== UNKNOWN_LEADER);
  const silentLeaders = () =>
    leaderNames().filter((name) => queues.get(name)?.isSilent() === true).length;

  /** Groups events by the leaders as they are known now. If a leader changes meanwhile, its records go to the new leader. */
  const take = (
    events: readonly ProbeMetric[],
    headers: RecordHeaders | undefined,
  ): LeaderShare[] => {
    const leaders = producer.leadersOf(topic);
    if (leaders === undefined || leaders.names.length < 2) {
      const slice = queueOf(leaders?.names[0] ?? UNKNOWN_LEADER).take(events, headers);
      return [{ slice, indexes: undefined }];
    }
    const ofLeader = new Map<string, { events: ProbeMetric[]; indexes: number[] }>();
    for (const [at, event] of events.entries()) {
      const leader = leaders.nameOfKey(event.node_id);
      const subset = ofLeader.get(leader) ?? { events: [], indexes: [] };
      if (subset.indexes.length === 0) ofLeader.set(leader, subset);
      subset.events.push(event);
      subset.indexes.push(at);
    }
    return Array.from(ofLeader, ([leader, subset]) => ({
      slice: queueOf(leader).take(subset.events, headers),
      indexes: subset.indexes,
    }));
  };

  /** Does not reference the events, so that they can be collected before Kafka's answer. */
  const delivered = async (shares: readonly LeaderShare[], count: number): Promise<Delivery[]> => {
    for (const { slice } of shares) await slice?.batch.delivered;
    inFlightEvents -= count;
    const deliveries = Array.from({ length: count }, (): Delivery => "retry");
    for (const { slice, indexes } of shares) {
      if (slice === undefined) continue;
      const subset = indexes ?? deliveries.keys();
      let from = slice.from;
      for (const at of subset) deliveries[at] = slice.batch.deliveryOf(from++);
    }
    return deliveries;
  };

  return {
    produce: (events, headers) => {
      if (events.length === 0) return Promise.resolve([]);
      inFlightEvents += events.length;
      return delivered(take(events, headers), events.length);
    },
    inFlightEvents: () => inFlightEvents,
    silentLeaders,
    close: async () => {
      await Promise.all(Array.from(queues.values(), (queue) => queue.flush()));
      await producer.close();
    },
  };
}

/** The events of a request for one leader. `indexes` in the request; undefined: all events. `slice` undefined: the leader is silent. */
type LeaderShare = {
  readonly slice: BatchSlice | undefined;
  readonly indexes: readonly number[] | undefined;
};

/** The leader of a topic without metadata, and of partitions without a leader. */
const UNKNOWN_LEADER = "";
