import { createRecordDecoder, type RecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { dead, ok, type Outcome } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";

/** What the processor needs of a raw event, and all of it as bytes. */
export type RawEvent = {
  readonly nodeId: string;
  readonly country: string;
  readonly region: string;
  /** The event's Avro in the current schema, without the wire prefix. */
  readonly bytes: Buffer;
};

export type RawEventDecoder = {
  /** @throws {TransientError} when the registry is needed and away */
  prepare: (records: readonly IncomingRecord[]) => Promise<void>;
  decode: (record: IncomingRecord) => Outcome<RawEvent>;
};

/**
 * Reads of each record only what is needed and checks the rest. Bytes of the current schema are passed
 * on as they are; those of another version are decoded and encoded again.
 *
 * @param options.currentId the current raw schema's id, whose bytes are a prefix of the enriched record's
 */
export function createRawEventDecoder(options: {
  registry: SchemaRegistry;
  schema: RecordSchema;
  currentId: number;
}): RawEventDecoder {
  const { registry, schema, currentId } = options;
  const views = createRecordDecoder<View>({ registry, readerSchema: viewOf(schema) });
  const whole = createRecordDecoder<ProbeMetric>({ registry, readerSchema: schema });
  const type = avsc.Type.forSchema(schema as avsc.Schema);

  return {
    prepare: async (records) => {
      const values = records.map((record) => record.value);
      await views.prepare(values);
      await whole.prepare(values);
    },
    decode: ({ value }) => {
      const view = views.decode(value);
      if (view.kind === "dead" || value === null) return view as Outcome<never>;
      const fault = faultOf(view.value);
      if (fault !== undefined) return dead({ failureClass: "invalid-record", message: fault });
      const { node_id: nodeId, country, region } = view.value;
      if (schemaIdOf(value) === currentId) {
        return ok({ nodeId, country, region, bytes: value.subarray(WIRE_PREFIX_BYTES) });
      }
      return inCurrentSchema(value, { nodeId, country, region }, whole, type);
    },
  };
}

type View = Pick<ProbeMetric, "node_id" | "country" | "region">;

const viewOf = (schema: RecordSchema): RecordSchema => ({
  ...schema,
  fields: schema.fields.filter(({ name }) => ["node_id", "country", "region"].includes(name)),
});

function inCurrentSchema(
  value: Buffer,
  view: Omit<RawEvent, "bytes">,
  whole: RecordDecoder<ProbeMetric>,
  type: avsc.Type,
): Outcome<RawEvent> {
  const event = whole.decode(value);
  return event.kind === "dead" ? event : ok({ ...view, bytes: type.toBuffer(event.value) });
}

/** Only what would harm those downstream: the gateway checks what probes may send. */
function faultOf({ node_id, country, region }: View): string | undefined {
  if (node_id.length === 0 || Array.from(node_id).length > 50)
    return "node_id must be 1 to 50 characters";
  // PostgreSQL has no text with it, and one such row would be refused together with its batch.
  const hasNul = [node_id, country, region].some((text) => text.includes("\0"));
  return hasNul ? "node_id, country and region must not have NUL characters" : undefined;
}
