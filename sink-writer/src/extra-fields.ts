import { isDeepStrictEqual } from "node:util";
import type avsc from "avsc";

/**
 * Makes the JSON of fields that have no column. `spans` holds where each field begins and ends.
 * @returns null when all of them have their default, which says nothing
 */
export type ExtraFields = (src: Buffer, spans: readonly number[]) => Buffer | null;

/** @param extras the fields, in the order of the spans */
export function createExtraFields(
  writerType: avsc.Type,
  extras: readonly { readonly name: string }[],
): ExtraFields {
  const { fields } = writerType as avsc.types.RecordType;
  const wanted = extras.flatMap(({ name }) => fields.filter((field) => field.name === name));
  return (src, spans) => {
    const kept: [string, unknown][] = [];
    for (const [index, field] of wanted.entries()) {
      const bytes = src.subarray(spans[index * 2], spans[index * 2 + 1]);
      const value: unknown = field.type.fromBuffer(bytes);
      if (value === null || isDeepStrictEqual(value, field.defaultValue())) continue;
      kept.push([field.name, value]);
    }
    // A field may be named "__proto__", which an assignment would lose.
    return kept.length === 0 ? null : Buffer.from(JSON.stringify(Object.fromEntries(kept)));
  };
}
