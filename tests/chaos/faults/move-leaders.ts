import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "@fiberstream/testkit/until";
import { retryWithAdmin, RETRY_FOR_MS } from "./with-admin.ts";

const OF_EVENTS = ["probe.metrics.raw", "probe.metrics.enriched"] as const;
/** The topics whose partition leaders are the coordinators of groups and transactions. */
const OF_COORDINATORS = ["__consumer_offsets", "__transaction_state"] as const;
const ELECT_EVERY_MS = 1_500;

/**
 * Elects other leaders for all partitions of events, groups and transactions, repeatedly: it rotates the order of the
 * replicas by one, then elects the preferred leaders.
 */
export async function electLeaders(brokers: readonly string[], lastsMs: number): Promise<void> {
  for (const endMs = performance.now() + lastsMs; performance.now() < endMs;) {
    await reassign(brokers, [...OF_EVENTS, ...OF_COORDINATORS], ([first = 0, ...rest]) => [
      ...rest,
      first,
    ]);
    await electPreferred(brokers);
    await delay(ELECT_EVERY_MS);
  }
}

/** Removes the leader's replica of every partition of events, and adds it again. */
export async function movePartitions(brokers: readonly string[]): Promise<void> {
  const leaders = await reassign(brokers, OF_EVENTS, (replicas, leader) =>
    replicas.filter((replica) => replica !== leader),
  );
  await reassign(brokers, OF_EVENTS, (replicas, _leader, place) => {
    const before = leaders.get(place);
    return before === undefined || replicas.includes(before)
      ? [...replicas]
      : [...replicas, before];
  });
}

/**
 * Reassigns each partition to the replicas of `wanted`, and waits until it has them.
 * @returns the previous leader of each partition
 */
async function reassign(
  brokers: readonly string[],
  names: readonly string[],
  wanted: (replicas: readonly number[], leader: number, place: string) => number[],
): Promise<Map<string, number>> {
  const { topics } = await retryWithAdmin(brokers, "every partition has a leader", (admin) =>
    admin.fetchTopicMetadata({ topics: [...names] }),
  );
  await retryWithAdmin(brokers, "the reassignment is accepted", async (admin) => {
    await admin.alterPartitionReassignments({
      topics: topics.map(({ name, partitions }) => ({
        topic: name,
        partitionAssignment: partitions.map(({ partitionId, replicas, leader }) => ({
          partition: partitionId,
          replicas: wanted(replicas, leader, `${name} ${partitionId}`),
        })),
      })),
    });
    return true;
  });
  await retryWithAdmin(brokers, "every partition has its new replicas", async (admin) => {
    const { topics: moving } = await admin.listPartitionReassignments({});
    return moving.every(({ topic }) => !names.includes(topic));
  });
  return new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionId, leader }) => [`${name} ${partitionId}`, leader] as const),
    ),
  );
}

/**
 * An ElectLeaders v1 request, which kafkajs does not have: correlation id 1, no client id, preferred leaders (0) of all
 * partitions (a null list), timeout 10 s. Any broker forwards it to the controller.
 */
const ELECT_PREFERRED = Buffer.from("00000013002b000100000001ffff00ffffffff00002710", "hex");

async function electPreferred(brokers: readonly string[]): Promise<void> {
  await until(
    async () => {
      for (const broker of brokers) {
        const { hostname, port } = new URL(`kafka://${broker}`);
        const socket = connect({ host: hostname, port: Number(port), timeout: 10_000 });
        socket.on("timeout", () => socket.destroy(new Error("no answer")));
        // Without an error, the promise would never be rejected.
        socket.on("end", () => socket.destroy(new Error("hung up")));
        try {
          socket.write(ELECT_PREFERRED);
          const [answer] = (await once(socket, "data")) as [Buffer];
          // Length, correlation id, throttle time, then the error code of the request.
          if (answer.readInt16BE(12) === 0) return true;
        } finally {
          socket.destroy();
        }
      }
      return false;
    },
    { what: "preferred leaders are elected", timeoutMs: RETRY_FOR_MS },
  );
}
