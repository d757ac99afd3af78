import { TransientError } from "@fiberstream/runtime/errors";
import { dead, ok } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import { beforeEach, describe, expect, it } from "@jest/globals";
import avsc from "avsc";
import { createRecordDecoder, type RecordDecoder } from "./record-decoder.ts";
import { WIRE_PREFIX_BYTES, writeWirePrefix } from "./wire-format.ts";

const reader = recordOf([
  { name: "node_id", type: "string", doc: "" },
  { name: "note", type: ["null", "string"], doc: "", default: null },
]);
const writers: Record<number, RecordSchema> = {
  1: recordOf([{ name: "node_id", type: "string", doc: "" }]),
  2: recordOf([
    { name: "extra", type: "double", doc: "" },
    { name: "note", type: ["null", "string"], doc: "" },
    { name: "node_id", type: "string", doc: "" },
  ]),
  3: recordOf([{ name: "node_id", type: "double", doc: "" }]),
};

function recordOf(fields: RecordSchema["fields"]): RecordSchema {
  return { type: "record", name: "Sample", namespace: "io.fiberstream", doc: "", fields };
}

const typeOf = (id: number) => avsc.Type.forSchema(writers[id] as avsc.Schema);

function written(id: number, value: object): Buffer {
  const avro = typeOf(id).toBuffer(value);
  const bytes = Buffer.alloc(WIRE_PREFIX_BYTES + avro.length);
  writeWirePrefix(bytes, 0, id);
  avro.copy(bytes, WIRE_PREFIX_BYTES);
  return bytes;
}

let asked: number[];
let isAway: boolean;
let decoder: RecordDecoder<unknown>;
beforeEach(() => {
  asked = [];
  isAway = false;
  const registry = {
    idOf: async () => 1,
    register: async () => ({ id: 1, change: "unchanged" as const }),
    deleteVersions: async () => undefined,
    ping: async () => undefined,
    writerType: async (id: number) => {
      asked.push(id);
      if (isAway) throw new TransientError("registry", "connection refused");
      const message = `the schema registry has no schema id ${id}`;
      return writers[id] === undefined
        ? dead({ failureClass: "unknown-schema", message, schemaId: id })
        : ok(typeOf(id));
    },
  };
  decoder = createRecordDecoder({ registry, readerSchema: reader });
});

const decode = async (value: Buffer | null) => {
  await decoder.prepare([value]);
  return decoder.decode(value);
};

describe("record decoder", () => {
  it("reads older and newer writers by name", async () => {
    expect(await decode(written(1, { node_id: "a" }))).toEqual({
      kind: "ok",
      value: { node_id: "a", note: null },
    });
    const newer = written(2, { extra: 1.5, note: "x", node_id: "b" });
    expect(await decode(newer)).toEqual({ kind: "ok", value: { node_id: "b", note: "x" } });
  });

  it("asks the registry once for each writer", async () => {
    await decode(written(1, { node_id: "a" }));
    await decode(written(1, { node_id: "b" }));
    expect(asked).toEqual([1]);
  });

  it("waits for an unavailable registry, instead of dead-lettering records", async () => {
    isAway = true;
    await expect(decoder.prepare([written(1, { node_id: "a" })])).rejects.toThrow(TransientError);
  });

  it.each([
    ["rubbish", Buffer.from("rubbish"), "not-avro"],
    ["no value", null, "not-avro"],
    ["a schema that the registry lacks", Buffer.from([0, 0, 0, 0, 99, 2, 65]), "unknown-schema"],
    ["a schema that cannot be read as this one", written(3, { node_id: 1 }), "unknown-schema"],
    ["cut bytes", written(1, { node_id: "abc" }).subarray(0, -1), "undecodable"],
    [
      "bytes too many",
      Buffer.concat([written(1, { node_id: "a" }), Buffer.from([1])]),
      "undecodable",
    ],
  ])("dead-letters %s", async (_what, value, failureClass) => {
    expect(await decode(value)).toMatchObject({ kind: "dead", reason: { failureClass } });
  });

  it("asks again for a schema that was missing: it may have been registered since", async () => {
    const value = Buffer.from([0, 0, 0, 0, 99, 2, 65]);
    await decode(value);
    await decode(value);
    expect(asked).toEqual([99, 99]);
  });

  it("asks for at most 100 missing ids, those with the most records first", async () => {
    const invented = Array.from({ length: 5_000 }, (_, at) => {
      const value = Buffer.from([0, 0, 0, 0, 0, 65]);
      writeWirePrefix(value, 0, 1_000 + at);
      return value;
    });
    const good = written(1, { node_id: "a" });
    const values = [...invented, good, good];
    await decoder.prepare(values);
    expect(asked[0]).toBe(1);
    expect(asked).toHaveLength(101);
    expect(decoder.decode(good).kind).toBe("ok");
    for (const value of invented) {
      expect(decoder.decode(value)).toMatchObject({
        kind: "dead",
        reason: { failureClass: "unknown-schema", schemaId: value.readInt32BE(1) },
      });
    }
  });
});
