import { isDeepStrictEqual } from "node:util";
import type avsc from "avsc";
import { exactLongs } from "./exact-longs.ts";

/**
 * Makes the JSON of fields that have no column.
 * @param spans where each field begins and ends
 * @returns null if all of them have their default; undefined if they do not match the schema
 */
export type ExtraFields = (src: Buffer, spans: readonly number[]) => Buffer | null | undefined;

/** @param extras the fields, in the order of the spans */
export function createExtraFields(
  writerType: avsc.Type,
  extras: readonly { readonly name: string }[],
): ExtraFields {
  const wantedOf = (type: avsc.Type) => {
    const { fields } = type as avsc.types.RecordType;
    return extras.flatMap(({ name }) => fields.filter((field) => field.name === name));
  };
  const wanted = wantedOf(writerType);
  let exact: ReturnType<typeof wantedOf> | undefined;

  /** The library rejects a long that a number cannot represent. Such a value is rare, and is read again as a bigint. */
  const valueOf = (index: number, field: avsc.types.Field, bytes: Buffer): unknown => {
    try {
      return field.type.fromBuffer(bytes);
    } catch {
      exact ??= wantedOf(exactLongs(writerType));
      return exact[index]?.type.fromBuffer(bytes);
    }
  };

  return (src, spans) => {
    const nonDefault: [string, unknown][] = [];
    try {
      for (const [index, field] of wanted.entries()) {
        const bytes = src.subarray(spans[index * 2], spans[index * 2 + 1]);
        const value = valueOf(index, field, bytes);
        if (value === null || isDeepStrictEqual(value, field.defaultValue())) continue;
        nonDefault.push([field.name, value]);
      }
    } catch {
      return undefined;
    }
    // A field may be named "__proto__", which an assignment would lose.
    return nonDefault.length === 0
      ? null
      : Buffer.from(JSON.stringify(Object.fromEntries(nonDefault), asWritten));
  };
}

/** JSONB stores integers of any size. JSON has no NaN and no infinities, so they are stored as text. */
function asWritten(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return rawJSON(value.toString());
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** Not in TypeScript's library yet (ECMAScript proposal "JSON.parse source text access"). */
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
