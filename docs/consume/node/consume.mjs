// Prints probe.metrics.enriched as JSON lines: npm install && node consume.mjs
import { SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry";
import avsc from "avsc";
import { Kafka, logLevel } from "kafkajs";

const {
  KAFKA_BROKERS = "localhost:9092",
  SCHEMA_REGISTRY_URL = "http://localhost:8081/apis/ccompat/v7",
  TOPIC = "probe.metrics.enriched",
  GROUP = "my-team",
  MAX_RECORDS = "0", // 0: without end
  IDLE_SECONDS = "0", // 0: waits for ever
} = process.env;

/** A time in microseconds as ISO 8601: a Date would lose the last three digits. */
class TimestampMicros extends avsc.types.LogicalType {
  _fromValue(micros) {
    const time = new Date(Math.floor(micros / 1_000)).toISOString();
    return time.replace("Z", `${String(micros % 1_000).padStart(3, "0")}Z`);
  }
}

const registry = new SchemaRegistry(
  { host: SCHEMA_REGISTRY_URL },
  { [SchemaType.AVRO]: { logicalTypes: { "timestamp-micros": TimestampMicros } } },
);
const kafka = new Kafka({ brokers: KAFKA_BROKERS.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: GROUP }); // Reads committed records only by default.
const ended = Promise.withResolvers();
const maxRecords = Number(MAX_RECORDS) || Infinity;
let records = 0;
let idle;
const waitForNext = () => {
  clearTimeout(idle);
  if (IDLE_SECONDS !== "0") idle = setTimeout(ended.resolve, Number(IDLE_SECONDS) * 1_000);
};

await consumer.connect();
await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
waitForNext();
await consumer.run({
  eachBatchAutoResolve: false,
  eachBatch: async (work) => {
    for (const { offset, value } of work.batch.messages) {
      if (records === maxRecords) break;
      console.log(JSON.stringify(await registry.decode(value)));
      work.resolveOffset(offset);
      records++;
      waitForNext();
      await work.heartbeat();
    }
    // After the records are done: at least once.
    await work.commitOffsetsIfNecessary(work.uncommittedOffsets());
    if (records === maxRecords) ended.resolve();
  },
});
await ended.promise;
clearTimeout(idle);
await consumer.disconnect();
