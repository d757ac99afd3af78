import type { RecordBatch } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { createUnknownSchemas, noSchema } from "@fiberstream/kafka/unknown-schemas";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { messageOf } from "@fiberstream/runtime/errors";
import type { DeadReason } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import avsc from "avsc";
import type { RecentEvents } from "./recent-events.ts";
import type { RepeatingNodes } from "./repeating-nodes.ts";
import type { Origin, RowBuffer } from "./row-buffer.ts";
import type { SortedRows } from "./row-buffers.ts";
import { NOT_A_UUID, UNDECODABLE, WRITTEN } from "./skip-code.ts";
import type { TableLayout } from "./table-layout.ts";
import { createTupleWriter, type WriteTuple } from "./tuple-writer.ts";

const MAX_REASONS = 1_000;

/** A record that is no row, and why. */
export type DeadRecord = Origin & { readonly reason: DeadReason };

/**
 * Appends the records of the batches to the buffers, in order; those of one event all to the same, or later
 * ones to `again`.
 * @returns those that are none
 * @throws {TransientError} when the schema registry is away and a writer is not known yet
 */
export type ReadRows = (
  batches: readonly RecordBatch[],
  into: SortedRows<RowBuffer>,
) => Promise<DeadRecord[]>;

/** @param options.readerSchema the record as this version knows it */
export function createReadRows(options: {
  registry: Pick<SchemaRegistry, "writerType">;
  readerSchema: RecordSchema;
  layout: TableLayout;
  recent: RecentEvents;
  /** Whose rows go to `again`, so that they cost nobody else a COPY that fails. */
  repeating?: Pick<RepeatingNodes, "isAny" | "has">;
}): ReadRows {
  const { registry, layout, recent, repeating } = options;
  const readerType = avsc.Type.forSchema(options.readerSchema as avsc.Schema);
  /** By schema id. */
  const writers = new Map<number, WriteTuple>();
  /** Why there is none. Anybody may name ids, so only some are remembered. */
  const reasons = new Map<number, DeadReason>();

  const readingOf = async (schemaId: number): Promise<Reading> => {
    const writer = await registry.writerType(schemaId);
    if (writer.kind === "dead") return { kind: "none", reason: writer.reason };
    const writerType = writer.value;
    try {
      const resolver = readerType.createResolver(writerType);
      const write =
        createTupleWriter({ writerType, readerType, layout }) ??
        byDecoding({ readerType, resolver, layout });
      return { kind: "writer", write };
    } catch (error) {
      const message = `schema id ${schemaId} cannot be read as ${options.readerSchema.name}: ${messageOf(error)}`;
      return { kind: "none", reason: { failureClass: "unknown-schema", message, schemaId } };
    }
  };

  const lookUp = async (id: number): Promise<boolean> => {
    const reading = await readingOf(id);
    if (reading.kind === "writer") writers.set(id, reading.write);
    else {
      if (reasons.size >= MAX_REASONS) reasons.clear();
      reasons.set(id, reading.reason);
    }
    return reading.kind === "writer";
  };

  const prepare = async (batches: readonly RecordBatch[]) => {
    const unknown = createUnknownSchemas((id) => writers.has(id));
    for (const { records } of batches) for (const { value } of records) unknown.see(value);
    // An id that the registry did not have is asked for again: it may have come late.
    await unknown.lookUp(lookUp);
  };

  return async (batches, into) => {
    await prepare(batches);
    const dead: DeadRecord[] = [];
    for (const batch of batches) {
      for (const record of batch.records) {
        const reason = readOne({ record, batch }, into);
        if (reason !== undefined) dead.push({ record, batch, reason });
      }
    }
    return dead;
  };

  function isLastRepeating(rows: RowBuffer): boolean {
    return repeating?.isAny() === true && repeating.has(rows.nodeIdOf(rows.count() - 1));
  }

  function readOne(
    origin: Origin,
    { fresh, again }: SortedRows<RowBuffer>,
  ): DeadReason | undefined {
    const { value } = origin.record;
    const schemaId = schemaIdOf(value);
    if (value === null || schemaId === undefined) return NOT_AVRO;
    const write = writers.get(schemaId);
    if (write === undefined) return reasons.get(schemaId) ?? noSchema(schemaId);
    const verdict = fresh.add(write, origin, value, WIRE_PREFIX_BYTES);
    if (verdict === WRITTEN) {
      if (fresh.isLastIn(recent) || isLastRepeating(fresh)) {
        fresh.dropLast();
        again.add(write, origin, value, WIRE_PREFIX_BYTES);
      }
      return undefined;
    }
    if (verdict === NOT_A_UUID) return { ...NO_IDENTITY, schemaId };
    const message = `value is not what schema id ${schemaId} says`;
    return { failureClass: "undecodable", message, schemaId };
  }
}

type Reading =
  | { readonly kind: "writer"; readonly write: WriteTuple }
  | { readonly kind: "none"; readonly reason: DeadReason };

/** For writers whose types differ from the reader's: by way of an object and the reader's own encoding. */
function byDecoding(options: {
  readerType: avsc.Type;
  resolver: avsc.Resolver;
  layout: TableLayout;
}): WriteTuple {
  const { readerType, resolver, layout } = options;
  const write = createTupleWriter({ writerType: readerType, readerType, layout });
  if (write === undefined) throw new Error("the table cannot take this version's own record");
  return (src, from, end, slab) => {
    let encoded: Buffer;
    try {
      encoded = readerType.toBuffer(readerType.fromBuffer(src.subarray(from, end), resolver));
    } catch {
      return UNDECODABLE;
    }
    return write(encoded, 0, encoded.length, slab);
  };
}

const NOT_AVRO: DeadReason = {
  failureClass: "not-avro",
  message: "value is not in the schema registry's wire format (magic byte 0, schema id, Avro)",
};
const NO_IDENTITY: DeadReason = {
  failureClass: "invalid-record",
  message: "event_id is not a UUID",
};
