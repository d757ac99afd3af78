import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { wireValue } from "@fiberstream/kafka/wire-format";
import { dead, ok } from "@fiberstream/runtime/outcome";
import { readAvroSchema } from "@fiberstream/schemas/avro-schema";
import { describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { createRawEventDecoder } from "./decode-raw.ts";
import { createTimePolicy } from "./event-time.ts";

const schema = readAvroSchema("ProbeMetric");
const older = { ...schema, fields: schema.fields.filter(({ name }) => name !== "metadata") };
const types = new Map([
  [1, avsc.Type.forSchema(schema as avsc.Schema)],
  [2, avsc.Type.forSchema(older as avsc.Schema)],
]);
const example = Object.fromEntries(schema.fields.map(({ name, example: value }) => [name, value]));
const registry: SchemaRegistry = {
  idOf: async () => 1,
  register: async () => ({ id: 1, change: "unchanged" }),
  deleteVersions: async () => undefined,
  ping: async () => undefined,
  writerType: async (id) => {
    const type = types.get(id);
    if (type === undefined) return dead({ failureClass: "unknown-schema", message: "none" });
    return ok(type);
  },
};
const timePolicy = createTimePolicy({
  lateAfterMs: 3_600_000,
  tooOldAfterMs: 86_400_000,
  futureAfterMs: 300_000,
});
const decoder = createRawEventDecoder({ registry, schema, currentId: 1, timePolicy });

function written(id: number, change: object = {}): Buffer {
  const avro = types.get(id)?.toBuffer({ ...example, ...change }) ?? Buffer.alloc(0);
  const value = wireValue(id, avro);
  return value;
}
const decode = async (value: Buffer | null) => {
  const record = { offset: "0", key: null, value, timestamp: "0" };
  await decoder.prepare([record]);
  return decoder.decode(record);
};

describe("raw event decoder", () => {
  it("passes bytes of the current schema on as they are", async () => {
    const value = written(1);
    const outcome = await decode(value);
    expect(outcome).toMatchObject({
      kind: "ok",
      value: { nodeId: "probe-accra-01", latencyMs: 42.75 },
    });
    expect(outcome.kind === "ok" && outcome.value.bytes.equals(value.subarray(5))).toBe(true);
  });

  it("converts bytes of another version to the current schema", async () => {
    const outcome = await decode(written(2));
    const bytes = outcome.kind === "ok" ? outcome.value.bytes : Buffer.alloc(0);
    expect(types.get(1)?.fromBuffer(bytes)).toMatchObject({ ...example, metadata: null });
  });

  it.each([
    ["an empty node_id", { node_id: "" }],
    ["a node_id of 51 characters", { node_id: "x".repeat(51) }],
    ["a NUL that PostgreSQL would refuse", { region: "Accra\0" }],
  ])("dead-letters %s", async (_what, change) => {
    expect(await decode(written(1, change))).toMatchObject({
      kind: "dead",
      reason: { failureClass: "invalid-record" },
    });
  });

  it.each([
    ["too-old", -86_400_001],
    ["in-future", 300_001],
  ])("dead-letters what is %s when it is received", async (failureClass, aheadMs) => {
    const timestamp = Number(example["received_at"]) + aheadMs * 1_000;
    expect(await decode(written(1, { timestamp }))).toMatchObject({
      kind: "dead",
      reason: { failureClass },
    });
  });

  it("dead-letters an event that would be too large for Kafka after its enrichment", async () => {
    const outcome = await decode(written(1, { metadata: "x".repeat(1_000_000) }));
    expect(outcome).toMatchObject({ kind: "dead", reason: { failureClass: "invalid-record" } });
  });

  it("dead-letters what is not Avro", async () => {
    expect(await decode(Buffer.from("rubbish"))).toMatchObject({ kind: "dead" });
    expect(await decode(null)).toMatchObject({ kind: "dead" });
  });
});
