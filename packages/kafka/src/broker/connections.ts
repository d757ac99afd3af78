import { setTimeout as delay } from "node:timers/promises";
import {
  ConfigResourceTypes,
  describeConfigsV4,
  findCoordinatorV4,
  metadataV12,
} from "@platformatic/kafka";
import type { KafkaAccess } from "../kafka.ts";
import type { LogIdentity } from "../records.ts";
import { watchAbsentBrokers } from "./absent-brokers.ts";
import { BrokerAnswerError, throwIfFailed } from "./broker-answer.ts";
import { createBrokerTurns, nameOf } from "./broker-turns.ts";
import { type BrokerAddress, type Call, createConnectionPool } from "./connection-pool.ts";

export { nameOf } from "./broker-turns.ts";
export type { Api, BrokerAddress } from "./connection-pool.ts";

/** A partition's leader and leader epoch; `address` is undefined without a leader. */
export type PartitionLeader = {
  readonly address: BrokerAddress | undefined;
  readonly epoch: number;
  /** How many replicas are in sync, the leader included. */
  readonly inSyncReplicas: number;
};

export type TopicMetadata = {
  readonly log: LogIdentity;
  /** All partitions of the topic. */
  readonly leaders: ReadonlyMap<number, PartitionLeader>;
};

/**
 * Connections to the brokers of one cluster, opened when needed, by broker and channel. A broker answers the requests of a
 * connection one by one, so requests of one channel wait for each other, and those of different channels do not.
 *
 * The versions of the requests are fixed: Kafka 3.5 and later, including 4.x, support all of them.
 */
export type Connections = {
  /** Also throws when the broker is no longer in the cluster (`absent-brokers.ts`). */
  call: Call;
  /**
   * Resolves when one of the brokers has answered.
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  reach: () => Promise<void>;
  /**
   * Returns a topic's metadata, each time from another broker (`broker-turns.ts`).
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  topicMetadata: (topic: string) => Promise<TopicMetadata>;
  /**
   * Returns a topic's setting; undefined if there is none of the name.
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  topicSetting: (topic: string, name: string) => Promise<string | undefined>;
  /**
   * Returns the coordinator of a group or a transactional id, each time from another broker.
   * @throws {BrokerAnswerError}
   * @throws {Error}
   */
  coordinator: (kind: "group" | "transaction", key: string) => Promise<BrokerAddress>;
  close: () => Promise<void>;
};

/** Short, because a frozen broker must not delay a request that any other can answer. */
const ASK_TIMEOUT_MS = 2_000;
const CHANNEL = "metadata";

/** Connects at the first call. */
export function createConnections({ access }: { access: KafkaAccess }): Connections {
  const pool = createConnectionPool(access);
  const { askAny, avoid } = createBrokerTurns(access.brokers.map(addressIn));

  const listBrokers = (about: string, except?: BrokerAddress): Promise<BrokerAddress[]> =>
    askAny(
      about,
      async (broker, clusterHas) => {
        const request = { api: metadataV12.api, timeoutMs: ASK_TIMEOUT_MS };
        const answer = await pool.call(broker, CHANNEL, request, [], false, false);
        const brokers = answer.brokers.map(({ host, port }) => ({ host, port }));
        clusterHas(brokers);
        return brokers;
      },
      except,
    );

  const absence = watchAbsentBrokers({
    isListed: async (broker) => {
      const name = nameOf(broker);
      const others = await listBrokers(`brokers besides ${name}`, broker);
      return others.some((one) => nameOf(one) === name);
    },
    drop: pool.drop,
  });

  return {
    call: async (to, channel, request, ...args) => {
      try {
        return await absence.during(to, pool.call(to, channel, request, ...args));
      } catch (error) {
        if (!(error instanceof BrokerAnswerError)) avoid(to);
        throw error;
      }
    },

    reach: async () => void (await listBrokers("brokers")),

    topicMetadata: (topic) =>
      askAny(`topic ${topic}`, async (broker, clusterHas) => {
        const request = { api: metadataV12.api, timeoutMs: ASK_TIMEOUT_MS };
        const answer = await pool.call(broker, CHANNEL, request, [topic], false, false);
        const brokers = new Map(answer.brokers.map((member) => [member.nodeId, member]));
        clusterHas(answer.brokers.map(({ host, port }) => ({ host, port })));
        const found = answer.topics.find(({ name }) => name === topic);
        throwIfFailed(found?.errorCode ?? UNKNOWN_TOPIC, `metadata of ${topic}`);
        return {
          log: { clusterId: answer.clusterId ?? "", topicId: found?.topicId ?? "" },
          // A partition's own error means no leader, or too few replicas: the others are usable.
          leaders: new Map(
            found?.partitions.map(({ partitionIndex, leaderId, leaderEpoch, isrNodes }) => {
              const leader = brokers.get(leaderId);
              const address = leader && { host: leader.host, port: leader.port };
              const inSyncReplicas = isrNodes.length;
              return [partitionIndex, { address, epoch: leaderEpoch, inSyncReplicas }];
            }),
          ),
        };
      }),

    topicSetting: (topic, name) =>
      askAny(`settings of ${topic}`, async (broker) => {
        const request = { api: describeConfigsV4.api, timeoutMs: ASK_TIMEOUT_MS };
        const resource = {
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName: topic,
          configurationKeys: [name],
        };
        const { results } = await pool.call(broker, CHANNEL, request, [resource], false, false);
        throwIfFailed(results[0]?.errorCode ?? UNKNOWN_TOPIC, `settings of ${topic}`);
        return results[0]?.configs[0]?.value ?? undefined;
      }),

    coordinator: (kind, key) =>
      askAny(`${kind} ${key}`, async (broker) => {
        const request = { api: findCoordinatorV4.api, timeoutMs: ASK_TIMEOUT_MS };
        const answer = await pool.call(broker, CHANNEL, request, KEY_TYPES[kind], [key]);
        const [found] = answer.coordinators;
        throwIfFailed(found?.errorCode ?? COORDINATOR_NOT_AVAILABLE, `coordinator of ${key}`);
        return { host: found?.host ?? "", port: found?.port ?? 0 };
      }),

    close: () => {
      absence.close();
      return pool.close();
    },
  };
}

const KEY_TYPES = { group: 0, transaction: 1 } as const;
const UNKNOWN_TOPIC = 3;
const COORDINATOR_NOT_AVAILABLE = 15;

/** `host:port`, the host perhaps an IPv6 address in brackets. */
function addressIn(broker: string): BrokerAddress {
  const colon = broker.lastIndexOf(":");
  const host = broker.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(broker.slice(colon + 1)) };
}

/** Waits before the next attempt to connect: doubling from 50 ms to 1 s, and not at all once `stopping` is aborted. */
export async function pauseBeforeTry(tries: number, stopping?: AbortSignal): Promise<void> {
  const maxMs = Math.min(1_000, 50 * 2 ** Math.min(tries - 1, 10));
  const options = stopping && { signal: stopping };
  await delay(maxMs / 2 + (Math.random() * maxMs) / 2, undefined, options).catch(() => undefined);
}
