import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "@fiberstream/testkit/until";
import { insistWithAdmin, TRY_FOR_MS } from "./with-admin.ts";

const OF_EVENTS = ["probe.metrics.raw", "probe.metrics.enriched"] as const;
/** Where groups and transactions have their coordinators: those move with the leader. */
const OF_COORDINATORS = ["__consumer_offsets", "__transaction_state"] as const;
const ELECT_EVERY_MS = 1_500;

/**
 * Elects other leaders for every partition of events, groups and transactions, again and again: the order of
 * the replicas is turned by one, then the preferred ones are elected.
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

/** Takes every partition of events from the broker that leads it, and gives that broker its replica back. */
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
 * Gives each partition the replicas that `wanted` says, and waits until it has them.
 * @returns who led each partition before
 */
async function reassign(
  brokers: readonly string[],
  names: readonly string[],
  wanted: (replicas: readonly number[], leader: number, place: string) => number[],
): Promise<Map<string, number>> {
  const { topics } = await insistWithAdmin(brokers, "every partition has a leader", (admin) =>
    admin.fetchTopicMetadata({ topics: [...names] }),
  );
  await insistWithAdmin(brokers, "partitions are asked to move", async (admin) => {
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
  await insistWithAdmin(brokers, "every partition is where it is to be", async (admin) => {
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
 * ElectLeaders v1, which kafkajs does not have: correlation id 1, no client id, the preferred replica (0) of all
 * partitions (a null list), 10 s. Any broker hands it on to the controller.
 */
const ELECT_PREFERRED = Buffer.from("00000013002b000100000001ffff00ffffffff00002710", "hex");

async function electPreferred(brokers: readonly string[]): Promise<void> {
  await until(
    async () => {
      for (const broker of brokers) {
        const { hostname, port } = new URL(`kafka://${broker}`);
        const socket = connect({ host: hostname, port: Number(port), timeout: 10_000 });
        socket.on("timeout", () => socket.destroy(new Error("no answer")));
        // An end without an error would let nobody know.
        socket.on("end", () => socket.destroy(new Error("hung up")));
        try {
          socket.write(ELECT_PREFERRED);
          const [answer] = (await once(socket, "data")) as [Buffer];
          // Length, correlation id, throttle time, then how the request itself went.
          if (answer.readInt16BE(12) === 0) return true;
        } finally {
          socket.destroy();
        }
      }
      return false;
    },
    { what: "preferred leaders are elected", timeoutMs: TRY_FOR_MS },
  );
}
