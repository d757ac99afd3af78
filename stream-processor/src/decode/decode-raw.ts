import { createRecordDecoder } from "@fiberstream/kafka/record-decoder";
import type { IncomingRecord } from "@fiberstream/kafka/records";
import type { SchemaRegistry } from "@fiberstream/kafka/schema-registry";
import { schemaIdOf, WIRE_PREFIX_BYTES } from "@fiberstream/kafka/wire-format";
import { dead, ok, type Outcome } from "@fiberstream/runtime/outcome";
import type { RecordSchema } from "@fiberstream/schemas/avro-schema";
import type { ProbeMetric } from "@fiberstream/schemas/generated/records";
import avsc from "avsc";
import type { TimePolicy } from "./event-time.ts";
import { createReadRawEvent, isFault, type RawEvent, type RawFault } from "./raw-event.ts";

export type RawEventDecoder = {
  /** @throws {TransientError} when the registry is needed and unavailable */
  prepare: (records: readonly IncomingRecord[]) => Promise<void>;
  decode: (record: IncomingRecord) => Outcome<RawEvent>;
};

/**
 * Decodes raw events. Dead are those that are not Avro, have harmful values, or have times outside of the policy.
 * An event of the current schema is read in place and its bytes are passed on unchanged; one of another version
 * is decoded and encoded again.
 *
 * @param options.currentId the current raw schema's id, whose bytes are a prefix of the enriched record's
 */
export function createRawEventDecoder(options: {
  registry: SchemaRegistry;
  schema: RecordSchema;
  currentId: number;
  timePolicy: TimePolicy;
}): RawEventDecoder {
  const { registry, schema, currentId, timePolicy } = options;
  const readRawEvent = createReadRawEvent(schema);
  const others = createRecordDecoder<ProbeMetric>({ registry, readerSchema: schema });
  const type = avsc.Type.forSchema(schema as avsc.Schema);

  return {
    prepare: async (records) => {
      const foreign = records.filter(({ value }) => schemaIdOf(value) !== currentId);
      if (foreign.length > 0) await others.prepare(foreign.map(({ value }) => value));
    },
    decode: ({ value }) => {
      if (value !== null && value.length > MAX_VALUE_BYTES) return TOO_LARGE;
      if (value !== null && schemaIdOf(value) === currentId) {
        return outcomeOf(readRawEvent(value.subarray(WIRE_PREFIX_BYTES)), currentId, timePolicy);
      }
      const event = others.decode(value);
      if (event.kind === "dead") return event;
      return outcomeOf(readRawEvent(type.toBuffer(event.value)), schemaIdOf(value), timePolicy);
    },
  };
}

/** Brokers accept batches of up to 1 MB, and the enriched record has to fit with its appended fields. */
const MAX_VALUE_BYTES = 900_000;
const TOO_LARGE = dead({
  failureClass: "invalid-record",
  message: `value is larger than ${MAX_VALUE_BYTES} bytes`,
});

function outcomeOf(
  read: RawEvent | RawFault,
  schemaId: number | undefined,
  timePolicy: TimePolicy,
): Outcome<RawEvent> {
  if (!isFault(read)) {
    const reason = timePolicy.faultOf(read);
    return reason === undefined ? ok(read) : dead(reason);
  }
  const { kind: failureClass, why: message } = read;
  return dead({ failureClass, message, ...(schemaId !== undefined && { schemaId }) });
}
