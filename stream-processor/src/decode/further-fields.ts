import type { AvroSchema, RecordField } from "@fiberstream/schemas/avro-schema";
import { hashOf } from "./content-hash.ts";
import { cursor, readDouble, readLong, skipText } from "./raw-cursor.ts";

/** Fields of the raw record that are not read by hand. */
export type FurtherFields = {
  /**
   * Moves past all of them.
   * @returns the name of a field that is no number although it should be one
   */
  readonly read: (bytes: Buffer) => string | undefined;
  /** Returns the hash of what was hashed before and of those fields that are content. They begin at `at`. */
  readonly hash: (before: number, bytes: Buffer, at: number) => number;
};

/** @throws {Error} when a field has a type that probes cannot send */
export function createFurtherFields(fields: readonly RecordField[]): FurtherFields {
  if (fields.length === 0) return { read: () => undefined, hash: (before) => before };
  const all = fields.map((field) => ({
    name: field.name,
    isContent: field.role === "content",
    skip: skipperOf(field.type, field.name),
  }));
  return {
    read: (bytes) => {
      let notANumber: string | undefined;
      for (const { name, skip } of all) if (!skip(bytes)) notANumber ??= name;
      return notANumber;
    },
    hash: (before, bytes, at) => {
      let hash = before;
      cursor.at = at;
      for (const { isContent, skip } of all) {
        const from = cursor.at;
        skip(bytes);
        if (isContent) hash = hashOf(hash, bytes, from, cursor.at);
      }
      return hash;
    },
  };
}

/** Moves past a value. @returns whether it is sound: a double may be no number */
type Skip = (bytes: Buffer) => boolean;

const passText: Skip = (bytes) => {
  skipText(bytes);
  return true;
};
const skipLong: Skip = (bytes) => {
  readLong(bytes);
  return true;
};
const skipByte: Skip = (bytes) => {
  cursor.at = cursor.at < bytes.length ? cursor.at + 1 : NaN;
  return true;
};
const skipDouble: Skip = (bytes) => Number.isFinite(readDouble(bytes));

function skipperOf(type: AvroSchema, name: string): Skip {
  if (Array.isArray(type)) {
    const [first, second] = type;
    if (type.length === 2 && first === "null" && second !== undefined) {
      return skipNullable(skipperOf(second, name));
    }
    throw unreadable(name);
  }
  if (typeof type === "object" && type.type === "array") {
    return skipItems(skipperOf(type.items, name));
  }
  const skip = SKIPS.get(typeof type === "string" ? type : type.type);
  if (skip === undefined) throw unreadable(name);
  return skip;
}

const unreadable = (name: string) => new Error(`further-fields.ts cannot read the type of ${name}`);

const SKIPS: ReadonlyMap<string, Skip> = new Map([
  ["string", passText],
  ["double", skipDouble],
  ["boolean", skipByte],
  ["int", skipLong],
  ["long", skipLong],
  ["enum", skipLong],
]);

const skipNullable =
  (skip: Skip): Skip =>
  (bytes) => {
    const branch = bytes[cursor.at++];
    if (branch === 2) return skip(bytes);
    if (branch !== 0) cursor.at = NaN;
    return true;
  };

/**
 * An array comes in blocks, each led by its count; a negative one also by its size in bytes. Each item takes at least one
 * byte, so that reading ends with the bytes, whatever the count says.
 */
const skipItems =
  (skip: Skip): Skip =>
  (bytes) => {
    let isSound = true;
    for (;;) {
      let count = readLong(bytes);
      if (count === 0) return isSound;
      if (count < 0) {
        readLong(bytes);
        count = -count;
      }
      for (; count > 0 && cursor.at < bytes.length; count--) isSound = skip(bytes) && isSound;
      if (count !== 0) cursor.at = NaN;
      if (cursor.at < bytes.length) continue;
      // The end of the array is missing.
      cursor.at = NaN;
      return isSound;
    }
  };
