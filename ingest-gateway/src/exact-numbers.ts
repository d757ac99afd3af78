/** By the object or array that holds them and by their keys: numbers as they were written. */
const written = new WeakMap<object, Map<string, string>>();

/**
 * A number of 16 digits or more, or with an exponent: any other comes out of a double as it went in
 * (IEEE 754 keeps 15 digits). Texts that only look so cost time and change nothing.
 */
const MAY_BE_INEXACT = /[\d.]{16}|[[:,\s]-?[\d.]+[eE]/;
const IS_INEXACT = /[\d.]{16}|[eE]/;

/** What Node 24 has (ECMAScript's JSON.parse with source text) and TypeScript does not know of yet. */
type Reviver = (
  this: object,
  key: string,
  value: unknown,
  context: { readonly source?: string },
) => unknown;
const parse = JSON.parse as (text: string, reviver?: Reviver) => unknown;
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object };

/** JSON.parse, which also remembers how numbers were written that a double may change. */
export const parseKeepingNumbers = (text: string): unknown =>
  MAY_BE_INEXACT.test(text) ? parse(text, remember) : parse(text);

const remember: Reviver = function (key, value, { source = "" }) {
  // A zero is a zero, whatever its exponent.
  if (typeof value === "number" && IS_INEXACT.test(source) && !isZero(source)) {
    const known = written.get(this);
    if (known === undefined) written.set(this, new Map([[key, source]]));
    else known.set(key, source);
  }
  return value;
};

const isZero = (source: string): boolean => !/^[^eE]*[1-9]/.test(source);

/** How numbers of a parsed object or array were written, by key; undefined where each is its double. */
export const numbersAsWritten = (holder: object): ReadonlyMap<string, string> | undefined =>
  written.get(holder);

/** JSON.stringify with numbers as they were written. */
export const textKeepingNumbers = (value: object): string =>
  JSON.stringify(value, function (this: object, key: string, inner: unknown) {
    const source = written.get(this)?.get(key);
    return source === undefined ? inner : rawJSON(source);
  });
