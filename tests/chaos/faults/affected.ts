import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import { retryWithAdmin } from "./with-admin.ts";
import type { Ledger } from "../load/ledger.ts";
import type { Platform } from "../platform/platform.ts";
import type { PlannedFault } from "../schedule/schedule.ts";
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
  /** Groups and transactions that an affected broker coordinates; other partitions may have to wait for them, too. */
  readonly coordinates: readonly string[];
};

const RAW = "probe.metrics.raw";
const ENRICHED = "probe.metrics.enriched";
const GROUPS = ["stream-processor", "sink-writer"] as const;

/**
 * Finds the partitions that a fault affects: those that a processor or sink owns, those that a broker leads, none for a
 * gateway, and all for a backing service that all use.
 */
export async function findAffected(
  { target }: PlannedFault,
  { platform, topology, ledger }: { platform: Platform; topology: Topology; ledger: Ledger },
): Promise<Affected> {
  const [instance = ""] = target.split(">");
  if (instance === "senders" || instance.startsWith("gateway-")) return NOTHING;
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
    return { nodes: nodesIn(new Set(partitions), count, ledger), coordinates: [] };
  }
  return { nodes: new Set(ledger.nodes.keys()), coordinates: [] };
}

const NOTHING: Affected = { nodes: new Set(), coordinates: [] };

async function ofBroker(
  brokerId: number,
  { backingServices }: Platform,
  ledger: Ledger,
): Promise<Affected> {
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
      ],
    };
  });
}

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
