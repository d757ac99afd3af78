import { partitionOfKey } from "@fiberstream/kafka/murmur2";
import { insistWithAdmin } from "./with-admin.ts";
import type { Ledger } from "../load/ledger.ts";
import type { Platform } from "../platform/platform.ts";
import type { PlannedFault } from "../schedule/schedule.ts";
import {
  type BrokerName,
  type InstanceName,
  INSTANCES,
  type Topology,
} from "../platform/topology.ts";

/** What a fault strikes, as things are when it begins. */
export type Struck = {
  /** Nodes in partitions of the struck one. */
  readonly nodes: ReadonlySet<number>;
  /** What else a struck broker did; the others may have to wait for that, too. */
  readonly coordinates: readonly string[];
};

const RAW = "probe.metrics.raw";
const ENRICHED = "probe.metrics.enriched";
const GROUPS = ["stream-processor", "sink-writer"] as const;

/**
 * Finds whose partitions a fault strikes: those that a processor or sink has, those that a broker leads, none of
 * a gateway, and all of anything that everybody needs.
 */
export async function findStruck(
  { target }: PlannedFault,
  { platform, topology, ledger }: { platform: Platform; topology: Topology; ledger: Ledger },
): Promise<Struck> {
  const [instance = ""] = target.split(">");
  if (instance === "senders" || instance.startsWith("gateway-")) return NOTHING;
  if (topology.brokers.includes(target as BrokerName) && topology.brokers.length > 1) {
    return ofBroker(topology.brokers.indexOf(target as BrokerName) + 1, platform, ledger);
  }
  if (INSTANCES.includes(instance as InstanceName)) {
    const service = platform.service(instance as InstanceName);
    const [partitions, count] = await Promise.all([
      service.partitions(),
      insistWithAdmin(platform.backingServices.brokers, "raw is described", async (admin) => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [RAW] });
        return topics[0]?.partitions.length ?? 1;
      }),
    ]);
    return { nodes: nodesIn(new Set(partitions), count, ledger), coordinates: [] };
  }
  return { nodes: new Set(ledger.nodes.keys()), coordinates: [] };
}

const NOTHING: Struck = { nodes: new Set(), coordinates: [] };

async function ofBroker(
  brokerId: number,
  { backingServices }: Platform,
  ledger: Ledger,
): Promise<Struck> {
  return insistWithAdmin(backingServices.brokers, "topics are described", async (admin) => {
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

/** Where a group's coordinator is: Java's hash of its name, over the partitions of __consumer_offsets. */
function coordinatorPartition(group: string, partitions: number): number {
  let hash = 0;
  for (const character of group) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return (hash & 0x7fffffff) % Math.max(1, partitions);
}
