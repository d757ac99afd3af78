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

/** Under the 1 MB that a broker takes for a partition at once, however uneven the keys fall. */
const RECORDS_A_SEND = 2_000;
/** A repeat comes this many events after the first one: seldom in the same batch. */
const REPEAT_DISTANCE = 50_000;

/** Sends events numbered `from` to below `to`, which are acknowledged when it resolves. */
export type SendEvents = (from: number, to: number) => Promise<void>;

/**
 * @param options.duplicates of 100 events how many are an earlier one again
 * @returns `records` tells how many records the topic has
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

  const recordOf = (place: number): OutgoingRecord => {
    const isRepeat = place >= REPEAT_DISTANCE && place % 100 < options.duplicates;
    const event = eventAt(isRepeat ? place - REPEAT_DISTANCE + 50 : place);
    const avro = type.toBuffer(event);
    const value = wireValue(schemaId, avro);
    return { key: event.node_id, value };
  };

  return {
    send: async (from, to) => {
      for (let at = from; at < to; at += RECORDS_A_SEND) {
        const count = Math.min(RECORDS_A_SEND, to - at);
        await producer.send(
          TOPIC,
          Array.from({ length: count }, (_, index) => recordOf(at + index)),
        );
      }
    },
    // More than were sent when an acknowledgement was late and the client sent again.
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
