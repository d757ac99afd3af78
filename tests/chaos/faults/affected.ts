import { createConnections } from "@fiberstream/kafka/broker/connections";
import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import { describeQuorumV1 } from "@platformatic/kafka";
import { chaosKafka, retryWithAdmin } from "./with-admin.ts";
import type { Ledger } from "../load/ledger.ts";
import type { Platform } from "../platform/platform.ts";
import type { PlannedFault } from "../schedule/schedule.ts";
import { CONTROLLERS } from "../bounds.ts";
import {
  type BrokerName,
  type InstanceName,
  INSTANCES,
  type Topology,
} from "../platform/topology.ts";

/** What a fault affects, as of its start. */
export type Affected = {
  /** Nodes in affected partitions. */
  readonly nodes: ReadonlySet<number>;
  /**
   * Groups and transactions that an affected broker coordinates, and CONTROLLERS if it is the active controller; other
   * partitions may have to wait for them, too.
   */
  readonly coordinates: readonly string[];
  /** Whether an affected broker is an in-sync replica of other brokers' partitions: their leaders wait for it. */
  readonly isFollower: boolean;
};

const RAW = "probe.metrics.raw";
const ENRICHED = "probe.metrics.enriched";
const GROUPS = ["stream-processor", "sink-writer"] as const;

/**
 * Finds the partitions that a fault affects: those that a processor or sink owns, those that a broker leads, none for a
 * gateway or a console, and all for a backing service that all use.
 */
export async function findAffected(
  { target }: PlannedFault,
  { platform, topology, ledger }: { platform: Platform; topology: Topology; ledger: Ledger },
): Promise<Affected> {
  const [instance = ""] = target.split(">");
  if (/^(?:senders$|gateway-|console-)/.test(instance)) return NOTHING;
  if (topology.brokers.includes(target as BrokerName) && topology.brokers.length > 1) {
    return ofBroker(topology.brokers.indexOf(target as BrokerName) + 1, platform, ledger);
  }
  if (INSTANCES.includes(instance as InstanceName)) {
    const service = platform.service(instance as InstanceName);
    const [partitions, count] = await Promise.all([
      service.partitions(),
      retryWithAdmin(platform.backingServices.brokers, "raw is described", async (admin) => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [RAW] });
        return topics[0]?.partitions.length ?? 1;
      }),
    ]);
    return { ...NOTHING, nodes: nodesIn(new Set(partitions), count, ledger) };
  }
  return { ...NOTHING, nodes: new Set(ledger.nodes.keys()) };
}

const NOTHING: Affected = { nodes: new Set(), coordinates: [], isFollower: false };

async function ofBroker(
  brokerId: number,
  { backingServices }: Platform,
  ledger: Ledger,
): Promise<Affected> {
  const isController = (await activeController(backingServices.brokers)) === brokerId;
  return retryWithAdmin(backingServices.brokers, "topics are described", async (admin) => {
    const names = [RAW, ENRICHED, "__consumer_offsets", "__transaction_state"];
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    const partitionsOf = (topic: string) =>
      topics.find(({ name }) => name === topic)?.partitions ?? [];
    const ledOf = (topic: string) =>
      partitionsOf(topic).flatMap(({ partitionId, leader }) =>
        leader === brokerId ? [partitionId] : [],
      );
    const events = new Set([...ledOf(RAW), ...ledOf(ENRICHED)]);
    const offsets = partitionsOf("__consumer_offsets").length;
    const ofGroups = new Set(ledOf("__consumer_offsets"));
    const transactions = ledOf("__transaction_state").length;
    return {
      nodes: nodesIn(events, partitionsOf(RAW).length, ledger),
      coordinates: [
        ...GROUPS.filter((group) => ofGroups.has(coordinatorPartition(group, offsets))),
        ...(transactions > 0 ? ["transactions"] : []),
        ...(isController ? [CONTROLLERS] : []),
      ],
      isFollower: topics.some(({ partitions }) =>
        partitions.some(({ leader, isr }) => leader !== brokerId && isr.includes(brokerId)),
      ),
    };
  });
}

/** Returns the id of the active controller; undefined if no broker answers, because of other faults. */
async function activeController(brokers: readonly string[]): Promise<number | undefined> {
  const connections = createConnections(chaosKafka(brokers));
  const metadata = { topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] };
  const request = { api: describeQuorumV1.api, timeoutMs: QUORUM_TIMEOUT_MS };
  const answers = brokers.map(async (broker) => {
    const [host = "", port] = broker.split(":");
    const address = { host, port: Number(port) };
    const { topics } = await connections.call(address, "quorum", request, [metadata]);
    const leaderId = topics[0]?.partitions[0]?.leaderId ?? NO_LEADER;
    if (leaderId === NO_LEADER) throw new Error("there is no active controller");
    return leaderId;
  });
  try {
    return await Promise.any(answers).catch(() => undefined);
  } finally {
    await connections.close();
  }
}

const QUORUM_TIMEOUT_MS = 2_000;
const NO_LEADER = -1;

function nodesIn(partitions: ReadonlySet<number>, count: number, ledger: Ledger): Set<number> {
  const nodes = ledger.nodes.flatMap(({ probe }, node) =>
    partitions.has(partitionOfKey(Buffer.from(probe.nodeId), count)) ? [node] : [],
  );
  return new Set(nodes);
}

/** Returns the partition of __consumer_offsets that decides a group's coordinator: Java's hash of the group id, modulo the partitions. */
function coordinatorPartition(group: string, partitions: number): number {
  let hash = 0;
  for (const character of group) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return (hash & 0x7fffffff) % Math.max(1, partitions);
}
