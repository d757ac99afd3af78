import { Producer } from "@platformatic/kafka";

/** Codecs of record batches that programs of other teams may use. */
export type ForeignCodec = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** Sends records to one partition as one batch, compressed with `codec`, with another client than the services use. */
export async function produceForeign(options: {
  readonly brokers: string;
  readonly topic: string;
  readonly partition: number;
  readonly codec: ForeignCodec;
  readonly records: readonly { readonly key: string; readonly value: Buffer }[];
}): Promise<void> {
  const { brokers, topic, partition, codec, records } = options;
  const producer = new Producer({ clientId: "foreign", bootstrapBrokers: [brokers] });
  try {
    await producer.send({
      compression: codec,
      messages: records.map(({ key, value }) => ({
        topic,
        partition,
        key: Buffer.from(key),
        value,
      })),
    });
  } finally {
    await producer.close();
  }
}
