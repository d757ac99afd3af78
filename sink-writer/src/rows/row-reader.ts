import type { RecordBatch } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { createUnknownSchemas, noSchema } from "@fiberstream/kafka/unknown-schemas";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { messageOf } from "@fiberstream/runtime/errors";
import type { DeadReason } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import avsc from "avsc";
import { NOT_A_UUID, UNDECODABLE, WRITTEN } from "../tuples/skip-code.ts";
import type { TableLayout } from "../tuples/table-layout.ts";
import { createTupleWriter, type WriteTuple } from "../tuples/tuple-writer.ts";
import type { RecentEvents } from "./recent-events.ts";
import type { RepeatingNodes } from "./repeating-nodes.ts";
import type { Origin, RowBuffer } from "./row-buffer.ts";
import type { SplitRows } from "./row-buffers.ts";

const MAX_REASONS = 1_000;

/** A record that cannot become a row, and the reason. */
export type DeadRecord = Origin & { readonly reason: DeadReason };

/**
 * Appends the batches' records to the buffers, in order; duplicates of an event go to `seen`.
 * @returns the records that could not be decoded
 * @throws {TransientError} when the schema registry is unavailable and a writer is not known yet
 */
export type ReadRows = (
  batches: readonly RecordBatch[],
  into: SplitRows<RowBuffer>,
) => Promise<DeadRecord[]>;

/** @param options.readerSchema the record as this version knows it */
export function createReadRows(options: {
  registry: Pick<SchemaRegistry, "writerType">;
  readerSchema: RecordSchema;
  layout: TableLayout;
  recent: RecentEvents;
  /** Nodes whose rows go to `seen`, so that they do not make the COPY of other rows fail. */
  repeating?: Pick<RepeatingNodes, "isAny" | "has">;
}): ReadRows {
  const { registry, layout, recent, repeating } = options;
  const readerType = avsc.Type.forSchema(options.readerSchema as avsc.Schema);
  /** By schema id. */
  const writers = new Map<number, WriteTuple>();
  /** The reason why an id has no writer. A record may have any id, so the number is bounded. */
  const reasons = new Map<number, DeadReason>();

  const createReading = async (schemaId: number): Promise<Reading> => {
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
    const reading = await createReading(id);
    if (reading.kind === "writer") writers.set(id, reading.write);
    else {
      if (reasons.size >= MAX_REASONS) reasons.clear();
      reasons.set(id, reading.reason);
    }
    return reading.kind === "writer";
  };

  const prepare = async (batches: readonly RecordBatch[]) => {
    const unknown = createUnknownSchemas((id) => writers.has(id));
    for (const { records } of batches) for (const { value } of records) unknown.add(value);
    // An id that the registry did not have is looked up again: it may have been registered meanwhile.
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

  function readOne(origin: Origin, { unseen, seen }: SplitRows<RowBuffer>): DeadReason | undefined {
    const { value } = origin.record;
    const schemaId = schemaIdOf(value);
    if (value === null || schemaId === undefined) return NOT_AVRO;
    const write = writers.get(schemaId);
    if (write === undefined) return reasons.get(schemaId) ?? noSchema(schemaId);
    const verdict = unseen.add(write, origin, value, WIRE_PREFIX_BYTES);
    if (verdict === WRITTEN) {
      if (unseen.isLastIn(recent) || isLastRepeating(unseen)) {
        unseen.dropLast();
        seen.add(write, origin, value, WIRE_PREFIX_BYTES);
      }
      return undefined;
    }
    if (verdict === NOT_A_UUID) return { ...NO_IDENTITY, schemaId };
    const message = `value does not match schema id ${schemaId}`;
    return { failureClass: "undecodable", message, schemaId };
  }
}

type Reading =
  | { readonly kind: "writer"; readonly write: WriteTuple }
  | { readonly kind: "none"; readonly reason: DeadReason };

/** For writer schemas whose types differ from the reader's: decodes to an object and encodes it with the reader's schema. */
function byDecoding(options: {
  readerType: avsc.Type;
  resolver: avsc.Resolver;
  layout: TableLayout;
}): WriteTuple {
  const { readerType, resolver, layout } = options;
  const write = createTupleWriter({ writerType: readerType, readerType, layout });
  if (write === undefined) throw new Error("the table cannot store this version's own record");
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
