import { readAvroSchema, SCHEMA_NAMES } from "@fiberstream/schemas/avro-schema";

/** Fields of the catalogue's records that are times, in microseconds since 1970. */
export const TIME_FIELDS: ReadonlySet<string> = new Set(
  SCHEMA_NAMES.flatMap((name) =>
    readAvroSchema(name)
      .fields.filter(({ type }) => JSON.stringify(type).includes('"timestamp-micros"'))
      .map((field) => field.name),
  ),
);

/** Returns microseconds since 1970 in ISO 8601, with all six digits. */
export function isoMicros(micros: number): string {
  const ms = Math.floor(micros / 1_000);
  const rest = String(micros - ms * 1_000).padStart(3, "0");
  return new Date(ms).toISOString().replace("Z", `${rest}Z`);
}
