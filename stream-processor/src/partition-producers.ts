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
  /** Under which id, and since when, each partition's position is known. */
  const placed = new Map<number, { shared: SharedTransactions; tenure: Tenure }>();
  const notes = new Map<number, WindowNote | undefined>();
  const fences = createFences(kafka);
  let owned: ReadonlySet<number> = new Set();

  const idOf = ({ first, size }: Block) =>
    size === 1 ? `${groupId}-${first}` : `${groupId}-${first}-to-${first + size - 1}`;

  const idsAround = (partition: number): { used: string; unused: string[] } => {
    const blocks = blocksAround(partition);
    const isOurs = (block: Block) => isOwned(block, owned, options.partitions);
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
    /** To be told of every assignment, before the positions of its partitions are asked for. */
    assigned: (partitions: readonly number[]): void => {
      owned = new Set(partitions);
      for (const shared of transactions.values()) shared.leave();
    },
    /** @throws {TransientError} all of it is seen downstream or nothing: ask where the partition goes on */
    commit: async (part: TransactionPart): Promise<void> => {
      const place = placed.get(part.partition);
      if (place === undefined) throw new Error(`partition ${part.partition} has no position yet`);
      await place.shared.commit(place.tenure, part);
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
      placed.set(partition, { shared, tenure });
      notes.set(partition, readNote(committed?.metadata ?? ""));
      return committed?.offset;
    },
    /** What was committed with the position, as `positionOf` has read it last. */
    noteOf: (partition: number): WindowNote | undefined => notes.get(partition),
    close: async () => {
      await Promise.all(Array.from(transactions.values(), (shared) => shared.close()));
    },
  };
}
