import type { BrokerAddress } from "./connection-pool.ts";
import { nameOf } from "./broker-turns.ts";
import type { PartitionLeader } from "./connections.ts";

/** Partitions that one request to their leader can name. */
export type LedPartitions = {
  readonly leader: BrokerAddress;
  readonly partitions: readonly { readonly partition: number; readonly epoch: number }[];
};

/** Groups partitions by their leader. Partitions without a leader are left out. */
export function byLeader(
  partitions: Iterable<number>,
  leaderOf: (partition: number) => PartitionLeader | undefined,
): LedPartitions[] {
  const led = Array.from(partitions).flatMap((partition) => {
    const { address, epoch = -1 } = leaderOf(partition) ?? {};
    return address === undefined ? [] : [{ leader: address, partition, epoch }];
  });
  return [...Map.groupBy(led, ({ leader }) => nameOf(leader)).values()].flatMap((ofLeader) =>
    ofLeader.slice(0, 1).map(({ leader }) => ({ leader, partitions: ofLeader })),
  );
}
