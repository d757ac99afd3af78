import { describe, expect, it } from "@jest/globals";
import { type RecordField, readAvroSchema } from "./avro-schema.ts";
import { contentFields, ruleText, sentFields, sentFormOf } from "./probe-fields.ts";

const raw = readAvroSchema("ProbeMetric");
const namesOf = (fields: readonly RecordField[]) => fields.map(({ name }) => name);
const field = (change: Partial<RecordField>): RecordField => ({
  name: "jitter_ms",
  type: ["null", "double"],
  doc: "How much the round-trip time varies.",
  default: null,
  setBy: "probe",
  role: "content",
  ...change,
});

const KIND = {
  type: "enum" as const,
  name: "Kind",
  doc: "Kinds.",
  symbols: ["a", "b"],
  default: "b",
};

describe("the fields of probes", () => {
  it("are those that the gateway does not set, and are compared if they are no identity", () => {
    const sent = namesOf(sentFields(raw));
    expect(sent).not.toContain("event_id");
    expect(sent).toContain("target_host");
    expect(namesOf(contentFields(raw))).toEqual(
      sent.filter((name) => !["node_id", "timestamp", "target_host", "probe_type"].includes(name)),
    );
    expect(namesOf(contentFields(readAvroSchema("EnrichedProbeMetric")))).toEqual(
      namesOf(contentFields(raw)),
    );
  });

  it("have a form in JSON, where there is a rule for it", () => {
    expect(sentFormOf(field({}))).toBe("number");
    expect(sentFormOf(field({ type: ["null", "string"] }))).toBe("text");
    expect(sentFormOf(field({ type: "string", maxDepth: 2 }))).toBe("object");
    const time = { type: "long", logicalType: "timestamp-micros" } as const;
    expect(sentFormOf(field({ type: time, role: "identity" }))).toBe("time");
    expect(sentFormOf(field({ type: time }))).toBeUndefined();
    expect(sentFormOf(field({ type: ["double", "null"] }))).toBeUndefined();
    expect(sentFormOf(field({ type: "bytes" }))).toBeUndefined();
    expect(sentFormOf(field({ type: ["null", "int"] }))).toBe("integer");
    expect(sentFormOf(field({ type: ["null", KIND] }))).toBe("symbol");
    expect(sentFormOf(field({ type: { type: "array", items: "double" } }))).toBe("numbers");
    expect(sentFormOf(field({ type: { type: "array", items: "string" } }))).toBeUndefined();
  });

  it("have their rule in words", () => {
    expect(ruleText(field({ unit: "ms", minimum: 0 }))).toBe("optional number, 0 or more (ms)");
    expect(ruleText(field({ type: "string", default: "a", maxLength: 9 }))).toBe(
      "optional string, up to 9 characters, default `a`",
    );
    expect(ruleText(field({ type: ["null", "int"], unit: "packets", atMost: "sent" }))).toBe(
      "optional whole number (packets); at most `sent`",
    );
    const list = field({ type: { type: "array", items: "double" }, maxItems: 3, minimum: 0 });
    expect(ruleText({ ...list, unit: "ms" })).toBe(
      "optional array of up to 3 numbers, 0 or more (ms)",
    );
    expect(ruleText(field({ type: ["null", KIND] }))).toBe("optional one of `a`, `b`");
    const conditions = [{ field: "packet_loss", is: 100 }, { field: "error" }];
    expect(ruleText(field({ nullOnlyIf: conditions }))).toBe(
      "number; optional only if packet_loss is 100 or error is given",
    );
  });
});
