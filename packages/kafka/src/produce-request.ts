import { kafkajsFile } from "./kafkajs-cluster.ts";

/** One partition's record batch: from version 3 on a request may hold exactly one of each partition. */
export type PartitionBatch = {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
};

/** KIP-98's layout, with what each partition answers. */
const VERSION = 7;
const PRODUCE_API_KEY = 0;
const ALL_IN_SYNC_REPLICAS = -1;
const TIMEOUT_MS = 30_000;

/** What a partition has answered; 0 is no error. */
export type PartitionAnswer = { readonly partition: number; readonly errorCode: number };
export type ProduceAnswer = {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly PartitionAnswer[];
  }[];
};

/**
 * A Produce request with record batches that are written already, for kafkajs's connection to send.
 *
 * @param transactionalId null outside of a transaction
 * @param errors "thrown": the first partition's error is thrown; "given": they come with the {@link ProduceAnswer}
 */
export function produceRequest(
  transactionalId: string | null,
  batches: readonly PartitionBatch[],
  errors: "thrown" | "given" = "thrown",
): { request: object; response: unknown } {
  return {
    request: {
      apiKey: PRODUCE_API_KEY,
      apiVersion: VERSION,
      apiName: "Produce",
      expectResponse: () => true,
      encode: () => encode(transactionalId, batches),
    },
    response: errors === "thrown" ? produceResponse : { ...produceResponse, parse: asItIs },
  };
}

function encode(transactionalId: string | null, batches: readonly PartitionBatch[]): Encoder {
  const bytes = batches.reduce((sum, { batch }) => sum + batch.length + 100, 200);
  const topics = Map.groupBy(batches, ({ topic }) => topic);
  const encoder = new EncoderOf(bytes)
    .writeString(transactionalId)
    .writeInt16(ALL_IN_SYNC_REPLICAS)
    .writeInt32(TIMEOUT_MS)
    .writeInt32(topics.size);
  for (const [topic, partitions] of topics) {
    encoder.writeString(topic).writeInt32(partitions.length);
    for (const { partition, batch } of partitions) {
      encoder.writeInt32(partition).writeInt32(batch.length).writeBufferInternal(batch);
    }
  }
  return encoder;
}

type Encoder = {
  writeString: (text: string | null) => Encoder;
  writeInt16: (number: number) => Encoder;
  writeInt32: (number: number) => Encoder;
  writeBufferInternal: (bytes: Buffer) => void;
};
const EncoderOf = kafkajsFile("kafkajs/src/protocol/encoder") as new (bytes: number) => Encoder;
/** Reads the answer, and throws the first error in it. */
const produceResponse = kafkajsFile("kafkajs/src/protocol/requests/produce/v7/response") as object;
const asItIs = (answer: ProduceAnswer): ProduceAnswer => answer;
