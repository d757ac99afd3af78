import { type Producer as KafkaProducer, Partitioners, type Transaction } from "kafkajs";
import type { KafkaClient } from "./kafka.ts";
import { kafkaFailure } from "./kafka-errors.ts";
import type { OutgoingRecord } from "./records.ts";

export type TopicRecords = { readonly topic: string; readonly records: readonly OutgoingRecord[] };

/** What can be done inside a transaction. Nothing of it is seen by others before the commit. */
export type TransactionScope = {
  send: (batches: readonly TopicRecords[]) => Promise<void>;
  /** Moves a consumer group's position with the transaction; `metadata` (up to 4 KB) comes back with it. */
  commitOffset: (position: {
    groupId: string;
    topic: string;
    partition: number;
    nextOffset: bigint;
    metadata?: string;
  }) => Promise<void>;
};

export type TransactionalProducer = {
  /**
   * Takes over the transactional id: whoever had it is fenced off, and its open transaction has ended
   * when this returns. Also how to go on after a transaction whose outcome is not known.
   * @throws {TransientError} @throws {FatalError}
   */
  fence: () => Promise<void>;
  /**
   * Runs `work` in a transaction: committed when it returns, aborted when it throws.
   * After an error the outcome may be either; call `fence`, then look at the group's offset.
   * @throws {TransientError} @throws {FatalError}
   */
  transaction: (work: (scope: TransactionScope) => Promise<void>) => Promise<void>;
  close: () => Promise<void>;
};

export function createTransactionalProducer(options: {
  kafka: KafkaClient;
  transactionalId: string;
}): TransactionalProducer {
  let producer: KafkaProducer | undefined;

  const discard = async () => {
    const discarded = producer;
    producer = undefined;
    await discarded?.disconnect().catch(() => undefined);
  };

  const begin = async (): Promise<Transaction> => {
    if (producer === undefined) {
      producer = options.kafka.producer({
        transactionalId: options.transactionalId,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: Partitioners.DefaultPartitioner,
        allowAutoTopicCreation: false,
        // A transaction begun right after a commit is told CONCURRENT_TRANSACTIONS until the markers
        // are written, a few ms: a first wait of the usual 300 ms would be most of a batch's time.
        retry: { initialRetryTime: 5, multiplier: 2, maxRetryTime: 500, retries: 12 },
      });
      await producer.connect();
    }
    return producer.transaction();
  };

  return {
    fence: async () => {
      // A client whose commit or abort failed stays in that state for good: always take a new one.
      await discard();
      try {
        // The client asks for its producer id, which fences, at its first transaction.
        await (await begin()).abort();
      } catch (error) {
        await discard();
        throw kafkaFailure(error);
      }
    },

    transaction: async (work) => {
      try {
        const transaction = await begin();
        try {
          await work(scopeOf(transaction));
        } catch (error) {
          await transaction.abort();
          throw error;
        }
        await transaction.commit();
      } catch (error) {
        await discard();
        throw kafkaFailure(error);
      }
    },

    close: discard,
  };
}

/** The client's work on a call grows with the square of its records beyond about 2,000. */
const RECORDS_PER_SEND = 2_000;

const scopeOf = (transaction: Transaction): TransactionScope => ({
  send: async (batches) => {
    for (const { topic, records } of batches) {
      for (let from = 0; from < records.length; from += RECORDS_PER_SEND) {
        const messages = records.slice(from, from + RECORDS_PER_SEND);
        await transaction.send({ topic, messages, acks: -1 });
      }
    }
  },
  commitOffset: ({ groupId, topic, partition, nextOffset, metadata = "" }) => {
    const position = { partition, offset: nextOffset.toString(), metadata };
    // The client hands on what it is given; only its types do not know of metadata.
    return transaction.sendOffsets({
      consumerGroupId: groupId,
      topics: [{ topic, partitions: [position] }],
    });
  },
});
