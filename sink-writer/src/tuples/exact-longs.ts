import avsc from "avsc";

/** Returns the same type without defaults, whose values have bigints for longs: a number is exact up to 2^53 only. */
export const exactLongs = (type: avsc.Type): avsc.Type =>
  avsc.Type.forSchema(type.schema(), { registry: { long } });

function refuse(what: string): never {
  throw new Error(`an exact long is only read, not ${what}`);
}

// The library documents it by this name.
// oxlint-disable-next-line no-underscore-dangle
const bigintLong = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  // For reading only, but the library requires all of these functions.
  toBuffer: () => refuse("written"),
  fromJSON: () => refuse("read from JSON"),
  toJSON: () => refuse("written as JSON"),
  isValid: () => refuse("checked"),
  compare: () => refuse("compared"),
});

/** With the usual type name, so that unions with other numbers keep their usual form. */
const long = Object.create(bigintLong, { typeName: { value: "long" } }) as typeof bigintLong;
