import { createFences } from "@fiberstream/kafka/fences";
import type { GroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import { type Block, blocksAround, isOwned } from "@fiberstream/kafka/partition-blocks";
import {
  createSharedTransactions,
  type SharedTransactions,
  type Tenure,
  type TransactionPart,
} from "@fiberstream/kafka/shared-transactions";
import { createTransactionalProducer } from "@fiberstream/kafka/transactional-producer";
import { TransientError } from "@fiberstream/runtime/errors";
import { readNote, type WindowNote } from "./window-note.ts";

/**
 * The transactions that move the group's positions. A partition's go under the transactional id of the largest
 * block around it that is ours as a whole, and are shared by all that is in it. Whoever comes to own a
 * partition fences the ids of all blocks around it, so that nobody who had it before, alone or with neighbours,
 * can write for it any more. (A fence by the group's generation, KIP-447, is not in kafkajs.)
 *
 * @param options.partitions how many the topic has
 */
export function createPartitionProducers(options: {
  kafka: KafkaClient;
  groupId: string;
  topic: string;
  partitions: number;
  groupOffsets: GroupOffsets;
}) {
  const { kafka, groupId, topic, groupOffsets } = options;
  const transactions = new Map<string, SharedTransactions>();
  const placed = new Map<number, Place>();
  const fences = createFences(kafka);
  let owned: ReadonlySet<number> = new Set();
  let count = options.partitions;

  const idOf = ({ first, size }: Block) =>
    size === 1 ? `${groupId}-${first}` : `${groupId}-${first}-to-${first + size - 1}`;

  const idsAround = (partition: number): { used: string; unused: string[] } => {
    const blocks = blocksAround(partition);
    const isOurs = (block: Block) => isOwned(block, owned, count);
    const used = blocks.find(isOurs) ?? { first: partition, size: 1 };
    const unused = blocks.filter(({ size }) => size !== used.size);
    return { used: idOf(used), unused: unused.map(idOf) };
  };

  const under = (transactionalId: string): SharedTransactions => {
    let found = transactions.get(transactionalId);
    if (found === undefined) {
      const producer = createTransactionalProducer({ kafka, transactionalId });
      found = createSharedTransactions({ producer, groupId, topic });
      transactions.set(transactionalId, found);
    }
    return found;
  };

  return {
    /**
     * To be told of every assignment, before the positions of its partitions are asked for.
     * @param isShared whether all members know blocks; else each partition is written for by itself, under the
     *   id that also members of earlier versions fence
     */
    assigned: (partitions: readonly number[], { isShared }: { isShared: boolean }): void => {
      owned = new Set(isShared ? partitions : []);
      count = Math.max(count, ...partitions.map((partition) => partition + 1));
      for (const shared of transactions.values()) shared.leave();
    },
    /**
     * How to commit what is read from a partition where it stands now. What it returns throws TransientError when
     * all of it is seen downstream or nothing, or when the partition has another place since: ask for the position.
     */
    committing: (partition: number) => {
      const place = placed.get(partition);
      return async (part: TransactionPart): Promise<void> => {
        if (place === undefined) throw new Error(`partition ${partition} has no position yet`);
        await place.shared.commit(place.tenure, part);
        place.nextOffset = part.nextOffset;
      };
    },
    /**
     * Where a partition goes on: first the fences, which end open transactions of those who had it, then the
     * committed offset, which nobody else can move any more.
     * @throws {TransientError} @throws {FatalError}
     */
    positionOf: async (partition: number): Promise<bigint | undefined> => {
      const { used, unused } = idsAround(partition);
      const shared = under(used);
      const [tenure] = await Promise.all([shared.enter(), fences.fence(unused)]);
      const committed = await groupOffsets.committed(partition);
      const before = placed.get(partition);
      const nextOffset = before?.tenure === tenure ? before.nextOffset : undefined;
      // A fence waits until a commit is seen by all. An open tenure has had none since.
      if (nextOffset !== undefined && (committed?.offset ?? -1n) < nextOffset) {
        throw new TransientError(
          "kafka",
          `the commit of offset ${nextOffset} is not to be seen yet`,
        );
      }
      const note = readNote(committed?.metadata ?? "");
      placed.set(partition, { shared, tenure, note, nextOffset });
      return committed?.offset;
    },
    /** What was committed with the position, as `positionOf` has read it last. */
    noteOf: (partition: number): WindowNote | undefined => placed.get(partition)?.note,
    close: async () => {
      await Promise.all(Array.from(transactions.values(), (shared) => shared.close()));
    },
  };
}

/** Under which id, and since when, a partition's position is known; its note; how far it has come since. */
type Place = {
  readonly shared: SharedTransactions;
  readonly tenure: Tenure;
  readonly note: WindowNote | undefined;
  nextOffset: bigint | undefined;
};
