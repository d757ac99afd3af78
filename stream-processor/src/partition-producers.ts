import type { GroupOffsets } from "@fiberstream/kafka/group-offsets";
import type { KafkaClient } from "@fiberstream/kafka/kafka";
import {
  createTransactionalProducer,
  type TransactionalProducer,
} from "@fiberstream/kafka/transactional-producer";
import { readNote, type WindowNote } from "./window-note.ts";

/**
 * One transactional producer for each input partition, its transactional id bound to the partition:
 * whoever owns the partition takes the id over, and the last owner's producer is fenced off. (A fence by
 * the group's generation instead, KIP-447, is not in kafkajs.)
 */
export function createPartitionProducers(options: {
  kafka: KafkaClient;
  groupId: string;
  groupOffsets: GroupOffsets;
}) {
  const { kafka, groupId, groupOffsets } = options;
  const producers = new Map<number, TransactionalProducer>();
  const notes = new Map<number, WindowNote | undefined>();

  const of = (partition: number): TransactionalProducer => {
    let producer = producers.get(partition);
    if (producer === undefined) {
      producer = createTransactionalProducer({ kafka, transactionalId: `${groupId}-${partition}` });
      producers.set(partition, producer);
    }
    return producer;
  };

  return {
    of,
    /**
     * Where a partition goes on: first the fence, which ends the last owner's open transaction, then the
     * committed offset, which nobody else can move any more.
     * @throws {TransientError} @throws {FatalError}
     */
    positionOf: async (partition: number): Promise<bigint | undefined> => {
      await of(partition).fence();
      const committed = await groupOffsets.committed(partition);
      notes.set(partition, readNote(committed?.metadata ?? ""));
      return committed?.offset;
    },
    /** What was committed with the position, as `positionOf` has read it last. */
    noteOf: (partition: number): WindowNote | undefined => notes.get(partition),
    close: async () => {
      await Promise.all([...producers.values()].map((producer) => producer.close()));
    },
  };
}
