import fc from "fast-check";

/** In thousandths, because fast-check prefers the ends of a range, and those of doubles are uselessly close to 0. */
export const share = fc.integer({ min: 0, max: 1_000 }).map((thousandths) => thousandths / 1_000);
/** Numbers with a logarithmic distribution. */
export const count = (most: number) => share.map((of) => Math.floor(most ** of));
export const base64 = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("base64"));
export const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
/** Mostly the first value. */
export const mostly = <T>(weight: number, usual: fc.Arbitrary<T>, ...others: fc.Arbitrary<T>[]) =>
  fc.oneof({ weight, arbitrary: usual }, ...others.map((arbitrary) => ({ weight: 1, arbitrary })));
