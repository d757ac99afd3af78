import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { readAvroSchema, SCHEMA_NAMES } from "./avro-schema.ts";
import { TOPICS, type Topic } from "./topics.ts";

const typeOf = (name: (typeof SCHEMA_NAMES)[number]) =>
  avsc.Type.forSchema(readAvroSchema(name) as avsc.Schema);

const exampleOf = (name: (typeof SCHEMA_NAMES)[number]) =>
  Object.fromEntries(readAvroSchema(name).fields.map((field) => [field.name, field.example]));

describe("schemas", () => {
  it.each(SCHEMA_NAMES)("%s is Avro whose every field has a doc and a valid example", (name) => {
    const schema = readAvroSchema(name);
    expect(schema.fields.filter((field) => !field.doc || field.example === undefined)).toEqual([]);
    const type = typeOf(name);
    const example = exampleOf(name);
    expect(type.fromBuffer(type.toBuffer(example))).toMatchObject(example);
  });

  it("has a raw record's bytes as a prefix of its enriched record's", () => {
    const enriched = exampleOf("EnrichedProbeMetric");
    const rawBytes = typeOf("ProbeMetric").toBuffer(enriched);
    const enrichedBytes = typeOf("EnrichedProbeMetric").toBuffer(enriched);
    expect(rawBytes.length).toBeGreaterThan(100);
    expect(enrichedBytes.subarray(0, rawBytes.length).equals(rawBytes)).toBe(true);
  });

  it("gives every appended field a default, so that versions may differ in them", () => {
    const rawNames = new Set(readAvroSchema("ProbeMetric").fields.map(({ name }) => name));
    const appended = readAvroSchema("EnrichedProbeMetric").fields.filter(
      ({ name }) => !rawNames.has(name),
    );
    expect(appended.length).toBeGreaterThan(0);
    expect(appended.filter((field) => !("default" in field))).toEqual([]);
  });

  it("keeps microseconds", () => {
    const type = typeOf("ProbeMetric");
    const event = { ...exampleOf("ProbeMetric"), timestamp: 1_790_000_000_123_457 };
    expect(type.fromBuffer(type.toBuffer(event))).toMatchObject({
      timestamp: 1_790_000_000_123_457,
    });
  });
});

describe("topics", () => {
  it.each(Object.entries<Topic>(TOPICS))(
    "%s has retention only where it deletes",
    (_name, topic) => {
      expect(topic.retentionMs !== undefined).toBe(topic.cleanup === "delete");
    },
  );

  it.each(Object.entries<Topic>(TOPICS))(
    "%s has its key among its value's fields",
    (_name, topic) => {
      const schema = typeof topic.value === "string" ? undefined : readAvroSchema(topic.value.avro);
      const isKeyKnown =
        schema?.fields.some(({ name }) => name === topic.key) ?? topic.key !== "node_id";
      expect(isKeyKnown).toBe(true);
    },
  );
});
