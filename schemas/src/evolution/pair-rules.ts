import type { RecordField, RecordSchema } from "../avro-schema.ts";
import type { Fault } from "./fault.ts";

/**
 * Checks that an enriched record begins with its raw record's bytes: the raw fields come first, equal and in the same
 * order, then the appended ones. Enriching then takes 0.5 us of copying instead of 4 to 6 us of decoding and encoding.
 */
export function pairFaults(raw: RecordSchema, enriched: RecordSchema): Fault[] {
  return raw.fields.flatMap((field, place) => {
    const counterpart = enriched.fields[place];
    if (counterpart?.name !== field.name) {
      return enriched.fields.some(({ name }) => name === field.name)
        ? [misplaced(field, place)]
        : [missing(field, place)];
    }
    return isSame(counterpart, field) ? [] : [different(field)];
  });
}

/**
 * Checks that new fields come last. In the enriched schema this holds separately for the raw fields and for the appended
 * ones behind them, so a new raw field is in the middle.
 */
export function positionFaults(
  older: RecordSchema,
  newer: RecordSchema,
  partOf: (field: RecordField) => "raw" | "appended",
): Fault[] {
  const known = new Set(older.fields.map(({ name }) => name));
  const isNew = ({ name, aliases = [] }: RecordField) =>
    ![name, ...aliases].some((one) => known.has(one));
  return (["raw", "appended"] as const).flatMap((part) => {
    const fields = newer.fields.filter((field) => partOf(field) === part);
    const early = fields.find((field, place) => isNew(field) && !fields.slice(place).every(isNew));
    return early === undefined ? [] : [notLast(early)];
  });
}

const missing = ({ name }: RecordField, place: number): Fault => ({
  field: name,
  what: "is in ProbeMetric.avsc, but not in EnrichedProbeMetric.avsc",
  ...PREFIX,
  instead: `Add the same field to EnrichedProbeMetric.avsc, as its field number ${place + 1}.`,
});

const misplaced = ({ name }: RecordField, place: number): Fault => ({
  field: name,
  what: "has another position in EnrichedProbeMetric.avsc than in ProbeMetric.avsc",
  ...PREFIX,
  instead: `Make it field number ${place + 1} of both; fields of enrichment come after all of ProbeMetric's.`,
});

const different = ({ name }: RecordField): Fault => ({
  field: name,
  what: "differs between ProbeMetric.avsc and EnrichedProbeMetric.avsc",
  ...PREFIX,
  instead: "Copy the field as a whole from ProbeMetric.avsc.",
});

const notLast = ({ name }: RecordField): Fault => ({
  field: name,
  what: "is new and comes before older fields",
  breaks: "readers by position",
  because: "records are also copied and exported by the order of their fields",
  instead: "Move it behind all older fields.",
});

const PREFIX = {
  breaks: "readers by position",
  because: "the processor makes enriched records by appending to the raw record's bytes",
} as const;

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
