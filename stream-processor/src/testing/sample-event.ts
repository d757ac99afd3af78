import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import { createReadRawEvent, type RawEvent } from "../decode/raw-event.ts";

const schema = readAvroSchema("ProbeMetric");
const readRawEvent = createReadRawEvent(schema);
export const rawType = avsc.Type.forSchema(schema as avsc.Schema);
const example = Object.fromEntries(
  schema.fields.map(({ name, example: value }) => [name, value]),
) as ProbeMetric;

/** Returns a UUID for each number, always the same one. */
export const uuidOf = (number: number): string => {
  const digits = (Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  return `${digits}-0000-5000-8000-${number.toString(16).padStart(12, "0")}`;
};

export const sampleMetric = (change: Partial<ProbeMetric>): ProbeMetric => ({
  ...example,
  ...change,
});

export const sampleEvent = (change: Partial<ProbeMetric>): RawEvent =>
  readRawEvent(rawType.toBuffer(sampleMetric(change))) as RawEvent;
