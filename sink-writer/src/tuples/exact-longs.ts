import avsc from "avsc";

/** The same type without defaults, of which values have bigints for their longs: numbers end at 2^53. */
export const exactLongs = (type: avsc.Type): avsc.Type =>
  avsc.Type.forSchema(type.schema(), { registry: { long } });

function refuse(what: string): never {
  throw new Error(`an exact long is only read, not ${what}`);
}

// The library documents it by this name.
// oxlint-disable-next-line no-underscore-dangle
const bigintLong = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  // For reading only; the library wants all of them.
  toBuffer: () => refuse("written"),
  fromJSON: () => refuse("read from JSON"),
  toJSON: () => refuse("written as JSON"),
  isValid: () => refuse("checked"),
  compare: () => refuse("compared"),
});

/** By its usual name unions of it and of other numbers have the form that they have without it. */
const long = Object.create(bigintLong, { typeName: { value: "long" } }) as typeof bigintLong;
