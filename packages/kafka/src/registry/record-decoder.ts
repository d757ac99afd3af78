import { messageOf } from "@fiberstream/runtime/errors";
import { dead, type DeadReason, ok, type Outcome } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import avsc from "avsc";
import type { SchemaRegistry } from "./schema-registry.ts";
import { createUnknownSchemas, noSchema } from "./unknown-schemas.ts";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "./wire-format.ts";

export type RecordDecoder<T> = {
  /**
   * Looks up the writer schemas of a batch: one look-up for each new schema id, up to a maximum of ids that do not exist.
   * @throws {TransientError} when the registry is unavailable
   */
  prepare: (values: readonly (Buffer | null)[]) => Promise<void>;
  /** Decodes one prepared value into the reader's shape, by Avro's schema resolution. Never throws. */
  decode: (value: Buffer | null) => Outcome<T>;
};

const MAX_REASONS = 1_000;

/**
 * Decodes values in Confluent's wire format from their writer schema to the reader's. If `readerSchema` leaves fields out,
 * they are skipped, and the whole value is still checked.
 */
export function createRecordDecoder<T>(options: {
  registry: SchemaRegistry;
  readerSchema: RecordSchema;
}): RecordDecoder<T> {
  const { registry } = options;
  const readerType = avsc.Type.forSchema(options.readerSchema as avsc.Schema);
  /** By schema id. Creating a resolver costs 0.8 ms, so each one is created once. */
  const resolvers = new Map<number, avsc.Resolver>();
  /** The reason why an id has no resolver. A record may have any id, so the number is bounded. */
  const reasons = new Map<number, DeadReason>();

  const resolve = async (id: number): Promise<Outcome<avsc.Resolver>> => {
    const writer = await registry.writerType(id);
    if (writer.kind === "dead") return writer;
    try {
      return ok(readerType.createResolver(writer.value));
    } catch (error) {
      const message = `schema id ${id} cannot be read as ${options.readerSchema.name}: ${messageOf(error)}`;
      return dead({ failureClass: "unknown-schema", message, schemaId: id });
    }
  };

  const lookUp = async (id: number): Promise<boolean> => {
    const resolution = await resolve(id);
    if (resolution.kind === "ok") resolvers.set(id, resolution.value);
    else {
      if (reasons.size >= MAX_REASONS) reasons.clear();
      reasons.set(id, resolution.reason);
    }
    return resolution.kind === "ok";
  };

  return {
    prepare: async (values) => {
      const unknown = createUnknownSchemas((id) => resolvers.has(id));
      values.forEach(unknown.add);
      await unknown.lookUp(lookUp);
    },

    decode: (value) => {
      const schemaId = schemaIdOf(value);
      if (value === null || schemaId === undefined) {
        const message =
          "value is not in the schema registry's wire format (magic byte 0, schema id, Avro)";
        return dead({ failureClass: "not-avro", message });
      }
      const resolver = resolvers.get(schemaId);
      if (resolver === undefined) return dead(reasons.get(schemaId) ?? noSchema(schemaId));
      try {
        const payload = value.subarray(WIRE_PREFIX_BYTES);
        return ok(readerType.fromBuffer(payload, resolver) as T);
      } catch (cause) {
        const message = `value does not match schema id ${schemaId}`;
        return dead({ failureClass: "undecodable", message, schemaId, cause });
      }
    },
  };
}
