import { createKafka } from "@fiberstream/kafka/kafka";
import { connectProducer } from "@fiberstream/kafka/producer";
import type { OutgoingRecord } from "@fiberstream/kafka/records";
import { createSchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { subjectOf } from "@fiberstream/kafka/topic-names";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { createLog } from "@fiberstream/runtime/log";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import avsc from "avsc";
import { eventAt } from "./sample-event.ts";

const TOPIC = "probe.metrics.enriched";

/** Less than 1 MB for each partition, the limit of a broker, however uneven the keys are distributed. */
const RECORDS_PER_SEND = 2_000;
/** A duplicate is sent so many events after the first one, and so rarely in the same batch. */
const DUPLICATE_DISTANCE = 50_000;

/** Sends events with the numbers from `from` to before `to`; resolves when they are acknowledged. */
export type SendEvents = (from: number, to: number) => Promise<void>;

/**
 * Connects a sender of enriched records.
 * @param options.duplicates percentage of events that are duplicates of earlier ones
 * @returns `records` returns the number of records in the topic
 */
export async function connectSender(options: {
  kafkaBrokers: string;
  schemaRegistryUrl: string;
  duplicates: number;
}): Promise<{ send: SendEvents; records: () => Promise<number>; close: () => Promise<void> }> {
  const log = createLog({ service: "bench", level: "silent", format: "json" });
  const kafka = createKafka({ brokers: [options.kafkaBrokers], clientId: "bench", log });
  const producer = await connectProducer({ kafka });
  const admin = kafka.admin();
  await admin.connect();
  const schema = readAvroSchema("EnrichedProbeMetric");
  const registry = createSchemaRegistry({ url: options.schemaRegistryUrl });
  const schemaId = await registry.idOf(subjectOf(TOPIC), schema);
  const type = avsc.Type.forSchema(schema as avsc.Schema);

  const recordOf = (number: number): OutgoingRecord => {
    const isRepeat = number >= DUPLICATE_DISTANCE && number % 100 < options.duplicates;
    const event = eventAt(isRepeat ? number - DUPLICATE_DISTANCE + 50 : number);
    const avro = type.toBuffer(event);
    const value = wireValue(schemaId, avro);
    return { key: event.node_id, value };
  };

  return {
    send: async (from, to) => {
      for (let at = from; at < to; at += RECORDS_PER_SEND) {
        const count = Math.min(RECORDS_PER_SEND, to - at);
        await producer.send(
          TOPIC,
          Array.from({ length: count }, (_, index) => recordOf(at + index)),
        );
      }
    },
    // May be more than were sent, if an acknowledgement was late and the client retried.
    records: async () => {
      const ends = await admin.fetchTopicOffsets(TOPIC);
      return ends.reduce((sum, { offset }) => sum + Number(offset), 0);
    },
    close: async () => {
      await admin.disconnect();
      await producer.close();
    },
  };
}
